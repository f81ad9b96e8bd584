"""Doubled, stale and late queue messages, doubled and reordered events, doubled call-backs."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from local.brevo_sandbox import SandboxSettings
from local.chaos.exports import ExportUnderTest
from local.chaos.oracle import judge
from local.chaos.report import Report
from local.chaos.site import Site
from local.chaos.world import World
from local.sample_people import seeded

_LONGEST_DELAY_SECONDS = 8.0


def doubles(world: World, seed: int) -> Report:
    """Three exports run while copies of all their messages, events and call-backs come again and again."""
    report = Report("doubles", seed)
    settings = SandboxSettings.quick(seconds_fixed=0.2, notify="twice")
    with world.site("doubles", sandbox_settings=settings, workers=world.scaled(3, 2), body_bytes=120_000) as site:
        rng = seeded(seed, "doubles")
        rows = world.scaled(8_000, 2_000)
        kinds = world.scaled(("with_refresh", "with_refresh", "off"), ("with_refresh",))
        exports = [site.add_export(rows=rows, seed=seed, schedule=kind, upload=False) for kind in kinds]
        for export in exports:
            site.upload(export)
        meddler = _Meddler(site, report, rng, copies_left=world.scaled(300, 40))
        for export in exports:
            if kinds[exports.index(export)] == "off":
                site.start(export)
            else:
                meddler.deliver_events(export)
        site.say(f"{len(exports)} runs are started; every message to them comes again")
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline and not all(run.is_final for _, run in site.all_runs()):
            meddler.meddle()
            time.sleep(0.05)
        for export in exports[: len(kinds) - 1] or exports:
            meddler.deliver_events(export)  # late ones, after the end
        meddler.send_all()
        site.wait_for_ends(60)
        judge(site, report, repeats_allowed=0)
        one = (
            f"{export.id} has run {count} times"
            for export, kind in zip(exports, kinds, strict=True)
            if kind != "off" and (count := sum(run.state != "skipped" for run in site.runs(export))) != 1
        )
        report.check("a snapshot runs once, however often its event comes", one, len(exports))
    return report


@dataclass
class _Meddler:
    site: Site
    report: Report
    rng: Random
    copies_left: int
    _read: int = 0
    _due: list[tuple[float, str]] = field(default_factory=list)
    _called: int = 0

    def meddle(self) -> None:
        """Copies what it has seen since the last time."""
        for message in self._seen():
            if self.copies_left > 0 and self.rng.random() < 0.7:
                self._copy(message)
        self._send(time.monotonic())
        self._call_back()

    def send_all(self) -> None:
        """Sends the copies that are still to come, now that all is over."""
        self._send(float("inf"))

    def deliver_events(self, export: ExportUnderTest) -> None:
        """Each file's event two or three times, in any order, alone or several together."""
        names = export.blob_names() * 2 + [name for name in export.files if name.endswith("model.json")]
        self.rng.shuffle(names)
        while names:
            together = self.rng.randrange(1, 4)
            events = [self.site.event(export, name) for name in names[:together]]
            del names[:together]
            answer = self.site.host.deliver("blob_export", events)
            self.report.done["events delivered"] += len(events)
            if answer.status not in (202, 500):
                raise RuntimeError(f"an event answered {answer.status}")

    def _seen(self) -> Iterator[dict[str, Any]]:
        path = self.site.chaos / "seen.jsonl"
        if not path.exists():
            return
        with path.open(encoding="utf-8") as file:
            file.seek(self._read)
            for line in iter(file.readline, ""):
                if not line.endswith("\n"):
                    break
                self._read += len(line.encode())
                yield json.loads(line)["message"]

    def _copy(self, message: dict[str, Any]) -> None:
        for _ in range(self.rng.randrange(1, 3)):
            copy = dict(message)
            if copy["step"] == "confirm" and copy["number"] > 1 and self.rng.random() < 0.5:
                copy["number"] -= 1
                self.report.done["stale confirm messages sent"] += 1
            else:
                self.report.done[f"{copy['step']} messages doubled"] += 1
            delay = self.rng.choice((0.0, self.rng.random(), self.rng.random() * _LONGEST_DELAY_SECONDS))
            self._due.append((time.monotonic() + delay, json.dumps({k: v for k, v in copy.items() if v})))
            self.copies_left -= 1

    def _send(self, until: float) -> None:
        self.rng.shuffle(self._due)
        ready = [text for moment, text in self._due if moment <= until]
        self._due = [(moment, text) for moment, text in self._due if moment > until]
        for text in ready:
            self.site.app.storage.queue.send(text)

    def _call_back(self) -> None:
        for account in self.site.accounts.values():
            sent = account.sandbox.world.notifier.sent()
            for notification in sent[self._called :]:
                if self.rng.random() < 0.5:
                    self.site.host.request("POST", notification.path)
                    self.report.done["call-backs doubled"] += 1
            self._called = len(sent)
