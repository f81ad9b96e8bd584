"""What the SQL for phone numbers takes for granted about phonenumbers' metadata, proved for every region."""

from __future__ import annotations

from collections.abc import Iterator
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from shared.mapping.phone_patterns import NARROWER_GENERAL_PATTERN, NUMBER_TYPES, general_desc, metadata_of

DIGITS = "0123456789"


class Automaton:
    """All texts that fit a pattern, as sets of positions that can be reached."""

    def __init__(self, pattern: str) -> None:
        self.steps: list[list[tuple[frozenset[str] | None, int]]] = [[]]
        self.end = self.add(0, sre_parser.parse(pattern))
        self.start = self.closure({0})

    def edge(self, source: int, digits: frozenset[str] | None, target: int | None = None) -> int:
        if target is None:
            self.steps.append([])
            target = len(self.steps) - 1
        self.steps[source].append((digits, target))
        return target

    def add(self, at: int, tree: Any) -> int:
        for kind, argument in tree:
            if kind is sre.LITERAL:
                at = self.edge(at, frozenset(chr(argument)))
            elif kind is sre.IN:
                at = self.edge(at, members(argument))
            elif kind is sre.SUBPATTERN:
                at = self.add(at, argument[3])
            elif kind is sre.BRANCH:
                ends = [self.add(self.edge(at, None), branch) for branch in argument[1]]
                at = self.edge(ends[0], None)
                for end in ends[1:]:
                    self.edge(end, None, at)
            else:
                assert kind is sre.MAX_REPEAT
                at = self.repeat(at, *argument)
        return at

    def repeat(self, at: int, low: int, high: int, body: Any) -> int:
        ends = []
        for count in range(high):
            if count >= low:
                ends.append(at)
            at = self.add(at, body)
        for end in ends:
            self.edge(end, None, at)
        return at

    def closure(self, nodes: set[int]) -> frozenset[int]:
        todo = list(nodes)
        while todo:
            for digits, target in self.steps[todo.pop()]:
                if digits is None and target not in nodes:
                    nodes.add(target)
                    todo.append(target)
        return frozenset(nodes)

    def after(self, nodes: frozenset[int], digit: str) -> frozenset[int]:
        return self.closure({t for node in nodes for digits, t in self.steps[node] if digits and digit in digits})


def members(items: Any) -> frozenset[str]:
    digits: set[str] = set()
    for kind, argument in items:
        if kind is sre.LITERAL:
            digits.add(chr(argument))
        elif kind is sre.RANGE:
            digits |= {chr(code) for code in range(argument[0], argument[1] + 1)}
        else:
            assert (kind, argument) == (sre.CATEGORY, sre.CATEGORY_DIGIT)
            digits |= set(DIGITS)
    return frozenset(digits)


def counterexample(inner: Automaton, outer: Automaton, lengths: set[int], but: str = "x") -> str | None:
    """A text that fits the inner pattern, but not the outer one or not a possible length.

    Texts that begin with `but` do not count.
    """
    seen: set[object] = set()
    todo = [(inner.start, outer.start, "")]
    while todo:
        one, other, text = todo.pop()
        if inner.end in one and (outer.end not in other or len(text) not in lengths):
            return text
        for digit in DIGITS:
            follow, beside = inner.after(one, digit), outer.after(other, digit)
            state = (follow, beside, text + digit if but.startswith(text + digit) else len(text) + 1)
            if follow and text + digit != but and state not in seen:
                seen.add(state)
                todo.append((follow, beside, text + digit))
    return None


def all_metadata() -> Iterator[PhoneMetadata]:
    for calling_code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        for region in regions:
            yield metadata_of(calling_code, region)


def test_automaton_finds_what_does_not_fit() -> None:
    assert counterexample(Automaton(r"[12]\d{2,3}"), Automaton(r"1\d\d(?:\d|)|2\d{2,3}"), {3, 4}) is None
    assert counterexample(Automaton(r"[12]\d{2,3}"), Automaton(r"1\d{2,3}|2\d{3}"), {3, 4}) in {
        f"2{n:02}" for n in range(100)
    }
    assert len(counterexample(Automaton(r"1\d{2,3}"), Automaton(r"\d{3,4}"), {4}) or "") == 3


def types_beyond_the_general_pattern(metadata: PhoneMetadata, but: str = "x") -> list[tuple[str, str, str]]:
    general = general_desc(metadata)
    outer = Automaton(general.national_number_pattern or "")
    found = []
    for name in NUMBER_TYPES:
        number_type = getattr(metadata, name)
        if number_type and number_type.national_number_pattern:
            lengths = set(general.possible_length)
            lengths &= set(number_type.possible_length or lengths)
            text = counterexample(Automaton(number_type.national_number_pattern), outer, lengths, but)
            if text is not None:
                found.append((metadata.id, name, text))
    return found


@pytest.mark.full
def test_every_number_type_fits_the_general_pattern_and_its_possible_lengths() -> None:
    found = [found for metadata in all_metadata() for found in types_beyond_the_general_pattern(metadata)]
    assert {region for region, _, _ in found} == NARROWER_GENERAL_PATTERN, found


def test_only_numbers_that_begin_with_the_calling_code_go_beyond_the_general_pattern() -> None:
    for metadata in all_metadata():
        if metadata.id in NARROWER_GENERAL_PATTERN:
            assert types_beyond_the_general_pattern(metadata, but=str(metadata.country_code)) == []


def test_possible_lengths_have_three_digits_or_more_and_differ_from_local_lengths() -> None:
    for metadata in all_metadata():
        general = general_desc(metadata)
        assert min(general.possible_length) >= 3
        assert not set(general.possible_length) & set(general.possible_length_local_only)


def test_patterns_use_only_what_re2_and_python_read_alike() -> None:
    for metadata in all_metadata():
        patterns = [metadata.national_prefix_for_parsing, metadata.international_prefix, metadata.leading_digits]
        patterns += [getattr(getattr(metadata, name), "national_number_pattern", None) for name in NUMBER_TYPES]
        for pattern in filter(None, patterns):
            plain = pattern.replace("(?:", "(").replace("\\d", "0")
            assert set(plain) <= set(DIGITS + "()[]{}|?,-$"), pattern
