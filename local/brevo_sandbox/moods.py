"""What a person does to the sandbox with the buttons of its page; control calls do the same (see `control.py`)."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from local.brevo_sandbox.faults import EXPORT_ROUTE, IMPORT_ROUTE, REMOVE_ROUTE, FaultKind, Faults
from local.brevo_sandbox.people import change_contacts
from local.brevo_sandbox.world import World

_SLOW_CALL_SECONDS = 3.0
_SLOW_IMPORT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Mood:
    """One button. `effect` says what Brevo then does."""

    name: str
    label: str
    effect: str
    begin: Callable[[World], None]


def _storm(kind: FaultKind, rate: float) -> Callable[[World], None]:
    return lambda world: world.faults.storm(Faults(rate, (kind,)))


def _next(route: str, kind: FaultKind) -> Callable[[World], None]:
    return lambda world: world.faults.fail_next(route, kind)


def _slow(world: World) -> None:
    world.change(latency_seconds=_SLOW_CALL_SECONDS, seconds_fixed=_SLOW_IMPORT_SECONDS)


def calm(world: World) -> None:
    """End every fault, go back to the settings of the start, and let imports that are stuck go on."""
    usual = world.usual_settings
    world.faults.clear()
    world.change(
        latency_seconds=usual.latency_seconds,
        seconds_fixed=usual.seconds_fixed,
        export_outcome=usual.export_outcome,
    )
    world.imports.release_stuck()


MOODS = (
    Mood("calm", "All well", "Every fault ends, and an import that is stuck goes on.", calm),
    Mood("wrong-key", "Wrong key", "Every call is answered: Key not found.", _storm(FaultKind.KEY_NOT_FOUND, 1)),
    Mood(
        "blocked-address",
        "Address not authorised",
        "Every call is refused, since it comes from an IP address that the account does not know.",
        _storm(FaultKind.UNKNOWN_ADDRESS, 1),
    ),
    Mood("failing", "Failing", "Half of all calls are answered with status 503.", _storm(FaultKind.ERROR_503, 0.5)),
    Mood(
        "throttled",
        "Too many calls",
        "Half of all calls are answered with status 429: the rate limit is reached.",
        _storm(FaultKind.RATE_LIMITED, 0.5),
    ),
    Mood("slow", "Slow", "Each call takes three seconds, and each import a minute.", _slow),
    Mood(
        "stuck",
        "Next import stuck",
        "The next import is accepted and never done.",
        _next(IMPORT_ROUTE, FaultKind.IMPORT_STUCK),
    ),
    Mood(
        "import-fails",
        "Next import fails",
        "The next import is accepted, and ends as failed.",
        _next(IMPORT_ROUTE, FaultKind.IMPORT_FAILED),
    ),
    Mood(
        "exports-refused",
        "Exports refused",
        "The account may not export contacts.",
        lambda world: world.change(export_outcome="refused_403"),
    ),
    Mood(
        "export-empty",
        "Next export empty",
        "The next export of contacts names nobody.",
        _next(EXPORT_ROUTE, FaultKind.EXPORT_EMPTY),
    ),
    Mood(
        "export-tenfold",
        "Next export tenfold",
        "The next export of contacts names ten times as many, most of whom nobody knows.",
        _next(EXPORT_ROUTE, FaultKind.EXPORT_TENFOLD),
    ),
    Mood(
        "export-stuck",
        "Next export stuck",
        "The next export of contacts is accepted and never done.",
        _next(EXPORT_ROUTE, FaultKind.EXPORT_STUCK),
    ),
    Mood(
        "remove-half",
        "Next removal by half",
        "The next request to take contacts out of a list does it for half of them.",
        _next(REMOVE_ROUTE, FaultKind.REMOVE_HALF),
    ),
    Mood(
        "full",
        "Account full",
        "The next import is refused with status 402: the account's plan takes no more.",
        _next(IMPORT_ROUTE, FaultKind.NO_CREDITS),
    ),
    Mood("empty", "Start again", "The account is as it was at first: no import, no other contact.", World.reset),
)

_BY_NAME = {mood.name: mood for mood in MOODS}
CHANGES = {
    "block": ("Block", "The contact is blocked: it gets no e-mail any more."),
    "unblock": ("Unblock", "The contact is no longer blocked."),
    "leave": ("Unsubscribe from the list", "The contact has unsubscribed from the list."),
    "join": ("Add to the list", "A colleague or a form has put the contact into the list."),
    "remove": ("Remove from the list", "A colleague has taken the contact out of the list."),
}
_LISTS = {"leave": "leaves", "join": "joins", "remove": "removedFrom"}
_REFUSED = {
    "unknown-contact": "No contact of the account has this address.",
    "unknown": "There is no such button, or no such list.",
}


def press(world: World, body: bytes) -> str:
    """Do what a form of the page asks for; returns the word for `words_for`."""
    fields = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    mood = _BY_NAME.get(fields.get("mood", ""))
    if mood is not None:
        mood.begin(world)
        return mood.name
    return _change_contact(world, fields)


def words_for(done: str) -> str:
    """What the page says after a button was pressed; empty for an unknown word."""
    if done in _BY_NAME:
        return _BY_NAME[done].effect
    return CHANGES[done][1] if done in CHANGES else _REFUSED.get(done, "")


def faults_now(world: World) -> list[str]:
    """What is not well at the moment, a sentence each."""
    found = [f"{share:.0%} of all calls fail: {kinds}." for share, kinds in [world.faults.storm_now()] if share]
    found += [_next_calls(route, count) for route, count in world.faults.scripted().items()]
    if world.settings.latency_seconds > world.usual_settings.latency_seconds:
        found.append(f"Each call takes {world.settings.latency_seconds:g} s.")
    if world.settings.seconds_fixed > world.usual_settings.seconds_fixed:
        found.append(f"Each import takes {world.settings.seconds_fixed:g} s.")
    if world.settings.export_outcome != world.usual_settings.export_outcome:
        found.append("Exports of contacts are refused.")
    if stuck := sum(record.is_open and record.fault is FaultKind.IMPORT_STUCK for record in world.imports.records()):
        found.append(f"Imports that are stuck: {stuck}.")
    return found


def _next_calls(route: str, count: int) -> str:
    return f"The next call of {route} fails." if count == 1 else f"The next {count} calls of {route} fail."


def _change_contact(world: World, fields: dict[str, str]) -> str:
    change, email, number = (fields.get(name, "") for name in ("change", "email", "list"))
    if change not in CHANGES or not (number.isascii() and number.isdigit() and int(number) in world.account.lists):
        return "unknown"
    named = _LISTS.get(change)
    wanted = {named: [int(number)]} if named else {"emailBlacklisted": change == "block"}
    try:
        change_contacts(world.account, [{"email": email} | wanted], world.settings)
    except KeyError:
        return "unknown-contact"
    return change
