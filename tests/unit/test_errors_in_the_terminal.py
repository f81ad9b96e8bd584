"""An error in the terminal: a line for each fault, its advice, and no words of the API."""

import re
from pathlib import Path

import click
import pytest

from shared.administration.items import InvalidInput, check_expected
from shared.cli.errors import error_lines, in_terminal
from shared.cli.program import program
from shared.config.models import Connection
from shared.errors import ConfigurationError
from shared.settings import read_secret

ERRORS = Path(__file__).parents[2] / "docs" / "errors.md"
CONTEXT = click.Context(program)
# Raised by the API alone.
OF_THE_API = ("if_match_missing", "report_in_parts")
CONNECTION = Connection.model_validate({"id": "b", "display_name": "B", "api_key": {"setting": "KEY"}})


def test_several_faults_have_a_line_each_and_their_advice_comes_last():
    lines = error_lines(InvalidInput(["list_id: Brevo has no list 7", "segments: is missing; add it"]), CONTEXT)
    assert lines == [
        "list_id: Brevo has no list 7",
        "segments: is missing; add it",
        "Correct it; nothing was changed.",
    ]


def test_one_fault_is_one_line_with_its_advice():
    assert error_lines(InvalidInput(["body: is not a JSON object"]), CONTEXT) == [
        "file: is not a JSON object. Correct it; nothing was changed."
    ]


@pytest.mark.parametrize("expected", [None, "another"])
def test_etag_is_named_as_the_option(expected):
    with pytest.raises(ConfigurationError) as raised:
        check_expected("connection b", CONNECTION, expected)
    (line,) = error_lines(raised.value, CONTEXT)
    assert "--if-match" in line
    assert "If-Match" not in line


def test_no_sentence_has_words_of_the_api():
    rows = [row for row in ERRORS.read_text().splitlines() if row.startswith("| `")]
    assert len(rows) > 100
    ours = [in_terminal(row) for row in rows if not row.startswith(tuple(f"| `{code}`" for code in OF_THE_API))]
    assert [row for row in ours if re.search(r"If-Match|(GET|PUT|POST|DELETE) /|\?part=", row)] == []


def test_setting_that_is_not_there_has_the_nearest_one_beside_it():
    with pytest.raises(ConfigurationError, match=r"BREVO_API_KEY is not set \(did you mean BREVO_APIKEY\?\)"):
        read_secret("BREVO_API_KEY", environment={"BREVO_APIKEY": "x", "PATH": "y"})


def test_setting_of_another_receiver_or_account_is_not_proposed():
    """Who followed that would post to somebody else."""
    with pytest.raises(ConfigurationError) as caught:
        read_secret("TEAMS_WEBHOOK_URL", environment={"SLACK_WEBHOOK_URL": "https://hooks.slack.example/x"})
    assert "did you mean" not in str(caught.value)
