"""Connections as administrators, contributors and viewers handle them."""

from datetime import timedelta

import pytest

from shared.access import AccessDenied
from shared.administration import connections, exports, running
from shared.administration.audit import read_audit
from shared.administration.items import ANY, InvalidInput
from shared.brevo.probed import ProbeAnswers, save_probe
from shared.operating.doctor.connections import connection_findings
from shared.storage.failures import UnreachableError
from tests.flow.administration.people import ADMINISTRATOR, CONTRIBUTOR, VIEWER, connection_of, share, why


def test_contributor_sees_name_and_type_of_what_is_shared_and_never_a_setting(office):
    assert connections.list_connections(office.app, CONTRIBUTOR) == []
    with pytest.raises(AccessDenied):
        connections.view_connection(office.app, CONTRIBUTOR, "brevo-eu")
    share(office, "contributor")
    seen = connections.ConnectionName("brevo-eu", "brevo", "Brevo")
    assert connections.list_connections(office.app, CONTRIBUTOR) == [seen]
    assert connections.view_connection(office.app, CONTRIBUTOR, "brevo-eu")[0] == seen
    assert connections.list_connections(office.app, VIEWER) == []


def test_connection_is_not_saved_with_consent_before_its_steps_pass(office, monkeypatch):
    new = connection_of(office, id="second", api_key={"setting": "NO_SUCH_KEY"})
    with pytest.raises(connections.NotConnected) as caught:
        connections.save_connection(office.app, ADMINISTRATOR, new, None)
    assert [(step.step, step.ok) for step in caught.value.steps] == [("key found", False)]
    draft = connection_of(office, id="second", api_key={"setting": "NO_SUCH_KEY"}, consent=None)
    assert connections.save_connection(office.app, ADMINISTRATOR, draft, None).is_new
    assert not connections.connect(office.app, ADMINISTRATOR, "second", "Ana").connected
    assert connections.view_connection(office.app, ADMINISTRATOR, "second")[0].consent is None
    monkeypatch.setenv("NO_SUCH_KEY", "a-wrong-key")
    steps = connections.connect(office.app, ADMINISTRATOR, "second", "Ana").steps
    assert (steps[-1].step, steps[-1].ok) == ("key accepted", False)
    monkeypatch.setenv("NO_SUCH_KEY", office.sandbox.api_key)
    assert connections.connect(office.app, ADMINISTRATOR, "second", "Ana").connected
    assert connections.view_connection(office.app, ADMINISTRATOR, "second")[0].consent.agreed_by == "Ana"


def test_second_setting_with_a_key_of_the_same_account_is_told(office, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", office.sandbox.api_key)
    other = connection_of(office, id="second", api_key={"setting": "OTHER_KEY"}, consent=None)
    connections.save_connection(office.app, ADMINISTRATOR, other, None)
    contract = connections.connect(office.app, ADMINISTRATOR, "brevo-eu").steps[-2].message
    assert "OTHER_KEY" not in contract, "nobody has asked by it yet"
    connections.connect(office.app, ADMINISTRATOR, "second")
    contract = connections.connect(office.app, ADMINISTRATOR, "brevo-eu").steps[-2].message
    assert "The account is also that of the key in OTHER_KEY" in contract
    document = office.app.configuration.read()
    found = {each.check: each for each in connection_findings(office.app, document, document.connections[0])}
    assert found["connection brevo-eu, account"].state == "warn"


def test_connection_in_use_is_not_removed_until_its_exports_are_detached(office):
    with pytest.raises(connections.ConnectionInUse) as caught:
        connections.remove_connection(office.app, ADMINISTRATOR, "brevo-eu", ANY)
    assert caught.value.exports == [office.export_id]
    exports.detach_export(office.app, ADMINISTRATOR, office.export_id)
    connections.remove_connection(office.app, ADMINISTRATOR, "brevo-eu", ANY)
    assert why(office) == "detached"
    assert exports.view_export(office.app, VIEWER, office.export_id)[0].mapping.email == "EMail"


def test_withdrawn_consent_stops_a_run_before_its_next_batch(office):
    start = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http")
    connections.save_connection(office.app, ADMINISTRATOR, connection_of(office, consent=None), ANY)
    status = office.finish(start.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "consent_missing")
    assert office.nothing_was_sent()
    assert why(office) == "consent_withdrawn"


def test_storage_that_does_not_answer_is_no_step_of_a_connection_that_has_failed(office, typed, monkeypatch):
    def away(*_):
        raise UnreachableError("table accounts")

    for name in ("get", "change", "take"):
        monkeypatch.setattr(office.app.storage.accounts, name, away)
    status, text, errors = typed("connect", "brevo-eu")
    assert (status, text) == (1, "")
    assert "Storage did not answer for table accounts." in errors
    with pytest.raises(UnreachableError):
        connections.connect(office.app, ADMINISTRATOR, "brevo-eu", "Ana")
    [finding] = connection_findings(office.app, office.app.document(), office.app.document().connections[0])
    assert (finding.state, "Storage did not answer" in finding.message) == ("FAILED", True)


def test_trail_says_that_another_one_has_given_consent(office):
    given = [("Ana", "consent given"), ("Ben", "consent given"), ("Ben", ""), (None, "consent withdrawn"), (None, "")]
    for name, detail in given:
        consent = {"agreed_by": name, "agreed_on": "2026-11-24"} if name else None
        saved = connection_of(office, id="brevo-eu", consent=consent)
        connections.save_connection(office.app, ADMINISTRATOR, saved, ANY)
        assert read_audit(office.app, ADMINISTRATOR, limit=1)[0][0].detail == detail, name


@pytest.mark.parametrize("nobody", ["", "  ", "\u200b", "\u2800"])
def test_consent_is_given_by_nobody_whose_name_cannot_be_seen(office, nobody):
    draft = connection_of(office, id="second", consent=None)
    connections.save_connection(office.app, ADMINISTRATOR, draft, None)
    with pytest.raises(InvalidInput, match="agreed_by"):
        connections.connect(office.app, ADMINISTRATOR, "second", nobody)
    assert connections.view_connection(office.app, ADMINISTRATOR, "second")[0].consent is None


@pytest.mark.parametrize(("days", "is_saved"), [(-400, True), (0, True), (2, False), (20_000, False)])
def test_consent_that_is_dated_in_the_future_is_not_saved(office, days, is_saved):
    """No day has begun anywhere that is two days ahead."""
    on = (office.app.time() + timedelta(days=days)).date().isoformat()
    draft = connection_of(office, id="second", consent={"agreed_by": "Ana", "agreed_on": on})
    if is_saved:
        connections.save_connection(office.app, ADMINISTRATOR, draft, None)
        return
    with pytest.raises(connections.NotConnected) as refused:
        connections.save_connection(office.app, ADMINISTRATOR, draft, None)
    assert (refused.value.steps[-1].step, refused.value.steps[-1].code) == ("consent", "consent_in_future")


def test_doctor_says_that_consent_is_dated_in_the_future(office):
    connection = connection_of(office, id="brevo-eu", consent={"agreed_by": "Ana", "agreed_on": "2062-11-24"})
    found = list(connection_findings(office.app, office.app.document(), connection))
    [line] = [each for each in found if each.check.endswith("consent")]
    assert (line.state, "2062-11-24" in line.message, "none of its exports" in line.fix) == ("warn", True, False)


def said_of_dates(office):
    """What connect and doctor say of how the account's dates are read."""
    document = office.app.configuration.read()
    contract = connections.connect(office.app, ADMINISTRATOR, "brevo-eu").steps[-2].message
    found = {each.check: each for each in connection_findings(office.app, document, document.connections[0])}
    line = found.get("connection brevo-eu, dates")
    assert ("shows dates as" in contract) == (line is not None)
    return line and (line.state, line.message, line.fix)


@pytest.mark.parametrize("form", ["dd-mm-yyyy", "mm-dd-yyyy"])
def test_account_that_shows_dates_in_another_form_than_runs_send_is_told_until_that_is_tried(office, form):
    """Brevo ignores a date in a form that it does not read without a word."""
    office.sandbox.change(date_format=form)
    state, message, fix = said_of_dates(office)
    assert (state, form.upper() in message, "`segment-export probe brevo-eu --list LIST`" in fix) == (
        "warn",
        True,
        True,
    )
    save_probe(office.app.storage.accounts, office.account, ProbeAnswers("2026-11-24T05:00:00+00:00"))
    assert said_of_dates(office), "the probe had no attribute of dates to try it with"
    tried = ProbeAnswers("2026-11-24T05:00:00+00:00", date_formats=("YYYY-MM-DD", "DD-MM-YYYY"))
    save_probe(office.app.storage.accounts, office.account, tried)
    assert said_of_dates(office) is None


@pytest.mark.parametrize("setting", ["YYYY-MM-DD", "DD-MM-YYYY"])
def test_form_of_dates_that_somebody_has_written_is_not_questioned(office, setting):
    office.sandbox.change(date_format="dd-mm-yyyy")
    draft = connection_of(office, id="brevo-eu", date_format=setting)
    connections.save_connection(office.app, ADMINISTRATOR, draft, ANY)
    assert said_of_dates(office) is None


def test_account_that_shows_iso_dates_is_in_order(office):
    assert said_of_dates(office) is None
