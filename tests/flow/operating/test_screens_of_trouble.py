"""What stands on a terminal of 80 and 120 columns when something is wrong, open or held: nothing wraps by accident."""

import pytest

from shared.runs.status import find_run
from tests.flow.operating.night import HOUR, PEOPLE
from tests.flow.operating.screens import WIDTHS
from tests.flow.operating.tools import ANA, HEAD


def as_text(lines):
    return " ".join(" ".join(lines).split())


@pytest.fixture
def stuck(night):
    """A run whose import Brevo never ends: its id."""
    night.flow.sandbox.fail_next("POST /contacts/import", "import-stuck")
    night.flow.segment(PEOPLE)
    run_id = night.flow.start().run_id
    night.flow.work_until(lambda: find_run(night.flow.app, run_id).state == "confirming")
    return run_id


@WIDTHS
def test_open_run_whose_check_is_overdue_fits_and_so_does_what_doctor_says(columns, night, stuck, typed_at):
    shown, _ = typed_at("status", stuck)
    assert any("next check at" in line for line in shown)
    night.skip(HOUR)
    for words in (("status", stuck), ("status",), ("exports",), ("runs", night.flow.export_id), ("doctor",)):
        shown, _ = typed_at(*words)
    text = as_text(shown)
    assert "Its next check is overdue since" in text
    assert f"Nothing drives {stuck}" in text
    assert "Brevo has worked for 1 h on the process" in text


@WIDTHS
def test_cancelled_run_that_leaves_an_import_fits(columns, night, stuck, typed_at):
    typed_at("cancel", stuck)
    typed_at("exports")
    shown, _ = typed_at("doctor")
    text = as_text(shown)
    assert "a slot stays taken until Brevo has ended it, at the latest until" in text
    assert "The next runs wait for the import" in text


@WIDTHS
def test_held_run_fits_until_it_is_rejected_and_after(columns, night, typed_at):
    night.change(max_profiles=1)
    night.flow.segment(PEOPLE)
    typed_at("run", night.flow.export_id, "--wait")
    shown, _ = typed_at("status")
    assert "held: The segment has 10 cont" in shown[-1]
    for words in (("status", night.flow.export_id), ("exports",), ("doctor",), ("cancel", night.flow.export_id)):
        typed_at(*words)
    shown, errors = typed_at("exports")
    text = as_text([*shown, *errors])
    assert "to reject it: segment-export cancel" in text
    assert f"To look at it again: segment-export plan {night.flow.export_id}" in text


@WIDTHS
def test_segment_that_is_not_there_and_settings_that_are_lost_fit(columns, night, typed_at, monkeypatch):
    night.flow.segment(HEAD, name="Silver")
    typed_at("run", night.flow.export_id, "--wait")
    typed_at("exports")
    monkeypatch.delenv("APP_SECRET")
    monkeypatch.delenv(night.flow.account)
    monkeypatch.setenv("EXPORT_SCHEDULE", "*/5 * * * *")
    shown, _ = typed_at("doctor", "--verbose")
    text = as_text(shown)
    assert "To see what is in storage: segment-export segments" in text
    assert "The setting APP_SECRET is not set." in text


@WIDTHS
def test_what_an_account_and_storage_have_fits(columns, night, typed_at):
    night.flow.segment(f"{HEAD}1,{ANA},Ana\n")
    for words in (("segments",), ("lists", "brevo-eu"), ("attributes", "brevo-eu"), ("connect", "brevo-eu")):
        assert typed_at(*words)[0]
    typed_at("preview", night.flow.export_id)
    typed_at("plan", night.flow.export_id, "--wait")
    typed_at("why", night.flow.export_id, ANA)
    typed_at("trial", night.flow.export_id, "--list", "12")


@WIDTHS
def test_doctor_without_storage_fits(columns, typed_at, monkeypatch, tmp_path):
    monkeypatch.setenv("EXPORT_CONFIG", str(tmp_path / "none.json"))
    for setting in ("UseDevelopmentStorage=true;", "nonsense", ""):
        monkeypatch.setenv("AzureWebJobsStorage", setting.replace("UseDevelopmentStorage=true;", refused()))
        shown, _ = typed_at("doctor")
    assert "Storage did not answer for queue run-steps." in as_text(shown)


def refused():
    """Storage at a port where nothing listens."""
    url = "http://127.0.0.1:9/app"
    return f"AccountName=app;AccountKey=c2VjcmV0;BlobEndpoint={url};QueueEndpoint={url};TableEndpoint={url}"
