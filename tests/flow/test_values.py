"""What becomes of values as other systems write them, by whole runs."""

import json

import pytest

from shared.config.document import ReadyExport, read_document
from shared.staging.preview import preview
from tests.flow.one_column import check_warned, column, received, send

DAY = {"attributes": {"BIRTHDAY": {"field": "Value", "type": "date"}}}


def day(**more):
    return {"attributes": {"BIRTHDAY": {"field": "Value", "type": "date", **more}}}


def source(flow, **more):
    flow.change(source={**flow.export["source"], **more})


def annotated(flow, data_type="dateTime", *, model=(), table=(), attribute=()):
    """Puts a model.json beside the segment, with annotations (name, value) at each level."""

    def entries(pairs):
        return [{"name": name, "value": value} for name, value in pairs]

    columns = [
        {"name": "CustomerId", "dataType": "string"},
        {"name": "EMail", "dataType": "string"},
        {"name": "Value", "dataType": data_type, "annotations": entries(attribute)},
    ]
    entity = {"$type": "LocalEntity", "name": "Gold", "attributes": columns, "annotations": entries(table)}
    document = {"name": "BlobExport", "entities": [entity], "annotations": entries(model)}
    flow.blob("model.json", json.dumps(document))


# Dates


def test_basic_iso_dates_and_offsets_of_hours_alone_are_read(flow):
    values = [
        "19841124",
        "19841124T0500Z",
        "19841124T050000.123+0200",
        "1984-11-24T05:00:00+02",
        "1984-11-24 05:00 -03",
    ]
    send(flow, DAY, column(values))
    assert received(flow, "BIRTHDAY", len(values)) == ["1984-11-24"] * len(values)


def test_year_zero_and_times_that_no_clock_shows_are_no_dates(flow):
    bad = ["0000-01-01", "00000101", "1984-11-24T24:30:00Z", "1984-11-24T05:60", "1984-11-24T05:00+25", "19841324"]
    status = send(flow, DAY, column(["0001-01-01", *bad]))
    check_warned(flow, status, "invalid_date", 1, len(bad))
    assert received(flow, "BIRTHDAY", len(bad) + 1) == ["0001-01-01"] + [None] * len(bad)


EN_US = {
    "8/24/1984 12:00:00 AM": "1984-08-24",
    "8/4/1984 1:05:09 PM": "1984-08-04",
    "12/31/1999\u202f11:59:59\u202fPM": "1999-12-31",
    "1/2/2003": "2003-01-02",
    "1984-08-24T10:00:00Z": "1984-08-24",
}


def test_format_of_a_field_reads_its_column_and_iso_dates_beside_it(flow):
    send(flow, day(format="M/d/yyyy h:mm:ss tt"), column(EN_US))
    assert received(flow, "BIRTHDAY", len(EN_US)) == list(EN_US.values())


def test_date_format_of_the_source_holds_for_fields_without_their_own(flow):
    source(flow, date_format="d.M.yyyy")
    rows = "CustomerId,EMail,Born,Joined\n1,a@example.com,3.4.1984,4/3/2020\n"
    fields = {
        "BIRTHDAY": {"field": "Born", "type": "date"},
        "JOINED": {"field": "Joined", "type": "date", "format": "M/d/yyyy"},
    }
    send(flow, {"attributes": fields}, rows, create_missing_attributes=True)
    sent = flow.sent()["a@example.com"]
    assert (sent["BIRTHDAY"], sent["JOINED"]) == ("1984-04-03", "2020-04-03")


@pytest.mark.parametrize(
    ("levels", "value", "expected"),
    [
        ({"attribute": [("ci:CustomTimestampFormat", "d/M/yyyy HH:mm")]}, "3/4/1984 10:30", "1984-04-03"),
        ({"table": [("ci:CustomDateFormat", "M/d/yyyy")]}, "3/4/1984", "1984-03-04"),
        (
            {"model": [("ci:CustomTimestampFormat", "yyyy-MM-dd'T'HH:mm:ss:SSS")]},
            "1984-03-04T10:30:00:125",
            "1984-03-04",
        ),
        (
            {"attribute": [("ci:CustomDateFormat", "d/M/yyyy")], "model": [("ci:CustomDateFormat", "M/d/yyyy")]},
            "3/4/1984",
            "1984-04-03",
        ),
        (
            {"table": [("ci:CustomDateFormat", "M/d/yyyy"), ("ci:CustomTimestampFormat", "d.M.yyyy HH:mm")]},
            "3.4.1984 00:00",
            "1984-04-03",
        ),
    ],
)
def test_annotations_of_model_json_say_how_a_column_writes_dates(flow, levels, value, expected):
    source(flow, date_format="yyyy/M/d")
    annotated(flow, **levels)
    send(flow, DAY, column([value, "1984/5/6"]))
    assert received(flow, "BIRTHDAY", 2) == [expected, None]


def test_annotation_is_of_its_own_column_where_another_differs_only_by_its_case(flow):
    levels = {"Born": "d/M/yyyy", "BORN": "M/d/yyyy", "born": ""}
    columns = [
        {"name": name, "annotations": [{"name": "ci:CustomDateFormat", "value": form}] if form else []}
        for name, form in levels.items()
    ]
    flow.model_json({"$type": "LocalEntity", "name": "Gold", "attributes": [{"name": "EMail"}, *columns]})
    source(flow, date_format="yyyy/d/M")
    fields = {f"DAY_{n}": {"field": name, "type": "date"} for n, name in enumerate(levels)}
    data = "EMail,Born,BORN,born\na@example.com,3/4/1984,3/4/1984,1984/3/4\n"
    send(flow, {"attributes": fields}, data, create_missing_attributes=True)
    assert flow.sent()["a@example.com"] == {"DAY_0": "1984-04-03", "DAY_1": "1984-03-04", "DAY_2": "1984-04-03"}


def test_format_of_a_field_is_stronger_than_what_model_json_says(flow):
    annotated(flow, "date", attribute=[("ci:CustomDateFormat", "M/d/yyyy")])
    send(flow, day(format="d/M/yyyy"), column(["3/4/1984"]))
    assert received(flow, "BIRTHDAY", 1) == ["1984-04-03"]


def test_annotation_that_is_no_format_fails_the_run_only_where_its_column_is_a_date(flow):
    annotated(flow, attribute=[("ci:CustomTimestampFormat", "qqq")])
    flow.change(mapping={"email": "EMail", **DAY})
    flow.segment(column(["1984-03-04"]))
    status = flow.run()
    assert status["error"]["code"] == "model_json_invalid"
    assert "'qqq' for column 'Value'" in status["error"]["message"]
    assert flow.nothing_was_sent()
    send(flow, {"attributes": {"CITY": "Value"}}, column(["1984-03-05"]))
    assert received(flow, "CITY", 1) == ["1984-03-05"]


def test_moment_gives_the_day_that_it_is_in_the_time_zone_of_its_field(flow):
    values = {
        "2026-06-30T22:30:00Z": "2026-07-01",
        "2026-12-31T23:30Z": "2027-01-01",
        "2026-07-01T00:30:00+05:30": "2026-06-30",
        "20260630T223000Z": "2026-07-01",
        "2026-06-30T22:30:00": "2026-06-30",
        "2026-06-30": "2026-06-30",
        "6/30/2026 10:30:00 PM +00:00": "2026-07-01",
        "6/30/2026 10:30:00 PM": "2026-06-30",
    }
    mapping = day(time_zone="Europe/Bucharest", format="M/d/yyyy h:mm:ss tt zzz")
    send(flow, mapping, column(values))
    assert received(flow, "BIRTHDAY", len(values)) == list(values.values())


def test_column_whose_dates_are_not_read_is_named_with_what_to_do(flow):
    data = column(["8/24/1984", "3/4/1984", "", "1984-05-06"])
    status = send(flow, DAY, data)
    assert status["warnings"] == {"invalid_date": 2}
    (note,) = status["notes"]
    assert note.startswith("Value: 2 of 4 contacts go without this date")
    assert '"format"' in note
    assert "3/4/1984" not in note
    document = read_document(str(flow.config), flow.app.storage.app_blobs)
    shown = preview(
        flow.app.storage.segment_blobs, ReadyExport(document.exports[0], document.connections[0]), flow.app.attributes
    )
    assert shown.notes == [note]


def test_notes_of_a_column_that_feeds_several_attributes_count_each_contact_once(flow):
    flow.sandbox.seed(attributes=[{"name": "SINCE", "type": "date"}])
    data = column(["Platinum", "Titan", "Gold"])
    status = send(flow, {"attributes": dict.fromkeys(["LOYALTY_TIER", "CITY", "BIRTHDAY", "SINCE"], "Value")}, data)
    dates, options = status["notes"]
    assert dates.startswith("Value: 3 of 3 contacts go without this date")
    assert options.startswith("Value: 2 of 3 contacts have what is no option in Brevo. The options are: Bronze, Silver")


# Numbers


def test_number_that_no_double_can_hold_is_refused_however_it_is_written(flow):
    greatest = "17976931348623157" + "0" * 292
    good = {greatest: float(greatest), "9" * 308: float("9" * 308), "1e308": 1e308, "-" + greatest: -float(greatest)}
    bad = ["1e400", "-1e400", "9" * 309, "-" + "9" * 400, "1" + "0" * 309 + ".5"]
    status = send(flow, {"attributes": {"LIFETIME_VALUE": {"field": "Value", "type": "number"}}}, column([*good, *bad]))
    check_warned(flow, status, "invalid_number", len(good), len(bad))
    assert received(flow, "LIFETIME_VALUE", len(good) + len(bad)) == [*good.values(), *([None] * len(bad))]


# Phones


def test_phones_of_a_column_that_was_a_number_are_read_or_refused_never_another_s(flow):
    values = {
        "4915112345678": "+4915112345678",
        "15112345679.0": "+4915112345679",
        "015112345680.00": "+4915112345680",
        " 4915112345681.0 ": "+4915112345681",
        "+4915112345682.0": "+4915112345682",
        "4.915112345683E+12": None,
        "4,91511E+12": None,
        "1.51123E10": None,
        "49 151 12345684": "+4915112345684",
        "0151 12345685": "+4915112345685",
    }
    status = send(flow, {"phone": "Value"}, column(values), default_country="DE")
    assert received(flow, "SMS", len(values)) == [value and value.removeprefix("+") for value in values.values()]
    assert status["warnings"] == {"invalid_phone": 3}


# Words that mean empty


def test_null_words_are_empty_in_every_mapped_column(flow):
    rows = (
        "CustomerId,EMail,FirstName,Telephone,Born,Score,Agrees\n"
        "1,a@example.com,NULL, NULL ,\\N,NULL,NULL\n"
        "2,NULL,Dan,,,,\n"
        "3,\\N,Eva,,,,\n"
        "4,d@example.com,Null,,,,\n"
    )
    fields = {
        "BIRTHDAY": {"field": "Born", "type": "date"},
        "LIFETIME_VALUE": {"field": "Score", "type": "number"},
        "NEWSLETTER_OPT_IN": {"field": "Agrees", "type": "boolean"},
    }
    status = send(flow, {"first_name": "FirstName", "phone": "Telephone", "attributes": fields}, rows)
    assert status["rows_rejected"] == {"missing_email": 2}
    assert status["warnings"] == {}
    assert flow.sent() == {"a@example.com": {}, "d@example.com": {"FIRSTNAME": "Null"}}


def test_null_words_can_be_chosen_even_where_they_look_like_a_value(flow):
    source(flow, null_words=["n/a", "0700000000", "none@example.com", "it's"])
    rows = (
        "CustomerId,EMail,FirstName,Telephone\n"
        "1,a@example.com,n/a,0700000000 \n"
        "2,none@example.com,Dan,\n"
        "3, none@example.com,Eva,\n"
        "4,d@example.com,NULL,0722123456\n"
        "5,e@example.com,it's,\n"
    )
    status = send(flow, {"first_name": "FirstName", "phone": "Telephone"}, rows)
    assert status["rows_rejected"] == {"missing_email": 2}
    sent = flow.sent()
    assert sent["a@example.com"] == sent["e@example.com"] == {}
    assert sent["d@example.com"] == {"FIRSTNAME": "NULL", "SMS": "40722123456"}


# What nobody sees


INVISIBLE = [
    "\u200b",
    "\u200e",
    "\u200f",
    "\u202a",
    "\u202e",
    "\u2060",
    "\u2066",
    "\u2069",
    "\u00ad",
    "\ufeff",
    "\v",
    "\x1f",
]


@pytest.mark.parametrize("kind", ["text", "date", "number", "boolean"])
def test_invisible_characters_around_a_value_are_no_part_of_it(flow, kind):
    attribute, value, expected = {
        "text": ("CITY", "Iași", "Iași"),
        "date": ("BIRTHDAY", "1984-03-04", "1984-03-04"),
        "number": ("LIFETIME_VALUE", "7", 7.0),
        "boolean": ("NEWSLETTER_OPT_IN", "yes", True),
    }[kind]
    values = [text for mark in INVISIBLE for text in (mark + value, f"{value} {mark}")] + ["".join(INVISIBLE)]
    send(flow, {"attributes": {attribute: {"field": "Value", "type": kind}}}, column(values))
    assert received(flow, attribute, len(values)) == [expected] * (len(values) - 1) + [None]


def test_invisible_characters_around_addresses_and_phones_are_no_part_of_them(flow):
    rows = [f'{n},{mark}A{n}@example.com {mark},"{mark} 07221234{n:02}{mark}"\n' for n, mark in enumerate(INVISIBLE)]
    send(flow, {"phone": "Telephone"}, "CustomerId,EMail,Telephone\n" + "".join(rows))
    expected = {f"a{n}@example.com": {"SMS": f"407221234{n:02}"} for n in range(len(INVISIBLE))}
    assert json.loads(json.dumps(flow.sent())) == expected


def test_what_is_seen_is_kept_with_the_invisible_characters_inside(flow):
    flag = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    values = [f"from {flag}", "👩\u200d👩", "می\u200cخواهم"]
    send(flow, {"attributes": {"CITY": "Value"}}, column(values))
    assert received(flow, "CITY", len(values)) == values


def test_phone_of_more_digits_than_a_number_may_have_is_refused_however_it_is_written(flow):
    values = ["+49401425538107240", "0040 1425 538107240 (0)", "00494014-25538107240", "+4940142553810"]
    status = send(flow, {"phone": "Value"}, column(values), default_country="DE")
    assert received(flow, "SMS", len(values)) == [None, None, None, "4940142553810"]
    assert status["warnings"] == {"invalid_phone": 3}
