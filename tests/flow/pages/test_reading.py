"""Who sees which page, and that no page keeps, frames or shows what it must not."""

import re
import tracemalloc
from html import unescape

import pytest

from export_trigger.pages import service, visit
from shared.errors import ConfigurationError
from tests.flow.pages import browsing
from tests.flow.pages.browsing import held
from tests.flow.pages.export_form import EDITED

PAGES = ("/", "/connections", "/connections/brevo-eu", "/person", "/view", "/new-export", "/history", "/health")
ADMINISTRATORS_ONLY = ("/history", "/health", "/new-connection")


def test_without_the_platforms_sign_in_pages_say_how_to_switch_it_on_and_show_nothing(browser, monkeypatch):
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "False")
    for path in PAGES:
        page = browser.open(path)
        assert page.status == 403
        assert "AUTH_CLIENT_ID" in page.text
        assert browser.flow.export["display_name"] not in page.text


def test_nobody_is_led_to_the_sign_in_and_back(browser):
    browser.role = None
    page = browser.open("/person?export=gold")
    assert page.to == "/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fpages%2Fperson%3Fexport%3Dgold"
    assert browser.send_raw("/person", {"email": "ana@example.com"}).status == 401


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_for_an_administrator_and_no_cache_or_frame_keeps_it(browser, path):
    page = browser.open(path)
    assert page.status == 200, page.text
    assert page.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert 'style="' not in page.html
    assert " onclick" not in page.html


@pytest.mark.parametrize("path", ADMINISTRATORS_ONLY)
@pytest.mark.parametrize("role", ["contributor", "viewer"])
def test_pages_of_administrators_say_so_to_others(browser, role, path):
    browser.role = role
    page = browser.open(path)
    assert page.status == 403
    assert "This takes the role administrator" in page.text


def test_account_without_a_role_is_told_so(browser):
    browser.role = "guest"
    page = browser.open("/")
    assert page.status == 403
    assert "Your account has no role in this app." in page.text


def test_unknown_page_and_wrong_method_have_their_page(browser):
    assert browser.open("/nothing").status == 404
    assert browser.send_raw("/health", {}).status == 405
    assert "There is no such run" in browser.open("/runs/none").text


def test_page_is_in_the_language_that_the_browser_asks_for_or_the_viewer_has_chosen(browser):
    browser.headers["accept-language"] = "ro-RO,ro;q=0.9,en;q=0.5"
    assert '<html lang="ro">' in browser.open("/").html
    kept = browser.send("/view", language="en", time_zone="Europe/Bucharest").headers["set-cookie"]
    assert kept.endswith("Path=/api/pages; HttpOnly; Secure; SameSite=Lax")
    browser.headers["cookie"] = kept.partition(";")[0]
    page = browser.open("/")
    assert '<html lang="en">' in page.html
    assert "Europe/Bucharest" in page.text


def test_cookies_that_anybody_makes_up_leave_nothing_in_memory(browser):
    browser.role = None
    browser.open("/static/style.css")
    tracemalloc.start()
    for number in range(1_000):
        browser.headers["cookie"] = f"view=en|{number}{'x' * 4_000}"
        assert browser.open("/static/style.css").status == 200
    left = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert left < 1_000_000


def test_choice_of_a_language_never_leads_elsewhere(browser):
    for there in (
        "https://example.com/",
        "//example.com/",
        "/api/pages/\\example.com",
        "/api/pages/\r\nX: y",
        "/api/pages/\x00",
    ):
        assert browser.send("/view", language="en", time_zone="UTC", back=there).to == "/api/pages/"


def test_files_need_no_sign_in_and_are_kept(browser):
    browser.role = None
    for name in ("style.css", "htmx.js"):
        page = browser.open(f"/static/{name}")
        assert page.status == 200
        assert page.headers["cache-control"] == "public, max-age=604800"
    assert browser.open("/static/../site.py").status == 404


def test_app_whose_storage_cannot_be_opened_says_so_on_a_page(browser, monkeypatch):
    def refuses():
        raise ConfigurationError("setting_missing", "The setting AzureWebJobsStorage is not set.", "Set it.")

    monkeypatch.setattr(visit, "open_app", refuses)
    page = browser.open("/")
    assert page.status == 409
    assert "AzureWebJobsStorage is not set" in page.text


def test_error_that_nobody_foresaw_says_nothing_of_a_person(browser, monkeypatch):
    def breaks():
        raise ValueError("ana@example.com")

    monkeypatch.setattr(visit, "open_app", breaks)
    page = browser.open("/")
    assert page.status == 500
    assert "ana@example.com" not in page.html
    assert "Something went wrong here." in page.text


def test_part_of_a_page_says_what_is_wrong_in_its_place_or_leads_to_the_sign_in(browser):
    browser.headers["hx-request"] = "true"
    page = browser.open("/runs/none")
    assert page.status == 404
    assert page.html.startswith('<div class="fault" role="alert">')
    browser.role = None
    page = browser.open("/runs/none")
    assert (page.status, page.headers["hx-refresh"], page.html) == (401, "true", "")


def test_app_without_a_configuration_has_its_pages_all_the_same(browser):
    browser.flow.app.storage.app_blobs.delete(*browser.flow.app.settings.export_config.split("/"))
    for path in ("/", "/connections", "/person", "/history", "/view", "/new-export", "/new-connection", "/health"):
        page = browser.open(path)
        assert page.status == 200, f"{path}: {page.text}"
    assert "Begin with a connection to Brevo." in browser.open("/").text


def test_without_script_the_second_page_of_exports_says_what_became_of_its_own(browser):
    browser.flow.exports += [{**browser.flow.exports[0], "id": f"more-{number}"} for number in range(50)]
    browser.configure()
    second = browser.open(unescape(re.search(r'href="([^"]*)">More exports', browser.open("/").html)[1]))
    link = unescape(re.search(r'<noscript><p><a href="([^"]*)"', second.html)[1])
    assert re.findall(r'href="/api/pages/exports/([^"/]*)">', browser.open(link).html) == ["more-49"]


def test_address_in_other_letters_leads_to_its_own_page(browser, monkeypatch):
    monkeypatch.setattr(browsing, "ROOT", "/API/Pages")
    assert "<title>Connections - " in browser.open("/connections").html
    assert browser.open("/nowhere").status == 404


@pytest.mark.parametrize(
    "path", ["/history?after=x", "/history?after=%00", "/exports/{id}?after=x", "/runs/{run}/rejected-rows?part=0"]
)
def test_address_that_somebody_has_changed_is_refused_in_words(browser, path):
    run_id = browser.flow.run()["run_id"]
    page = browser.open(path.format(id=browser.flow.export_id, run=run_id))
    assert page.status == 400
    assert "is no place in this list." in page.text or "part: is a number from 1." in page.text


def test_number_of_a_list_that_no_account_has_is_refused_in_the_form(browser):
    page = browser.send("/new-export", page="/view", action="check", list_id="9" * 5_000)
    assert page.status == 400
    assert "Choose a list." in page.text


@pytest.mark.parametrize("time", ["2026-02-30 10:00 UTC", "2026-11-30 25:00 UTC", "9999-12-31 23:59 UTC"])
def test_what_only_looks_like_a_time_is_shown_as_it_is(browser, time):
    browser.headers["cookie"] = "view=en|Pacific/Kiritimati"
    browser.flow.exports.append({**browser.flow.exports[0], "id": "other", "display_name": f"Sale of {time}"})
    browser.configure()
    form = {**EDITED, "list_id": browser.flow.list_id, "schedule": "off", "action": "check"}
    page = browser.send(f"/exports/{browser.flow.export_id}/edit", **form)
    assert page.status == 200
    assert f"The export Sale of {time} puts people into this list as well." in page.text


def test_page_of_a_run_leads_to_its_export_only_while_there_is_one(browser):
    run_id = held(browser)
    assert f'href="/api/pages/exports/{browser.flow.export_id}"' in browser.open(run_id).html
    browser.flow.exports.clear()
    browser.configure()
    page = browser.open(run_id)
    links = set(re.findall(r'<a [^>]*href="(/api/pages/[^"?]*)', page.html))
    assert {browser.open(link).status for link in links} <= {200, 303}
    assert page.status == 200


def test_page_of_a_run_that_was_not_held_or_whose_export_was_changed_leads_to_the_export(browser):
    link = f'href="/api/pages/exports/{browser.flow.export_id}"'
    assert link in browser.open(f"/runs/{browser.flow.run()['run_id']}").html
    run_id = held(browser)
    browser.configure(max_removed=0.31)
    assert link in browser.open(run_id).html


@pytest.mark.parametrize("other", ["name=\u0218tefan", "name=\xe9", 'name="\\377\xff"', "\ud800=1"])
def test_cookie_of_another_program_that_is_no_ascii_changes_nothing(browser, other):
    """Another program of the same domain may set one; the browser sends it here as well."""
    browser.headers = {"cookie": f"{other}; view=ro|Europe/Bucharest; {other}"}
    page = browser.open("/")
    assert page.status == 200, page.text
    assert '<html lang="ro">' in page.html
    assert "Europe/Bucharest" in page.text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("part", ["image", "iframe", "empty", "script"])
@pytest.mark.parametrize("path", ["/health?now=1", "/", "/exports/gold/state"])
def test_page_of_another_site_loads_no_page_as_a_part_of_itself(browser, monkeypatch, site, part, path):
    """Hundreds of them, by the sign-in of who looks at it, would use up what Brevo lets runs ask."""
    monkeypatch.setattr(service, "examine", lambda caller: pytest.fail("it was examined"))
    monkeypatch.setattr(visit, "open_app", lambda: pytest.fail("storage was asked"))
    browser.headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": part}
    page = browser.open(path)
    assert page.status == 403
    assert "A page of another site has sent this." in page.text


@pytest.mark.parametrize(("site", "part"), [("cross-site", "document"), ("same-origin", "empty"), ("none", "document")])
def test_link_to_a_page_opens_it_wherever_it_stands(browser, site, part):
    browser.headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": part}
    assert browser.open("/").status == 200
