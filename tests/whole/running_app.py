"""The app in the functions host, as the tests from outside use it."""

import json

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from local.functions_host.http_messages import send
from shared.runs.store import RunStore
from shared.settings import read_settings
from shared.storage.account import open_storage
from tests.waiting import wait_until

HEAD = "CustomerId,EMail,FirstName\n"
FINAL = ("succeeded", "succeeded_with_rejections", "failed", "cancelled", "skipped")


class RunningApp:
    """The host with the app, and what its callers do."""

    def __init__(self, host, azurite, sandbox, upload):
        self.host, self.storage, self.sandbox, self.upload = host, azurite, sandbox, upload

    def call(self, method, path, body=None, key=None, raw=None):
        """(status, headers, JSON) of a call with the host key."""
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        headers = {"x-functions-key": self.host.key if key is None else key}
        if not headers["x-functions-key"]:
            headers = {}
        answer = send(method, f"{self.host.url}/api/{path}", headers=headers, body=data)
        found = {name.lower(): value for name, value in answer.headers}
        is_json = "json" in found.get("content-type", "")
        return answer.status, found, json.loads(answer.body) if is_json else answer.body

    def start(self, export, **body):
        status, _, told = self.call("POST", f"exports/{export}/runs", body)
        assert status == 202, told
        return told["run_id"]

    def status(self, run_id):
        return self.call("GET", f"runs/{run_id}")[2]

    def finish(self, run_id):
        """The status of the run once it has ended or is held."""
        return wait_until(
            lambda: (found := self.status(run_id))["status"] in (*FINAL, "held") and found, explain=self.host.log_text
        )

    def runs(self, export):
        status, _, found = self.call("GET", f"exports/{export}/runs")
        assert status == 200
        return found

    def first_run(self, export):
        """The status of the export's newest run, once there is one and it has ended."""
        return self.finish(wait_until(lambda: self.runs(export), explain=self.host.log_text)[0]["run_id"])

    def store(self):
        return RunStore(open_storage(read_settings({"AzureWebJobsStorage": self.storage.connection_string})))

    def queue(self, suffix=""):
        return QueueClient.from_connection_string(self.storage.connection_string, f"run-steps{suffix}")

    def messages_left(self, suffix=""):
        try:
            return self.queue(suffix).get_queue_properties().approximate_message_count
        except ResourceNotFoundError:
            return 0
