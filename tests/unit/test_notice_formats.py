"""Each channel's form: what Teams, Slack and a webhook's receiver are sent, and that no text can become markup."""

import base64
import json
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from shared.brevo.processes import REPORT_REASONS
from shared.errors import ConfigurationError
from shared.mapping.results import NOT_SENT
from shared.notices.formats import slack_message, teams_message, webhook_message
from shared.notices.notice import Notice, sample_notice
from shared.notices.signing import signed_headers
from shared.notices.words import REASON_WORDS, run_notice
from shared.runs.counts import Counts
from shared.runs.problem import Problem
from shared.runs.state import Run

NASTY = "<!channel> *bold* [click](https://evil.example) & **x** <@U123> {{DATE(2026-11-24T05:00:00Z)}}"
NOTICE = Notice(
    event="failed",
    title=f"{NASTY}: the export failed",
    sentences=(f"Column {NASTY} is missing.", "None of the 7 customers was sent: the list is as it was."),
    advice="Correct the mapping.",
    occurred_at="2026-11-24T05:31:00.000+00:00",
    customers=7,
    facts=(("Export", NASTY), ("Code", "column_missing")),
    data={"run_id": "gold-20261124T053000-abcdef", "rows_read": 7, "code": None},
)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def card() -> dict:
    message = json.loads(teams_message(NOTICE))
    (attachment,) = message["attachments"]
    assert (message["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    return attachment["content"]


def test_teams_gets_an_adaptive_card_with_all_that_is_told():
    content = card()
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.4")
    lines = ["".join(part["text"] for part in block["inlines"]) for block in content["body"]]
    assert lines == [
        NOTICE.title,
        *NOTICE.sentences,
        "What to do: Correct the mapping.",
        f"Export: {NASTY}",
        "Code: column_missing",
    ]


def test_teams_reads_no_markdown_in_what_is_told():
    """RichTextBlock is the one text element without markdown."""
    assert {block["type"] for block in card()["body"]} == {"RichTextBlock"}
    assert {part["type"] for block in card()["body"] for part in block["inlines"]} == {"TextRun"}


def test_slack_gets_blocks_and_the_same_as_text():
    message = json.loads(slack_message(NOTICE))
    assert [block["type"] for block in message["blocks"]] == ["header", "section", "section", "section"]
    assert "What to do: Correct the mapping." in message["text"]
    assert message["blocks"][2]["text"]["text"] == "What to do: Correct the mapping."
    assert message["blocks"][3]["fields"][1]["text"] == "Code: column_missing"


def slack_texts(value):
    """(whether it is formatted, text) of each text in a message."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value.get("type", "plain_text" if value.get("mrkdwn") is False else "mrkdwn"), value["text"]
        for each in value.values():
            yield from slack_texts(each)
    if isinstance(value, list):
        for each in value:
            yield from slack_texts(each)


def test_slack_is_called_to_no_channel_by_a_name():
    found = list(slack_texts(json.loads(slack_message(NOTICE))))
    assert len(found) == 6
    for kind, text in found:
        assert kind == "plain_text"
        assert not set("<>") & set(text)
    assert "&lt;!channel&gt;" in found[0][1]
    assert "&amp; **x**" in found[0][1]


@pytest.mark.parametrize("character", ["x", "&", "é", "👋"])
def test_slack_gets_no_text_longer_than_it_takes(character):
    long = character * 40_000
    message = json.loads(
        slack_message(replace(NOTICE, title=long, sentences=(long,), advice=long, facts=(("a", long),) * 30))
    )
    header, told, advice, facts = message["blocks"]
    assert len(header["text"]["text"]) <= 150
    assert max(len(block["text"]["text"]) for block in (told, advice)) <= 3000
    assert len(facts["fields"]) == 10
    assert max(len(field["text"]) for field in facts["fields"]) <= 2000
    for _, text in slack_texts(message):
        assert text.endswith("…")
        assert "&" not in text.replace("&amp;", "")


def test_webhook_gets_the_type_the_events_time_and_the_data():
    assert json.loads(webhook_message(NOTICE)) == {
        "type": "export.failed",
        "timestamp": "2026-11-24T05:31:00.000+00:00",
        "data": {
            "title": NOTICE.title,
            "text": " ".join(NOTICE.sentences),
            "advice": "Correct the mapping.",
            "customers_affected": 7,
            "run_id": "gold-20261124T053000-abcdef",
            "rows_read": 7,
            "code": None,
        },
    }


def test_signature_is_one_that_standard_webhooks_own_library_takes():
    body = webhook_message(NOTICE)
    headers = signed_headers(SECRET, "S", "run-1-team-failed", body, time.time())
    assert Webhook(SECRET).verify(body, headers)["type"] == "export.failed"
    assert Webhook(SECRET).sign("run-1-team-failed", _moment(headers), body.decode()) == headers["webhook-signature"]


@pytest.mark.parametrize("what", ["body", "id", "secret", "old"])
def test_signature_is_for_this_message_this_time_and_this_secret_alone(what):
    body = webhook_message(NOTICE)
    headers = signed_headers(SECRET, "S", "run-1-team-failed", body, time.time() - (600 if what == "old" else 0))
    if what == "id":
        headers["webhook-id"] = "run-2-team-failed"
    other = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    with pytest.raises(WebhookVerificationError):
        Webhook(other if what == "secret" else SECRET).verify(body + b" " if what == "body" else body, headers)


def _moment(headers):
    return datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", SECRET.removeprefix("whsec_"), "whsec_short", "whsec_" + "!" * 44,
     "whsec_" + base64.b64encode(bytes(23)).decode(), "whsec_" + base64.b64encode(bytes(65)).decode()],
)  # fmt: skip
def test_secret_that_is_none_is_refused_by_the_name_of_its_setting_and_not_repeated(secret):
    with pytest.raises(ConfigurationError, match="The setting HOOK_SECRET holds no signing secret") as caught:
        signed_headers(secret, "HOOK_SECRET", "id", b"", 0)
    assert not secret or secret not in str(caught.value).replace("whsec_ and", "")


def test_sample_has_a_form_for_every_channel():
    notice = sample_notice("2026-11-24T05:31:00.000+00:00")
    assert b"Nothing has happened." in teams_message(notice)
    assert "fields" not in slack_message(notice).decode()
    assert json.loads(webhook_message(notice))["type"] == "export.test"


# The words


RUN = Run(
    run_id="gold-20261124T053000-abcdef",
    export="gold",
    key_setting="BREVO_API_KEY",
    list_id=12,
    trigger="http",
    started_by="ana.pop@example.com",
    times={"queued": "2026-11-24T05:30:00.000+00:00", "failed": "2026-11-24T05:31:00.000+00:00"},
    state="failed",
    error=Problem("list_missing", "Brevo has no list 12. Nothing was sent.", "Correct list_id in the export."),
)
SUCCESS = replace(
    RUN,
    state="succeeded_with_rejections",
    times=RUN.times | {"succeeded_with_rejections": "2026-11-24T05:40:00.000+00:00"},
    error=None,
    counts=Counts(
        rows_read=20_000,
        rows_merged=10,
        rows_rejected={"missing_email": 1_200, "invalid_email": 30},
        contacts_mapped=18_760,
        contacts_delivered=18_760,
        contacts_confirmed=18_755,
        contacts_rejected_by_brevo={"brevo_duplicate_phone": 5},
    ),
)


def test_failure_before_the_segment_was_read_says_that_nobody_was_sent():
    notice = run_notice("failed", RUN, "Gold customers", None)
    assert notice.title == "Gold customers: the export failed"
    assert notice.sentences == (
        "Brevo has no list 12. Nothing was sent.",
        "No customer of the segment was sent: the list is as it was.",
    )
    assert notice.advice == "Correct list_id in the export."
    assert notice.customers is None


def test_failure_half_way_counts_who_is_missing():
    counts = Counts(rows_read=900, contacts_mapped=800, contacts_delivered=300, contacts_confirmed=200)
    run = replace(RUN, counts=counts)
    notice = run_notice("failed", run, "Gold customers", None)
    assert notice.sentences[1] == "500 of 800 customers have not reached Brevo."
    assert notice.customers == 600


def test_failure_of_an_import_that_brevo_had_accepted_says_that_nothing_is_confirmed():
    counts = Counts(rows_read=36_000, contacts_mapped=35_572, contacts_delivered=35_572)
    overdue = Problem("import_overdue", "Brevo has not finished the import of batch 1 in 24 hours (process 78).", "")
    run = replace(RUN, state="confirming", counts=counts).failed(overdue, 0, datetime(2026, 11, 25, 5, tzinfo=UTC))
    notice = run_notice("failed", run, "Gold customers", None)
    assert notice.sentences == (
        "Brevo has not finished the import of batch 1 in 24 hours (process 78). "
        "Brevo accepted 35,572 contacts and confirmed none.",
    )
    assert notice.customers == 35_572


def test_guard_says_how_many_were_held_back():
    run = replace(RUN, counts=Counts(rows_read=800, contacts_mapped=800))
    notice = run_notice("guard", run, "Gold customers", None)
    assert notice.title == "Gold customers: the export was stopped, to be safe"
    assert notice.sentences[1] == "None of the 800 customers was sent: the list is as it was."
    assert notice.customers == 800


WHY_HELD = Problem("guard_max_shrink", "The segment has 800 contacts where the last run had 9,000.", "")


def test_held_run_says_what_it_would_send_and_how_to_decide():
    counts = Counts(
        rows_read=800, contacts_mapped=790, rows_rejected={"missing_email": 10}, contacts_left_out={"left_list": 90}
    )
    times = RUN.times | {"held": "2026-11-24T05:31:00.000+00:00"}
    held = replace(
        RUN, state="held", error=None, held_for=WHY_HELD, held_until=1795671060.0, counts=counts, times=times
    )
    notice = run_notice("held", held, "Gold customers", None)
    assert notice.title == "Gold customers: the export waits for approval"
    assert notice.sentences == (
        "The segment has 800 contacts where the last run had 9,000.",
        "The run would send 700 contacts of 800 rows: 10 rows are rejected, 90 contacts are left out.",
        "Nothing was sent: the list is as it was.",
    )
    assert notice.advice == (
        f"Until 2026-11-26 05:31 UTC, to send it: segment-export approve {RUN.run_id} · to reject it: "
        f"segment-export cancel {RUN.run_id}"
    )
    assert (notice.customers, notice.data["code"], notice.facts[2]) == (
        700,
        "guard_max_shrink",
        ("Held", "2026-11-24 05:31 UTC"),
    )


def test_held_run_that_expired_says_that_the_list_is_as_it_was():
    expired = replace(RUN, state="cancelled", held_for=WHY_HELD, error=Problem("hold_expired", "Nobody did.", ""))
    notice = run_notice("expired", replace(expired, times=RUN.times | {"cancelled": RUN.times["failed"]}), "Gold", None)
    assert notice.title == "Gold: nobody approved the export in time"
    assert notice.sentences[-1] == "Nothing was sent: the list is as it was."
    assert notice.advice == "To look again: segment-export plan gold"


def test_rejections_are_counted_and_explained():
    notice = run_notice("rejections", SUCCESS, "Gold customers", None)
    assert notice.sentences == (
        "The export went through, but 1,235 of 20,000 rows (6.2%) were left out.",
        "Why: no e-mail address (1,200); an e-mail address that cannot be right (30);"
        " a phone number that another contact at Brevo has (5).",
        "18,755 customers are in the list, confirmed by Brevo.",
    )
    assert notice.advice.endswith("segment-export rejects gold-20261124T053000-abcdef")
    assert notice.customers == 1_235


def test_recovery_says_since_when():
    notice = run_notice("recovered", SUCCESS, "Gold customers", RUN)
    assert notice.sentences == (
        "The run of 2026-11-24 05:30 UTC went through, after the one of 2026-11-24 05:30 UTC had failed.",
        "18,755 customers are in the list, confirmed by Brevo.",
        "1,235 of 20,000 rows were left out.",
    )
    assert notice.is_good


@pytest.mark.parametrize("event", ["failed", "guard", "rejections", "recovered"])
def test_who_started_the_run_is_never_told(event):
    notice = run_notice(event, RUN if event in ("failed", "guard") else SUCCESS, "Gold", RUN)
    for form in (teams_message, slack_message, webhook_message):
        assert b"ana" not in form(notice)


def test_each_reason_has_its_words():
    assert set(NOT_SENT) | set(REPORT_REASONS.values()) == set(REASON_WORDS)
