"""Options of one attribute that differ by their case alone: what a cell has in exactly these letters is meant."""

from tests.flow.one_column import column, received, send


def test_category_is_the_option_in_exactly_these_letters_where_there_is_one(flow):
    options = [{"value": 1, "label": "vip"}, {"value": 2, "label": "VIP"}, {"value": 3, "label": "Other"}]
    flow.sandbox.seed(attributes=[{"name": "RANK", "category": "category", "enumeration": options}])
    send(flow, {"attributes": {"RANK": "Value"}}, column(["VIP", "vip", "OTHER"]))
    assert received(flow, "RANK", 3) == ["VIP", "vip", "Other"]


def test_choices_are_the_options_in_exactly_these_letters_where_there_are(flow):
    flow.sandbox.seed(
        attributes=[{"name": "TAGS", "type": "multiple-choice", "multiCategoryOptions": ["vip", "VIP", "Tea", "a b"]}]
    )
    values = {
        "VIP": ["VIP"],
        "vip; TEA": ["vip", "Tea"],
        "VIP,vip": ["vip", "VIP"],
        '[" VIP ","tea"]': ["VIP", "Tea"],
        "A B;Beer": ["a b"],
    }
    status = send(flow, {"attributes": {"TAGS": "Value"}}, column(values))
    assert received(flow, "TAGS", len(values)) == list(values.values())
    assert status["warnings"] == {"invalid_multiple_choice": 1}
