"""The whole app with the played sign-in, and Chromium in front of it."""

import os
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from local.chromium import MISSING, chromium, find_chromium
from tests.pages.site import KEY_SETTING, REFRESHES, SEGMENT, Site, segment_file
from tests.whole.conftest import (  # noqa: F401 - fixtures of this folder's tests, too
    _forked_hosts,
    _queues_are_looked_at_often,
    azurite,
    functions_host,
    sandbox,
    upload,
)

# Only costs time where a test fails.
WAIT_MILLISECONDS = 45_000
expect.set_options(timeout=WAIT_MILLISECONDS)


@pytest.fixture(scope="module")
def browser():
    """A file's own: while Playwright is there, nothing else in the thread can run an event loop."""
    if not find_chromium():
        (pytest.fail if os.environ.get("CI_BROWSER") == "must" else pytest.skip)(MISSING)
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def settings(azurite, sandbox):  # noqa: F811
    """Of an app that has no configuration yet, and whose people can make one."""
    return {
        "AzureWebJobsStorage": azurite.connection_string,
        "EXPORT_CONFIG": "settings/exports.json",
        "BREVO_BASE_URL": sandbox.base_url,
        KEY_SETTING: sandbox.api_key,
        "SNAPSHOT_QUIET_SECONDS": "0",
        "EXPORT_SCHEDULE": "0 0 3 1 1 *",
    }


@pytest.fixture(scope="module")
def site(browser, settings, azurite, sandbox, upload, functions_host, tmp_path_factory):  # noqa: F811
    """The running app, with a segment of 40 customers, of whom four cannot be sent. It needs Chromium to be there."""
    upload("segments", SEGMENT, segment_file(), refresh=REFRESHES[0])
    log_file = tmp_path_factory.mktemp("host") / "host.log"
    with functions_host(environment=settings, arguments=["--sign-in"], log_file=log_file) as host:
        yield Site(host, azurite, sandbox, upload)


@pytest.fixture
def sign_in(site, browser):
    """Opens a page as somebody who has just signed in; options are those of a browser's context."""
    with ExitStack() as opened:

        def somebody(role, **options):
            context = opened.enter_context(browser.new_context(base_url=site.url, **options))
            context.set_default_timeout(WAIT_MILLISECONDS)
            page = context.new_page()
            page.goto("/api/pages/")
            page.get_by_role("button", name=role).click()
            page.wait_for_url("**/api/pages/")
            return page

        yield somebody
