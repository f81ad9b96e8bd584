"""Older versions of the configuration, and consent that is withdrawn."""

import json

import pytest

from shared.access import AccessDenied
from shared.administration import connections, exports, history, running
from shared.administration.audit import read_audit
from shared.administration.items import ANY
from shared.runs.starting import start_due
from tests.flow.administration.people import ADMINISTRATOR, CONTRIBUTOR, code_of, connection_of, the_export, why


def versions(office):
    return history.list_versions(office.app, ADMINISTRATOR)[0]


def etag(office):
    return history.list_versions(office.app, ADMINISTRATOR)[2]


def name_of(office):
    return exports.view_export(office.app, ADMINISTRATOR, office.export_id)[0].display_name


def rename(office, name):
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, display_name=name), ANY)


def last_noted(office):
    (line, *_), _ = read_audit(office.app, ADMINISTRATOR)
    return line.what, line.target


def test_older_version_becomes_the_newest_and_the_one_before_is_kept(office):
    rename(office, "Second")
    rename(office, "Third")
    (before_third, before_second) = versions(office)
    restored, new_etag = history.restore_version(office.app, ADMINISTRATOR, before_second.version, etag(office))
    assert (restored.exports, restored.connections, restored.consent_missing) == (1, 1, [])
    assert name_of(office) == "Gold customers"
    assert new_etag == etag(office)
    assert last_noted(office) == ("restore configuration", before_second.version)
    newest = versions(office)[0]
    assert newest.what == f"restore version {before_second.version}"
    history.restore_version(office.app, ADMINISTRATOR, newest.version, ANY)
    assert name_of(office) == "Third"
    assert before_third.version in {each.version for each in versions(office)}


def test_restoring_tells_what_it_takes_back(office):
    rename(office, "Second")
    exports.save_export(office.app, ADMINISTRATOR, the_export(office, id="silver"), None)
    before, *_ = versions(office)
    exports.remove_export(office.app, ADMINISTRATOR, "silver", ANY)
    without, *_ = versions(office)

    def taken_back(version):
        return history.restore_version(office.app, ADMINISTRATOR, version, ANY)[0].taken_back

    assert taken_back(without.version) == ["export silver: is back"]
    assert taken_back(before.version) == ["export silver: is gone"]
    (*_, first) = versions(office)
    assert taken_back(first.version) == [f"export {office.export_id}: is as it was (display_name)"]


def test_stale_etag_or_unknown_version_restores_nothing(office):
    seen = etag(office)
    rename(office, "Second")
    (version,) = versions(office)
    assert code_of(history.restore_version, office.app, ADMINISTRATOR, version.version, seen) == "changed_meanwhile"
    for name in ("nothing", "../../exports", ""):
        assert code_of(history.restore_version, office.app, ADMINISTRATOR, name, ANY) == "version_unknown"
    assert name_of(office) == "Second"


def test_only_an_administrator_restores(office):
    rename(office, "Second")
    with pytest.raises(AccessDenied):
        history.restore_version(office.app, CONTRIBUTOR, versions(office)[0].version, ANY)


def test_restoring_runs_nothing(office):
    exports.detach_export(office.app, ADMINISTRATOR, office.export_id)
    office.segment("CustomerId,EMail\n3,eva@example.com\n", refresh="2026/11/25/0500")
    history.restore_version(office.app, ADMINISTRATOR, versions(office)[0].version, ANY)
    assert why(office) == "snapshot_not_run"
    start_due(office.app)
    assert not list(office.app.store.latest(office.export_id, 1))


def test_restoring_does_not_give_back_consent_that_was_withdrawn(office):
    connections.disconnect(office.app, ADMINISTRATOR, "brevo-eu", ANY)
    restored, _ = history.restore_version(office.app, ADMINISTRATOR, versions(office)[0].version, ANY)
    assert restored.consent_missing == ["brevo-eu"]
    assert connections.view_connection(office.app, ADMINISTRATOR, "brevo-eu")[0].consent is None


def test_restoring_another_key_does_not_take_over_the_consent_for_it(office):
    draft = connection_of(office, api_key={"setting": "OTHER_KEY"}, consent=None)
    connections.save_connection(office.app, ADMINISTRATOR, draft, ANY)
    connections.save_connection(office.app, ADMINISTRATOR, connection_of(office), ANY)
    other = versions(office)[0]
    restored, _ = history.restore_version(office.app, ADMINISTRATOR, other.version, ANY)
    assert restored.consent_missing == ["brevo-eu"]


def test_local_configuration_has_no_version_to_restore(flow):
    assert code_of(history.restore_version, flow.app, ADMINISTRATOR, "x", ANY) == "configuration_read_only"


def test_versions_come_in_pages(office):
    for number in range(3):
        rename(office, f"Name {number}")
    page, after, _ = history.list_versions(office.app, ADMINISTRATOR, limit=2)
    rest, last, _ = history.list_versions(office.app, ADMINISTRATOR, limit=2, after=after)
    assert [*page, *rest] == versions(office)
    assert last == ""


# A configuration that cannot be read


NO_JSON = b'{"connections": ['


def write(office, data):
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), data)


@pytest.mark.parametrize("broken", [NO_JSON, b"\xff\xfe", b"[]", b'{"exports": 7}', b" " * 4_000_001])
def test_configuration_that_cannot_be_read_is_repaired_by_restoring_a_version(office, broken):
    rename(office, "Second")
    write(office, broken)
    (version,) = versions(office)
    restored, new_etag = history.restore_version(office.app, ADMINISTRATOR, version.version, etag(office))
    assert (restored.exports, restored.connections) == (1, 1)
    assert name_of(office) == "Gold customers"
    assert new_etag == etag(office)
    assert code_of(history.restore_version, office.app, ADMINISTRATOR, versions(office)[0].version, ANY) in (
        "configuration_invalid",
        "configuration_too_large",
    ), "what was broken is kept to look at, and is not put back"


def test_consent_of_a_configuration_that_is_no_json_is_to_be_given_again(office):
    rename(office, "Second")
    write(office, NO_JSON)
    restored, _ = history.restore_version(office.app, ADMINISTRATOR, versions(office)[0].version, ANY)
    assert restored.consent_missing == ["brevo-eu"]
    assert connections.view_connection(office.app, ADMINISTRATOR, "brevo-eu")[0].consent is None


def test_consent_is_kept_where_another_part_of_the_configuration_is_wrong(office):
    rename(office, "Second")
    document = {"connections": office.connections, "exports": [{**office.export, "colour": "red"}]}
    write(office, json.dumps(document).encode())
    restored, _ = history.restore_version(office.app, ADMINISTRATOR, versions(office)[0].version, ANY)
    assert restored.consent_missing == []


def test_broken_configuration_that_somebody_has_changed_meanwhile_is_not_replaced(office):
    rename(office, "Second")
    write(office, NO_JSON)
    seen = etag(office)
    write(office, NO_JSON + b" ")
    version = versions(office)[0].version
    assert code_of(history.restore_version, office.app, ADMINISTRATOR, version, seen) == "changed_meanwhile"


def test_terminal_lists_and_restores_while_the_configuration_is_no_json(office, typed):
    rename(office, "Second")
    write(office, NO_JSON)
    status, text, errors = typed("history")
    assert (status, errors.startswith("etag ")) == (0, True)
    status, text, _ = typed("history", "--restore", text.splitlines()[1].split()[-1])
    assert (status, "without consent: segment-export connect brevo-eu" in text) == (0, True)


# Consent


def test_disconnecting_withdraws_consent_and_says_what_stops(office):
    exports.duplicate_export(office.app, ADMINISTRATOR, office.export_id, "copy")
    run_id = running.start_export(office.app, ADMINISTRATOR, office.export_id, "http").run_id
    done, new_etag = connections.disconnect(office.app, ADMINISTRATOR, "brevo-eu", None)
    assert done == connections.Disconnected("brevo-eu", True, [office.export_id, "copy"], [run_id])
    assert new_etag == connections.view_connection(office.app, ADMINISTRATOR, "brevo-eu")[1]
    assert last_noted(office) == ("withdraw consent", "brevo-eu")
    assert office.finish(run_id)["error"]["code"] == "consent_missing"
    assert office.nothing_was_sent()
    assert why(office) == "consent_withdrawn"


def test_disconnecting_again_changes_nothing_and_says_so(office):
    connections.disconnect(office.app, ADMINISTRATOR, "brevo-eu", None)
    before = len(versions(office))
    done, _ = connections.disconnect(office.app, ADMINISTRATOR, "brevo-eu", None)
    assert (done.was_connected, done.runs) == (False, [])
    assert len(versions(office)) == before


def test_disconnecting_takes_an_administrator_and_the_etag_that_is_there(office):
    with pytest.raises(AccessDenied):
        connections.disconnect(office.app, CONTRIBUTOR, "brevo-eu", None)
    assert code_of(connections.disconnect, office.app, ADMINISTRATOR, "nowhere", None) == "connection_unknown"
    assert code_of(connections.disconnect, office.app, ADMINISTRATOR, "brevo-eu", "stale") == "changed_meanwhile"
    assert connections.view_connection(office.app, ADMINISTRATOR, "brevo-eu")[0].consent is not None


def test_terminal_disconnects_and_restores(office, typed):
    name = office.export_id
    status, text, _ = typed("disconnect", "brevo-eu")
    assert (status, f"export  {name}" in text) == (0, True)
    assert typed("disconnect", "brevo-eu")[1].startswith("brevo-eu: it had no consent")
    assert typed("connect", "brevo-eu", "--agree", "Ana")[0] == 0
    typed("export", "detach", name)
    _, text, errors = typed("history")
    version = text.splitlines()[1].split()[-1]
    assert typed("history", "--restore", version, "--if-match", "stale")[0] == 2
    status, text, _ = typed("history", "--restore", version, "--if-match", errors.split()[-1])
    assert (status, text) == (
        0,
        f"version {version} is back: 1 connection, 1 export; nothing runs\n"
        f"  export {name}: is as it was (connection)\n",
    )
    assert json.loads(typed("export", "show", name)[1])["connection"] == "brevo-eu"
    assert json.loads(typed("history", "--json")[1])[0].keys() == {"version", "at", "who", "what", "version_before"}
    status, text, _ = typed("history", "--restore", versions(office)[-1].version)
    assert (status, "without consent" in text) == (0, False), "the consent of now is kept"
