"""The API of a running stack, and the page of the connector that is replaced, as its callers use them."""

import json
from typing import Any

from local.functions_host.http_messages import Response, send
from local.sample_snapshots import SampleSnapshots
from local.stack import Stack
from tests.waiting import wait_until

ENDED = ("succeeded", "succeeded_with_rejections", "failed", "cancelled", "skipped")


class Page:
    """The API of a running stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.samples = SampleSnapshots(("HighValueSegment", "LapsedCustomers"), 200)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        sent = {
            "x-functions-key": self.stack.host.key,
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return send(method, f"{self.stack.url}/api/{path}", headers=sent, body=data)

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def done(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        answer = self.ask(method, path, body, **headers)
        assert answer.status == status, answer.body
        return json.loads(answer.body or b"null")

    def refused(self, status: int, code: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.ask(method, path, body, **headers)
        found = json.loads(answer.body)
        assert (answer.status, found["type"]) == (status, f"urn:segment-export:problem:{code}"), answer.body
        assert found["status"] == status
        assert found["title"]
        assert header(answer, "content-type") == "application/problem+json"
        return found

    def tick(self) -> None:
        """Has the timer look once, from start to end."""

        def ticks() -> int:
            return self.stack.log_file.read_text().count("Executed 'Functions.timer_export' (Succeeded")

        before = ticks()
        assert self.stack.host.run_now("timer_export").status == 202
        wait_until(lambda: ticks() > before)

    def clear(self) -> None:
        """Removes every export and connection."""
        for kind in ("exports", "connections"):
            for each in self.get(kind):
                assert self.ask("DELETE", f"{kind}/{each['id']}", If_Match="*").status == 204

    def wait_for_run(self, known: int, status: str = "", seconds: float = 90) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            runs: list[dict[str, Any]] = self.get("exports/best-customers/runs")
            return runs[0] if len(runs) > known and runs[0]["status"] in ENDED else None

        run: dict[str, Any] = wait_until(ended, seconds, lambda: str(self.get("exports/best-customers/runs")[:1]))
        assert not status or run["status"] == status, run
        return run


def header(answer: Response, name: str) -> str:
    return next((value for key, value in answer.headers if key.lower() == name.lower()), "")
