"""Who administers, and what they administer."""

import json

import pytest
from click.shell_completion import ShellComplete

from shared.access import Caller
from shared.administration import connections, exports
from shared.administration.items import ANY
from shared.cli.program import program
from shared.config.models import Connection, Export
from shared.errors import ConfigurationError

ADMINISTRATOR = Caller("function key", "administrator")
CONTRIBUTOR = Caller("user 1", "contributor")
VIEWER = Caller("user 2", "viewer")
CSV = "CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n2,ben@example.com,Ben\n"


def the_export(office, **changes):
    return Export.model_validate({**office.export, **changes})


def connection_of(office, **changes):
    return Connection.model_validate({**office.connection, **changes})


def share(office, *roles):
    changed = connection_of(office, available_to=["administrator", *roles])
    connections.save_connection(office.app, ADMINISTRATOR, changed, ANY)


def why(office):
    (found,) = exports.list_exports(office.app, ADMINISTRATOR, search=office.export_id)
    return found.why_not_running and found.why_not_running.code


def code_of(call, *arguments, **more):
    with pytest.raises(ConfigurationError) as caught:
        call(*arguments, **more)
    return caught.value.code


def completed(*words):
    """What the last word can become by the Tab key."""
    completion = ShellComplete(program, {}, "segment-export", "_SEGMENT_EXPORT_COMPLETE")
    return [each.value for each in completion.get_completions(list(words[:-1]), words[-1])]


def notified(office, *exports_told):
    """Puts a notification for these exports beside the connections and exports."""
    team = {"id": "team", "type": "slack", "url": {"setting": "SLACK_URL"}, "exports": [*exports_told]}
    everybody = {"id": "everybody", "type": "teams", "url": {"setting": "TEAMS_URL"}}
    document = office.app.configuration.read().model_dump(mode="json", exclude_unset=True)
    location = office.app.settings.export_config.split("/")
    written = json.dumps(document | {"notifications": [team, everybody]}).encode()
    office.app.storage.app_blobs.write(*location, written)
