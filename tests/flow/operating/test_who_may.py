"""Who may use the operator's tools, and what their trail names."""

import pytest

from shared.access import AccessDenied, Caller
from shared.administration.audit import read_audit
from shared.errors import TransientError
from shared.operating import doctor, forgetting, pruning, releasing, replaying
from shared.runs.answers import LEAVERS
from tests.flow.operating.tools import ADMINISTRATOR, ANA


@pytest.mark.parametrize("role", ["contributor", "viewer", None])
def test_tools_are_for_administrators_alone(office, role):
    caller = Caller("user 1", role)
    for call in (
        lambda: list(doctor.examine(caller)),
        lambda: replaying.look(office.app, caller),
        lambda: replaying.replay(office.app, caller),
        lambda: forgetting.forget(office.app, caller, ANA),
        lambda: releasing.look(office.app, caller, "x"),
        lambda: releasing.release(office.app, caller, "x"),
        lambda: pruning.prune(office.app, caller, 400),
    ):
        with pytest.raises(AccessDenied):
            call()


def test_trail_of_the_tools_names_nobody(office, typed):
    typed("forget", ANA)
    entries, _ = read_audit(office.app, ADMINISTRATOR, limit=1)
    assert (entries[0].what, entries[0].target) == ("forget a person", "")
    assert "sha" not in entries[0].detail.lower()
    assert "@" not in str(entries)


@pytest.mark.parametrize("error", [KeyboardInterrupt, TransientError("storage_unreachable", "Away.")])
def test_tool_that_is_cut_off_leaves_a_line_of_what_it_has_done(office, monkeypatch, error):
    def cut_off(*_, **__):
        raise error

    office.app.storage.app_blobs.write(LEAVERS, "K/12/1.txt", b"")
    monkeypatch.setattr(pruning, "LEAVERS_DAYS", 0)
    monkeypatch.setattr(pruning, "_prune_runs", cut_off)
    with pytest.raises((KeyboardInterrupt, TransientError)):
        pruning.prune(office.app, ADMINISTRATOR, 400)
    (entry,), _ = read_audit(office.app, ADMINISTRATOR, limit=1)
    assert (entry.what, entry.detail) == ("prune", "leavers_blobs 1, cut off")


def test_forgetting_that_is_cut_off_leaves_a_line_of_what_it_has_done(office, monkeypatch):
    def cut_off(*_):
        raise KeyboardInterrupt

    office.app.storage.app_blobs.write(LEAVERS, "K/12/1.txt", b"")
    monkeypatch.setattr(forgetting.elsewhere, "ask_brevo", cut_off)
    with pytest.raises(KeyboardInterrupt):
        forgetting.forget(office.app, ADMINISTRATOR, ANA)
    (entry,), _ = read_audit(office.app, ADMINISTRATOR, limit=1)
    assert entry.what == "forget a person"
    assert entry.detail.startswith("1 erased")
