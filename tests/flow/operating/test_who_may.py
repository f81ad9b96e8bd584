"""Who may use the operator's tools, and what their trail names."""

import pytest

from shared.access import AccessDenied, Caller
from shared.administration.audit import read_audit
from shared.operating import doctor, forgetting, pruning, releasing, replaying
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
