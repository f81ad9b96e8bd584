"""E-mail addresses: accepted exactly when email-validator accepts them, decided by SQL for plain ones.

The rules are those of email_validator 2.4 (`syntax.py`, `rfc_constants.py`, `SPECIAL_USE_DOMAIN_NAMES`) with
`check_deliverability=False, allow_smtputf8=False`:

- before the @: dot-atom of RFC 5322 3.2.3, ASCII only; quoted local parts and display names are refused;
- after the @: labels of RFC 1123 2.1 with at most 63 octets (RFC 1035 2.3.1), at least one period, the last
  label ends in a letter, and the name is not below a special-use name (RFC 6761, 6762, 7686);
- at most 254 octets (RFC 5321 4.5.3.1.3 with RFC 3696, erratum 1690).

The normalised value is the library's `ascii_email`, lower-cased entirely. ASCII, because Brevo sends by SMTP
and an internationalised domain travels there as Punycode; lower case, because Brevo takes `Ana@x.ro` and
`ana@x.ro` for one contact and so must our de-duplication.

Left to the library: a domain with characters outside ASCII, with two hyphens in a row (Punycode and what
looks like it), or with a digit or hyphen in its last label. Known disagreements: none.
"""

from __future__ import annotations

from collections.abc import Collection

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from shared.mapping.rule import Rule, literal

_ATOM = r"[a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LOCAL_PART = rf"{_ATOM}(?:\.{_ATOM})*"
_LABEL = r"[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*"
_BEYOND_ASCII = r"\x{80}-\x{10FFFF}"
_DOMAIN_CHARACTER = rf"[a-zA-Z0-9.\-{_BEYOND_ASCII}]"
_MAX_OCTETS = 254
_MAX_LABEL_OCTETS = 63
# The shortest address around a label is `a@<label>.b`, so a shorter address cannot hold a label too long.
_OCTETS_WITHOUT_LABEL_CHECK = _MAX_LABEL_OCTETS + len("a@.b")


def email_rule() -> Rule:
    """The rule for addresses. There is one kind of them."""
    return Rule(str, str, _quick, lambda cell: "''", frozenset(("",)), _verdict, judge_email)


def judge_email(address: str) -> str | None:
    """The library's verdict: the address to send, or None."""
    try:
        answer = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    return (answer.ascii_email or answer.normalized).lower()


def _quick(column: str) -> str:
    short = f"strlen({column}) <= {_OCTETS_WITHOUT_LABEL_CHECK}"
    return f"CASE WHEN {short} AND regexp_full_match({column}, {literal(_plain())}) THEN lower({column}) END"


def _verdict(column: str, _: Collection[str]) -> str:
    label_too_long = rf"@.*[a-zA-Z0-9-]{{{_MAX_LABEL_OCTETS + 1}}}"
    unusual = (
        rf"{_LOCAL_PART}@(?:{_DOMAIN_CHARACTER}*(?:[{_BEYOND_ASCII}]|--){_DOMAIN_CHARACTER}*"
        rf"|[a-zA-Z0-9.-]+\.[a-zA-Z0-9-]*[0-9-][a-zA-Z0-9-]*[a-zA-Z])"
    )
    return f"""CASE
        WHEN strlen({column}) > {_MAX_OCTETS} THEN NULL
        WHEN regexp_full_match({column}, {literal(_plain())}) THEN
            CASE
                WHEN strlen({column}) <= {_OCTETS_WITHOUT_LABEL_CHECK}
                    OR NOT regexp_matches({column}, {literal(label_too_long)}) THEN lower({column})
            END
        WHEN regexp_full_match({column}, {literal(unusual)}) THEN ''
    END"""


def _plain() -> str:
    # No `(?i)`: RE2 would then let the Kelvin sign pass for a k, and lower() would hide it.
    return rf"{_LOCAL_PART}@(?:{_LABEL}\.)+{_last_label()}"


def _last_label() -> str:
    """A pattern for a last label of letters that is not a special-use name.

    RE2 has no negative look-ahead, so the pattern spells out where a label departs from each of the names.
    """
    if not all(name.isascii() and name.isalpha() for name in SPECIAL_USE_DOMAIN_NAMES):
        raise NotImplementedError("email-validator lists a special-use name of more than one label")
    return f"(?:{_letters_other_than(frozenset(SPECIAL_USE_DOMAIN_NAMES) | {''})})"


def _letters_other_than(words: frozenset[str]) -> str:
    """A pattern for every string of letters, also the empty one, that is not one of the lower-case words."""
    heads = sorted({word[0] for word in words if word})
    rest = [letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in heads]
    choices = [f"[{''.join(rest)}{''.join(rest).upper()}][a-zA-Z]*"]
    for head in heads:
        tails = frozenset(word[1:] for word in words if word.startswith(head))
        choices.append(f"[{head}{head.upper()}](?:{_letters_other_than(tails)})")
    if "" not in words:
        choices.append("")
    return "|".join(choices)
