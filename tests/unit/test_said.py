"""What the engine says is said again in the viewer's language, with the viewer's times; what is not known stays."""

import re
import time
from typing import get_args

import pytest

from export_trigger.pages.said import said
from export_trigger.pages.viewer import Viewer
from shared.brevo.answers import KeyRefused
from shared.runs.kinds import STARTED, Trigger
from shared.runs.left_imports import LeftImport
from shared.runs.waiting import Waiting, waiting_text
from shared.times import local_text

ROMANIAN, ENGLISH = Viewer("ro", "Europe/Bucharest"), Viewer("en", "Europe/Bucharest")
RUN = "gold-20261124T050312-a1b2c3"
AT = 1_795_889_040.0  # 2026-11-28 18:04 UTC


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def romanian(text):
    return str(said(ROMANIAN, text))


def test_sentences_are_found_one_by_one_in_any_order():
    assert romanian("Nothing was sent. It is tried again.") == "Nu s-a trimis nimic. Se încearcă din nou."
    assert romanian("It is tried again. Nothing was sent.") == "Se încearcă din nou. Nu s-a trimis nimic."


def test_value_that_is_a_sentence_of_the_engine_is_said_as_well():
    assert romanian("A run would be held: Brevo has no list 12. Nothing was sent.") == (
        "O rulare ar fi reținută: Brevo nu are lista 12. Nu s-a trimis nimic."
    )
    left = LeftImport(RUN, 1, 17, AT, AT, is_unlisted=True)
    assert romanian(f"2 imports of the run wait for {left.describe()}.") == (
        f"2 importuri ale rulării așteaptă importul 17 al rulării încheiate {RUN}; Brevo nu mai listează acel proces."
    )


def test_numbers_and_what_they_count_are_those_of_the_language():
    assert romanian("The segment has 12,345 contacts, more than max_profiles (1,000).") == (
        "Segmentul are 12.345 contacte, mai mult decât lasă protecția să treacă (1.000)."
    )
    assert romanian("Brevo accepted 1 contact and confirmed none.").startswith("Brevo a acceptat 1 contact;")
    assert "20 de contacte" in romanian("Brevo accepted 20 contacts and confirmed 5, and rejected 1.")
    assert "5 din 1.200 de contacte" in romanian("Brevo accepted 5 of 1,200 contacts and confirmed none.")


def test_times_are_those_of_the_viewers_zone_in_every_language():
    text = f"No further run is due. It last ran at {local_text(AT)}."
    assert "20:04 EET" in romanian(text)
    assert "Sat 28 Nov 2026, 20:04" in str(said(ENGLISH, text))
    assert "UTC" not in str(said(ENGLISH, text))


def test_every_time_of_a_list_is_the_viewers():
    text = "Next: 2026-11-29 21:50:00, 2026-11-29 21:55:00, 2026-11-29 22:00:00 UTC."
    assert str(said(ENGLISH, text)).count("Sun 29 Nov 2026, 23:5") == 2
    assert romanian(text).startswith("Urmează: dum. 29 nov. 2026, 23:50:00 EET, ")


def test_value_never_holds_the_sentence_before_it():
    assert romanian("By ana. 2 contacts were shown to be sent.") == "De către ana. S-au arătat contacte de trimis: 2."


def test_time_of_a_zone_that_is_not_this_machines_stays():
    assert "2026-11-28 18:04 NZDT" in romanian("It last ran at 2026-11-28 18:04 NZDT.")


def test_all_that_a_run_waits_for_is_said():
    text = romanian(waiting_text(Waiting("It waits for a worker.", AT, AT + 60, AT + 3600, overdue_since=AT)))
    assert text.startswith("Așteaptă un proces de lucru. Din sâm. 28 nov. 2026, 20:04 EET, cel mult până la")
    assert "pagina Diagnostic" in text
    assert "segment-export" not in text


def test_text_that_is_not_known_stays_as_it_is():
    for text in ("Who are you? I am nobody.", "", "x", "The cat: sleeps", "a, b; c."):
        assert romanian(text) == text


def test_value_that_looks_like_a_sentence_or_a_pattern_breaks_nothing():
    for name in ("{list_id}", "%(num)s", "\\1", "The export {id} is detached.", "Run", "a, b; c: d"):
        text = f"The export {name} puts people into this list as well."
        assert romanian(text) == f"Și exportul {name} pune persoane în această listă."
    assert romanian("Brevo has no list {list_id}, which is excluded.") == (
        "Brevo has no list {list_id}, which is excluded."
    )


def test_what_people_have_typed_is_text():
    found = romanian('The export <b>&"Gold"</b> puts people into this list as well.')
    assert "<b>" not in found
    assert "&lt;b&gt;&amp;&#34;Gold&#34;&lt;/b&gt;" in found


def test_name_that_was_meant_is_proposed():
    assert romanian("There is no export 'glod' (did you mean gold?).") == (
        "Nu există exportul &#39;glod&#39; (poate gold?)."
    )


def test_command_that_a_page_has_is_said_as_its_button_in_english_as_well():
    text = f"To do it: segment-export approve {RUN} · To reject it: segment-export cancel {RUN}"
    assert str(said(ENGLISH, text)) == "To do it, press Approve on its page. · To reject it, press Reject there."
    assert "segment-export" not in romanian(text)


def test_command_without_a_page_stands_as_code():
    text = "`segment-export replay --yes --drop-unreadable` drops what is not ours."
    assert str(said(ENGLISH, text)) == (
        "<code>segment-export replay --yes --drop-unreadable</code> drops what is not ours."
    )
    assert "<code>segment-export replay --yes --drop-unreadable</code> aruncă" in romanian(text)


def test_fault_begins_with_the_label_of_its_field():
    assert str(said(ENGLISH, "sync_mode: must be 'full'")) == "Mode: must be &#39;full&#39;"
    assert romanian("mapping.email: is missing; add it") == "Adresă de e-mail: lipsește; adăugați"
    assert romanian("body: is not a JSON object") == "nu este un obiect JSON"


def test_error_of_the_product_is_said_whole():
    assert romanian(str(KeyRefused("of the connection brevo-eu (setting BREVO_API_KEY)"))) == (
        "Brevo nu acceptă cheia API al conexiunii brevo-eu (setarea BREVO_API_KEY). "
        "Puneți o cheie validă în setarea pe care o numește conexiunea."
    )


def test_long_text_takes_no_long_time():
    begun = time.process_time()
    for words in ("would be lost, values of for more than ", "a: b; c, is in list. D ", "The run is: ", ": ; , . "):
        romanian(words * 100)
    assert time.process_time() - begun < 5


def test_what_a_held_run_does_is_said_whole():
    text = "To send its 3 contacts and take 1 out of the list: segment-export approve gold-20261124T050312-a1b2c3"
    assert "trimite: 3 contacte, scoate din listă: 1" in romanian(text)


@pytest.mark.parametrize("text", ["9" * 400 + " d", "9" * 4_400 + " s", "9" * 4_400 + " rows", "9" * 12 + " d"])
def test_number_without_end_breaks_nothing(text):
    assert said(ROMANIAN, text)


@pytest.mark.parametrize("name", ["a: " * 600, "in " * 600 + "x", "x" + " ago" * 600, "(" * 800 + "x" + ")" * 800])
@pytest.mark.parametrize("viewer", [ROMANIAN, ENGLISH])
def test_name_that_looks_like_parts_in_parts_is_shown_as_it_is(viewer, name):
    """Names of columns stand in a run's error: one of them would keep everybody from the page of its run."""
    assert name.strip() in str(said(viewer, f"Correct the mapping; the columns are: {name}."))
    assert name.strip() in str(said(viewer, name))


def test_codes_are_words_in_english_as_well():
    assert str(said(ENGLISH, "Their row cannot be sent: missing_email.")) == (
        "Their row cannot be sent: no e-mail address."
    )
    assert str(said(ENGLISH, f"Run {RUN} is succeeded_with_rejections, with the newest snapshot.")) == (
        f"Run {RUN}: succeeded, some rejected, with the newest snapshot."
    )


def test_name_that_holds_a_code_stays():
    for name in ("left_list.csv", "segments/left_list/1.csv", "my-left_list", "`left_list`"):
        assert name.strip("`") in str(said(ENGLISH, f"The file {name} is empty."))


def test_field_of_a_form_is_named_as_the_form_names_it_wherever_it_stands():
    text = f"The run {RUN} cannot be undone: it did not read the list before, as runs with sync_mode mirror or "
    assert str(said(ENGLISH, f"{text}mirror_exact do.")).endswith("as runs that follow the segment do.")
    text = "Brevo does not say who left list 12: its export has not ended within 6 h (import_deadline_hours)."
    assert "import_deadline_hours" not in str(said(ENGLISH, text))
    text = "12 of the list's 40 members would be taken out of it, more than max_removed (0.3) allows."
    assert str(said(ENGLISH, text)).endswith("would be taken out of it, more than the guard lets pass.")


@pytest.mark.parametrize("trigger", get_args(Trigger))
def test_story_of_a_run_says_in_words_what_has_started_it(trigger):
    words = STARTED[trigger]
    assert romanian(words).startswith("Pornită ")
    assert not re.search(r"\b(http|event)\b", words)
