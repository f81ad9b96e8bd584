"""Every page that there is, in each of its states, for tests that look at all of them."""

from functools import cached_property
from typing import NamedTuple

from playwright.sync_api import expect

ROOT = "/api/pages/"


class Place(NamedTuple):
    """A page: what the tests call it, its path below the root, and what is sent there first: a form, as its button."""

    name: str
    path: str
    button: str = ""
    filled: tuple[tuple[str, str], ...] = ()
    waits_for: str = "main h1"

    def open(self, page):
        """By selectors alone, since it is opened in every language."""
        page.goto(ROOT + self.path)
        for selector, value in self.filled:
            field = page.locator(selector)
            field.select_option(value) if selector.startswith("select") else field.fill(value)
        if self.button:
            page.locator(self.button).click()
        # What became of an export is asked for once it is seen.
        page.evaluate("document.querySelector('[hx-trigger=revealed]')?.scrollIntoView()")
        page.locator(self.waits_for).first.wait_for()
        page.wait_for_load_state("load")
        # A part that comes later takes the place of the link that is there without scripts.
        expect(page.locator("[hx-trigger=load] > noscript")).to_have_count(0)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


class Places:
    """What the pages are about is made with the first look at it."""

    def __init__(self, site):
        self.site = site
        site.put_connection()
        site.put_export("gold", display_name="Gold to the newsletter")

    @cached_property
    def finished_run(self):
        """Its page has a picture, bars, parts and a story."""
        run_id = self.site.start("gold")
        assert self.site.finish(run_id)["status"] == "succeeded_with_rejections"
        return run_id

    @cached_property
    def failed_run(self):
        """Its page has the error and what to do."""
        self.site.put_export("failing", list_id=13)
        self.site.sandbox.account.lists.pop(13)
        run_id = self.site.start("failing")
        assert self.site.finish(run_id)["status"] == "failed"
        return run_id

    @cached_property
    def held_plan(self):
        """It waits for approval, of another export than the finished run."""
        self.site.put_export("planned")
        status, _, started = self.site.call("POST", "exports/planned/plan")
        assert status == 202, started
        assert self.site.finish(started["run_id"])["status"] == "held"
        return started["run_id"]

    @cached_property
    def changing_plan(self):
        """It waits for approval, and would change everybody whom an earlier run has sent."""
        self.site.put_export("changing", sync_mode="changes_only")
        self.site.finish(self.site.start("changing"))
        self.site.change_export("changing", mapping={"email": "EMail", "first_name": "LastName"})
        status, _, started = self.site.call("POST", "exports/changing/plan")
        assert status == 202, started
        assert self.site.finish(started["run_id"])["contacts_changed"] > 0
        return started["run_id"]

    @cached_property
    def undoable_run(self):
        """The last run that changed the list: it is to be started last."""
        self.site.put_export("mirrored", sync_mode="mirror")
        run_id = self.site.start("mirrored")
        assert self.site.finish(run_id)["status"] == "succeeded_with_rejections"
        return run_id

    def of_exports(self):
        """The pages of exports."""
        form = "new-export?connection=brevo&segment=segments%7CCustomerInsights_abcd1234%2FBlobExport%7CGold"
        self.site.put_export("endless", display_name="W" * 100)
        bad_id = (("[name=id]", "Not An Id"),)
        good = (("[name=id]", "silver"), ("select[name=list_id]", "12"))
        return [
            Place("exports", "", waits_for=".state-of:not([hx-get])"),
            Place("exports, none found", "?search=nothing"),
            Place("export", "exports/gold"),
            *(Place(f"long name {what}", f"exports/endless{what}") for what in ("", "/edit", "/duplicate", "/remove")),
            Place("new export", "new-export"),
            Place("export form", form),
            Place("check with faults", form, ".actions [value=check]", bad_id, "#check .fault"),
            Place("preview", form, ".actions [value=preview]", good, "#check .done"),
            Place("form with faults", form, ".actions [value=preview]", bad_id, "#check .fault"),
            Place("edit", "exports/gold/edit"),
            *(Place(what, f"exports/gold/{what}") for what in ("schedule", "duplicate", "remove", "detach")),
            Place(
                "duplicate with a fault", "exports/gold/duplicate", "main button", (("[name=id]", "gold"),), ".fault"
            ),
        ]

    def of_runs(self):
        """The pages of runs, and of an export that has some."""
        return [
            Place("finished run", f"runs/{self.finished_run}"),
            Place("held plan", f"runs/{self.held_plan}"),
            Place("plan with examples", f"runs/{self.changing_plan}", waits_for="[rowspan], td[colspan]"),
            Place("examples of a plan", f"runs/{self.changing_plan}/changes"),
            Place("failed run", f"runs/{self.failed_run}"),
            Place("export with runs", "exports/gold"),
            Place("undo", f"runs/{self.undoable_run}/undo"),
        ]

    def of_the_rest(self):
        """All other pages."""
        person = (("[name=email]", "c7@example.com"),)
        return [
            Place("connections", "connections"),
            Place("connection", "connections/brevo"),
            Place("tested connection", "connections/brevo", "form.stack button", waits_for=".steps"),
            Place("new connection", "new-connection"),
            Place(
                "connection form with faults",
                "new-connection",
                "main button",
                (("[name=id]", "Not An Id"), ("[name=display_name]", "Brevo")),
                ".fault",
            ),
            Place("edit connection", "connections/brevo/edit"),
            Place("attributes", "connections/brevo/attributes"),
            Place("person", "person?export=gold"),
            Place("answer", "person?export=gold", "main button", person, "section h2"),
            Place("history", "history"),
            Place("health", "health", waits_for=".findings"),
            Place("view", "view"),
            Place("problem", "nothing-here"),
        ]

    def all(self):
        """Those with runs come first, so that the others have something to show."""
        return [*self.of_runs(), *self.of_exports(), *self.of_the_rest()]
