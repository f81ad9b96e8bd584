"""Contacts behind a route that shows some at a time, while others come and go."""

from shared.brevo.answers import NotThere


class Pages:
    """Plays a session over contacts that `between` may change after each page; None for `numbers`: no such route.

    `shown` are fields of an answer that are not as they should be.
    """

    def __init__(self, path, limit, numbers, between=lambda pages: None, **shown):
        self.path = path
        self.limit = limit
        self.numbers = list(numbers)
        self.between = between
        self.shown = shown
        self.calls = 0

    def call(self, kind, method, path, *, params=None):
        assert (kind, method) == ("contacts", "GET")
        if self.numbers is None or params is None:
            raise NotThere("brevo_not_found", "Brevo does not know it.")
        assert (path, params["limit"], params["sort"]) == (self.path, self.limit, "asc")
        self.calls += 1
        page = self.numbers[params["offset"] : params["offset"] + params["limit"]]
        contacts = [{"id": number, "email": f"p{number}@example.com", "emailBlacklisted": False} for number in page]
        answer = {"contacts": contacts, "count": len(self.numbers)} | self.shown
        self.between(self)
        return answer
