"""A probe touches nobody but its own contacts, and leaves none of them, whatever ends it."""

import json
import time
from contextlib import suppress

import pytest

from shared.brevo.session import BrevoSession
from shared.errors import ConfigurationError, PermanentError, TransientError
from shared.operating import probe_first_import
from shared.operating.probe import ProbeOrder
from shared.operating.probe_contacts import MARK, Addresses
from shared.storage.tables import Row
from tests.flow.probing import DOMAIN, LIST, SIX, prober_of
from tests.memory_line import WorkerDied
from tests.sizes import thinned

PROBED = "probe"


@pytest.fixture
def prober(flow):
    return prober_of(flow)


# What it leaves


def test_probe_leaves_the_account_as_it_was(prober):
    people = [
        {"email": "ana@example.net", "attributes": {"SMS": "+40722000111", "EXT_ID": "C-1"}, "lists": [12]},
        {"email": "ion@example.net", "listUnsubscribed": [12], "emailBlacklisted": True},
    ]
    prober.flow.sandbox.seed(contacts=people)
    attributes = list(prober.flow.sandbox.account.attributes)
    prober.answers()
    assert prober.flow.sandbox.account.attributes == attributes
    assert set(prober.flow.sandbox.account.lists) == {12, 13, LIST}


def kill(monkeypatch, at, *, behind):
    """The process dies at a request to Brevo, before or behind it; nothing of it runs any more."""
    requests = 0
    send = BrevoSession._send

    def dying(self, *request):
        nonlocal requests
        requests += 1
        if requests > at or (requests == at and not behind):
            raise WorkerDied
        answer = send(self, *request)
        if requests == at:
            raise WorkerDied
        return answer

    monkeypatch.setattr(BrevoSession, "_send", dying)


@pytest.mark.full
@pytest.mark.timeout(300)
@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("mood", ["skip_contact", "merge"])
def test_next_probe_removes_what_a_killed_one_has_left(prober, monkeypatch, mood, behind):
    prober.flow.sandbox.change(shared_phone=mood)
    before, undisturbed = prober.contacts(), prober.answers()
    requests = len(prober.flow.sandbox.log.entries())
    left = killed = 0
    for at in range(3, requests):
        with monkeypatch.context() as patched, suppress(WorkerDied):
            kill(patched, at, behind=behind)
            prober.probe()
            break  # how often an import is looked at depends on the machine: this probe needed fewer requests
        killed += 1
        prober.flow.sandbox.wait_until_idle()
        left += len(prober.own())
        answers = prober.probe().answers
        assert prober.contacts() == before, at
        assert {name: getattr(answers, name) for name in undisturbed if not timed(name)} == {
            name: answer for name, answer in undisturbed.items() if not timed(name)
        }
    assert killed > requests / 2
    assert left > killed


def timed(name):
    return name == "probed_at" or name.startswith("seconds")


def test_next_probe_waits_for_the_import_of_a_killed_one_and_removes_its_contacts(prober, monkeypatch):
    monkeypatch.setattr("shared.operating.probe._MANY", {"seconds_for_1000": 40})
    monkeypatch.setattr(prober.flow.app.storage.clock, "sleep", lambda seconds: time.sleep(min(seconds, 0.05)))
    addresses = Addresses.of([], DOMAIN)

    def slow(line):
        if line.startswith("Imports 40"):
            prober.flow.sandbox.change(seconds_fixed=1.5)
            patch_import(monkeypatch)

    prober.on_line = slow
    with pytest.raises(WorkerDied):
        prober.probe(addresses=addresses)
    monkeypatch.undo()
    monkeypatch.setenv(prober.flow.account, prober.flow.sandbox.api_key)
    monkeypatch.setattr(prober.flow.app.storage.clock, "sleep", lambda seconds: time.sleep(min(seconds, 0.05)))
    prober.on_line = lambda _: prober.flow.sandbox.change(seconds_fixed=0.0)
    done = prober.probe()
    assert done.left == ""
    assert prober.own() == []
    assert any("works on an import" in line for line in prober.lines)


def patch_import(monkeypatch):
    """The process dies behind its next import."""
    send = BrevoSession._send
    dead = False

    def dying(self, method, path, params, body):
        nonlocal dead
        if dead:
            raise WorkerDied
        answer = send(self, method, path, params, body)
        if path == "/contacts/import":
            dead = True
            raise WorkerDied
        return answer

    monkeypatch.setattr(BrevoSession, "_send", dying)


@pytest.mark.full
@pytest.mark.parametrize("at", ["Imports its first", "Imports a new", "Asks who", "Exports"])
def test_probe_that_is_interrupted_removes_its_contacts_and_saves_nothing(prober, at):
    before = prober.contacts()

    def interrupt(line):
        if line.startswith(at):
            raise KeyboardInterrupt

    prober.on_line = interrupt
    with pytest.raises(KeyboardInterrupt):
        prober.probe()
    assert prober.contacts() == before
    assert prober.flow.app.storage.accounts.get(prober.flow.account, PROBED) is None
    assert prober.lines[-1] == "Removes its contacts."


def test_probe_that_is_interrupted_twice_says_what_is_left_and_the_next_one_removes_it(prober, monkeypatch):
    def interrupt(line):
        if line.startswith("Exports"):
            monkeypatch.setattr("shared.operating.probe.remove_all", stopped)
            raise KeyboardInterrupt

    def stopped(*_):
        raise KeyboardInterrupt

    prober.on_line = interrupt
    with pytest.raises(KeyboardInterrupt):
        prober.probe()
    assert "contacts of the probe are left. Run the same probe again" in prober.lines[-1]
    assert prober.own()
    monkeypatch.undo()
    monkeypatch.setenv(prober.flow.account, prober.flow.sandbox.api_key)
    prober.on_line = lambda _: None
    prober.probe()
    assert prober.own() == []


def test_probe_that_fails_removes_its_contacts(prober):
    before = prober.contacts()
    prober.flow.sandbox.fail_next("POST /contacts/import", "403")
    with pytest.raises(ConfigurationError):
        prober.probe()
    assert prober.contacts() == before
    prober.flow.sandbox.fail_next("POST /contacts/import", "import-failed")
    with pytest.raises(TransientError, match="has failed in Brevo"):
        prober.probe()
    assert prober.contacts() == before


def test_what_cannot_be_removed_is_said_and_the_answers_are_kept(prober):
    prober.flow.sandbox.fail_next("DELETE /contacts/{identifier}", "403")
    done = prober.probe()
    assert "may be left: Brevo does not permit this" in done.left
    assert "Run the same probe again" in done.left
    assert "@" not in done.left
    assert done.answers.ext_id == "attributes"
    assert prober.own()
    assert prober.probe().left == ""
    assert prober.own() == []


@pytest.mark.parametrize(
    ("route", "fault"),
    thinned(
        [
            ("POST /contacts", "500-after"),
            ("POST /contacts/import", "524-after"),
            ("POST /contacts/import", "reset-after"),
            ("PUT /contacts/{identifier}", "500-after"),
            ("DELETE /contacts/{identifier}", "reset-after"),
            ("GET /processes", "429"),
            ("GET /contacts/{identifier}", "html-200"),
        ],
        3,
    ),
)
def test_answer_that_is_lost_costs_no_more_than_time(prober, route, fault):
    prober.flow.sandbox.fail_next(route, fault)
    answers = prober.answers()
    assert (answers["ext_id"], answers["new_address_lifts_block"]) == ("attributes", True)


@pytest.mark.full
def test_import_that_hangs_ends_the_probe_and_keeps_the_next_one_waiting_for_half_an_hour_only(prober):
    prober.flow.sandbox.fail_next("POST /contacts/import", "import-stuck")
    prober.flow.change_connection(import_deadline_hours=0.5)
    with pytest.raises(TransientError, match=r"has not ended within 0\.5 h"):
        prober.probe()
    assert "may still be open" in prober.lines[-1]
    assert prober.own() == []
    began = prober.flow.app.now()
    assert prober.answers()["ext_id"] == "attributes"
    assert 1_800 < prober.flow.app.now() - began < 3_000
    assert "An import of this account does not end. The probe goes on." in prober.lines


def test_probe_waits_where_the_account_has_used_up_its_share(prober):
    rows = prober.flow.app.storage.accounts
    now = prober.flow.app.now()
    prober.flow.sandbox.change(general_per_hour=100)
    rows.put(Row(prober.flow.account, "other", {"limit": 100, "taken": json.dumps([now - 60 + n for n in range(60)])}))
    assert prober.answers()["ext_id"] == "attributes"
    assert prober.flow.app.now() - now > 3_000
    assert any("share of Brevo's rate limit is used up. The probe goes on in 3,5" in line for line in prober.lines)


def test_number_that_brevo_does_not_take_leaves_its_question_without_an_answer(prober, monkeypatch):
    create = probe_first_import.create_single

    def refusing(session, email, attributes):
        if "SMS" in attributes:
            raise PermanentError("brevo_refused", "Brevo refused the request with status 400.")
        create(session, email, attributes)

    monkeypatch.setattr(probe_first_import, "create_single", refusing)
    answers = prober.answers()
    assert (answers["shared_number"], answers["ext_id"]) == (None, "attributes")


def test_contact_that_somebody_makes_meanwhile_is_not_touched(prober):
    def meanwhile(line):
        if line.startswith("Imports its first"):
            prober.flow.sandbox.seed(contacts=[{"email": SIX[4], "attributes": {"CITY": "Iasi"}}])

    prober.on_line = meanwhile
    with pytest.raises(PermanentError):
        prober.probe()
    (contact,) = [each for each in prober.contacts().values() if each[0] == SIX[4]]
    assert contact[1:] == ({"CITY": "Iasi"}, False, [])
    assert prober.own() == []


# What it costs


def test_number_of_requests_is_near_what_is_said_beforehand(prober):
    done = prober.probe(wait_minutes=0)
    said = int(prober.lines[0].split()[1])
    entries = [each for each in prober.flow.sandbox.log.entries() if "reports" not in each.route]
    assert done.requests == len(entries)
    assert said * 0.7 <= done.requests <= said
    assert sum("processes" in each.route for each in entries) <= 20


def test_ten_thousand_contacts_are_said_beforehand():
    domain = Addresses.of([], DOMAIN)
    assert ProbeOrder("brevo-eu", LIST, domain).cost().startswith("About 1,0")
    assert ProbeOrder("brevo-eu", LIST, domain, very_many=True).cost().startswith("About 11,1")
    assert "about 32 min" in ProbeOrder("brevo-eu", LIST, domain, very_many=True).cost()
    assert "About 65" in ProbeOrder("brevo-eu", LIST, Addresses.of(SIX, ""), very_many=True).cost()


@pytest.mark.full
def test_probe_keeps_to_the_scarce_limit_of_the_account(prober, monkeypatch):
    monkeypatch.setattr("shared.operating.probe._MANY", {"seconds_for_1000": 20})
    prober.flow.sandbox.change(general_per_hour=100)
    for _ in range(4):
        prober.probe(addresses=Addresses.of([], DOMAIN))
    assert prober.flow.sandbox.limits.exceeded["general"] == 0


# What is kept


def test_no_address_or_key_is_in_what_a_probe_keeps_or_says(prober, caplog):
    caplog.set_level("INFO")
    done = prober.probe()
    storage = prober.flow.app.storage
    kept = [str(dict(row.values)) for table in (storage.accounts, storage.audit, storage.runs) for row in table.rows()]
    assert any(PROBED in str(row.key) for row in storage.accounts.rows())
    for text in [*kept, *prober.lines, str(done), caplog.text]:
        assert DOMAIN not in text
        assert prober.flow.sandbox.api_key not in text
        assert "/reports/" not in text
    assert MARK not in "".join(kept)
