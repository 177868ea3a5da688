"""The page in a real browser: clicked, typed, looked at on a phone and in the dark."""

import os
import re
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

import elsa_index as ei
from elsa_index.server.app import create_app
from elsa_index.server.current import Current
from elsa_index.server.settings import Settings

pytestmark = pytest.mark.slow  # a browser

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
playwright.expect.set_options(timeout=30_000)
REQUIRE = "ELSA_INDEX_TESTS_REQUIRE_BROWSER"
"""Where this variable is set, a browser that cannot be started fails these tests, instead of skipping them."""
SCREENSHOTS = "ELSA_INDEX_SCREENSHOTS"
"""A directory into which the demo's films are photographed, for the README."""
DEMO = Path(__file__).parents[2] / "demo-output" / "codes.index"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "color_scheme": "dark"}
TOKEN = "not-a-secret-of-anyone"


@pytest.fixture(scope="module")
def browser():
    """Playwright's Chromium, or the system's."""
    with playwright.sync_playwright() as driver:
        tried = []
        for path in [None, *filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))]:
            try:
                found = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
            except playwright.Error as error:
                tried.append(str(error).splitlines()[0])
                continue
            yield found
            found.close()
            return
        message = "no browser: playwright install chromium, or apt install chromium"
        assert not os.environ.get(REQUIRE), f"{message}: {tried}"
        pytest.skip(message)


@contextmanager
def running(served, **settings):
    """The service in a thread of this process, on a free port."""
    app = create_app(Current(lambda: ei.Index.open(served), warming=0), Settings(**settings))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def url(served):
    with running(served) as address:
        yield address


@pytest.fixture(scope="module")
def guarded(served):
    with running(served, token=TOKEN) as address:
        yield address


@pytest.fixture
def page(browser, url):
    """The page with nothing in its history; no request may leave this machine, and no script may fail."""
    with opened(browser, url) as tab:
        yield tab


@pytest.fixture
def phone(browser, url):
    with opened(browser, url, **PHONE) as tab:
        yield tab


@contextmanager
def opened(browser, url, **options):
    context = browser.new_context(**options)
    tab = context.new_page()
    wrong = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    here = url.split("#")[0]
    tab.on("request", lambda request: request.url.startswith(here) or wrong.append(request.url))
    # An item of a link that is no longer there is asked for, and the browser itself reports the answer.
    tab.on("console", lambda said: said.type == "error" and "404" not in said.text and wrong.append(said.text))
    tab.goto(url)
    tab.wait_for_selector(".card")
    yield tab
    assert wrong == []
    context.close()


def eventually(found):
    """What the page shows is asserted so: it draws when an answer arrives, and that may be later than a test looks."""
    return playwright.expect(found)


def look(at, name):
    if directory := os.environ.get(SCREENSHOTS):
        at.screenshot(path=Path(directory) / f"page-{name}.png")


def rows(tab):
    return tab.locator(".row h2").all_inner_texts()


def add(tab, typed, title):
    tab.get_by_role("combobox").fill(typed)
    tab.get_by_role("option", name=title, exact=True).click()
    tab.get_by_role("button", name=f"Remove {title}").wait_for()


def test_a_history_is_clicked_together_and_rows_follow(page):
    assert rows(page)[0] == "Popular"
    add(page, "number 120", "Old number 120")
    page.get_by_role("heading", name="For you").wait_for()
    assert rows(page)[1].startswith("Film-Noir")
    add(page, "cafe number 121", "Café number 121")
    eventually(page).to_have_url(re.compile("#t3-0,t3-1$"))
    page.get_by_role("button", name="Remove Old number 120").click()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("heading", name="Popular").wait_for()
    eventually(page).not_to_have_url(re.compile("#"))


def test_why_shows_what_brought_an_item_and_adds_it(page):
    add(page, "number 120", "Old number 120")
    why = page.get_by_role("button", name="Why ").first
    title = why.get_attribute("aria-label").removeprefix("Why ").removesuffix("?")
    why.click()
    dialog = page.get_by_role("dialog")
    eventually(dialog.get_by_role("heading", level=2)).to_have_text(title)
    eventually(dialog.locator("#why-history")).to_contain_text("Old number 120")
    eventually(dialog.locator("#why-dimensions")).to_contain_text("dimension")
    dialog.get_by_role("button", name="Add to the history").click()
    page.get_by_role("button", name=f"Remove {title}").wait_for()


def test_the_strongest_dimensions_are_bars_in_the_colours_of_their_segments(page):
    add(page, "number 200", "Long number 200")
    bars = page.locator("#bars li")
    bars.first.wait_for()
    assert 4 <= bars.count() <= 12
    widths = [bar.bounding_box()["width"] for bar in page.locator("#bars .bar").all()]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 2 * widths[-1]
    colour = "element => getComputedStyle(element).backgroundColor"
    assert page.locator(".row .dot").nth(1).evaluate(colour) == page.locator("#bars .bar").first.evaluate(colour)


def test_segments_are_shown_from_raw_to_merged_and_filtered(page):
    segments = page.locator("#segments details")
    eventually(segments).to_have_count(6)
    eventually(page.locator("#segments-about")).to_contain_text("6 of 6 segments")
    page.get_by_placeholder("Show only those with").fill("horror")
    eventually(segments).to_have_count(1)
    segments.locator("summary").click()
    eventually(segments.locator(".raw")).to_be_visible()
    raw = segments.locator(".raw li").all_inner_texts()
    assert len(raw) > 1
    assert sum(int(part.split(": ")[1]) for part in raw) == 40


def test_fast_and_exact_show_their_milliseconds(page):
    time = page.locator("#time")
    eventually(time).to_have_text(re.compile("^fast: "))
    page.get_by_label("exact").check()
    eventually(time).to_have_text(re.compile("^exact: .* ms$"))
    eventually(time).to_have_attribute("title", re.compile("exact|popular"))


def test_everything_works_by_keyboard(page):
    page.get_by_role("combobox").focus()
    page.keyboard.type("number 12")
    eventually(page.get_by_role("option").first).to_contain_text("number 12")  # the answer to the last letter
    options = [option.get_attribute("aria-label") for option in page.get_by_role("option").all()]
    page.keyboard.press("ArrowDown")
    eventually(page.get_by_role("combobox")).to_have_attribute("aria-activedescendant", "found-1")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=f"Remove {options[1]}").wait_for()
    page.get_by_role("heading", name="For you").wait_for()
    page.get_by_role("button", name="Why ").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.get_by_role("button", name="Close").press("Enter")
    page.get_by_role("dialog").wait_for(state="hidden")
    page.get_by_role("button", name="Why ").first.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    page.keyboard.press("Tab")
    eventually(page.locator(":focus")).to_have_attribute("aria-label", re.compile("^Add "))
    for _ in range(3):  # what is added leaves the row, and its neighbour has the focus
        added = page.locator(":focus").get_attribute("aria-label").removesuffix(" to the history")
        page.keyboard.press("Enter")
        page.get_by_role("button", name=added.replace("Add ", "Remove ", 1), exact=True).wait_for()
        eventually(page.locator(":focus")).to_have_attribute("aria-label", re.compile("^Add "))
        eventually(page.locator(":focus")).not_to_have_attribute("aria-label", f"{added} to the history")
    page.get_by_role("combobox").fill("zzz")
    page.get_by_text("No title found").wait_for()
    page.keyboard.press("Escape")
    eventually(page.get_by_role("listbox")).to_have_count(0)


def test_it_fits_a_phone_in_the_dark(phone):
    phone.get_by_role("combobox").tap()
    add(phone, "number 80", "Long number 80")
    phone.get_by_role("heading", name="For you").wait_for()
    width = phone.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    assert phone.locator(".row").first.bounding_box()["y"] < phone.locator("#dimensions").bounding_box()["y"]
    dark = phone.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, dark.removeprefix("rgb(").removesuffix(")").split(","))) < 150
    for button in phone.locator(".card button").all()[:6]:
        assert button.bounding_box()["height"] >= 36


def test_titles_are_never_markup(browser, tastes, tmp_path):
    codes, metadata = tastes
    evil = metadata | {"title": ["<img src=x onerror=alert(1)>" for _ in metadata["title"]]}
    ei.Index.build(codes, tmp_path / "i", engine="exact", metadata=evil).close()
    with running(tmp_path / "i") as address, opened(browser, address) as tab:
        assert tab.locator("img").count() == 0
        assert "<img" in tab.locator(".card p").first.inner_text()


def test_an_index_without_segments_recommends_in_one_row(browser, tastes, tmp_path):
    codes, metadata = tastes
    ei.Index.build(codes, tmp_path / "i", engine="faiss-hnsw", metadata=metadata, segments=None).close()
    with running(tmp_path / "i") as address, opened(browser, address) as tab:
        assert rows(tab) == ["Popular"]
        add(tab, "number 120", "Old number 120")
        tab.get_by_role("heading", name="For you").wait_for()
        eventually(tab.get_by_label("exact")).to_be_disabled()
        eventually(tab.locator(".segments")).to_be_hidden()


def test_a_link_with_what_is_not_here_names_it_and_keeps_it(browser, url):
    with opened(browser, f"{url}#%,t0-1,stranger,{'x' * 40}") as tab:
        eventually(tab.get_by_role("button", name="Remove ")).to_have_count(3)
        eventually(tab.locator("#missing")).to_contain_text(f"stranger, {'x' * 40}")
        tab.get_by_role("button", name="Remove stranger").click()
        eventually(tab).to_have_url(re.compile("#t0-1,x+$"))
        eventually(tab.locator("#missing")).not_to_contain_text("stranger")


def chips(tab):
    return tab.locator("#history button")


def test_the_history_survives_back_reload_and_sharing(browser, page, url):
    add(page, "number 120", "Old number 120")
    page.get_by_label("exact").check()
    add(page, "number 200", "Long number 200")
    eventually(page).to_have_url(re.compile("#t3-0,t5-0&exact$"))
    page.go_back()
    eventually(chips(page)).to_have_count(1)
    page.go_back()
    eventually(page.get_by_label("fast")).to_be_checked()
    page.go_forward()
    page.go_forward()
    eventually(chips(page)).to_have_count(2)
    page.reload()
    eventually(chips(page)).to_have_count(2)
    eventually(page.locator("#time")).to_have_text(re.compile("^exact: "))
    with opened(browser, page.url) as other:
        eventually(chips(other)).to_have_count(2)
        eventually(other.get_by_label("exact")).to_be_checked()


def test_the_history_survives_a_service_that_fails(browser, url):
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{url}#t3-0")
    eventually(chips(tab)).to_have_text("Old number 120 ✕")
    tab.route("**/v1/homepage", lambda route: route.abort())
    tab.get_by_label("exact").check()
    eventually(tab.locator("#problem")).to_have_text("The service does not answer.")
    eventually(chips(tab)).to_have_count(1)
    tab.unroute("**/v1/homepage")
    tab.route("**/v1/item?*", lambda route: route.abort())
    tab.reload()
    eventually(chips(tab)).to_have_text("t3-0 ✕")  # its title could not be asked for
    eventually(tab).to_have_url(re.compile("#t3-0&exact$"))
    context.close()


def test_what_is_not_for_me_is_gone_and_can_come_back(page):
    add(page, "number 120", "Old number 120")
    page.get_by_role("heading", name="For you").wait_for()
    first = page.locator(".card").first
    title = first.locator(".title").inner_text()
    first.get_by_role("button", name="Not for me").click()
    again = page.get_by_role("button", name=f"Allow again: {title}")
    again.wait_for()
    eventually(page.get_by_role("button", name=f"Add {title} to the history", exact=True)).to_have_count(0)
    eventually(page).to_have_url(re.compile("#t3-0&not=t[0-9-]+$"))
    again.click()
    eventually(page.get_by_role("button", name=f"Add {title} to the history", exact=True)).to_have_count(1)


def test_a_segment_opens_whole(page):
    add(page, "number 120", "Old number 120")
    page.get_by_role("button", name=re.compile("^Show all of Film-Noir")).click()
    dialog = page.get_by_role("dialog")
    eventually(dialog.locator(".card")).to_have_count(40)
    eventually(dialog.locator("#whole-about")).to_contain_text("40 of 40 items")
    dialog.get_by_role("button", name="Close").click()
    page.locator("#segments summary").first.click()
    page.get_by_role("button", name=re.compile("^Show all 40 items of ")).first.click()
    eventually(dialog.locator(".card")).to_have_count(40)


def test_cards_and_titles_found_tell_items_apart_by_what_is_known_of_them(page):
    page.get_by_role("combobox").fill("number 120")
    eventually(page.get_by_role("option").first).to_contain_text("Film-Noir")
    eventually(page.locator(".card .facts").first).to_have_text(re.compile(r"^\d{4} · "))


def test_nothing_long_is_announced(page):
    add(page, "number 120", "Old number 120")
    page.get_by_role("heading", name="For you").wait_for()
    said = page.locator("[aria-live], [role=status], [role=alert]").all_text_contents()
    assert 0 < sum(map(len, said)) < 300
    eventually(page.locator("#said")).to_contain_text("For you: 12 items, and ")


def test_busy_is_shown_while_an_answer_is_awaited(page):
    page.route("**/v1/homepage", lambda route: (page.wait_for_timeout(500), route.continue_()))
    page.get_by_role("combobox").fill("number 120")
    page.get_by_role("option", name="Old number 120", exact=True).click()
    eventually(page.locator("#rows")).to_have_attribute("aria-busy", "true")
    eventually(page.locator("body")).to_have_class("busy")
    eventually(page.locator("#rows")).to_have_attribute("aria-busy", "false")
    eventually(page.locator("body")).not_to_have_class("busy")


PICTURE = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89"
    b"\0\0\0\rIDATx\x9cc\xf8\xff\xff\x7f\x03\0\x08\xfc\x02\xfe\xa7\x9a\xa0\xa0\0\0\0\0IEND\xaeB`\x82"
)


def test_pictures_are_shown_from_named_hosts_only(browser, tastes, tmp_path):
    codes, metadata = tastes
    hosts = ["img.example", "evil.example"]
    pictures = [f"https://{hosts[at % 2]}/{at}.png" for at in range(len(metadata["title"]))]
    ei.Index.build(codes, tmp_path / "i", engine="exact", metadata=metadata | {"poster": pictures}).close()
    asked = []
    for images in ((), ("img.example",)):
        with running(tmp_path / "i", images=images) as address:
            context = browser.new_context()
            context.route(re.compile(r"^https://"), lambda route: (
                asked.append(route.request.url), route.fulfill(body=PICTURE, content_type="image/png")
            ))  # fmt: skip
            tab = context.new_page()
            tab.goto(address)
            tab.wait_for_selector(".card")
            if images:
                eventually(tab.locator(".card img").first).to_have_js_property("complete", True)
                assert "https://" not in " ".join(tab.locator(".facts").all_inner_texts())
            else:
                assert tab.locator(".card img").count() == 0
                assert asked == []
            context.close()
    assert asked
    assert all(url.startswith("https://img.example/") for url in asked)


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(browser, url, options):
    from axe_playwright_python.sync_playwright import Axe

    def look_for_violations(tab):
        found = Axe().run(tab)
        assert found.violations_count == 0, found.generate_report()

    with opened(browser, url, **options) as tab:
        look_for_violations(tab)
        add(tab, "number 120", "Old number 120")
        tab.get_by_role("button", name="Not for me").nth(3).click()
        tab.locator("#segments summary").first.click()
        tab.get_by_role("combobox").fill("cafe")
        tab.get_by_role("option").first.wait_for()
        look_for_violations(tab)
        tab.keyboard.press("Escape")
        tab.get_by_role("button", name="Why ").first.click()
        tab.get_by_role("dialog").wait_for()
        look_for_violations(tab)
        tab.keyboard.press("Escape")
        tab.get_by_role("button", name="Show all of").first.click()
        tab.locator("#whole-items .card").first.wait_for()
        look_for_violations(tab)


def test_a_token_is_asked_for_and_kept(browser, guarded):
    tab = browser.new_page()
    tab.goto(guarded)
    tab.get_by_label("This service asks for a token:").fill("some other")
    tab.get_by_role("button", name="Use it").click()
    tab.get_by_text("did not take this token").wait_for()
    tab.get_by_label("This service asks for a token:").fill(TOKEN)
    tab.get_by_role("button", name="Use it").click()
    tab.wait_for_selector(".card")
    eventually(tab.locator("#token-form")).to_be_hidden()
    tab.reload()
    tab.wait_for_selector(".card")
    tab.close()


@pytest.mark.skipif(not DEMO.exists(), reason="no films: make demo")
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_the_films_of_the_demo_are_searched_recommended_and_explained(browser, device):
    """What the README shows."""
    with running(DEMO) as address, opened(browser, address, **(PHONE if device == "phone" else {})) as tab:
        for typed, title in (("toy sto", "Toy Story"), ("finding n", "Finding Nemo"), ("monsters", "Monsters, Inc.")):
            add(tab, typed, title)
        tab.get_by_role("heading", name="Children · Animation").wait_for()
        eventually(tab.get_by_role("button", name="Add Toy Story 2 to the history").first).to_be_visible()
        look(tab, device)
        if device == "desktop":
            tab.get_by_role("button", name="Why ").first.click()
            tab.get_by_role("dialog").wait_for()
            eventually(tab.locator("#why-history")).to_contain_text("Toy Story")
            look(tab, "why")
            tab.keyboard.press("Escape")
            tab.get_by_placeholder("Show only those with").fill("animation")
            tab.locator("#segments summary").first.click()
            look(tab.locator(".segments"), "segments")
