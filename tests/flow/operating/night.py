"""An export at night: what doctor prints of it, and a clock that can skip time."""

import json

from click.testing import CliRunner

from shared.cli.program import program
from tests.flow.operating.tools import HEAD

MINUTE, HOUR, DAY = 60.0, 3600.0, 24 * 3600.0
PEOPLE = HEAD + "".join(f"C-{number},person-{number}@example.com,Name\n" for number in range(10))


class Night:
    """An export over storage in memory, whose clock can skip time, and what doctor prints of it."""

    def __init__(self, flow):
        self.flow = flow
        self.export = f"export {flow.export_id}"

    def doctor(self, status=1):
        done = CliRunner().invoke(program, ["doctor"], catch_exceptions=False)
        assert done.exit_code == status, done.stdout
        return done.stdout.splitlines()

    def line(self, check, state="FAILED"):
        """The one line about the check."""
        [found] = [line for line in self.doctor(int(state == "FAILED")) if f"  {check}: " in line]
        assert found.startswith(f"  {state:<6}  {check}: ")
        return found

    def why(self):
        """Why the export does not run now, as its list says."""
        done = CliRunner().invoke(program, ["exports", "--json"], catch_exceptions=False)
        [listed] = json.loads(done.stdout)
        return listed["why_not_running"]["text"]

    def skip(self, seconds):
        self.flow.app.storage.clock.skip(seconds)

    def run(self):
        """A run in a second of its own: the ids of runs have whole ones, and newer runs are known by them."""
        ended = self.flow.run()
        self.skip(2)
        return ended

    def configure(self, **parts):
        document = {"connections": self.flow.connections, "exports": self.flow.exports} | parts
        where = self.flow.app.settings.export_config.split("/")
        self.flow.app.storage.app_blobs.write(*where, json.dumps(document).encode())

    def change(self, **changes):
        self.flow.export.update(changes)
        self.configure()

    @property
    def run_it(self):
        return f"`segment-export run {self.flow.export_id}`"


def has_all(line, *words):
    assert [each for each in words if each not in line] == [], line
