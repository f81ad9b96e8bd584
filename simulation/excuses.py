"""What a plan excuses: a run may fail where Brevo refuses, a batch may go out again where its answer was lost."""

from simulation.faults import BrevoFault, CallFault, Freeze, KeyRefused, Outage, ReceiverFault, Restart, StartBreaksOff
from simulation.plan import Plan

DEADLINE_SECONDS = 6 * 3600.0
"""An import that is open for so long has passed the connection's deadline."""
CLOCKS_DIFFER_SECONDS = 5.0
"""Times that workers write down are by clocks of their own."""

# Calls that take so long, with what comes before and after them, outlast a claim.
_CLAIM_SECONDS = 15.0


def may_fail(plan: Plan) -> set[str]:
    """The codes that a run of this plan may fail with: what Brevo refuses or does not finish is no mere delay."""
    kinds = [each.kind for each in plan.faults if isinstance(each, BrevoFault)]
    allowed = {"brevo_forbidden"} if "403" in kinds else set()
    if any(isinstance(each, KeyRefused) for each in plan.faults):
        allowed |= {"brevo_key_refused"}
    if sum(kind in ("import-failed", "import-cancelled") for kind in kinds) > 1:
        allowed |= {"import_failed"}
    if any(isinstance(each, BrevoFault) and each.seconds > DEADLINE_SECONDS for each in plan.faults):
        allowed |= {"import_overdue"}
    if any(each.kind in ("start", "start-again", "plan") for each in plan.actions):
        allowed |= {"snapshot_missing"}
    if any(each.kind == "approve" for each in plan.actions):
        allowed |= {"plan_outdated"}
    return allowed


def stands_still(plan: Plan) -> bool:
    """True where a worker may stand still for longer than its claim lasts."""
    return plan.latency.slowest > _CLAIM_SECONDS or _longest_stand(plan) > 0


def longest_call(plan: Plan) -> float:
    """How many seconds a call may be under way, those included in which its worker stands still."""
    return max(plan.latency.slowest, plan.latency.most) + _longest_stand(plan)


def _longest_stand(plan: Plan) -> float:
    return max((each.seconds for each in plan.faults if isinstance(each, Freeze | CallFault)), default=0.0)


def may_refuse_notices(plan: Plan) -> bool:
    """True where a notice may be given up: its receiver is gone for good, or storage was away for all of its tries."""
    return any(
        isinstance(each, Outage) or (isinstance(each, ReceiverFault) and each.kind == "410") for each in plan.faults
    )


def loses_something(plan: Plan) -> bool:
    """True where a batch may have to go out again: an answer may be lost, an import may fail, a worker may die."""
    kinds = {each.kind for each in plan.faults if isinstance(each, BrevoFault)}
    again = {"500-after", "524-after", "reset-after", "garbled", "import-failed", "import-cancelled", "slow-after"}
    return bool(kinds & again) or any(
        isinstance(each, CallFault | Outage | Restart | StartBreaksOff) for each in plan.faults
    )
