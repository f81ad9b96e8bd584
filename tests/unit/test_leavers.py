"""Digests of who left are the same in Python and in SQL, and a question serves whom it may serve."""

from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import pytest

from shared.mapping.fate import FATE
from shared.mapping.leavers import DigestKey, Leavers, leave_out_sql, load_leavers_sql
from shared.runs.questions import SERVES_SECONDS, Question
from shared.runs.state import Run
from shared.storage.tables import Row

KEY = DigestKey.of(bytes(range(16)))
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW = NOON.timestamp()


def run_queued(seconds=0.0, run_id="gold-1"):
    at = datetime.fromtimestamp(NOW + seconds, UTC).isoformat(timespec="milliseconds")
    return Run(run_id, "gold", "K", 12, "http", "tester", times={"queued": at})


@pytest.mark.parametrize(
    ("as_brevo_has_it", "as_we_send_it"),
    [
        ("ana@x.ro", "ana@x.ro"),
        (" Ana.Pop@X.Ro ", "ana.pop@x.ro"),
        ("o'neil+shop@x.co.uk", "o'neil+shop@x.co.uk"),
        ("ana@bücher.example.com", "ana@xn--bcher-kva.example.com"),
        ("Ana@XN--BCHER-KVA.example.com", "ana@xn--bcher-kva.example.com"),
    ],
)
def test_contact_is_left_out_however_brevo_writes_its_address(tmp_path, as_brevo_has_it, as_we_send_it):
    path = tmp_path / "leavers"
    path.write_text(f"{KEY.digest(as_brevo_has_it)}\n", encoding="ascii")
    leavers = Leavers((path,), KEY)
    with duckdb.connect(":memory:") as db:
        db.execute("CREATE TABLE chunk (fate UTINYINT, email VARCHAR)")
        contact, merged = FATE["contact"], FATE["merged"]
        rows = [(contact, as_we_send_it), (contact, f"x{as_we_send_it}"), (merged, as_we_send_it), (1, None)]
        db.executemany("INSERT INTO chunk VALUES (?, ?)", rows)
        db.execute(load_leavers_sql(leavers))
        db.execute(leave_out_sql(leavers))
        fates = [fate for (fate,) in db.execute("SELECT fate FROM chunk ORDER BY rowid").fetchall()]
    assert fates == [FATE["left_list"], contact, merged, 1]


def test_digest_depends_on_the_key_and_shows_neither_key_nor_address():
    other = DigestKey.of(bytes(16))
    assert KEY.digest("ana@x.ro") != other.digest("ana@x.ro")
    assert len(KEY.digest("ana@x.ro")) == 32
    assert KEY.text not in repr(KEY)


@pytest.mark.parametrize(
    ("question", "serves"),
    [
        (Question(), False),
        (Question(asked_at=NOW + 10), True),
        (Question(asked_at=NOW + 1), False),
        (Question(asked_at=NOW - 10), False),
        (Question(asked_at=NOW + 1, runs=("gold-1",)), True),
        (Question(asked_at=NOW + 10, answered_at=NOW + 20), True),
        (Question(asked_at=NOW - SERVES_SECONDS, runs=("gold-1",), answered_at=NOW + 30 - SERVES_SECONDS), False),
        (Question(asked_at=NOW + 86_400), False),
        (Question(asked_at=NOW + 10, answered_at=NOW + 86_400), False),
    ],
    ids=[
        "never asked",
        "asked after it",
        "asked within what two clocks differ by",
        "asked before it",
        "asked for it",
        "answered",
        "answered an hour ago",
        "asked by a wrong clock",
        "answered by a wrong clock",
    ],
)
def test_question_serves_a_run_that_was_there_when_it_was_asked(question, serves):
    assert question.serves(run_queued(), NOW + 30, NOW) is serves


def test_newer_question_serves_those_too_that_wait_for_the_older_one():
    waiting = Question(asked_at=NOW, process_id=1, runs=("silver-1",))
    newer = waiting.asked_again(NOW + 5, 2, run_queued(), has_failed=False, is_settled=False)
    assert (newer.runs, newer.process_id, newer.failed) == (("silver-1", "gold-1"), 2, 0)


def test_older_question_does_not_take_the_place_of_a_newer_one():
    newer = Question(asked_at=NOW, process_id=2, runs=("silver-1",))
    assert newer.asked_again(NOW - 5, 1, run_queued(), has_failed=False, is_settled=False) is None


def test_question_after_an_answer_is_for_its_own_run_alone_and_remembers_what_is_to_be_deleted():
    answered = Question(asked_at=NOW, process_id=1, runs=("silver-1",), answered_at=NOW + 1, leavers=3, seconds=2.0)
    newer = answered.asked_again(NOW + 5, 2, run_queued(), has_failed=False, is_settled=False)
    assert newer == Question(asked_at=NOW + 5, process_id=2, runs=("gold-1",), kept=1, seconds=2.0)


def test_answer_of_another_question_is_not_noted():
    question = Question(asked_at=NOW, process_id=2)
    assert question.answered(1, 3, NOW, NOW, "key") is None
    answered = question.answered(2, 3, NOW + 4, NOW + 4, "key")
    assert answered.leavers == 3
    assert answered.answered(2, 3, NOW + 5, NOW + 5, "key") is None


def test_time_of_an_answer_is_learned_so_that_the_scarce_looks_are_few():
    question = Question(asked_at=NOW, process_id=1).answered(1, 0, NOW + 60, NOW + 60, "key")
    assert question.seconds == 60
    again = replace(question, asked_at=NOW, answered_at=0.0)
    assert again.expected_in(NOW) == pytest.approx(60.5)
    assert again.answered(1, 0, NOW + 61, NOW + 61, "key").seconds == pytest.approx(51)
    assert again.answered(1, 0, NOW + 90, NOW + 90, "key").seconds == 90


def test_time_that_reading_an_answer_takes_is_not_taken_for_brevos():
    question = Question(asked_at=NOW, process_id=1, ready_at=NOW + 20)
    answered = question.answered(1, 0, question.ready_at, NOW + 40, "key")
    assert (answered.seconds, answered.answered_at) == (20, NOW + 40)


def test_question_is_kept_in_a_row_and_read_as_it_was():
    question = Question(asked_at=NOW, process_id=2**40, runs=("gold-1",), failed=1, leavers=3, kept=7, seconds=1.5)
    assert Question.of(Row("K", "left-12", question.values())) == question
    assert Question.of(None) == Question()
