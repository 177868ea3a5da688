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
    options = page.get_by_role("option").all_inner_texts()
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
    page.get_by_role("combobox").fill("zzz")
    page.get_by_text("No title begins so").wait_for()
    page.keyboard.press("Escape")
    eventually(page.get_by_role("listbox")).to_have_count(0)


def test_it_fits_a_phone_in_the_dark(phone):
    phone.get_by_role("combobox").tap()
    add(phone, "number 80", "Long number 80")
    phone.get_by_role("heading", name="For you").wait_for()
    width = phone.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    assert phone.locator(".row").first.bounding_box()["y"] < phone.locator("#taste").bounding_box()["y"]
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


def test_a_link_that_is_not_ours_shows_the_page(browser, url):
    with opened(browser, f"{url}#%,t0-1,stranger") as tab:
        tab.get_by_role("button", name="Remove Old number 0").wait_for(state="detached")
        eventually(tab.get_by_role("button", name="Remove ")).to_have_count(1)


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


@pytest.mark.slow
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
