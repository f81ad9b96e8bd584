"""What the engine says, as a viewer reads it: in the language and with the times of the viewer.

The engine speaks English, and its texts stand so in tables. `scripts/texts.py` reads from its code which sentences
there are, with names in braces for their values; a text is found again by these patterns, sentence by sentence, and its
values likewise. What fits none stays as it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property

from markupsafe import Markup, escape

from export_trigger.pages.phrases import LABELS, REASONS, STATES
from export_trigger.pages.said_words import ACTIONS, AFTER, BEFORE, MEANT, OF, OR, OWN_WORDS, REASON_IN, WORDS
from export_trigger.pages.viewer import SOURCE_LANGUAGE, Viewer, entries
from shared.times import moment_of

CONTEXT = "engine"
"""Under which the catalogues have what the engine says: a page's own word may mean something else."""
PLACE = re.compile(r"\{(\w+)\}")
ONE_WORD = re.compile(r"(id|run_id|state|kind|number|list_id|status|process_id|code|faults)\d?")
"""Values of these names have no blank, so that whatever follows is found."""
# Between two sentences, never within a command. A value before a new sentence ends one.
_BREAK = re.compile(
    r"(?:(?<=[.!?])\s(?=[A-Z0-9{`\"])|(?<=\})\s(?=(?!Brevo)[A-Z][a-z]*[\s:])|\s·\s|\n)(?=(?:[^`]*`[^`]*`)*[^`]*$)"
)
# Faults of a configuration are told one behind the other, each begun by its path.
_FAULT = re.compile(r"(?:\S+|\S*\(not shown\)\S*): ")
_NEXT_FAULT = re.compile(rf"; (?={_FAULT.pattern})")
_MARKS = ("; ", ", ")
_EDGES = " ,;\n"
_WORD = re.compile(r"[A-Za-z]{2,}")
_WHOLE_WORD = re.compile(r"(?<![\w{}])[A-Za-z]{2,}(?![\w{}])")
_COUNTED = re.compile(r"(\d[\d,]{0,30}) (\D.*)")
_SPAN = re.compile(r"(\d{1,12}) (s|min|h|d)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_NUMBER = re.compile(r"(?<![\w.,/-])\d{1,3}(?:,\d{3})+(?!\w|,\d)")
_EITHER = re.compile(r"(?<=') or (?=')")
_MEANT = re.compile(r"\(did you mean (.+?)\?\)")
_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?) ([A-Z]{2,5}|[+-]\d\d(?:\d\d)?)(?!\w)")
# Of several times, the last one alone has the zone.
_LISTED = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?=(?:, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d)+ UTC)")
_NO_WORDS = re.compile(r"[\d\W]*")
_COMMAND = re.compile(r"`([^`]+)`")
_CODE = Markup("<code>{}</code>")
# Reasons and states that are no words yet, as in `missing_email`.
_UNSAID = {code: words for code, words in {**STATES, **REASONS}.items() if "_" in code}
_ANY_UNSAID = re.compile(rf"(?<![\w.\-/])(?:{'|'.join(_UNSAID)})(?![\w\-/]|\.\w)")
_MOST_SENTENCES = 4
# A run's error and note are shorter.
_LONGEST = 5_000


def said(viewer: Viewer, text: str) -> Markup:
    """The text as the viewer reads it, as HTML: a command that has no page stands as code."""
    found = _in_words(viewer, text)
    if viewer.language != SOURCE_LANGUAGE:
        found = _NUMBER.sub(lambda number: viewer.number(int(number[0].replace(",", ""))), found)
        found = _EITHER.sub(f" {viewer.text(OR)} ", found)
        found = _MEANT.sub(lambda meant: viewer.text(MEANT) % {"name": meant[1]}, found)
    found = _TIME.sub(lambda time: _local(viewer, time), _LISTED.sub(r"\1 UTC", found))
    parts = enumerate(_COMMAND.split(found))
    return Markup("").join(_CODE.format(part) if place % 2 else _words(viewer, part) for place, part in parts)


def _words(viewer: Viewer, text: str) -> Markup:
    return escape(_ANY_UNSAID.sub(lambda code: viewer.text(_UNSAID[code[0]]), text))


def _in_words(viewer: Viewer, text: str) -> str:
    """The text with all that is known; as it is where it is too long, or parts stand in parts hundreds of times.

    Names of columns and ids may be whatever they like: none of them keeps a page from being shown.
    """
    try:
        return _Said(viewer, _sentences(viewer.language)).text(text) if len(text) <= _LONGEST else text
    except RecursionError:
        return text


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, without the marks that join parts of one."""
    return [part for each in _BREAK.split(text.strip()) if (part := each.strip(_EDGES))]


def _local(viewer: Viewer, time: re.Match[str]) -> str:
    """A time of this machine's zone in the viewer's; of another zone, or what is no time of any, as it is."""
    try:
        naive = datetime.fromisoformat(time[1])
        moment = naive.replace(tzinfo=UTC) if time[3] == "UTC" else moment_of(naive)
        return viewer.time(moment.isoformat(), seconds=bool(time[2])) if f"{moment:%Z}" == time[3] else time[0]
    except (ValueError, OverflowError):  # others name files, columns and lists, and Brevo writes what it likes
        return time[0]


@dataclass(frozen=True)
class _Pattern:
    """A sentence with places for its values, what stands in its place, the words that it always has, and how much it
    has beside its values.
    """

    english: str
    wanted: str
    words: frozenset[str]
    fixed: int

    @classmethod
    def of(cls, english: str, wanted: str) -> "_Pattern":
        return cls(english, wanted, frozenset(_WHOLE_WORD.findall(english)), len(PLACE.sub("", english)))

    @cached_property
    def form(self) -> re.Pattern[str]:
        """Compiled where a text may fit: most sentences are on no page of a process."""
        begin, *rest = re.split(r"\{(\w+)\}", self.english)
        *inner, last = zip(rest[::2], rest[1::2], strict=True)
        return re.compile("".join([re.escape(begin), *(_inner(*each) for each in inner), _value(*last)]), re.DOTALL)

    def said(self, text: str, say: Callable[[str], str]) -> str:
        """What stands in the place of a text that fits, with its values as `say` says them."""
        found = self.form.fullmatch(text)
        values = {name: say(value) for name, value in found.groupdict().items()} if found else {}
        return PLACE.sub(lambda place: values[place[1]], self.wanted)


def _inner(name: str, fixed: str) -> str:
    """A value that others follow. It ends at the first place that fits: a text is read once, however long it is."""
    return f"(?>{_value(name, fixed)})" if fixed else f"(?P<{name}>[^\\s,;]*)"


def _value(name: str, fixed: str) -> str:
    """A value and what stands behind it. Only one at the end may hold the end of a sentence."""
    form = r"(?:(?!\. [A-Z0-9]).)*?" if fixed else ".*"
    return f"(?P<{name}>{r'[\w-]+(?:,\d{3})*' if ONE_WORD.fullmatch(name) else form}){re.escape(fixed)}"


@dataclass(frozen=True)
class _Sentences:
    """What the engine says, with what stands in its place. `counted` has forms by what is counted, in either form;
    `by_word` has the patterns by the longest word that each of them always has.
    """

    exact: dict[str, str] = field(default_factory=dict)
    counted: dict[str, tuple[str, str]] = field(default_factory=dict)
    by_word: dict[str, list[_Pattern]] = field(default_factory=dict)

    def add(self, english: str, wanted: str) -> None:
        """Adds a sentence."""
        if PLACE.search(english):
            pattern = _Pattern.of(english, wanted)
            self.by_word.setdefault(max(sorted(pattern.words), key=len, default=""), []).append(pattern)
        else:
            self.exact[english] = wanted

    def fitting(self, text: str) -> _Pattern | None:
        """Of the patterns that the text fits the one that says most."""
        words = set(_WORD.findall(text))
        near = [each for word in (*words, "") for each in self.by_word.get(word, ()) if each.words <= words]
        fits = (each for each in sorted(near, key=lambda each: -each.fixed) if each.form.fullmatch(text))
        return next(fits, None)


@cache
def _sentences(language: str) -> _Sentences:
    """What is known in a language. In English only the pages' own words stand in the place of the engine's."""
    found, viewer = _Sentences(), Viewer(language, "UTC")
    for english, own in OWN_WORDS.items():
        found.add(english, viewer.text(own))
    for entry in entries(language):
        if isinstance(entry.id, str) and entry.context == CONTEXT:
            found.add(entry.id, str(entry.string))
        elif entry.context == CONTEXT:
            one, several = map(str, entry.id)
            found.counted.update({form.removeprefix("%(num)s "): (one, several) for form in (one, several)})
    return found


class _Said:
    """Says texts again for a viewer. A part that several ways lead to is looked up once."""

    def __init__(self, viewer: Viewer, known: _Sentences) -> None:
        self.viewer, self.known = viewer, known
        self.part, self._whole, self._list = cache(self._part), cache(self._as_whole), cache(self._as_list)

    def text(self, text: str) -> str:
        """A whole text: a fault of a form begins with its field, by the label that the page has."""
        faults = _NEXT_FAULT.split(text) if _FAULT.match(text) else [text]
        return "; ".join(map(self._fault, faults))

    def _part(self, text: str) -> str:
        """A text, or a part of one: as a whole, else sentence by sentence, else by what joins its parts."""
        if _FAULT.match(text) and _NEXT_FAULT.search(text):
            return self.text(text)
        body = text.strip(_EDGES)
        return text.replace(body, self._whole(body) or self._by_sentence(body), 1)

    def _fault(self, text: str) -> str:
        path, colon, words = text.partition(": ")
        label = LABELS.get(path) or LABELS.get(path.rpartition(".")[0])
        if colon and (label or path == "body"):
            return f"{self.viewer.text(label)}: {self._own(words)}" if label else self._own(words)
        return self._own(text)

    def _own(self, text: str) -> str:
        """A text that may be the page's own."""
        own = self.viewer.text(text) if text else ""
        return own if own != text else self.part(text)

    def _as_whole(self, text: str) -> str | None:
        """The text where all of it is known."""
        label, colon, rest = text.partition(": ")
        if colon and f"{label}:" in self.known.exact:
            return f"{self.known.exact[f'{label}:']} {self.part(rest)}"
        if text in self.known.exact:
            return self.known.exact[text]
        if _NO_WORDS.fullmatch(text) or _TIME.fullmatch(text):
            return text
        if (word := WORDS.get(text) or STATES.get(text.replace(" ", "_")) or REASONS.get(text)) is not None:
            return self.viewer.text(word)
        return self._done(text) or self._measured(text) or self._by_pattern(text)

    def _done(self, text: str) -> str | None:
        """What was done, and what it was done to."""
        action, _, name = text.rpartition(" ")
        if text in ACTIONS:
            return self.viewer.text(ACTIONS[text])
        return f"{self.viewer.text(ACTIONS[action])} {name}" if action in ACTIONS else None

    def _measured(self, text: str) -> str | None:
        """A number of something, or a length of time."""
        if span := _SPAN.fullmatch(text):
            return self.viewer.duration(int(span[1]) * _SECONDS[span[2]])
        if around := self._around(text):
            return around
        if (found := _COUNTED.fullmatch(text)) is None:
            return None
        number, counted = found.groups()
        if counted in self.known.counted:
            forms = self.known.counted[counted]
            return self.viewer.counted(CONTEXT, forms, int(number.replace(",", ""))) % {"num": number}
        if counted.startswith("of ") and (rest := self._whole(counted.removeprefix("of "))):
            return self.viewer.text(OF) % {"some": number, "all": rest}
        return f"{number} {self.known.exact[counted]}" if counted in self.known.exact else None

    def _around(self, text: str) -> str | None:
        """What stands before or behind something that is known."""
        inner = [(text.removesuffix(end), words) for end, words in AFTER.items() if text.endswith(end)]
        inner += [(text.removeprefix(begin), words) for begin, words in BEFORE.items() if text.startswith(begin)]
        found = ((self._whole(part), words) for part, words in inner)
        return next((self.viewer.text(words) % {"what": what} for what, words in found if what), None)

    def _by_pattern(self, text: str) -> str | None:
        """By the pattern that says most; a stop at the end may stand behind it."""
        tries = dict.fromkeys((text, text.removesuffix(".")))
        fits = [(known, each) for each in tries if (known := self.known.fitting(each))]
        if not fits:
            return None
        known, fitting = max(fits, key=lambda each: each[0].fixed)
        return known.said(fitting, self.part) + text[len(fitting) :]

    def _by_sentence(self, text: str) -> str:
        """As few sentences at once as there must be, so that nothing is taken for a value that is a sentence."""
        breaks = list(_BREAK.finditer(text))
        if not breaks:
            return self._joined(text)
        starts, ends = [0, *(each.end() for each in breaks)], [*(each.start() for each in breaks), len(text)]
        found, place = "", 0
        while place < len(ends):
            tries = range(place, min(place + _MOST_SENTENCES, len(ends)))
            whole = ((last, self._whole(text[starts[place] : ends[last]])) for last in tries)
            last, words = next((each for each in whole if each[1]), (place, None))
            found += words or self._joined(text[starts[place] : ends[place]])
            place = last + 1
            found += text[ends[last] : starts[place]] if place < len(starts) else ""
        return found

    def _joined(self, text: str) -> str:
        """A text that is made of parts: a list, a label and what is said of it, or a name and what it is."""
        if text[:1] == "(" and text[-1:] == ")":
            return f"({self.part(text[1:-1])})"
        return self._list(text, _MARKS) or self._reason_in(text) or self._labelled(text) or self._named(text) or text

    def _as_list(self, text: str, marks: tuple[str, ...]) -> str | None:
        """The text where all of its parts are known; it may end with a stop that its pattern lacks, or lack one."""
        body, stop = text.removesuffix("."), "." * text.endswith(".")
        if known := self._whole(text) or self._whole(f"{body}."):
            return known.removesuffix(".") + stop
        if known := self._whole(body):
            return known + stop
        if begun := self._whole(_small(body)):
            return begun[:1].upper() + begun[1:] + stop
        if not marks:
            return self._labelled(text)
        parts = [self._list(part, marks[1:]) for part in body.split(marks[0])]
        return marks[0].join(map(str, parts)) + stop if all(parts) else None

    def _labelled(self, text: str) -> str | None:
        label, colon, rest = text.partition(": ")
        if not colon:
            return None
        known = self._list(label, _MARKS) or (self._whole(f"{label}:") or "").removesuffix(":")
        is_name = " " not in label.removesuffix("(not shown)") or self.viewer.language == SOURCE_LANGUAGE
        words = known or (label if is_name else "")
        return f"{words}: {self.part(rest)}" if words else None

    def _named(self, text: str) -> str | None:
        """A name or word, and what is said of it, or may have been meant."""
        if meant := _MEANT.search(text):
            said_before = self._list(text[: meant.start()].rstrip() + text[meant.end() :], _MARKS)
            return f"{said_before.removesuffix('.')} {meant[0]}{text[meant.end() :]}" if said_before else None
        for blank in list(re.finditer(" ", text))[:2]:
            name, words = text[: blank.start()], text[blank.end() :]
            if known := self.known.exact.get(words) or self.known.exact.get(words.removesuffix(".")):
                return f"{self._whole(name) or name} {known}" + "." * (words.endswith(".") and known[-1] != ".")
        return None

    def _reason_in(self, text: str) -> str | None:
        reason, _, column = text.partition(", in ")
        if not column or reason not in REASONS:
            return None
        return self.viewer.text(REASON_IN) % {"reason": self.viewer.text(REASONS[reason]), "column": column}


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]
