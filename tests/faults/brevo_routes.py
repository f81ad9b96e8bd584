"""The calls of Brevo that the tests break, and what holds when all is sent."""

from shared.brevo.client import BrevoClient
from shared.errors import TransientError

IMPORT = "POST /contacts/import"
PROCESSES = "GET /processes"
EXPORT = "POST /contacts/export"
FILE = "GET /reports/{token}"


def check_all_sent(story, status, wanted, most_imports=1):
    assert status["status"] == "succeeded", status["error"]
    assert story.sent() == wanted
    assert status["contacts_confirmed"] == len(wanted)
    assert story.imports() <= most_imports
    assert story.left_behind() == []


def answer_with(monkeypatch, change):
    """Lets `change` replace each process as /processes shows it."""
    from local.brevo_sandbox import endpoints_imports

    true_process = endpoints_imports._process
    monkeypatch.setattr(
        endpoints_imports, "_process", lambda world, record: change(dict(true_process(world, record)), record)
    )


def lose_first_answer(monkeypatch):
    """The answer to the first post of contacts is lost, and so the post is repeated; the answers of Brevo."""
    post, answers = BrevoClient.import_contacts, []

    def lost(self, body):
        answers.append(post(self, body))
        if len(answers) == 1:
            raise TransientError("brevo_unreachable", "No answer.")
        return answers[-1]

    monkeypatch.setattr(BrevoClient, "import_contacts", lost)
    return answers


def told_of_import(monkeypatch, told):
    answer_with(monkeypatch, lambda process, record: process | {"info": {"import": told}})


def with_a_rejected_contact(story):
    """Five people, one of them with another contact's number; the addresses of the others.

    The one is sent once more without it, where Brevo's report can be read.
    """
    story.sandbox.seed(contacts=[{"email": "owner@example.com", "attributes": {"SMS": "+40722123456"}}])
    rows = [f"C-{n},person{n}@example.com,{'+40722123456' if n == 1 else ''}\n" for n in range(5)]
    story.segment(f"CustomerId,EMail,Telephone\n{''.join(rows)}")
    story.save(mapping={"email": "EMail", "phone": "Telephone"})
    return {f"person{n}@example.com" for n in range(5) if n != 1}


def check_told_in_notes(status, *words):
    assert status["status"] == "succeeded_with_rejections", status["error"]
    [note] = status["notes"]
    for word in (*words, "Which contacts of batch 1 Brevo rejected is not known."):
        assert word in note
    assert "http" not in note
