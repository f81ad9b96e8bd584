"""The order in which a call is judged: key, limits, faults, endpoint; and what is written down about it."""

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from local.brevo_sandbox import endpoints
from local.brevo_sandbox.answers import Answer, ApiError, Request
from local.brevo_sandbox.faults import REPORT_ROUTE, FaultKind
from local.brevo_sandbox.limits import limit_class_of
from local.brevo_sandbox.request_log import LoggedRequest
from local.brevo_sandbox.world import World

Delivery = Literal["whole", "truncated", "reset"]

_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>cloudflare</p></body></html>"
_BARE_REFUSALS: dict[FaultKind, tuple[int, str]] = {
    FaultKind.ERROR_502: (502, "Bad gateway"),
    FaultKind.ERROR_503: (503, "Service temporarily unavailable"),
    FaultKind.TIMEOUT_524: (524, "A timeout occurred"),
    FaultKind.TIMEOUT_524_AFTER: (524, "A timeout occurred"),
    FaultKind.HTML_200: (200, "One moment, please"),
    FaultKind.HTML_502: (502, "Bad gateway"),
    FaultKind.HTML_403: (403, "Just a moment..."),
}
_JSON_REFUSALS: dict[FaultKind, tuple[int, str, str]] = {
    FaultKind.RATE_LIMITED: (429, "too_many_requests", "API rate limit exceeded"),
    FaultKind.RATE_LIMITED_BARE: (429, "too_many_requests", "API rate limit exceeded"),
    FaultKind.ERROR_500: (500, "internal_error", "Internal server error"),
    FaultKind.ERROR_500_AFTER: (500, "internal_error", "Internal server error"),
    FaultKind.KEY_NOT_FOUND: (401, "unauthorized", "Key not found"),
    FaultKind.UNKNOWN_ADDRESS: (
        401,
        "unauthorized",
        "We have detected you are using an unrecognised IP address 203.0.113.7. If you performed this action "
        "make sure to add the new IP address in this link: https://app.brevo.com/security/authorised_ips",
    ),
    FaultKind.REFUSED: (400, "invalid_parameter", "Invalid parameter"),
    FaultKind.NO_CREDITS: (402, "not_enough_credits", "Not enough credits"),
    FaultKind.FORBIDDEN: (403, "permission_denied", "Permission denied"),
    FaultKind.NOT_FOUND: (404, "document_not_found", "List ID does not exist"),
}
"""Codes and messages: https://developers.brevo.com/docs/how-it-works#error-codes"""

_AFTER = (FaultKind.ERROR_500_AFTER, FaultKind.TIMEOUT_524_AFTER)


class Body(Protocol):
    """The body of a call that has not been read yet."""

    def read(self) -> bytes:
        """Read all of it."""

    def read_half(self) -> None:
        """Read about half of it and leave the rest."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer, and how it is delivered."""

    answer: Answer
    delivery: Delivery = "whole"


@dataclass(slots=True)
class _Call:
    started: float
    route: str = "unknown"
    request_bytes: int = 0
    fault: FaultKind | None = None
    limited: bool = False


def answer_api(world: World, method: str, path: str, query: dict[str, str], key: str | None, body: Body) -> Outcome:
    """Answer a call below /v3. The body is always read, unless the fault is a reset."""
    call = _Call(time.monotonic())
    headers: dict[str, str] = {}
    world.stopping.wait(world.settings.latency_seconds)
    try:
        outcome = _judge(world, call, headers, _Caller(method, path, query, key), body)
    except ApiError as refusal:
        call.request_bytes = max(call.request_bytes, len(body.read()))
        outcome = Outcome(refusal.answer())
    bare = call.fault is FaultKind.RATE_LIMITED_BARE
    answer = replace(outcome.answer, headers=({} if bare else headers) | dict(outcome.answer.headers))
    _note(world, call, answer)
    return replace(outcome, answer=answer)


def answer_report(world: World, token: str) -> Outcome:
    """Answer a reader of a report; no key, no limits, but faults."""
    call = _Call(time.monotonic(), REPORT_ROUTE)
    call.fault = world.faults.draw(REPORT_ROUTE)

    def endpoint() -> Answer:
        most = world.settings.endless_report_bytes
        return world.reports.read(token, call.fault, world.canary_address, most)

    try:
        outcome = _spoil(world, call.fault, endpoint, lambda: None)
    except ApiError as refusal:
        outcome = Outcome(refusal.answer())
    _note(world, call, outcome.answer)
    return outcome


@dataclass(frozen=True, slots=True)
class _Caller:
    method: str
    path: str
    query: dict[str, str]
    key: str | None


def _judge(world: World, call: _Call, headers: dict[str, str], caller: _Caller, body: Body) -> Outcome:
    allowance = world.limits.admit(limit_class_of(caller.path))
    headers.update(allowance.headers())
    route, parameters = endpoints.find(caller.method, caller.path)
    call.route = route.name
    if not hmac.compare_digest((caller.key or "").encode(), world.settings.api_key.encode()):
        raise ApiError(401, "unauthorized", "Key not found")
    if not allowance.allowed:
        call.limited = True
        raise ApiError(429, "too_many_requests", "API rate limit exceeded")
    call.fault = fault = world.faults.draw(route.name)
    if fault is FaultKind.RATE_LIMITED:
        headers["x-sib-ratelimit-remaining"] = "0"
        headers["x-sib-ratelimit-reset"] = str(world.settings.fault_reset_seconds)

    def endpoint() -> Answer:
        content = body.read()
        call.request_bytes = len(content)
        return route.endpoint(world, Request(parameters, caller.query, content), fault)

    return _spoil(world, fault, endpoint, body.read_half)


def _spoil(
    world: World, fault: FaultKind | None, endpoint: Callable[[], Answer], read_half: Callable[[], None]
) -> Outcome:
    if fault is FaultKind.RESET:
        read_half()
        return Outcome(Answer(), "reset")
    if fault in _AFTER:
        endpoint()
    if fault in _JSON_REFUSALS:
        raise ApiError(*_JSON_REFUSALS[fault])
    if fault in _BARE_REFUSALS:
        status, title = _BARE_REFUSALS[fault]
        return Outcome(Answer.html(_PAGE.format(title), status))
    return _deliver(world, fault, endpoint())


def _deliver(world: World, fault: FaultKind | None, answer: Answer) -> Outcome:
    match fault:
        case FaultKind.RESET_AFTER:
            return Outcome(answer, "reset")
        case FaultKind.TRUNCATED:
            return Outcome(answer, "truncated")
        case FaultKind.NO_PROCESS_ID:
            return Outcome(Answer.json({}, answer.status))
        case FaultKind.SLOW:
            world.stopping.wait(world.settings.slow_seconds)
    return Outcome(answer)


def _note(world: World, call: _Call, answer: Answer) -> None:
    now = time.time()
    world.log.add(
        LoggedRequest(
            at=now,
            route=call.route,
            status=answer.status,
            request_bytes=call.request_bytes,
            answer_bytes=len(answer.body) if isinstance(answer.body, bytes) else 0,
            seconds=time.monotonic() - call.started,
            fault=call.fault.value if call.fault else None,
            limited=call.limited,
        )
    )
