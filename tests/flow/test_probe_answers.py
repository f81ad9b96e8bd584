"""Each question of a probe, in each mood of the account that the sandbox has."""

from dataclasses import replace

import pytest

from shared.operating.probe_bench import Bench
from shared.operating.probe_contacts import Addresses
from tests.flow.probing import DOMAIN, LIST, SIX, prober_of
from tests.sizes import thinned


@pytest.fixture
def prober(flow):
    return prober_of(flow)


MOODS = [
    (
        {"ext_id": "attributes"},
        {"ext_id": "attributes", "new_address": "changes_contact", "new_address_lifts_block": True},
    ),
    ({"ext_id": "top_level"}, {"ext_id": "field", "new_address": "changes_contact"}),
    ({"ext_id": "both"}, {"ext_id": "attributes", "new_address": "changes_contact"}),
    ({"ext_id": "ignored"}, {"ext_id": "not_taken", "new_address": None, "new_address_lifts_block": None}),
    ({"new_address_lifts_block": False}, {"new_address": "changes_contact", "new_address_lifts_block": False}),
    ({"new_address": "ignored"}, {"new_address": "not_taken", "new_address_lifts_block": None}),
    ({"new_address": "report"}, {"new_address": "not_taken", "new_address_lifts_block": None}),
    ({"shared_phone": "skip_contact"}, {"shared_number": "contact_skipped"}),
    ({"shared_phone": "drop_phone"}, {"shared_number": "number_dropped"}),
    ({"shared_phone": "merge"}, {"shared_number": "contacts_merged"}),
    ({"ignores_false": False}, {"keeps_false": True, "keeps_no": True}),
    ({"ignores_false": True}, {"keeps_false": False, "keeps_no": True}),
    ({"date_format": "yyyy-mm-dd"}, {"date_formats": ("YYYY-MM-DD",)}),
    ({"date_format": "dd-mm-yyyy"}, {"date_formats": ("DD-MM-YYYY",)}),
    ({"date_format": "mm-dd-yyyy"}, {"date_formats": ("MM-DD-YYYY",)}),
    (
        {"export_contact_number": "CONTACT ID"},
        {
            "may_export": True,
            "export_columns": ("CONTACT ID", "EMAIL", "EXT_ID", "ADDED_TIME", "MODIFIED_TIME", "EMAIL_MARKETING"),
            "export_has_number": True,
        },
    ),
    (
        {"export_contact_number": "none", "export_header": "lower", "export_delimiter": ",", "export_bom": True},
        {
            "export_columns": ("email", "ext_id", "added_time", "modified_time", "email_marketing"),
            "export_has_number": False,
        },
    ),
    ({"export_outcome": "refused_403"}, {"may_export": False, "export_columns": None}),
    ({"export_outcome": "refused_400"}, {"may_export": False, "export_columns": None}),
    ({"removes_by_number": True}, {"removes_by_number": True}),
    ({"removes_by_number": False}, {"removes_by_number": False}),
    ({"export_outcome": "failed"}, {"may_export": None, "export_columns": None}),
    ({"export_outcome": "stuck"}, {"may_export": None, "export_columns": None}),
    ({"report_form": "counts", "running_status": "in_process"}, {"shared_number": "contact_skipped"}),
]


@pytest.mark.parametrize(("moods", "expected"), thinned(MOODS, 3), ids=str)
def test_probe_finds_out_the_accounts_mood_and_leaves_nothing(prober, moods, expected):
    prober.flow.sandbox.change(**moods)
    answers = prober.answers()
    assert {name: answers[name] for name in expected} == expected


@pytest.mark.parametrize("puts_back", [True, False])
def test_probe_finds_out_whether_imports_put_back_who_left(prober, puts_back):
    prober.flow.sandbox.change(reimport_puts_back_leavers=puts_back)

    def unsubscribe(line):
        if line.startswith("Send a campaign"):
            prober.flow.sandbox.change_contact(SIX[0], leaves=[LIST])

    prober.on_line = unsubscribe
    assert prober.answers(wait_minutes=30)["puts_back_leavers"] is puts_back


def test_contact_that_left_and_was_not_imported_is_no_answer(prober, monkeypatch):
    def unsubscribe(line):
        if line.startswith("Send a campaign"):
            prober.flow.sandbox.change_contact(SIX[0], leaves=[LIST])
            monkeypatch.setattr(Bench, "import_rows", lambda _: 0.0)

    prober.on_line = unsubscribe
    done = prober.probe(wait_minutes=30)
    assert done.answers.puts_back_leavers is None
    assert "was not imported" in " ".join(done.notes)


@pytest.mark.parametrize("minutes", [0, 30])
def test_that_nobody_has_left_the_list_is_no_answer(prober, minutes):
    before = prober.flow.app.now()
    done = prober.probe(wait_minutes=minutes)
    assert done.answers.puts_back_leavers is None
    assert "--wait-for-leaver" in " ".join(done.notes)
    assert prober.flow.app.now() - before > minutes * 60


def test_account_without_attributes_to_try_with_gives_no_answer_and_says_so(prober):
    account = prober.flow.sandbox.account
    account.attributes[:] = [each for each in account.attributes if each.type not in ("boolean", "date")]
    done = prober.probe()
    assert (done.answers.keeps_false, done.answers.keeps_no, done.answers.date_formats) == (None, None, None)
    assert sum("to try it with" in note for note in done.notes) == 2
    assert done.answers.shared_number == "contact_skipped"


def test_account_with_french_names_has_an_attribute_for_the_mark_too(prober):
    french = {"FIRSTNAME": "PRENOM", "LASTNAME": "NOM"}
    account = prober.flow.sandbox.account
    account.attributes[:] = [replace(each, name=french.get(each.name, each.name)) for each in account.attributes]
    assert prober.answers()["ext_id"] == "attributes"


def test_numbers_that_all_belong_to_somebody_are_not_tried(prober):
    prober.flow.sandbox.seed(
        contacts=[
            {"email": f"actor-{last}@example.net", "attributes": {"SMS": f"+120255501{last:02}"}}
            for last in range(60, 80)
        ]
    )
    answers = prober.answers()
    assert answers["shared_number"] is None
    assert answers["ext_id"] == "attributes"


def test_first_number_that_nobody_has_is_taken(prober):
    prober.flow.sandbox.seed(contacts=[{"email": "actor@example.net", "attributes": {"SMS": "+12025550160"}}])
    assert prober.answers()["shared_number"] == "contact_skipped"


@pytest.mark.full
def test_probe_measures_imports_at_a_domain_and_removes_all_of_them(prober, monkeypatch):
    monkeypatch.setattr("shared.operating.probe._MANY", {"seconds_for_1000": 30})
    monkeypatch.setattr("shared.operating.probe._VERY_MANY", {"seconds_for_10000": 700})
    addresses = Addresses.of([], DOMAIN)
    assert addresses.six == SIX
    answers = prober.answers(addresses=addresses, very_many=True)
    assert answers["seconds_for_1"] >= 1.0
    assert answers["seconds_for_1000"] >= 1.0
    assert answers["seconds_for_10000"] >= 1.0
    sizes = [record.contacts for record in prober.flow.sandbox.imports.records()]
    assert sizes == [5, 1, 0, 30, 700]  # nobody counts the contacts of a file before it is fetched


def test_addresses_without_a_domain_are_not_enough_to_measure(prober):
    done = prober.probe()
    assert done.answers.seconds_for_1 is not None
    assert done.answers.seconds_for_1000 is None
    assert "--domain" in " ".join(done.notes)


def test_imports_of_a_probe_carry_no_field_that_changes_a_subscription(prober):
    prober.probe()
    sent = prober.flow.sandbox.imports.fields_ever_sent()
    assert not sent & {"emailBlacklist", "smsBlacklist", "newList", "notifyUrl"}
    assert prober.flow.sandbox.account.remove_all_calls == 0
