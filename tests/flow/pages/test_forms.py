"""What forms do: nothing without their token, nothing for another role, nothing to what has changed meanwhile."""

import pytest

from export_trigger.pages.routes import MAP

CHANGES = sorted(rule.rule for rule in MAP.iter_rules() if "POST" in (rule.methods or ()))


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("token", ["", "0" * 64, "ü"])
def test_form_without_its_token_changes_nothing(browser, path, token):
    before = browser.flow.app.configuration.read_bytes()
    page = browser.send_raw(path.replace("<id>", browser.flow.export_id), {"token": token})
    assert page.status == 403
    assert "did not come from these pages" in page.text
    assert browser.flow.app.configuration.read_bytes() == before
    assert list(browser.flow.app.store.latest(browser.flow.export_id)) == []


def test_token_of_another_person_is_none(browser):
    token = browser.open("/view").hidden("token")
    browser.role = "contributor"
    assert browser.send_raw("/view", {"token": token, "language": "en", "time_zone": "UTC"}).status == 403


def test_run_starts_and_its_page_leads_to_the_end(browser):
    export = browser.flow.export_id
    page = browser.open(browser.send(f"/exports/{export}/run", page="/").to)
    assert "waiting to start" in page.text
    assert 'hx-trigger="every 2s"' in page.html
    browser.flow.work_until(lambda: browser.flow.app.store.active(export) is None)
    run_id = next(browser.flow.app.store.latest(export)).run_id
    page = browser.open(f"/runs/{run_id}")
    assert "succeeded" in page.text
    assert "invalid e-mail address" in page.text
    assert "hx-trigger" not in page.html
    csv = browser.open(f"/runs/{run_id}/rejected-rows")
    assert csv.headers["content-disposition"].startswith("attachment;")
    assert csv.html.startswith("\ufeff")
    assert ",invalid_email," in csv.html
    assert ",invalid e-mail address\n" in csv.html
    assert run_id in browser.open(f"/exports/{export}").html
    browser.headers["hx-request"] = "true"
    part = browser.open(f"/runs/{run_id}")
    assert part.html.startswith('<p class="state succeeded')
    assert part.headers["hx-refresh"] == "true"


def test_plan_says_its_numbers_on_the_button_and_sends_them_once_approved(browser):
    export = browser.flow.export_id
    there = browser.send(f"/exports/{export}/plan", page="/").to
    browser.flow.work_until(lambda: next(browser.flow.app.store.latest(export)).is_held)
    page = browser.open(there)
    assert "Approve: send 2, remove nobody" in page.text
    run_id = there.rsplit("/", 1)[1]
    seen = {"token": page.hidden("token"), "shown": page.hidden("shown")}
    refused = browser.send_raw(f"/runs/{run_id}/approve", {**seen, "shown": "another"})
    assert refused.status == 409
    assert "was made again since you have seen it" in refused.text
    assert browser.send_raw(f"/runs/{run_id}/approve", seen).to.endswith("?done=approved")
    browser.flow.work_until(lambda: browser.flow.app.store.active(export) is None)
    assert "succeeded" in browser.open(there).text


def test_run_asks_first_where_a_plan_waits_which_would_end_by_it(browser):
    export = browser.flow.export_id
    plan = browser.send(f"/exports/{export}/plan", page="/").to.rsplit("/", 1)[1]
    browser.flow.work_until(lambda: next(browser.flow.app.store.latest(export)).is_held)
    asked = browser.send(f"/exports/{export}/run", page="/")
    assert asked.status == 200
    assert "A plan of this export waits for approval." in asked.text
    assert "The plan says: send 2, remove 0 from the list." in asked.text
    assert f"/runs/{plan}" in asked.html
    assert browser.flow.app.store.load(plan).is_held
    sure = {"token": asked.hidden("token"), "sure": asked.hidden("sure")}
    assert plan not in browser.send_raw(f"/exports/{export}/run", sure).to
    assert browser.flow.app.store.load(plan).is_final
    browser.role = "viewer"
    assert browser.send_raw(f"/exports/{export}/run", {"token": browser.open("/view").hidden("token")}).status == 403


def test_plan_with_nothing_to_do_ends_by_itself_and_says_so(browser):
    browser.configure(sync_mode="changes_only")
    browser.flow.run()
    export = browser.flow.export_id
    there = browser.send(f"/exports/{export}/plan", page="/").to
    browser.flow.work_until(lambda: browser.flow.app.store.active(export) is None)
    page = browser.open(there)
    assert "<title>Plan: nothing to do - " in page.html
    assert "There is nothing to do: nobody is new, has changed, or is to be removed." in page.text
    assert 'role="alert"' not in page.html
    for words in ("Approve", "Reject ", "Close the plan", "rejected."):
        assert words not in page.text
    assert "nothing to do" in browser.open(f"/exports/{export}").text
    assert "/runs/" in browser.send(f"/exports/{export}/verify", page=f"/exports/{export}").to


def test_plan_that_a_guard_stops_and_that_has_nothing_to_do_is_only_closed(browser):
    browser.configure(sync_mode="changes_only")
    browser.flow.run()
    browser.configure(max_profiles=1)
    export = browser.flow.export_id
    there = browser.send(f"/exports/{export}/plan", page="/").to
    browser.flow.work_until(lambda: next(browser.flow.app.store.latest(export)).is_held)
    page = browser.open(there)
    assert "There is nothing to do" in page.text
    assert "Close the plan" in page.text
    assert "Approve" not in page.text


@pytest.mark.parametrize(("others", "words"), [([], "no differences"), (["zoe@example.com"], "1 difference")])
def test_comparison_is_named_by_what_it_has_found(browser, others, words):
    browser.flow.run()
    browser.flow.sandbox.seed(contacts=[{"email": each, "lists": [browser.flow.list_id]} for each in others])
    export = browser.flow.export_id
    there = browser.send(f"/exports/{export}/verify", page=f"/exports/{export}").to
    browser.flow.work_until(lambda: browser.flow.app.store.active(export) is None)
    page = browser.open(there)
    assert f"<title>Comparison of list and segment: {words} - " in page.html
    assert "some rejected" not in page.text
    assert f"Comparison of list and segment {words} " in browser.open(f"/exports/{export}").text


def test_plan_is_rejected(browser):
    export = browser.flow.export_id
    there = browser.send(f"/exports/{export}/plan", page="/").to
    browser.flow.work_until(lambda: next(browser.flow.app.store.latest(export)).is_held)
    run_id = there.rsplit("/", 1)[1]
    assert browser.send(f"/runs/{run_id}/cancel", page=f"/runs/{run_id}").to.endswith("?done=rejected")
    browser.flow.work_until(lambda: browser.flow.app.store.active(export) is None)
    page = browser.open(there)
    assert "cancelled" in page.text
    assert "Approve:" not in page.text
    assert "confirmed by Brevo" not in page.text
    assert "<progress" not in page.html


def test_form_that_was_open_while_another_person_saved_changes_nothing(browser):
    export = browser.flow.export_id
    old = browser.open(f"/exports/{export}/schedule")
    stale = {"token": old.hidden("token"), "etag": old.hidden("etag"), "schedule": "with_refresh"}
    browser.send(f"/exports/{export}/schedule", schedule="cron", cron="0 6 * * *", time_zone="Europe/Bucharest")
    page = browser.send_raw(f"/exports/{export}/schedule", stale)
    assert page.status == 412
    assert "somebody has changed or removed it meanwhile" in page.text
    assert "each day at 6:00" in browser.open("/").text


def test_times_that_are_typed_beside_another_choice_are_not_lost_without_a_word(browser):
    path = f"/exports/{browser.flow.export_id}/schedule"
    page = browser.send(path, schedule="with_refresh", cron="0 7 * * 1-5", time_zone="Europe/Bucharest")
    assert page.status == 400
    assert "A cron line is typed, but another choice is ticked." in page.text
    page = browser.send(path, schedule="cron", cron="7:00 weekdays", time_zone="Europe/Bucharest")
    assert page.status == 400
    assert 'value="7:00 weekdays"' in page.html
    assert browser.flow.app.document().export(browser.flow.export_id).schedule == "off"


def test_viewer_sees_no_button_and_is_refused_all_the_same(browser):
    export = browser.flow.export_id
    browser.role = "viewer"
    page = browser.open("/")
    assert browser.flow.export["display_name"] in page.text
    assert "<button>Run</button>" not in page.html
    token = browser.open("/view").hidden("token")
    for what in ("run", "plan", "remove", "detach", "schedule", "duplicate", "edit"):
        page = browser.send_raw(f"/exports/{export}/{what}", {"token": token, "schedule": "off"})
        assert page.status == 403, what
        assert "may not" in page.text


def test_export_is_duplicated_detached_and_removed(browser):
    export = browser.flow.export_id
    page = browser.send(f"/exports/{export}/duplicate", id="Not An Id", display_name="Copy")
    assert page.status == 400
    assert "small letters" in page.text
    there = browser.send(f"/exports/{export}/duplicate", id="the-copy", display_name="Copy").to
    assert there == "/api/pages/exports/the-copy/edit?done=duplicated"
    assert browser.flow.app.document().export("the-copy").schedule == "off"
    page = browser.send(f"/exports/{export}/duplicate", id="the-copy", display_name="Another")
    assert "Id: There is an export of this id already." in page.text
    assert browser.send("/exports/the-copy/detach", members="stay").to == "/api/pages/?done=detached"
    assert "detached" in browser.open("/exports/the-copy").text
    assert browser.send("/exports/the-copy/remove", members="stay").to == "/api/pages/?done=removed"
    assert browser.open("/exports/the-copy").status == 404


def test_members_leave_the_list_before_an_export_is_removed(browser):
    export = browser.flow.export_id
    browser.flow.run()
    there = browser.send(f"/exports/{export}/remove", members="remove").to
    assert "/runs/" in there
    browser.flow.work_until(lambda: next(browser.flow.app.store.latest(export)).is_held)
    page = browser.open(there)
    assert "Approve: remove 2, add 0" in page.text
    browser.send_raw(f"{there}/approve", {"token": page.hidden("token"), "shown": page.hidden("shown")})
    browser.flow.work_until(lambda: browser.flow.app.store.active(export) is None)
    assert "succeeded" in browser.open(there).text
    page = browser.open(f"/exports/{export}/remove")
    typed = {"token": page.hidden("token"), "etag": page.hidden("etag"), "members": "remove"}
    for _ in ("a click", "a second click"):
        assert browser.send_raw(f"/exports/{export}/remove", typed).to == "/api/pages/?done=removed_with_members"


def test_export_is_not_ended_while_a_run_takes_its_members_out_and_the_page_shows_that_run(browser):
    export = browser.flow.export_id
    browser.flow.run()
    form = browser.open(f"/exports/{export}/remove")
    there = browser.send(f"/exports/{export}/remove", members="remove").to
    browser.flow.work_until(lambda: next(browser.flow.app.store.latest(export)).is_held)
    for what in ("remove", "detach"):
        page = browser.open(f"/exports/{export}/{what}")
        assert "A run takes its members out of the list: waiting for approval" in page.text
        assert f'href="{there}"' in page.html
        assert "<button" not in page.html
        stale = {"token": form.hidden("token"), "etag": form.hidden("etag"), "members": "stay"}
        refused = browser.send_raw(f"/exports/{export}/{what}", stale)
        assert refused.status == 409
        assert "takes the members" in refused.text
        assert "cancel that run first" in refused.text
    assert browser.flow.app.document().export(export).connection is not None
    run = browser.open(there)
    browser.send_raw(f"{there}/approve", {"token": run.hidden("token"), "shown": run.hidden("shown")})
    browser.flow.work_until(lambda: browser.flow.app.store.active(export) is None)
    assert f'href="/api/pages/exports/{export}/remove"' in browser.open(there).html
    assert (
        "Nobody whom this export has put there is left in the list, but whom"
        in browser.open(f"/exports/{export}/remove").text
    )
    assert browser.send(f"/exports/{export}/remove", members="stay").to == "/api/pages/?done=removed"


def test_export_is_ended_once_the_run_that_takes_its_members_out_is_cancelled(browser):
    export = browser.flow.export_id
    browser.flow.run()
    there = browser.send(f"/exports/{export}/remove", members="remove").to
    browser.flow.work_until(lambda: next(browser.flow.app.store.latest(export)).is_held)
    browser.send(f"{there}/cancel", page=there)
    assert browser.send(f"/exports/{export}/remove", members="stay").to == "/api/pages/?done=removed"


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "Ana & \"Ben\" 'x'"])
def test_what_people_type_is_text_everywhere(browser, name):
    browser.flow.app.configuration.change(
        "tester",
        "name",
        lambda document: document.model_copy(
            update={"exports": [each.model_copy(update={"display_name": name}) for each in document.exports]}
        ),
    )
    for path in ("/", f"/exports/{browser.flow.export_id}", f"/exports/{browser.flow.export_id}/edit"):
        page = browser.open(path)
        assert page.status == 200
        assert name in page.text or name in page.html.replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&")
        assert name not in page.html or name.startswith("=")
