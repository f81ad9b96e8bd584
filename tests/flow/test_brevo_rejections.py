"""What Brevo rejects or fails after it has taken an import."""

import pytest

from shared.runs.steps.dispatch import take_step
from tests.flow.gold_file import HEAD, TWO


@pytest.mark.parametrize("form", ["url", "urls", "counts"])
def test_contacts_that_brevo_rejects_are_told_with_segment_file_and_line(flow, form, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("max"))
    flow.sandbox.change(report_form=form)
    flow.change(mapping={"email": "EMail", "phone": "P"}, segments=["Gold", "Silver"])
    flow.segment("CustomerId,EMail,P\nC-1,ana@example.com,0733123456\nC-2,ion@example.com,\n")
    flow.segment("CustomerId,EMail,P\nC-3,eva@example.com,\n\nC-4,max@example.com,0722 123 456\n", name="Silver")
    status = flow.run()
    assert status["status"] == "succeeded_with_rejections"
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    assert (status["contacts_delivered"], status["contacts_confirmed"]) == (4, 3)
    rows = flow.rejects(status["run_id"])
    if form == "counts":
        assert rows == []
    else:
        [row] = rows
        assert (row["segment"], row["file"], row["line"], row["reason"], row["customer_id"]) == (
            "Silver", "Silver_1.csv", "4", "brevo_invalid_email", "C-4",
        )  # fmt: skip
        assert len(row["email_sha256"]) == 64
    assert "example.com" not in str(rows)
    assert "/reports/" not in str(status)


def test_address_that_only_brevo_refuses_is_told_with_its_place(flow, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("refused"))
    flow.segment(
        HEAD + "C-1,ana@example.com,Ana\n" + 'C-2,refused@example.com,"R\n"\n' + "C-3,refused2@example.com,X\n"
    )
    status = flow.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 2}
    assert flow.places(status["run_id"]) == [
        ("Gold_1.csv", 3, "brevo_invalid_email"),
        ("Gold_1.csv", 5, "brevo_invalid_email"),
    ]


def test_address_that_brevo_reports_with_its_domains_own_letters_is_found(flow, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("ana"))
    rows = [["EMAIL"], ["Ana@B\u00dcCHER.com"]]
    monkeypatch.setattr("shared.brevo.rejections.read_report", lambda *_: iter(rows))
    flow.segment(HEAD + "C-1,ana@b\u00fccher.com,Ana\nC-2,ion@example.com,Ion\n")
    status = flow.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    assert flow.places(status["run_id"]) == [("Gold_1.csv", 2, "brevo_invalid_email")]
    assert status["notes"] == []


def test_customer_id_with_a_line_break_moves_no_other_customers_place(flow, monkeypatch):
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("refused"))
    flow.segment(HEAD + '"C\n1",ana@example.com,Ana\n" C-2 ",refused@example.com,R\n')
    status = flow.run()
    [row] = flow.rejects(status["run_id"])
    assert (row["line"], row["customer_id"]) == ("4", "C-2")


def test_import_that_brevo_fails_twice_fails_the_run(flow):
    flow.sandbox.fail_next("POST /contacts/import", "import-failed", times=2)
    flow.segment(TWO)
    status = flow.run()
    assert (status["status"], status["error"]["code"]) == ("failed", "import_failed")
    assert "process" in status["error"]["message"]
    assert "Brevo accepted 2 contacts and confirmed none." in status["error"]["message"]


def test_import_that_brevo_fails_once_is_sent_again(flow):
    flow.sandbox.fail_next("POST /contacts/import", "import-failed")
    flow.segment(TWO)
    status = flow.run()
    assert status["status"] == "succeeded"
    assert set(flow.sent()) == {"ana@example.com", "ion@example.com"}


def test_staged_body_that_is_gone_fails_the_run_and_is_told(flow):
    flow.segment(TWO)
    started = flow.start()
    take_step(flow.app, f'{{"run": "{started.run_id}", "step": "stage"}}')
    flow.app.storage.app_blobs.delete_below("staged", started.run_id)
    status = flow.finish(started.run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "body_missing")
    assert "The staged body of batch 1 is gone. Nothing was sent." in status["error"]["message"]
    assert status["error"]["advice"].startswith("Run the export again. It is tried again by itself after ")
    assert flow.nothing_was_sent()
