"""Pages that everybody can use: axe-core finds nothing, nothing is wider than a phone, and no page is heavy."""

from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.pages.places import Place, Places

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
# A phone's, half of a desktop's, which is what a person sees at 200 %, and the narrowest that WCAG 2.2 names, at 400 %.
WIDTHS = (360, 640, 320)
ENGLISH, ROMANIAN = "en-GB", "ro-RO"
GROUPS = ("of_runs", "of_exports", "of_the_rest")
HEAVIEST_BYTES = 60_000
# Of each rule that is broken its name and, for each place in the page, where and what.
_LOOK = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
    rule => rule.id + ": " + rule.nodes.map(node => node.target + " " + node.failureSummary).join(" | "))"""

in_both_languages = pytest.mark.parametrize("locale", [ENGLISH, ROMANIAN])


@pytest.fixture(scope="module")
def places(site):
    return Places(site)


@pytest.fixture
def look(sign_in):
    """What axe-core finds in these places, by an administrator's eyes."""

    def found(places, locale, schemes, sizes):
        page = sign_in("Administrator", locale=locale, bypass_csp=True)
        return [line for place in places for line in _faults(page, place, schemes, sizes)]

    return found


def assert_none(faults):
    """All of them, where there are any."""
    assert not faults, "\n".join(faults)


def _faults(page, place, schemes, sizes):
    place.open(page)
    page.add_script_tag(path=AXE)
    for scheme, size in product(schemes, sizes):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        yield from (f"{place.name}, {scheme}, {size['width']} px: {line}" for line in page.evaluate(_LOOK))


def test_axe_finds_nothing_on_the_pages_that_are_used_most(places, look):
    found = [place for place in places.of_exports() if place.name in ("exports", "export", "export form")]
    assert_none(look(found, ENGLISH, ["light"], [PHONE]))


@pytest.mark.full
def test_fault_would_be_noticed(places, sign_in):
    page = sign_in("Administrator", bypass_csp=True)
    page.add_script_tag(path=AXE)
    page.evaluate("document.querySelector('main').append(new Image())")
    (found,) = page.evaluate(_LOOK)
    assert found.startswith("image-alt: ")
    page.evaluate("document.querySelector('main img').width = 4000")
    assert page.evaluate(_TOO_WIDE)


@pytest.mark.full
def test_keyboard_skips_the_links_that_every_page_has(places, sign_in):
    page = sign_in("Administrator")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.full
@in_both_languages
@pytest.mark.parametrize("group", GROUPS)
def test_axe_finds_nothing(places, look, group, locale):
    assert_none(look(getattr(places, group)(), locale, ["light", "dark"], [DESKTOP, PHONE]))


@pytest.mark.full
@in_both_languages
def test_axe_finds_nothing_where_the_sign_in_is_off(browser, settings, functions_host, locale):
    with (
        functions_host(environment=settings) as host,
        browser.new_context(base_url=host.url, locale=locale, bypass_csp=True) as context,
    ):
        page = context.new_page()
        assert_none(list(_faults(page, Place("sign-in is off", ""), ["light", "dark"], [DESKTOP, PHONE])))
        assert "AUTH_CLIENT_ID" in page.content()


# By how many pixels one would have to scroll sideways, and what stands out there.
_TOO_WIDE = """() => {
    const root = document.documentElement, too = root.scrollWidth - root.clientWidth
    const out = [...document.querySelectorAll("main *")].filter(each =>
        !each.closest(".wide") && each.getBoundingClientRect().right > root.clientWidth)
    const shown = out.map(each => each.outerHTML.replace(/\\s+/g, " ").slice(0, 80))
    return too > 0 ? [too + " px: " + shown.join(" | ")] : []
}"""


@pytest.mark.full
@in_both_languages
def test_no_page_scrolls_sideways(places, sign_in, locale):
    page = sign_in("Administrator", locale=locale)
    found = []
    for place in places.all():
        place.open(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 740})
            found += [f"{place.name} at {width}: {line}" for line in page.evaluate(_TOO_WIDE)]
    assert_none(found)


@pytest.mark.full
def test_no_page_is_heavy_on_a_first_visit(places, browser, sign_in):
    signed_in = sign_in("Administrator").context.storage_state()
    weights = {}
    for place in places.all():
        with browser.new_context(base_url=places.site.url, storage_state=signed_in) as context:
            page = context.new_page()
            answers = []
            page.on("requestfinished", lambda request, answers=answers: answers.append(request))
            page.goto(f"/api/pages/{place.path}", wait_until="networkidle")
            sizes = [request.sizes() for request in answers]
            weights[place.name] = sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)
            assert len(answers) >= 3, "the style and the script are loaded as well"
    assert {name: weight for name, weight in weights.items() if weight > HEAVIEST_BYTES} == {}
