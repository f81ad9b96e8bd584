"""A usual request of each route, and the order to send them in."""

from tests.flow.asking import ROUTES

PEOPLE = [name for name, each in ROUTES.items() if not each.anonymous]
BODIES = {
    "duplicate_export": {"id": "copy"},
    "start_exports": {"exports": "all"},
    "start_trial": {"list_id": 13},
    "why_not_in_list": {"email": "ana@example.com"},
    "webhook": {"segment": "Gold"},
}


def undoing(name):
    """What takes something away comes last: the others would have nothing to work with. A save takes the consent."""
    return [word in name for word in ("remove", "detach", "disconnect", "restore", "save_connection")]


def details(flow, name, run_id):
    path, body, headers = {}, None, {}
    if "connection" in name or name in ("list_lists", "list_attributes"):
        path["id"] = "brevo-eu"
        body = {key: value for key, value in flow.connection.items() if key != "consent"} if "save" in name else None
    if ROUTES[name].route.startswith("runs/"):
        path["id"] = run_id
    if name == "restore_version":
        path["id"] = next((each.id for each in flow.app.configuration.history()), "none")
        headers["If-Match"] = "*"
    if name in ("save_export", "preview_unsaved"):
        body = flow.export
    if ROUTES[name].method in ("PUT", "DELETE"):
        headers["If-Match"] = "*"
    return {"headers": headers, "body": BODIES.get(name, body), **path}
