"""Brevo's call-backs, as the HTTP function takes them."""

import json
from urllib.parse import urlsplit

from shared.brevo.client import BrevoClient


def answer_call_back(app, path):
    """The status that the HTTP function gives for a path below /api/imports/."""
    import azure.functions as func

    from export_trigger import entry, run_routes

    prefix, _, rest = path.partition("/api/imports/")
    parts = rest.split("/")
    if prefix or len(parts) != 3:
        return 404
    request = func.HttpRequest(
        "POST", path, route_params=dict(zip(("run", "batch", "token"), parts, strict=True)), body=b""
    )
    real, entry.open_app = entry.open_app, lambda: app
    try:
        return run_routes.import_finished.build().get_user_function()(request).status_code
    finally:
        entry.open_app = real


def call_back_at_once(flow, monkeypatch):
    """Lets Brevo call back for each import before it has answered the post."""
    real = BrevoClient.import_contacts

    def import_contacts(self, data):
        process_id = real(self, data)
        flow.sandbox.wait_until_idle()
        assert answer_call_back(flow.app, urlsplit(json.loads(data)["notifyUrl"]).path) == 204
        return process_id

    monkeypatch.setattr(BrevoClient, "import_contacts", import_contacts)
