"""A verification of a flow's export, or a repair."""

from shared.access import Caller
from shared.administration.running import verify_export

ADMINISTRATOR = Caller("function key", "administrator")


def verify(flow, **how):
    """The status of one that has ended or is held."""
    status = flow.finish(verify_export(flow.app, ADMINISTRATOR, flow.export_id, "http", **how).run_id)
    assert status["kind"] == ("repair" if how.get("repair") else "verify")
    return status
