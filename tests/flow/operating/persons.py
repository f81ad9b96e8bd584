"""What the tests of `why` share: two persons of a segment, and the answer on one of them."""

from shared.operating.person import person_of
from shared.operating.why import why
from tests.flow.operating.tools import ADMINISTRATOR, ANA, HEAD

BEN = "C-2,ben@example.com,Ben\n"
SEGMENT = f"{HEAD}C-1,{ANA},Ana\n{BEN}"


def answered(flow, email=ANA, caller=ADMINISTRATOR):
    answer = why(flow.app, caller, flow.export_id, person_of(email))
    assert ANA not in repr(answer).lower()
    assert answer.sentence
    assert answer.advice
    return answer


def brevo(flow):
    return flow.app.brevo(flow.account).session
