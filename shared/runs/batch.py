"""The life of a batch: every state, and every way from one to the next, as in `state.py`.

| batch | becomes | when |
|---|---|---|
| - | staged | its body is written: at the run's staging, or once all others are confirmed and contacts of theirs move |
| staged, delivering (owner lost) | delivering | a worker claims it; posts + 1 |
| delivering | delivered | Brevo has given its import a number |
| delivering | staged, not before a time | the post has failed |
| delivered | confirmed | its import is completed and its reports are read; the contacts that move are written down |
| delivered | staged, failed | its import has failed: once, twice |
| delivering, delivered | splitting | it is a file that Brevo has refused, or could not import |
| staged, never posted | splitting | it is a file, and another one of the run could not be imported |
| splitting | split | batches with bodies have taken its place |

Every method is pure: it returns what the batch then is, or None where it does not apply.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Self

from shared.runs.graces import CLAIM_AHEAD_SECONDS, WAIT_AHEAD_SECONDS, Graces, lies_ahead

BatchState = Literal["staged", "delivering", "delivered", "confirmed", "failed", "splitting", "split"]
DELIVERABLE: frozenset[BatchState] = frozenset(("staged", "delivering"))
OPEN: frozenset[BatchState] = frozenset(("delivered",))
UNSETTLED: frozenset[BatchState] = DELIVERABLE | OPEN | {"failed", "splitting"}
SPLIT: frozenset[BatchState] = frozenset(("splitting", "split"))


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of a run. `number` counts from 1; `owner_until`, `not_before` and `posted_at` are POSIX seconds.

    `posts` is how often it may have reached Brevo: each time that a worker sets out to post it, and each repeat.
    `moved` counts the contacts that Brevo rejected for a number of another contact's: they are sent once more without
    it, in a last batch, which `holds_moved`. `moved_id` names the blob with them. `is_unlisted`: at the last poll Brevo
    did not list its process. `by_file`: its body is a file, which Brevo fetches. `was_in_file`: it
    has taken the place of a file, with others, and Brevo may have its contacts from there.
    """

    run_id: str
    staging_id: str
    number: int
    contacts: int
    body_bytes: int
    state: BatchState = "staged"
    owner: str = ""
    owner_until: float = 0.0
    not_before: float = 0.0
    process_id: int = 0
    posted_at: float = 0.0
    posts: int = 0
    sent_again: int = 0
    called_back: bool = False
    polls: int = 0
    report_tries: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    note: str = ""
    moved: int = 0
    moved_id: str = ""
    holds_moved: bool = False
    is_unlisted: bool = False
    by_file: bool = False
    was_in_file: bool = False
    etag: str | None = None

    @property
    def staging(self) -> str:
        """The path of its staging's blobs in the container of staged bodies."""
        return f"{self.run_id}/{self.staging_id}"

    @property
    def is_over(self) -> bool:
        """True once the import that Brevo was given for this batch is over."""
        return self.state in {"confirmed", "failed", *SPLIT} or (self.state == "delivered" and self.called_back)

    @property
    def is_settled(self) -> bool:
        """True once nothing more is to be done for it: it is confirmed, or others have taken its place."""
        return self.state not in UNSETTLED

    @property
    def needs_no_slot(self) -> bool:
        """True once Brevo has no import of this batch open any more, as far as is known."""
        return self.is_over and not self.has_lost_import

    @property
    def has_lost_import(self) -> bool:
        """True where a post was repeated since its answer was lost: Brevo may have an import of unknown number."""
        known = self.sent_again + (self.state not in SPLIT)
        return self.state not in DELIVERABLE and self.posts > known

    @property
    def may_be_open(self) -> bool:
        """True where Brevo may still work on an import of this batch, as far as is known."""
        return self.is_unanswered or self.has_lost_import or (self.state == "delivered" and not self.called_back)

    @property
    def is_unanswered(self) -> bool:
        """True where it was posted, and nobody knows whether Brevo has it: an import that failed is known."""
        return self.state in DELIVERABLE and self.posts > self.sent_again

    @property
    def may_be_there(self) -> bool:
        """True where Brevo may have some of what is to be sent: it is unanswered, or its import has failed."""
        return self.state in {*DELIVERABLE, "splitting"} and (self.posts > 0 or self.was_in_file)

    def is_owned(self, now: datetime) -> bool:
        """True while a live worker posts the batch."""
        return self.state == "delivering" and lies_ahead(self.owner_until, now.timestamp(), CLAIM_AHEAD_SECONDS)

    def is_ready(self, now: datetime) -> bool:
        """True where it is to be sent and nobody has it: its own retry goes first, until `not_before`."""
        if self.state == "staged":
            return not lies_ahead(self.not_before, now.timestamp(), WAIT_AHEAD_SECONDS)
        return self.state == "delivering" and not self.is_owned(now)

    def delivering_by(self, owner: str, now: datetime, graces: Graces) -> Self | None:
        """Claimed to be posted: as staged, or after its worker was lost."""
        if self.state not in DELIVERABLE or self.is_owned(now):
            return None
        until = now.timestamp() + graces.post_claim
        return replace(
            self, state="delivering", owner=owner, owner_until=until, posts=self.posts + 1, called_back=False
        )

    def renewed(self, owner: str, now: datetime, graces: Graces) -> Self | None:
        """The claim goes on."""
        return replace(self, owner_until=now.timestamp() + graces.post_claim) if self.owner == owner else None

    def given_back(self, owner: str, not_before: float, *, may_be_there: bool) -> Self | None:
        """The post has failed, or Brevo may have it. Others send it only where its own retry is overdue."""
        if self.owner != owner:
            return None
        posts = self.posts if may_be_there else self.posts - 1
        return replace(self, state="staged", owner="", owner_until=0.0, not_before=not_before, posts=posts)

    def delivered(self, owner: str, process_id: int, repeats: int, now: datetime) -> Self | None:
        """Brevo has taken it. `repeats`: how often the session has posted it again within this post.

        Not where another worker has sent the same body as well, and records its own process.
        """
        if self.state != "delivering" or self.owner not in (owner, ""):
            return None
        return replace(
            self,
            state="delivered",
            process_id=process_id,
            posted_at=now.timestamp(),
            posts=self.posts + repeats,
            # A call-back that has come already may tell of the import whose answer was lost.
            called_back=self.called_back and not repeats,
            owner="",
            owner_until=0.0,
            polls=0,
            is_unlisted=False,
        )

    def import_finished(self) -> Self | None:
        """Brevo has called back. Of a batch that was posted twice nobody can say which import it means."""
        is_known = self.posts <= 1 and self.state in ("delivering", "delivered")
        return replace(self, called_back=True) if is_known else None

    def polled(self, process_id: int, *, is_listed: bool) -> Self | None:
        """This import was polled, and is still open, or Brevo does not list it."""
        return replace(self, polls=self.polls + 1, is_unlisted=not is_listed) if self._is_open(process_id) else None

    def report_failed(self, process_id: int) -> Self | None:
        """This import's report could not be read; it is read again."""
        return replace(self, report_tries=self.report_tries + 1) if self._is_open(process_id) else None

    def confirmed(
        self, process_id: int, rejected: dict[str, int], note: str, moved: int = 0, moved_id: str = ""
    ) -> Self | None:
        """This import is completed, and what Brevo rejected is known, or the note says that it is not.

        Contacts that move count neither here nor as rejected: their last batch says what becomes of them.
        """
        if not self._is_open(process_id):
            return None
        return replace(self, state="confirmed", rejected=rejected, note=note, moved=moved, moved_id=moved_id)

    def import_failed(self, process_id: int, note: str = "") -> Self | None:
        """This import has failed: the batch is sent again once; the second time it has failed.

        `note` is what Brevo says about why.
        """
        if not self._is_open(process_id):
            return None
        if self.sent_again:
            return replace(self, state="failed", note=note)
        again = self.sent_again + 1
        return replace(self, state="staged", process_id=0, sent_again=again, called_back=False, not_before=0.0)

    def refused(self, owner: str, repeats: int) -> Self | None:
        """Brevo has refused the file. `repeats`: how often it was posted before that, and Brevo may have it."""
        if not self.by_file or self.state != "delivering" or self.owner != owner:
            return None
        return replace(self, state="splitting", posts=self.posts - 1 + repeats, owner="", owner_until=0.0)

    def file_failed(self, process_id: int) -> Self | None:
        """This import of the file has failed."""
        if not self.by_file or not self._is_open(process_id):
            return None
        return replace(self, state="splitting", sent_again=self.sent_again + 1)

    def passed_over(self) -> Self | None:
        """Another file of the run could not be imported: this one, which was never posted, is not tried."""
        return replace(self, state="splitting") if self.by_file and self.state == "staged" and not self.posts else None

    def split(self) -> Self | None:
        """Others have taken its place."""
        return replace(self, state="split") if self.state == "splitting" else None

    def in_its_place(self, number: int, contacts: int, body_bytes: int) -> Self:
        """One of those: where the file was posted, Brevo may have a part of it."""
        of = self.run_id, self.staging_id
        return type(self)(*of, number, contacts, body_bytes, was_in_file=self.posts > 0)

    def _is_open(self, process_id: int) -> bool:
        return self.state == "delivered" and self.process_id == process_id
