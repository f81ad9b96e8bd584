"""Notices from the real app in the functions host, to receivers of each kind."""

import base64
import json
import socket
import time

import pytest
from standardwebhooks.webhooks import Webhook

from tests.receiver import receiver
from tests.waiting import wait_until
from tests.whole.running_app import HEAD, RunningApp

pytestmark = pytest.mark.timeout(120)

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ALL = ("teams", "slack", "webhook")


class ToldApp(RunningApp):
    """The running app, its receivers, and how its configuration is changed."""

    def __init__(self, config, receivers, *parts):
        super().__init__(*parts)
        self.config, self.receivers = config, receivers

    def change(self, export, **changes):
        document = json.loads(self.config.read_text())
        [found] = [each for each in document["exports"] if each["id"] == export]
        found |= changes
        self.config.write_text(json.dumps(document))

    def ended(self, export):
        return self.finish(self.start(export))

    def told(self, kind, run_id):
        """What the receiver of this kind was sent of the run, as soon as there is something."""

        def found():
            received = tuple(self.receivers[kind].received)
            return [each for each in received if run_id.encode() in each.body]

        return wait_until(found, explain=self.host.log_text)


@pytest.fixture(scope="module")
def app(azurite, sandbox, upload, write_config, tmp_path_factory, functions_host):
    on_demand = {"schedule": "off", "max_rejected": 1, "max_warnings": 1}
    names = ("missing", "guarded", "half", "unmoved", "mended")
    config = write_config(**dict.fromkeys(names, on_demand))
    for name in names:
        rows = "C-1,ana@example.com,Ana\nC-2,nobody,Ion\n" if name == "half" else "C-1,ana@example.com,Ana\n"
        upload(f"segments-{name}", "Gold", HEAD + rows)
    with receiver() as teams, receiver() as slack, receiver() as webhook, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        receivers = {"teams": teams, "slack": slack, "webhook": webhook}
        document = json.loads(config.read_text())
        document["notifications"] = [
            {"id": kind, "type": kind, "url": {"setting": f"{kind.upper()}_URL"}} for kind in receivers
        ]
        document["notifications"][2]["secret"] = {"setting": "HOOK_SECRET"}
        config.write_text(json.dumps(document))
        environment = {
            "AzureWebJobsStorage": azurite.connection_string,
            "EXPORT_CONFIG": str(config),
            "BREVO_BASE_URL": sandbox.base_url,
            "BREVO_API_KEY": sandbox.api_key,
            "SNAPSHOT_QUIET_SECONDS": "0",
            "EXPORT_SCHEDULE": "0 0 3 1 1 *",
            "HOOK_SECRET": SECRET,
            **{f"{kind.upper()}_URL": f"{each.url}/{kind}?sig=s3cret" for kind, each in receivers.items()},
        }
        log = tmp_path_factory.mktemp("host") / "host.log"
        with functions_host(environment=environment, port=port, log_file=log) as host:
            told = ToldApp(config, receivers, host, azurite, sandbox, upload)
            told.change("missing", list_id=4711)
            told.change("guarded", max_profiles=1)
            yield told
            for each in receivers.values():
                each.ended.set()


def test_failed_run_is_told_in_each_form(app):
    run_id = app.ended("missing")["run_id"]
    (teams,), (slack,), (webhook,) = (app.told(kind, run_id) for kind in ALL)
    card = teams.json["attachments"][0]["content"]
    lines = ["".join(part["text"] for part in block["inlines"]) for block in card["body"]]
    assert lines[0] == "missing: the export failed"
    assert "No customer of the segment was sent: the list is as it was." in lines
    assert "What to do: Correct list_id in the export, or make the list in Brevo." in lines
    assert slack.json["blocks"][0]["text"]["text"] == lines[0]
    found = Webhook(SECRET).verify(webhook.body, webhook.headers)
    assert (found["type"], found["data"]["run_id"], found["data"]["code"]) == ("export.failed", run_id, "list_missing")
    assert (teams.path, slack.path, webhook.path) == tuple(f"/{kind}?sig=s3cret" for kind in ALL)
    kinds = wait_until(
        lambda: (story := [each["kind"] for each in app.status(run_id)["story"]]).count("notified") == 3 and story
    )
    assert "not_notified" not in kinds


@pytest.mark.full
def test_guard_and_rejections_and_recovery_are_told_as_such(app):
    app.upload("segments-guarded", "Gold", HEAD + "C-1,a@example.com,A\nC-2,b@example.com,B\n")
    both = [app.start("guarded"), app.start("half")]
    guarded, half = map(app.finish, both)
    assert half["status"] == "succeeded_with_rejections"
    app.change("mended", list_id=4711)
    app.ended("mended")
    app.change("mended", list_id=12)
    mended = app.ended("mended")
    for run, kind, customers in ((guarded, "held", 2), (half, "rejections", 1), (mended, "recovered", 1)):
        (told,) = app.told("webhook", run["run_id"])
        found = Webhook(SECRET).verify(told.body, told.headers)
        assert (found["type"], found["data"]["customers_affected"]) == (f"export.{kind}", customers)


def test_receiver_that_answers_500_is_told_again_with_the_same_id_and_a_new_signature(app):
    app.receivers["webhook"].answers = [500, 503]
    app.receivers["slack"].answers = [500]
    run_id = app.ended("missing")["run_id"]
    hooks = wait_until(lambda: len(found := app.told("webhook", run_id)) == 3 and found, explain=app.host.log_text)
    assert len({each.headers["webhook-id"] for each in hooks}) == 1
    assert len({each.headers["webhook-signature"] for each in hooks}) == 3
    for each in hooks:
        Webhook(SECRET).verify(each.body, each.headers)
    wait_until(lambda: len(app.told("slack", run_id)) == 2, explain=app.host.log_text)
    assert len(app.told("teams", run_id)) == 1


def test_redirect_is_not_followed_and_ten_megabytes_are_not_read(app):
    with receiver() as inner:
        app.receivers["teams"].answers = [(302, {"location": f"{inner.url}/metadata"})]
        app.receivers["slack"].answers = ["huge"]
        run_id = app.ended("missing")["run_id"]
        story = wait_until(
            lambda: (
                len(found := [each for each in app.status(run_id)["story"] if "notified" in each["kind"]]) == 3
                and found
            ),
            explain=app.host.log_text,
        )
        assert inner.received == []
    texts = {each["text"].partition(":")[0]: each for each in story}
    assert (texts["teams"]["kind"], texts["slack"]["kind"]) == ("not_notified", "notified")
    assert "which is not followed" in texts["teams"]["text"]


@pytest.mark.full
def test_receiver_that_hangs_holds_up_no_run(app):
    for each in app.receivers.values():
        each.answers = ["hang"] * 2
    told = len(app.receivers["teams"].received)
    for _ in range(2):
        app.ended("missing")
    wait_until(lambda: len(app.receivers["teams"].received) > told, explain=app.host.log_text)
    # Six notices are due, and each may hang for twelve seconds: a run that waited for them would take over a minute.
    started = time.monotonic()
    assert app.ended("unmoved")["status"] == "succeeded"
    assert time.monotonic() - started < 45
    for each in app.receivers.values():
        each.ended.set()


def test_log_holds_no_address_of_a_receiver_and_no_secret(app):
    app.ended("missing")
    text = wait_until(lambda: "notice told: missing-" in app.host.log_text() and app.host.log_text())
    assert "notice told: missing-" in text
    assert "s3cret" not in text
    assert SECRET.removeprefix("whsec_") not in text
    assert all(each.url.removeprefix("http://") not in text for each in app.receivers.values())
