"""Why a person is not in the list: a verdict for each case, its evidence with file and line, and what to do."""

import hashlib
import unicodedata

import pytest

from shared.access import AccessDenied, Caller
from shared.brevo.single_contacts import delete_single, take_out_of_list
from shared.errors import ConfigurationError
from shared.operating.person import person_of
from shared.operating.why import why
from shared.runs.starting import start_run
from shared.runs.status import find_run
from shared.runs.steps import stop
from shared.staging.rejected import REJECTED
from tests.flow.operating.persons import BEN, SEGMENT, answered, brevo
from tests.flow.operating.tools import ANA, HEAD
from tests.flow.trials import run_trial, with_list

LATER = "2026/11/25/0500"


def evidence(answer):
    return "\n".join(answer.evidence)


def test_person_in_the_list_is_in_it_with_segment_file_line_and_customer(flow):
    flow.segment(SEGMENT)
    run_id = flow.run()["run_id"]
    answer = answered(flow)
    assert (answer.verdict, answer.list_id, answer.reason) == ("in_list", 12, None)
    assert "Gold 2026/11/24/0500" in answer.evidence[0]
    assert "segment Gold, file Gold_1.csv, line 2, customer C-1: a run sends this row" in answer.evidence[0]
    assert f"Run {run_id} is succeeded" in answer.evidence[1]
    assert "with the newest snapshot" in answer.evidence[1]
    assert "none of its rejected rows has this address" in answer.evidence[2]
    assert f"contact {flow.sandbox.account.contacts[ANA].id}, in list 12" in answer.evidence[3]


@pytest.mark.parametrize("typed", ["  Ana.Pop@Example.COM \n", "ANA.POP@EXAMPLE.COM", "\tana.pop@example.com"])
def test_spaces_and_case_of_what_is_typed_do_not_matter(flow, typed):
    flow.segment(f"{HEAD}C-1,  Ana.POP@example.com ,Ana\n")
    flow.run()
    assert answered(flow, typed).verdict == "in_list"


def test_person_without_a_row_is_not_in_the_segment_whoever_is_named_alike(flow):
    flow.segment(f"{HEAD}C-3,mariana.pop@example.com,{ANA}\nC-4,ana.pop@example.com.ro,X\n")
    flow.run()
    answer = answered(flow)
    assert answer.verdict == "not_in_segment"
    assert "no row has this address in 1 file" in evidence(answer)
    assert "Brevo has no contact with this address" in evidence(answer)


def test_member_who_is_no_longer_in_the_segment_is_in_the_list_and_that_is_said(flow):
    flow.segment(SEGMENT)
    flow.run()
    flow.segment(f"{HEAD}{BEN}", refresh=LATER)
    answer = answered(flow)
    assert answer.verdict == "in_list"
    assert "in list 12, and not in the newest snapshot of the segment" in answer.sentence


@pytest.mark.parametrize(
    ("row", "email", "reason"),
    [
        ("C-1,Ana.Pop@example..com,Ana", "ana.pop@example..com", "invalid_email"),
        (f'C-1,{ANA},"Ana"x', ANA, "malformed_row"),
        (f"C-1,{ANA},Ana,4,5", ANA, "malformed_row"),
    ],
)
def test_row_that_cannot_be_sent_is_rejected_with_its_reason_and_line(flow, row, email, reason):
    flow.segment(f"{HEAD}{BEN}{row}\n")
    answer = answered(flow, email)
    assert (answer.verdict, answer.reason) == ("rejected", reason)
    assert "file Gold_1.csv, line 3" in evidence(answer)
    assert "ana.pop" not in evidence(answer).lower()


def test_row_that_source_only_leaves_out_is_filtered(flow):
    flow.change(source={**flow.export["source"], "only": {"column": "Agreed", "is": ["yes"]}})
    flow.segment(f"CustomerId,EMail,FirstName,Agreed\nC-1,{ANA},Ana,no\nC-2,ben@example.com,Ben,yes\n")
    flow.run()
    answer = answered(flow)
    assert (answer.verdict, answer.reason) == ("filtered", "filtered")
    assert "line 2, customer C-1: source.only leaves this row out" in evidence(answer)


def test_person_whom_brevo_rejects_is_rejected_with_brevos_reason_file_and_line(flow, monkeypatch):
    flow.segment(SEGMENT)
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: text != ANA)
    run_id = flow.run()["run_id"]
    answer = answered(flow)
    assert (answer.verdict, answer.reason) == ("rejected", "brevo_invalid_email")
    assert f"Run {run_id}: segment Gold, file Gold_1.csv, line 2, customer C-1: brevo_invalid_email" in evidence(answer)


def test_rejection_that_brevo_only_counts_is_not_taken_for_somebodys_hand(flow, monkeypatch):
    flow.segment(SEGMENT)
    flow.sandbox.change(report_form="counts")
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: text != ANA)
    run_id = flow.run()["run_id"]
    answer = answered(flow)
    assert answer.verdict == "unknown"
    assert f"Run {run_id}: Brevo rejected 1 contact and named 0 of them." in evidence(answer)


def test_customer_whose_id_an_earlier_row_has_is_rejected_by_what_the_run_wrote_down(flow):
    flow.segment(SEGMENT)
    run = find_run(flow.app, flow.run()["run_id"])
    take_out_of_list(brevo(flow), 12, ANA)
    digest = hashlib.sha256(ANA.encode()).hexdigest()
    row = f'Gold,Gold_1.csv,2,duplicate_customer_id,CustomerId,"C\n1",{digest},not_sent\n'
    other = f"Gold,Gold_1.csv,3,invalid_email,EMail,C-2,{digest[::-1]},not_sent\n"
    flow.app.storage.app_blobs.write(REJECTED, f"{run.run_id}/{run.rejected_id}-00001.2.csv", (other + row).encode())
    answer = answered(flow)
    assert (answer.verdict, answer.reason) == ("rejected", "duplicate_customer_id")
    assert evidence(answer).count("not sent") == 1


def test_person_who_has_left_the_list_is_not_put_back(flow):
    flow.segment(SEGMENT)
    flow.run()
    flow.sandbox.change_contact(ANA, leaves=[12])
    answer = answered(flow)
    assert answer.verdict == "left_list"
    assert "has left list 12" in evidence(answer)


def test_person_who_has_left_is_known_from_the_run_and_from_brevos_answer_where_brevo_is_away(flow, monkeypatch):
    flow.change_connection(leavers="asked")
    flow.segment(SEGMENT)
    flow.sandbox.seed(contacts=[{"email": ANA, "lists": [12]}])
    flow.sandbox.change_contact(ANA, leaves=[12])
    flow.run()
    monkeypatch.setenv(flow.account, "wrong")
    answer = answered(flow)
    assert answer.verdict == "left_list"
    assert "left_list, not sent" in evidence(answer)
    assert "Brevo's last answer on who left list 12 has this address" in evidence(answer)
    assert "Brevo's record could not be read" in evidence(answer)
    assert "has this address" not in answered(flow, "ben@example.com").evidence[-1]


def test_blocked_member_is_in_the_list_and_gets_nothing(flow):
    flow.segment(SEGMENT)
    flow.run()
    flow.sandbox.change_contact(ANA, emailBlacklisted=True)
    answer = answered(flow)
    assert answer.verdict == "blocked_in_brevo"
    assert "blocked for e-mails" in evidence(answer)


def test_export_that_has_not_run_has_not_sent_anybody(flow):
    flow.segment(SEGMENT)
    answer = answered(flow)
    assert answer.verdict == "not_exported_yet"
    assert f"segment-export run {flow.export_id} --wait" in answer.advice
    assert "No run of the export to list 12 has begun." in evidence(answer)


def test_person_of_a_snapshot_that_no_run_has_taken_is_new(flow):
    flow.segment(f"{HEAD}{BEN}")
    flow.run()
    flow.segment(SEGMENT, refresh=LATER)
    answer = answered(flow)
    assert answer.verdict == "new_since_last_run"
    assert "with an older snapshot" in evidence(answer)


def test_person_waits_for_a_run_that_has_not_ended(flow):
    flow.sandbox.fail_next("POST /contacts/import", "import-stuck")
    flow.segment(SEGMENT)
    run_id = flow.start().run_id
    flow.work_until(lambda: flow.status(run_id)["status"] == "confirming")
    answer = answered(flow)
    assert answer.verdict == "waits_for_run"
    assert run_id in answer.advice
    assert "Brevo has confirmed 0 of 2 contacts" in evidence(answer)
    stop.request_cancel(flow.app, find_run(flow.app, run_id), "tester")
    flow.finish(run_id)
    answer = answered(flow)
    assert answer.verdict == "not_exported_yet"
    assert "cancelled" in answer.sentence


def test_person_of_a_refresh_that_was_cancelled_while_it_was_written_is_told_so(make_flow):
    flow = make_flow(SNAPSHOT_QUIET_SECONDS="120")
    flow.segment(SEGMENT)
    started = flow.start()
    stop.request_cancel(flow.app, find_run(flow.app, started.run_id), "tester")
    flow.segment(f"{HEAD}C-3,eva@example.com,Eva\n", partition=2)
    answer = answered(flow)
    assert (answer.verdict, "is cancelled since" in evidence(answer)) == ("not_exported_yet", True)
    assert "cancelled" in answer.sentence
    assert ", with the newest snapshot. Cancelled by tester." in evidence(answer)


def test_run_that_failed_is_named_with_what_it_says(flow):
    flow.change(list_id=77)
    flow.segment(SEGMENT)
    run_id = flow.run()["run_id"]
    answer = answered(flow)
    assert answer.verdict == "not_exported_yet"
    assert f"segment-export status {run_id}" in answer.advice
    assert "77" in evidence(answer)


def test_run_that_failed_before_it_sent_anything_hides_no_run_of_the_newest_snapshot(flow, monkeypatch):
    flow.segment(SEGMENT)
    flow.run()
    take_out_of_list(brevo(flow), 12, ANA)
    with monkeypatch.context() as patch:
        patch.setenv(flow.account, "a-wrong-key")
        failed = flow.run()
    assert failed["status"] == "failed"
    answer = answered(flow)
    assert answer.verdict == "lost_by_hand"
    assert f"Run {failed['run_id']} is failed" in evidence(answer)


@pytest.mark.parametrize("is_deleted", [True, False])
def test_person_who_was_sent_and_is_not_there_now_was_lost_by_hand(flow, is_deleted):
    flow.segment(SEGMENT)
    flow.run()
    if is_deleted:
        delete_single(brevo(flow), flow.sandbox.account.contacts[ANA].id)
    else:
        take_out_of_list(brevo(flow), 12, ANA)
    answer = answered(flow)
    assert answer.verdict == "lost_by_hand"
    assert ("no such contact" in answer.sentence) == is_deleted


def test_winner_among_duplicates_in_gzip_parts_of_two_segments_is_named_with_its_line(flow):
    flow.change(segments=["Gold", "Silver"])
    flow.segment(f"{HEAD}C-0,zed@example.com,Zed\n", partition=1, ending=".csv.gz")
    flow.segment(f'{HEAD}{BEN}C-8,"two@example.com","Line\nbreak"\nC-1,{ANA},Ana\n', partition=2, ending=".csv.gz")
    flow.segment(f"{HEAD}C-9,{ANA.upper()},Again\n", partition=3, ending=".csv.gz")
    flow.segment(f"{HEAD}C-7,{ANA},Third\n", name="Silver")
    flow.run()
    answer = answered(flow)
    assert answer.verdict == "in_list"
    rows = [line.partition("): ")[2] for line in answer.evidence if line.startswith("Newest snapshot")]
    assert rows == [
        "segment Gold, file Gold_2.csv.gz, line 5, customer C-1: a run sends this row.",
        "segment Gold, file Gold_3.csv.gz, line 2, customer C-9: an earlier row of the segment has this address, and "
        "that one is sent.",
        "segment Silver, file Silver_1.csv, line 2, customer C-7: an earlier segment has this address too, and that "
        "row is sent.",
    ]
    assert "duplicate_email, not sent" in evidence(answer)


def test_domain_in_its_own_letters_and_in_punycode_is_one(flow):
    flow.segment(f"{HEAD}C-1,ana@Bücher.de,Ana\n")
    flow.run()
    for typed in ("ana@bücher.de", "ANA@xn--bcher-kva.de"):
        assert answered(flow, typed).verdict == "in_list"


@pytest.mark.parametrize("domain", ["example\u3002com", "\uff25xample.com", "ex.example\uff0ecom"])
def test_domain_in_letters_of_full_width_is_the_same_domain(flow, domain):
    flow.segment(f"{HEAD}C-1,ana@{domain},Ana\nC-2,ana@other.com,Ana\n")
    flow.run()
    answer = answered(flow, f"ana@{unicodedata.normalize('NFKC', domain).replace(chr(0x3002), '.').lower()}")
    assert (answer.verdict, "file Gold_1.csv, line 2" in evidence(answer)) == ("in_list", True)


def test_brevo_that_does_not_answer_is_named_and_the_other_sources_are_told(flow, monkeypatch):
    flow.segment(SEGMENT)
    flow.run()
    monkeypatch.setenv(flow.account, "wrong")
    answer = answered(flow)
    assert answer.verdict == "unknown"
    assert "Brevo could not be asked" in answer.sentence
    assert "line 2, customer C-1: a run sends this row" in evidence(answer)


def test_missing_snapshot_is_told_and_brevo_is_asked_all_the_same(flow):
    flow.sandbox.seed(contacts=[{"email": ANA, "lists": [12]}])
    answer = answered(flow)
    assert answer.verdict == "in_list"
    assert "The segments could not be read" in evidence(answer)
    assert answered(flow, "ben@example.com").verdict == "unknown"


def test_person_without_a_row_in_a_snapshot_that_is_not_whole_is_not_called_missing(flow):
    flow.segment(f"{HEAD}{BEN}")
    flow.blob("Gold/2026/11/24/0500/Gold_2.parquet", b"PAR1")
    answer = answered(flow)
    assert answer.verdict == "unknown"
    assert "not complete: " in evidence(answer)
    assert "Gold_2.parquet" in evidence(answer)


def test_trial_is_no_run_of_the_export_and_skipped_run_says_nothing(flow):
    with_list(flow, SEGMENT)
    run_trial(flow, customers=1)
    assert answered(flow).verdict == "not_exported_yet"
    run_id = flow.run()["run_id"]
    again = start_run(flow.app, flow.app.ready_export(flow.export_id), "timer", "timer", only_new=True)
    assert flow.finish(again.run_id)["status"] == "skipped"
    assert f"Run {run_id} is succeeded" in evidence(answered(flow))


def test_file_named_by_an_address_is_not_shown(flow):
    flow.blob(f"Gold/2026/11/24/0500/{ANA}_1.csv", SEGMENT)
    assert "file (address), line 2" in evidence(answered(flow))


@pytest.mark.parametrize("text", ["", "ana", "@", "a" * 400 + "@example.com"])
def test_what_is_no_address_is_refused_and_not_repeated(text):
    with pytest.raises(ConfigurationError, match=r"That is no e-mail address\.") as raised:
        person_of(text)
    assert raised.value.code == "email_invalid"
    assert not text or f" {text} " not in str(raised.value)


def test_viewer_may_not_ask_and_a_contributor_may_where_the_connection_is_shared(flow):
    flow.segment(SEGMENT)
    contributor = Caller("user 2", "contributor")
    for caller in (Caller("user 1", "viewer"), Caller("user 3", None), contributor):
        with pytest.raises(AccessDenied):
            why(flow.app, caller, flow.export_id, person_of(ANA))
    flow.change_connection(available_to=["contributor"])
    assert answered(flow, caller=contributor).verdict == "not_exported_yet"


def test_run_under_way_is_reported_with_what_it_has_sent_so_far(flow):
    flow.change(mapping={**flow.exports[0]["mapping"], "phone": "Phone"})
    flow.segment(f"CustomerId,EMail,FirstName,Phone\nC-1,{ANA},Ana,none\nC-2,ben@example.com,Ben,+40722000111\n")
    flow.sandbox.change(seconds_fixed=3600.0)
    run_id = flow.start().run_id
    flow.work_until(lambda: flow.status(run_id)["contacts_delivered"])
    text = evidence(answered(flow))
    assert "invalid_phone, sent without this value" in text
