"""What is shown of Brevo's refusals, and how long a rate limit is waited for."""

import json

import pytest

from shared.brevo.answers import read_answer, seconds_until_reset
from shared.errors import ConfigurationError, ExportError, PermanentError, TransientError


def refused(status, document):
    with pytest.raises(ExportError) as caught:
        read_answer(status, {}, json.dumps(document).encode())
    return caught.value


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("listIds should be an array of integers.", "listIds should be an array of integers"),
        ("Invalid email ana.pop@example.com given", "Invalid email … given"),
        ("<Ana.Pop@example.com> is no address", "… is no address"),
        ("SMS +40 (722) 123-456 is taken", "SMS … is taken"),
        ("SMS 0722.123.456 is taken", "SMS … is taken"),
        ("Contact 78123 is locked", "Contact … is locked"),
        ("Row 78 is locked", "Row 78 is locked"),
        ('Value "Ana Pop" of FIRSTNAME can\'t be read', "Value … of FIRSTNAME can't be read"),
        ("Value 'Ana Pop' isn't right, the account's 'Ion' neither", "Value … isn't right, the account's … neither"),
        ("Value “Ana” and «Ion» and `Eva`", "Value … and … and …"),
        ('Unclosed "Ana Pop and more', "Unclosed …"),
        ("See https://reports.example.com/a?b=c for more", "See … for more"),
        ("Key xkeysib-c4n4ry0123456789 is revoked", "Key … is revoked"),
        ('The attribute "LOYALTY_TIER" does not exist', "The attribute LOYALTY_TIER does not exist"),
        ("attributes: 'CITY' is unknown", "attributes: CITY is unknown"),
        ('The attribute FIRSTNAME has "Ana Pop"', "The attribute FIRSTNAME has …"),
        ('The attribute "Ana" is unknown', "The attribute … is unknown"),
        ("The list has reached its limit of 10000 contacts", "The list has reached its limit of 10000 contacts"),
        ("Only 1,000,000 of 250000 fit", "Only 1,000,000 of 250000 fit"),
        ("Limit: 500000. Used: 499,999", "Limit: 500000. Used: 499,999"),
        ("Contacts: 10500 of 10000", "Contacts: 10500 of 10000"),
        ("10000000 bytes at most", "… bytes at most"),
        ("SMS +40722 is taken", "SMS … is taken"),
        ("SMS 40722123456 is taken, 0722123 and 072212 too", "SMS … is taken, … and … too"),
        ("Phone 555123 and number: 555124 are taken", "Phone … and number: … are taken"),
        ("ext_id 48213, Customer #48214, ID=48215, C-48216", "ext_id …, Customer #…, ID=…, C-…"),
        ("555-1234 and 555 12 34 and (55) 51234 and 55/51234", "… and … and (… and …"),
        ("numbers 1,2345 and 12,34,56 are wrong", "numbers … and … are wrong"),
        ("two\nlines\x00and\u2028more", "two lines and more"),
        ("word " * 100, ("word " * 40).strip()),
    ],
)
def test_brevo_s_own_sentence_is_shown_without_what_may_be_a_person_s(message, shown):
    error = refused(400, {"code": "invalid_parameter", "message": message})
    assert error.message == f"Brevo refused the request with status 400 (invalid_parameter: {shown})."


@pytest.mark.parametrize("status", [402, 403, 404, 422])
def test_every_refusal_shows_it(status):
    assert (
        "(some_code: the plan is over)" in refused(status, {"code": "some_code", "message": "the plan is over"}).message
    )


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Contact already removed from list and/or does not exist", "brevo_none_in_list"),
        ("Contacts already removed from list and/or does not exist", "brevo_none_in_list"),
        ("Contact already in list and/or does not exist", "brevo_none_to_add"),
        ("List ID does not exist", "brevo_refused"),
    ],
)
def test_refusal_to_remove_or_add_nobody_has_a_code_of_its_own(message, code):
    assert refused(400, {"code": "invalid_parameter", "message": message}).code == code


def test_quota_shows_it_and_a_plain_rate_limit_has_none():
    quota = {"code": "too_many_requests", "message": "You have reached your daily quota of imports."}
    assert refused(429, quota).message == (
        "Brevo's rate limit is reached (too_many_requests: You have reached your daily quota of imports)."
    )
    assert refused(429, {"code": "too_many_requests"}).message == "Brevo's rate limit is reached."


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 421, 451])
@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><title>Just a moment...</title>", b"error code: 1020", b"\xef\xbb\xbf <"]
)
def test_page_of_something_in_between_says_nothing_of_the_key_or_of_what_was_asked_for(status, page):
    with pytest.raises(TransientError) as caught:
        read_answer(status, {}, page)
    assert str(status) in caught.value.message
    assert "moment" not in caught.value.message


@pytest.mark.parametrize("status", [301, 302, 307, 308, 399])
@pytest.mark.parametrize("body", [b"", b"<html>Moved</html>", b"{}"])
def test_redirect_is_of_something_in_between(status, body):
    with pytest.raises(TransientError, match=f"status {status} is not Brevo's") as caught:
        read_answer(status, {"location": "https://login.example.com/?next=x"}, body)
    assert "login" not in str(caught.value)
    assert "BREVO_BASE_URL" in caught.value.advice


@pytest.mark.parametrize("page", [b"", b"<html>413</html>"])
def test_body_that_is_too_large_for_something_in_between_stays_so(page):
    with pytest.raises(PermanentError, match="413"):
        read_answer(413, {}, page)


def test_page_with_429_is_a_rate_limit():
    with pytest.raises(TransientError) as caught:
        read_answer(429, {"x-sib-ratelimit-reset": "7"}, b"<html>1015</html>")
    assert (caught.value.code, caught.value.retry_after_seconds) == ("brevo_throttled", 7)


@pytest.mark.parametrize("status", [400, 403, 404, 425])
def test_work_on_the_account_passes(status):
    assert isinstance(refused(status, {"code": "account_in_process", "message": "Try later"}), TransientError)


def test_contact_that_is_asked_for_too_early_is_there_later():
    assert refused(425, {"code": "invalid_parameter", "message": "Try later"}).code == "brevo_failing"


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b"[]"])
def test_refusal_without_a_page_is_brevos_own(status, body):
    with pytest.raises((ConfigurationError, PermanentError)):
        read_answer(status, {}, body)


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7"])
@pytest.mark.parametrize("around", ["{}", "{}.", "({}),", '"{}"'])
def test_blocked_address_is_named(address, around):
    message = (
        f"We have detected you are using an unrecognised IP address {around.format(address)} If it was you, add it"
    )
    error = refused(401, {"code": "unauthorized", "message": message})
    assert (error.code, error.message) == (
        "brevo_address_blocked",
        f"Brevo does not accept the IP address {address} from which it was asked.",
    )


def test_blocked_address_that_brevo_does_not_name_is_left_out():
    error = refused(401, {"code": "unauthorized", "message": "Unknown IP address 999.1.1.1 of ana@example.com"})
    assert error.message == "Brevo does not accept the IP address from which it was asked."


def test_answer_without_a_sentence_shows_its_code_alone():
    for document in ({"code": "invalid_parameter"}, {"code": "invalid_parameter", "message": ""}):
        assert "(invalid_parameter)" in refused(400, document).message
    assert "(no code)" in refused(400, [1]).message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0), ("12.5", 12.5), ("3600", 3600), ("3601", 3600), ("9e9", 3600), ("inf", 3600)]
    + [(bad, None) for bad in ("", "-1", "nan", "soon")],
)
def test_reset_beyond_an_hour_counts_as_an_hour(header, seconds):
    assert seconds_until_reset({"x-sib-ratelimit-reset": header}) == seconds
