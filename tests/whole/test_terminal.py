"""The terminal as a person or a script uses it: each command in a process of its own.

Most are forked, so that they need not load the product again; some of each kind are `python -m shared.cli` itself.
"""

import copy
import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.sizes import thinned

pytestmark = pytest.mark.timeout(120)

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, "-m"]
HEAD = "CustomerId,EMail,FirstName\n"
COMMANDS = ["validate", "connect", "exports", "preview", "run", "status", "rejects", "cancel", "schema"]
FIXED_KEYS = {
    "run_id", "export", "status", "trigger", "started_by", "started_at", "finished_at", "snapshot", "segments",
    "rows_read", "rows_merged", "rows_filtered", "rows_rejected", "warnings", "contacts_mapped", "contacts_delivered",
    "contacts_confirmed", "contacts_rejected_by_brevo", "contacts_removed", "batches", "requests", "bytes_sent",
    "error",
}  # fmt: skip


class Terminal:
    """Runs commands with only the settings of the design, in an otherwise empty environment."""

    def __init__(self, azurite, sandbox, config, start):
        self.sandbox, self.start = sandbox, start
        self.environment = {
            "PATH": os.environ["PATH"],
            "AzureWebJobsStorage": azurite.connection_string,
            "EXPORT_CONFIG": str(config),
            "BREVO_BASE_URL": sandbox.base_url,
            "BREVO_API_KEY": sandbox.api_key,
            "SNAPSHOT_QUIET_SECONDS": "0",
            "APP_SECRET": os.environ["APP_SECRET"],
        }

    def __call__(self, *arguments, exit_status=0, **settings):
        done = subprocess.run(
            [*self.start, "shared.cli", *arguments],
            cwd=REPOSITORY,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == exit_status, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments, exit_status=0, **settings):
        return json.loads(self(*arguments, "--json", exit_status=exit_status, **settings).stdout)

    def unforked(self):
        """The same terminal, by `python -m`."""
        other = copy.copy(self)
        other.start = PYTHON
        return other


@pytest.fixture(scope="module")
def terminal(azurite, sandbox, write_config, upload, forked):
    layouts = ("plain", "gzipped", "headless", "windows", "malformed", "nothing")
    config = write_config(**{name: {} for name in layouts}, refused={"list_id": 4711}, guarded={"max_profiles": 1})
    upload("segments-plain", "Gold", HEAD + "C-1,ana.pop@example.com,Ana\nC-2,ion@example.com,Ion\nC-3,,Eva\n")
    upload("segments-gzipped", "Gold", gzip.compress((HEAD + "C-1,g1@example.com,G1\n").encode()), "_1.csv.gz")
    upload("segments-gzipped", "Gold", gzip.compress((HEAD + "C-2,g2@example.com,G2\n").encode()), "_2.csv.gz")
    upload("segments-headless", "Gold", "C-1,h1@example.com,H1\nC-2,h2@example.com,H2\n")
    columns = [{"name": name} for name in ("CustomerId", "EMail", "FirstName")]
    upload("segments-headless", "", json.dumps({"entities": [{"name": "Gold", "attributes": columns}]}), "model.json")
    upload("segments-windows", "Gold", ("\ufeff" + HEAD + "C-1,w1@example.com,Ștefan\n").replace("\n", "\r\n").encode())
    upload(
        "segments-malformed",
        "Gold",
        HEAD + "C-1,m1@example.com,M1\nC-2,short\nC-3,m3@example.com,M3,surplus\nC-4,m4@example.com,M4\n",
    )
    upload("segments-nothing", "Gold", HEAD)
    upload("segments-refused", "Gold", HEAD + "C-1,r1@example.com,R1\n")
    upload("segments-guarded", "Gold", HEAD + "C-1,x1@example.com,X1\nC-2,x2@example.com,X2\n")
    return Terminal(azurite, sandbox, config, forked)


@pytest.fixture(scope="module")
def plain_run(terminal):
    """A run of the export `plain` that has ended."""
    return terminal.unforked().json("run", "plain", "--wait")


# Help and wrong use


def test_help_names_every_command_the_settings_and_the_exit_statuses(terminal):
    told = terminal.unforked()("--help").stdout
    for word in [*COMMANDS, "EXPORT_CONFIG", "AzureWebJobsStorage", "BREVO_BASE_URL", "Exit status:", "Examples:"]:
        assert word in told


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_takes_json(terminal, command):
    assert "--json" in terminal(command, "--help").stdout


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["run"], ["preview"], ["status", "--no-such"], ["connect", "a", "b"]], ids=" ".join
)
def test_wrong_use_is_2_with_usage(terminal, arguments):
    assert "Usage: segment-export" in terminal(*arguments, exit_status=2).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "no-such"], "There is no export 'no-such'. `segment-export exports`"),
        (["preview", "no-such"], "There is no export 'no-such'."),
        (["connect", "no-such"], "There is no connection 'no-such'. `segment-export connections`"),
        (["status", "no-such"], "There is neither a run nor an export 'no-such'."),
        (["rejects", "../../etc/passwd"], "There is neither a run nor an export"),
        (["cancel", "plain-20261124T050000-abcdef"], "There is no such run."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_not_there_is_told_in_one_line_and_is_2(terminal, arguments, words):
    done = terminal(*arguments, exit_status=2)
    assert done.stdout == ""
    assert done.stderr.startswith(f"segment-export: {words}")
    assert done.stderr.count("\n") == 1


def test_error_as_json_has_code_message_and_advice(terminal):
    error = terminal.json("run", "no-such", exit_status=2)["error"]
    assert (error["code"], error["message"]) == ("export_unknown", "There is no export 'no-such'.")
    assert "segment-export exports" in error["advice"]


# validate, schema, connect, exports


def test_validate_says_that_the_configuration_is_right(terminal):
    assert terminal("validate").stdout == "valid: 1 connection, 8 exports\n"
    assert terminal.json("validate") == {"valid": True, "connections": 1, "exports": 8}


def test_validate_tells_each_fault_in_a_line_and_is_2(terminal, tmp_path):
    path = tmp_path / "broken.json"
    path.write_text('{"exports": [{"id": "A", "colour": "red"}]}')
    lines = terminal("validate", exit_status=2, EXPORT_CONFIG=str(path)).stderr.splitlines()
    assert f"{path}: exports[0].colour: is not a known key; remove it or correct its name" in lines
    assert f"{path}: exports[0].list_id: is missing; add it" in lines
    found = terminal.json("validate", exit_status=2, EXPORT_CONFIG=str(path))
    assert (found["valid"], found["problems"]) == (False, lines)


@pytest.mark.parametrize("location", ["config/no-such.json", "./no-such.json", "nowhere", "My_Config/exports.json"])
def test_configuration_that_is_not_there_is_told(terminal, location):
    done = terminal("validate", exit_status=2, EXPORT_CONFIG=location)
    assert done.stderr.startswith(f"segment-export: There is no configuration at {location}.")


def test_configuration_may_lie_in_a_blob(terminal, upload):
    upload("configuration", "", Path(terminal.environment["EXPORT_CONFIG"]).read_text(), "exports.json")
    location = "configuration/CustomerInsights_abcd1234/BlobExport/exports.json"
    assert terminal("validate", EXPORT_CONFIG=location).stdout == "valid: 1 connection, 8 exports\n"


def test_wrong_setting_is_told_by_its_name(terminal):
    done = terminal.unforked()("status", exit_status=2, SNAPSHOT_QUIET_SECONDS="soon")
    assert "SNAPSHOT_QUIET_SECONDS must be a number of seconds" in done.stderr
    done = terminal("status", exit_status=2, AzureWebJobsStorage="nonsense")
    assert "not a valid connection string" in done.stderr


def test_schema_is_a_json_schema_that_accepts_and_refuses_as_the_app_does(terminal):
    schema = json.loads(terminal("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = json.loads((REPOSITORY / "config" / "exports.json").read_text())
    validator.validate(document)
    validator.validate(json.loads(Path(terminal.environment["EXPORT_CONFIG"]).read_text()))
    document["exports"][0]["colour"] = "red"
    assert not validator.is_valid(document)
    assert not validator.is_valid({"connections": [{"id": "a", "display_name": "A", "api_key": "raw"}]})


def test_connect_shows_every_step(terminal):
    lines = terminal("connect", "brevo-eu").stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"ok      {step}"
        for step in (
            "key found",
            "key accepted",
            "address allowed",
            "lists readable",
            "attributes readable",
            "contacts exportable",
            "probe",
            "contract",
            "consent",
        )
    ]


def test_connect_stops_at_the_step_that_failed_and_is_2(terminal):
    found = terminal.json("connect", "brevo-eu", exit_status=2, BREVO_API_KEY="wrong")
    assert found["connected"] is False
    assert [(step["step"], step["ok"]) for step in found["steps"]] == [("key found", True), ("key accepted", False)]
    assert "does not accept the API key" in found["steps"][1]["message"]
    assert "wrong" not in found["steps"][1]["message"]


def test_exports_are_listed_with_their_last_run(terminal, plain_run):
    assert "plain " in terminal("exports").stdout
    found = {each["id"]: each for each in terminal.json("exports")}
    assert found["plain"]["last_run"]["run_id"] == plain_run["run_id"]
    assert found["plain"]["last_success"]["run_id"] == plain_run["run_id"]
    assert found["guarded"]["schedule_text"] == "with refresh"


# preview


def test_preview_masks_what_it_shows_and_sends_nothing(terminal):
    before = len(terminal.sandbox.imports.records())
    found = terminal.json("preview", "plain")
    assert (found["rows_read"], found["contacts_mapped"], found["rows_rejected"]) == (3, 2, {"missing_email": 1})
    assert found["contacts"] == [
        {"email": "a••••••@e••••••.com", "attributes": {"FIRSTNAME": "A••"}},
        {"email": "i••@e••••••.com", "attributes": {"FIRSTNAME": "I••"}},
    ]
    text = terminal("preview", "plain").stdout
    assert "nothing was sent" in text
    assert "ana.pop" not in text
    assert len(terminal.sandbox.imports.records()) == before


def test_preview_of_an_empty_segment_is_no_fault(terminal):
    assert terminal.json("preview", "nothing")["contacts"] == []


# run, status, rejects, cancel


def test_run_tells_its_status_as_json_alone(terminal, plain_run):
    assert plain_run.keys() >= FIXED_KEYS
    assert plain_run["status"] == "succeeded_with_rejections"
    assert plain_run["trigger"] == "terminal"
    assert plain_run["rows_rejected"] == {"missing_email": 1}
    assert plain_run["contacts_confirmed"] == 2
    assert terminal.json("status", plain_run["run_id"])["contacts_confirmed"] == 2


@pytest.mark.parametrize(
    ("export", "sent", "rejected"),
    thinned(
        [
            ("malformed", {"m1@example.com": "M1", "m4@example.com": "M4"}, {"malformed_row": 2}),
            ("headless", {"h1@example.com": "H1", "h2@example.com": "H2"}, {}),
            ("windows", {"w1@example.com": "Ștefan"}, {}),
            ("gzipped", {"g1@example.com": "G1", "g2@example.com": "G2"}, {}),
        ],
        4,
    ),
)
def test_run_takes_every_layout_with_only_the_settings_of_the_design(terminal, export, sent, rejected):
    status = terminal.json("run", export, "--wait")
    assert status["status"] == ("succeeded_with_rejections" if rejected else "succeeded")
    assert status["rows_rejected"] == rejected
    members = terminal.sandbox.members(12)
    assert {email: members[email]["FIRSTNAME"] for email in sent} == sent


def test_run_in_words_shows_its_way_on_standard_error_and_the_end_on_standard_output(terminal):
    done = terminal("run", "gzipped", "--wait")
    assert "2 read = 2 contacts + 0 merged + 0 rejected" in done.stdout
    assert "2 delivered = 2 confirmed + 0 rejected by Brevo + 0 open" in done.stdout
    assert "staging" in done.stderr or "delivering" in done.stderr or "confirming" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_run_that_fails_is_1_and_says_why(terminal):
    done = terminal.unforked()("run", "refused", "--wait", exit_status=1)
    assert "Brevo has no list 4711. Nothing was sent." in done.stdout
    assert "what to do" in done.stdout


def test_guarded_run_is_held_with_status_3_and_sent_once_it_is_approved(terminal):
    held = terminal.json("run", "guarded", "--wait", exit_status=3)
    assert (held["status"], held["held_for"]["code"]) == ("held", "guard_max_profiles")
    assert terminal.json("approve", held["run_id"], "--wait")["status"] == "succeeded"


def test_run_of_an_empty_segment_is_skipped_and_0(terminal):
    done = terminal("run", "nothing", "--wait")
    assert "The snapshot of Gold has no rows." in done.stdout
    assert terminal.json("status", done.stdout.split()[0])["status"] == "skipped"


def test_rejects_are_csv_or_json(terminal, plain_run):
    text = terminal("rejects", plain_run["run_id"]).stdout
    assert list(csv.reader(io.StringIO(text))) == [
        ["segment", "file", "line", "reason", "field", "customer_id", "email_sha256", "outcome"],
        ["Gold", "Gold_1.csv", "4", "missing_email", "EMail", "C-3", "", "not_sent"],
    ]
    [row] = terminal.json("rejects", plain_run["run_id"])
    assert (row["line"], row["reason"]) == ("4", "missing_email")


def test_started_run_is_cancelled_and_its_wait_is_1(terminal):
    run_id = terminal("run", "plain").stdout.strip()
    again = terminal("run", "plain")
    assert again.stdout.strip() == run_id
    assert "A run of this export is active already." in again.stderr
    assert terminal.json("cancel", run_id)["status"] == "cancelled"
    assert "cancelled" in terminal("status", run_id).stdout
    assert "has ended already: cancelled" in terminal("cancel", run_id, exit_status=2).stderr


def test_status_of_all_shows_the_last_run_of_each_export(terminal, plain_run):
    assert plain_run["export"] in {status["export"] for status in terminal.json("status")}
    assert "\nplain " in terminal("status").stdout


@pytest.mark.parametrize("command", thinned(["schema", "status", "rejects", "--help"], 4))
def test_output_that_is_closed_early_makes_no_noise(terminal, plain_run, command):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run(
            [*PYTHON, "shared.cli", command, *([plain_run["run_id"]] if command == "rejects" else [])],
            cwd=REPOSITORY,
            env=terminal.environment,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stderr == ""
