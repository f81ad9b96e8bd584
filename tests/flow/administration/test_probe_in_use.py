"""A probe from the terminal, where its answers show, and what they replace."""

import json
from dataclasses import replace

import pytest

from shared.brevo.client import Account, BrevoClient
from shared.brevo.connecting import last_passed
from shared.brevo.probed import ProbeAnswers, as_probed, contradictions, described, read_probe, save_probe
from shared.brevo.session import BrevoSession
from shared.config.models import Connection
from tests.flow.administration.people import completed
from tests.flow.probing import DOMAIN, LIST, SIX, prober_of
from tests.sizes import thinned

CONNECTION = {"id": "brevo-eu", "display_name": "Brevo", "api_key": {"setting": "BREVO_API_KEY"}}
SIX_OPTIONS = [word for address in SIX for word in ("--address", address)]
DATED = "CustomerId,EMail,FirstName,Born\nC-1,ana.pop@example.com,Ana,2001-12-25\n"


@pytest.fixture
def probed(office):
    """Saves answers for the account of the office."""

    def save(**answers):
        found = ProbeAnswers(probed_at="2026-11-20T08:00:00+00:00", **answers)
        save_probe(office.app.storage.accounts, office.account, found)
        return found

    return save


# The terminal


def test_terminal_probes_says_what_it_costs_and_shows_the_answers(office, typed):
    prober = prober_of(office)
    before = prober.contacts()
    status, output, errors = typed("probe", "brevo-eu", "--list", str(LIST), *SIX_OPTIONS)
    assert status == 0, errors
    assert errors.splitlines()[0].startswith("About 65 requests")
    assert output.splitlines()[0].startswith("brevo-eu was probed with ")
    for line in (
        "EXT_ID: among the attributes",
        "JSON's false is kept: yes",
        "a number that another contact has: the second contact is not imported",
        "columns of an export: CONTACT ID, EMAIL, EXT_ID, ADDED_TIME, MODIFIED_TIME, EMAIL_MARKETING",
        "not answered: imports put back who left the list, import of 1,000 contacts, import of 10,000 contacts",
        "note: How long 1,000 contacts take: that many addresses need --domain.",
    ):
        assert f"  {line}" in output.splitlines()
    assert prober.contacts() == before
    (line,) = [line for line in typed("audit")[1].splitlines() if " probe " in line]
    assert line.split()[-4:] == ["probe", "brevo-eu", "list", "99"]


def test_answers_are_json_for_tools(office, typed):
    prober_of(office)
    status, output, _ = typed("probe", "brevo-eu", "--list", str(LIST), *SIX_OPTIONS, "--json")
    found = json.loads(output)
    assert status == 0
    assert found["answers"]["date_formats"] == ["YYYY-MM-DD"]
    assert found["answers"]["puts_back_leavers"] is None
    assert (found["connection"], found["left"]) == ("brevo-eu", "")
    assert found["requests"] > 40


def test_new_probe_replaces_the_answers_of_the_one_before(office, typed, probed):
    probed(puts_back_leavers=False, ext_id="not_taken")
    prober_of(office)
    assert typed("probe", "brevo-eu", "--list", str(LIST), *SIX_OPTIONS)[0] == 0
    answers = read_probe(office.app.storage.accounts, office.account)
    assert (answers.puts_back_leavers, answers.ext_id) == (None, "attributes")
    assert answers.probed_at > "2026-11-20"


def test_probe_that_leaves_something_ends_with_1_and_says_what_to_do(office, typed):
    prober_of(office)
    office.sandbox.fail_next("DELETE /contacts/{identifier}", "403")
    status, _, errors = typed("probe", "brevo-eu", "--list", str(LIST), *SIX_OPTIONS)
    assert status == 1
    assert "Run the same probe again" in errors.splitlines()[-1]


def test_probe_that_is_stopped_ends_with_130(office, typed, monkeypatch):
    prober = prober_of(office)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("shared.operating.probe.ask_export", stop)
    status, _, errors = typed("probe", "brevo-eu", "--list", str(LIST), *SIX_OPTIONS)
    assert (status, prober.own()) == (130, [])
    assert "nothing of it was saved" in errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["brevo-eu", "--domain", DOMAIN], "--list"),
        (["brevo-eu", "--list", "99"], "--domain example.org"),
        (["brevo-eu", "--list", "99", "--long", *SIX_OPTIONS], "--long needs --domain"),
        (["brevo-us", "--list", "99", "--domain", DOMAIN], "no connection"),
        (["brevo-us", "--list", "99"], "no connection"),
        (["brevo-eu", "--list", "12", "--domain", DOMAIN], "is the list of an export"),
        (["brevo-eu", "--list", "13", "--domain", DOMAIN], "no probe has made"),
    ],
)
def test_wrong_use_of_probe_ends_with_2(office, typed, words, said):
    prober_of(office)
    status, _, errors = typed("probe", *words)
    assert status == 2
    assert said in errors


def test_tab_key_completes_a_probe(office, typed):
    assert completed("prob") == ["probe"]
    assert completed("probe", "") == ["brevo-eu"]
    assert completed("probe", "brevo-eu", "--l") == ["--list", "--long"]


# Where it shows


def test_connect_shows_the_answers_with_date_and_age(office, typed, probed):
    assert (
        "ok      probe: Not tried yet. `segment-export probe brevo-eu --list LIST`," in typed("connect", "brevo-eu")[1]
    )
    probed(ext_id="field", export_columns=(), seconds_for_1=1.25)
    (line,) = [line for line in typed("connect", "brevo-eu")[1].splitlines() if "probe:" in line]
    assert line.startswith("ok      probe: Tried on 2026-11-20 ")
    assert "days ago: EXT_ID: as a field ext_id beside the attributes; columns of an export: none;" in line
    assert "import of 1 contact: 1.2 s; not answered: imports put back who left the list," in line


def test_answers_are_read_as_they_were_saved(office, probed):
    whole = probed(
        ext_id="attributes",
        new_address="second_contact",
        new_address_lifts_block=False,
        puts_back_leavers=True,
        shared_number="number_moved",
        keeps_false=False,
        keeps_no=True,
        date_formats=(),
        may_export=True,
        export_columns=("ID", "EMAIL"),
        export_has_number=True,
        removes_by_number=True,
        takes_files="as_sent",
        seconds_for_1=1.0,
        seconds_for_1000=2.5,
        seconds_for_10000=30.0,
    )
    assert read_probe(office.app.storage.accounts, office.account) == whole
    assert not any("not answered" in line for line in described(whole))
    assert read_probe(office.app.storage.accounts, "ANOTHER_KEY") is None


# What it replaces


@pytest.mark.parametrize(("puts_back", "exports"), [(None, 1), (True, 1), (False, 0)])
def test_who_left_is_not_asked_where_imports_put_nobody_back(office, typed, probed, puts_back, exports):
    document = office.app.configuration.read().model_dump(mode="json", exclude_unset=True)
    del document["connections"][0]["leavers"]
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    probed(puts_back_leavers=puts_back)
    assert office.run()["status"] == "succeeded"
    assert office.sandbox.log.count("POST /contacts/export") == exports


def test_account_that_exports_no_contacts_is_connected_where_no_run_asks_who_left(office, typed, probed):
    document = office.app.configuration.read().model_dump(mode="json", exclude_unset=True)
    del document["connections"][0]["leavers"]
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    office.sandbox.change(export_outcome="refused_403")
    probed(puts_back_leavers=True)
    assert typed("connect", "brevo-eu")[0] == 2
    probed(puts_back_leavers=False)
    assert office.run()["status"] == "succeeded"
    status, text, _ = typed("connect", "brevo-eu")
    assert status == 0
    assert (
        "contacts exportable: Who left a list is not asked: the probe has shown that imports put nobody back." in text
    )


@pytest.mark.parametrize(
    ("account", "read", "written", "kept"),
    thinned(
        [
            ("dd-mm-yyyy", ("DD-MM-YYYY",), None, True),
            ("mm-dd-yyyy", ("MM-DD-YYYY",), None, True),
            ("yyyy-mm-dd", ("YYYY-MM-DD", "DD-MM-YYYY"), None, True),
            ("dd-mm-yyyy", None, None, False),
            ("dd-mm-yyyy", (), None, False),
            ("dd-mm-yyyy", ("DD-MM-YYYY",), "YYYY-MM-DD", False),
            ("yyyy-mm-dd", ("DD-MM-YYYY",), "YYYY-MM-DD", True),
        ],
        2,
    ),
)
def test_dates_go_out_as_the_account_reads_them_unless_the_connection_says_how(
    office, probed, account, read, written, kept
):
    document = office.app.configuration.read().model_dump(mode="json", exclude_unset=True)
    document["exports"][0]["mapping"]["attributes"] = {"BIRTHDAY": "Born"}
    if written:
        document["connections"][0]["date_format"] = written
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    office.sandbox.change(date_format=account)
    office.segment(DATED)
    probed(date_formats=read)
    office.run()
    (attributes,) = office.sent().values()
    assert attributes.get("BIRTHDAY") == ("2001-12-25" if kept else None)


def test_another_account_s_key_is_asked_whose_it_is_when_it_is_connected(office, typed, probed, monkeypatch):
    """Within the minutes for which Brevo's last answer stands."""
    monkeypatch.setattr(BrevoClient, "account", lambda _: Account("first", []))
    assert typed("connect", "brevo-eu")[0] == 0
    monkeypatch.setattr(BrevoClient, "account", lambda _: Account("second", [], "MM-DD-YYYY"))
    assert "The account shows dates as" not in typed("connect", "brevo-eu")[1], "it is the key of before"
    monkeypatch.setattr(BrevoSession, "key_mark", "another")
    status, text, _ = typed("connect", "brevo-eu")
    assert (status, "The account shows dates as MM-DD-YYYY" in text) == (0, True)
    probed(account="second")
    status, text, _ = typed("connect", "brevo-eu")
    assert (status, "another Brevo account" in text) == (0, False)


def test_test_that_fails_for_the_probe_of_another_account_is_not_shown_as_passed(office, typed, probed, monkeypatch):
    connection, accounts = office.app.configuration.read().connection("brevo-eu"), office.app.storage.accounts
    probed(account="first")
    monkeypatch.setattr(BrevoClient, "account", lambda _: Account("second", []))
    assert typed("connect", "brevo-eu")[0] != 0
    assert last_passed(connection, accounts) is None
    probed(account="second")
    assert typed("connect", "brevo-eu")[0] == 0
    assert last_passed(connection, accounts) is not None


def test_connection_that_is_saved_as_it_is_shown_goes_on_sending_dates_as_the_account_reads_them(
    office, typed, probed, tmp_path
):
    document = office.app.configuration.read().model_dump(mode="json", exclude_unset=True)
    document["exports"][0]["mapping"]["attributes"] = {"BIRTHDAY": "Born"}
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), json.dumps(document).encode())
    office.sandbox.change(date_format="dd-mm-yyyy")
    probed(date_formats=("DD-MM-YYYY",))
    shown = typed("connection", "show", "brevo-eu", "--json")[1]
    (tmp_path / "shown.json").write_text(json.dumps(json.loads(shown) | {"display_name": "Renamed"}))
    assert typed("connection", "save", "brevo-eu", str(tmp_path / "shown.json"), "--replace")[0] == 0
    office.segment(DATED)
    office.run()
    (attributes,) = office.sent().values()
    assert attributes["BIRTHDAY"] == "2001-12-25"


@pytest.mark.parametrize(
    ("settings", "answers", "said"),
    [
        ({}, {"date_formats": ("DD-MM-YYYY",)}, []),
        ({}, {"date_formats": ()}, ["do not read dates as YYYY-MM-DD"]),
        ({"date_format": "MM-DD-YYYY"}, {"date_formats": ("DD-MM-YYYY",)}, ["do not read dates as MM-DD-YYYY"]),
        ({"date_format": "MM-DD-YYYY"}, {"date_formats": ("MM-DD-YYYY",)}, []),
        ({}, {"keeps_no": True, "keeps_false": False}, []),
        ({}, {"keeps_no": False}, ["the word No"]),
        ({"boolean_words": {"true": "Oui", "false": "Non"}}, {"keeps_no": False}, []),
        ({}, {"may_export": False}, ["does not export contacts"]),
        ({}, {"may_export": False, "puts_back_leavers": False}, []),
        ({"leavers": "not_asked"}, {"may_export": False}, []),
        ({}, {}, []),
    ],
)
def test_contradictions_between_account_and_connection_are_named(settings, answers, said):
    connection = Connection.model_validate(CONNECTION | settings)
    found = contradictions(connection, ProbeAnswers(**answers))
    assert len(found) == len(said)
    assert all(words in each.message and each.advice for words, each in zip(said, found, strict=True))
    assert contradictions(connection, None) == []


def test_connection_without_answers_stays_as_it_is():
    connection = Connection.model_validate(CONNECTION)
    assert as_probed(connection, None) is connection
    assert as_probed(connection, ProbeAnswers(puts_back_leavers=True, date_formats=("YYYY-MM-DD",))) is connection
    changed = as_probed(connection, replace(ProbeAnswers(), puts_back_leavers=False, date_formats=("DD-MM-YYYY",)))
    assert (changed.leavers, changed.date_format) == ("not_asked", "DD-MM-YYYY")
