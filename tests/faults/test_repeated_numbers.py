"""Two imports that Brevo, or something before it, gives one number: one process is not taken for both."""

import pytest

from shared.brevo.client import BrevoClient
from tests.faults.brevo_routes import check_all_sent
from tests.faults.conftest import check_failed


@pytest.fixture
def repeating(monkeypatch):
    """From the second import on, so many answers are those of the first one, and nothing reaches Brevo."""
    post, given = BrevoClient.import_contacts, []

    def repeat(times):
        def import_contacts(self, body):
            number = given[0] if given and len(given) <= times else post(self, body)
            given.append(number)
            return number

        monkeypatch.setattr(BrevoClient, "import_contacts", import_contacts)

    return repeat


@pytest.mark.parametrize("imports_at_once", [1, 3])
@pytest.mark.parametrize("times", [1, 2])
def test_body_whose_import_has_the_number_of_another_one_is_sent_again(
    story, three_batches, repeating, times, imports_at_once
):
    wanted = story.people(600)
    story.connection["imports_at_once"] = imports_at_once
    story.save()
    repeating(times)
    status = story.run()
    if times == 2 and imports_at_once == 1:  # the same body got it twice
        assert "the number of another import" in check_failed(status, "import_failed")
    else:
        check_all_sent(story, status, wanted, most_imports=3)
        assert "the number of another import" in str(status["story"])
