"""The running app, and what its segment holds."""

import json

from local.functions_host.http_messages import send
from tests.whole.running_app import RunningApp

KEY_SETTING = "BREVO_API_KEY"
SEGMENT = "Gold"
REFRESHES = ("2026/11/24/0500", "2026/11/25/0500")
ROWS, CONTACTS = 40, 36
_HEAD = "CustomerId,EMail,FirstName,LastName,Telephone1,City\n"
_BAD = (
    "C-901,no address,Bad,Address,,Cluj",
    "C-902,,No,Address,,Cluj",
    "C-903,c1@example.com,Second,Time,,Cluj",
    "C-904,x@y,Short,Domain,,Iasi",
)


def segment_file(contacts=CONTACTS):
    """A segment's file with so many customers who can be sent, and four who cannot."""
    good = (f"C-{n},c{n}@example.com,Ana{n},Pop,+4072{n:07d},Cluj" for n in range(1, contacts + 1))
    return _HEAD + "\n".join((*good, *_BAD)) + "\n"


class Site(RunningApp):
    """The running app, as its people, its API and the sandbox's callers see it."""

    @property
    def url(self):
        return self.host.url

    def imports(self):
        """How many imports the sandbox has had."""
        return len(self.sandbox.imports.records())

    def put_connection(self):
        """The connection `brevo` with consent, which contributors may use."""
        body = {
            "display_name": "Brevo of the shop",
            "api_key": {"setting": KEY_SETTING},
            "available_to": ["administrator", "contributor"],
            "consent": {"agreed_by": "Ada", "agreed_on": "2026-11-01"},
            "leavers": "not_asked",
        }
        self._put_once("connections/brevo", body)

    def put_export(self, name, **changes):
        """An export of the segment to list 12, which runs when it is asked to."""
        body = {
            "display_name": name.capitalize(),
            "connection": "brevo",
            "list_id": 12,
            "source": {"container": "segments", "folder": "CustomerInsights_abcd1234/BlobExport"},
            "segments": [SEGMENT],
            "mapping": {"email": "EMail", "first_name": "FirstName", "attributes": {"CITY": "City"}},
            "schedule": "off",
            "sync_mode": "mirror",
            **changes,
        }
        self._put_once(f"exports/{name}", body)

    def ask_for_no_leavers(self, connection):
        """Runs on the connection do not ask Brevo who left a list, which takes seconds."""
        _, _, found = self.call("GET", f"connections/{connection}")
        self._change("PUT", f"connections/{connection}", found | {"leavers": "not_asked"})

    def change_export(self, name, **changes):
        """Changes these keys of the export."""
        _, _, found = self.call("GET", f"exports/{name}")
        self._change("PUT", f"exports/{name}", found | changes)

    def remove_exports(self):
        """All that there are."""
        for export in self.call("GET", "exports")[2]:
            self._change("DELETE", f"exports/{export['id']}")

    def _put_once(self, path, body):
        if self.call("GET", path)[0] != 200:
            status, _, answer = self.call("PUT", path, body)
            assert status == 201, answer

    def _change(self, method, path, body=None):
        """Changes what is there, no matter who has changed it since."""
        headers = {"x-functions-key": self.host.key, "if-match": "*"}
        data = b"" if body is None else json.dumps(body).encode()
        answer = send(method, f"{self.url}/api/{path}", headers=headers, body=data)
        assert answer.status in (200, 204), answer.body
