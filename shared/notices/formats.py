"""The forms that channels take. What stands in a text is shown as it is: no name or error can become markup."""

import json
from typing import Any

from shared.notices.notice import Notice

_TO_DO = "What to do"
# Slack refuses a message with a longer text. https://docs.slack.dev/reference/block-kit/blocks (November 2026)
_LONGEST_SLACK_TITLE, _LONGEST_SLACK_TEXT, _MOST_SLACK_FIELDS = 150, 3000, 10
_LONGEST_SLACK_FIELD = 2000


def teams_message(notice: Notice) -> bytes:
    """An Adaptive Card in the message that a workflow takes ("When a Teams webhook request is received").

    Texts stand in RichTextBlocks: a TextBlock or FactSet would read markdown in them.
    Source: https://learn.microsoft.com/connectors/teams/#microsoft-teams-webhook,
    https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features
    """
    colour = "Good" if notice.is_good else "Attention"
    body = [
        _block(_run(notice.title, size="Large", weight="Bolder", color=colour)),
        *(_block(_run(sentence)) for sentence in notice.sentences),
        _block(_run(f"{_TO_DO}: ", weight="Bolder"), _run(notice.advice)),
        *(_block(_run(f"{label}: ", isSubtle=True), _run(value)) for label, value in notice.facts),
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": notice.title,
        "msteams": {"width": "Full"},
        "body": body,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return _json({"type": "message", "attachments": [attachment]})


def slack_message(notice: Notice) -> bytes:
    """Blocks, and the same as text for where blocks are not shown.

    Only `mrkdwn` texts are formatted, and none is: `<!channel>` in a name calls nobody.
    Source: https://docs.slack.dev/messaging/formatting-message-text (escaping)
    """
    all_sentences = " ".join(notice.sentences)
    to_do = f"{_TO_DO}: {notice.advice}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(notice.title, _LONGEST_SLACK_TITLE)},
        {"type": "section", "text": _plain(all_sentences, _LONGEST_SLACK_TEXT)},
        {"type": "section", "text": _plain(to_do, _LONGEST_SLACK_TEXT)},
    ]
    if notice.facts:
        fields = [_plain(f"{label}: {value}", _LONGEST_SLACK_FIELD) for label, value in notice.facts]
        blocks.append({"type": "section", "fields": fields[:_MOST_SLACK_FIELDS]})
    text = _escaped(f"{notice.title}. {all_sentences} {to_do}", _LONGEST_SLACK_TEXT)
    return _json({"text": text, "mrkdwn": False, "blocks": blocks})


def webhook_message(notice: Notice) -> bytes:
    """`type`, `timestamp` (of the event) and `data`, as Standard Webhooks recommends; without spaces, as it is signed.

    Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    data = {
        "title": notice.title,
        "text": " ".join(notice.sentences),
        "advice": notice.advice,
        "customers_affected": notice.customers,
        **notice.data,
    }
    return _json({"type": f"export.{notice.event}", "timestamp": notice.occurred_at, "data": data})


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}


def _block(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _plain(text: str, longest: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escaped(text, longest), "emoji": False}


def _escaped(text: str, longest: int) -> str:
    """Slack's three control characters as entities; what is too long ends with an ellipsis, in no entity's midst."""
    found: list[str] = []
    length = 0
    for character in text:
        entity = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character)
        if length + len(entity) > longest - 1:
            return "".join(found) + "…"
        found.append(entity)
        length += len(entity)
    return "".join(found)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
