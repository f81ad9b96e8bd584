"""The simulation finds what is planted, makes it small, and tells it as a story."""

import statistics
from pathlib import Path

import pytest

from simulation.defects import DEFECTS
from simulation.history import play
from simulation.patches import replaced
from simulation.plan import Plan
from simulation.planted import MOST_HISTORIES, MOST_MEDIAN, changed, known_seeds, search
from simulation.scenes import plan_of
from simulation.shrink import shrink
from simulation.story import story

ROOT = Path(__file__).parents[2]


def test_there_are_enough_defects_each_with_a_name_of_its_own():
    assert len(DEFECTS) >= 30
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_defect_fits_the_code_as_it_is(defect):
    for module in {edit.module for edit in defect.edits}:
        text = (ROOT / f"{module.replace('.', '/')}.py").read_text()
        new = changed(defect, module, text)
        assert new != text
        compile(new, module, "exec")


def test_defect_that_does_not_fit_is_told_by_name():
    with pytest.raises(ValueError, match="row-etag-dropped"):
        changed(DEFECTS[0], DEFECTS[0].edits[0].module, "another text")


def violated(plan: Plan) -> str:
    with replaced():
        found = play(plan).violation
    return found.name if found else ""


def test_failing_history_is_made_small_and_told(monkeypatch):
    from shared.runs.steps import end

    monkeypatch.setattr(end, "send_ended", lambda app, run: None)
    with replaced():
        failing = next(plan for plan in map(plan_of, range(1, 200)) if violated(plan) == "told once")
        small = shrink(failing, "told once")
        outcome = play(small)
    assert violated(small) == "told once"
    assert len(small.faults) + len(small.actions) <= 3
    lines = list(story(small, outcome))
    assert "VIOLATED told once" in lines[-1]
    assert any("action" in line for line in lines)


def test_every_defect_was_found_in_time():
    seeds = known_seeds()
    assert seeds.keys() == {defect.name for defect in DEFECTS}
    assert max(seeds.values()) <= MOST_HISTORIES
    assert statistics.median(seeds.values()) <= MOST_MEDIAN


# A change of the code gives each seed another history. Where the one that is written down shows the defect no more,
# the first that does is looked for.
@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_planted_defect_is_found(defect):
    found = search(defect.name, known_seeds()[defect.name], 1)
    assert (found if found.seed else search(defect.name, 1, MOST_HISTORIES)).seed
