"""A browser without pictures: opens pages as somebody of a role, and sends their forms with the token in them."""

import json
import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode

import azure.functions as func
import pytest

from export_trigger.pages import site, visit
from export_trigger.pages.visit import ROOT
from tests.flow.asking import principal
from tests.flow.conftest import Flow

CSV = "CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n2,ben@example.com,Ben\n3,no address,Cleo\n"


@dataclass(frozen=True)
class Page:
    """An answer."""

    status: int
    html: str
    headers: dict[str, str]

    @property
    def text(self) -> str:
        """What a person reads: no tags, and each run of white space as one blank."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.html)).split())

    @property
    def to(self) -> str:
        """Where it leads."""
        assert self.status == 303, self.text
        return self.headers["location"]

    def hidden(self, name: str) -> str:
        """The first hidden value of this name."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.html)
        assert found, f"no {name} in the page"
        return unescape(found[1])


class Browser:
    """Somebody with a role; `role` None is nobody. `flow` is what is behind the pages."""

    def __init__(self, flow: Flow, role: str | None = "administrator") -> None:
        self.flow, self.role = flow, role
        self.headers: dict[str, str] = {}

    def configure(self, **changes: object) -> None:
        """Changes the export, past the pages."""
        if changes:
            self.flow.change(**changes)
        document = {"connections": self.flow.connections, "exports": self.flow.exports}
        where = self.flow.app.settings.export_config.split("/")
        self.flow.app.storage.app_blobs.write(*where, json.dumps(document).encode())

    def open(self, path: str) -> Page:
        """A page, by its path below the pages' root."""
        return self._ask("GET", path, b"")

    def send(self, path: str, *, page: str = "", **values: object) -> Page:
        """Sends a form: with the hidden values of `page`, where it stands (default: `path` itself)."""
        shown = self.open(page or path)
        hidden = {"token": shown.hidden("token")}
        if 'name="etag"' in shown.html:
            hidden["etag"] = shown.hidden("etag")
        return self.send_raw(path, {**hidden, **values})

    def send_raw(self, path: str, values: dict[str, object]) -> Page:
        """Sends these values and nothing else."""
        return self._ask("POST", path, urlencode(values, doseq=True).encode())

    def _ask(self, method: str, path: str, body: bytes) -> Page:
        sent = self.headers | (principal(self.role, f"id-{self.role}") if self.role else {})
        url = f"https://app.example.com{ROOT}{path.removeprefix(ROOT)}"
        answer = site.answer(func.HttpRequest(method, url, headers=sent, body=body))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Page(answer.status_code, answer.get_body().decode(), headers)


@pytest.fixture
def browser(asked, monkeypatch):
    """An administrator's, with an export of three rows that nothing starts by itself."""
    monkeypatch.setattr(visit, "open_app", lambda: asked.flow.app)
    asked.flow.segment(CSV)
    return Browser(asked.flow)


def held(browser) -> str:
    """The page of a plan that waits for a person."""
    export = browser.flow.export_id
    there = browser.send(f"/exports/{export}/plan", page="/").to
    browser.flow.work_until(lambda: next(browser.flow.app.store.latest(export)).is_held)
    return there


def form_of(page, button: str) -> dict[str, object]:
    """The hidden values of the form with this button."""
    [form] = [each for each in page.html.split("<form")[1:] if button in each.split("</form>")[0]]
    alone = type(page)(page.status, form.split("</form>")[0], page.headers)
    return {name: alone.hidden(name) for name in ("token", "shown", "etag") if f'name="{name}"' in alone.html}
