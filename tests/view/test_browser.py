"""The pages in a real browser: nothing of a trace runs, keys work, and axe-core finds no serious fault."""

from __future__ import annotations

import importlib.util
import shutil
import threading
from pathlib import Path

import pytest

from tests.view import made
from tests.view.conftest import Site, Training, ViewedRun, application

sync_api = pytest.importorskip("playwright.sync_api", reason="`pip install playwright axe-playwright-python`")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)

PAGES = (
    "/0/", "/0/sources", "/0/traces", "/0/rejects", "/0/packs/len-00256/0", "/0/packs/len-00256/0?reveal=yes",
    "/0/row?source=films&file=films.parquet&row=0", "/0/row?source=rows&file=rows.jsonl&row=0&look=yes",
    "/0/row?source=rows&file=rows.jsonl&row=3", "/0/clusters", "/0/clusters/0", "/0/contamination",
    "/0/contamination/0", "/0/search?for=number", "/0/questions?traces=4", "/0/lengths", "/0/pictures",
    "/training",    "/training/steps/3", "/none",
    "/0/pair?source=rows&file=rows.jsonl&row=1&sample=1&other=equals+rows%2Frows.jsonl+row+1+sample+0",
)  # fmt: skip
SERIOUS = {"serious", "critical"}
ROOMS = {
    "light": {"viewport": {"width": 1200, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1200, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}},
}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
AXE = "async () => (await axe.run(document)).violations.map(one => [one.impact, one.id, one.nodes[0].html])"


@pytest.fixture(scope="module")
def axe():
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or not found.submodule_search_locations:
        pytest.skip("`pip install axe-playwright-python` carries axe-core")
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address(run, training):
    """Where the pages are, token included."""
    from octomed.view.server import serve

    said: list[str] = []
    site = Site([ViewedRun(run)], Training(training))
    threading.Thread(target=serve, args=(application(site), 0, said.append), daemon=True).start()
    while not said:
        threading.Event().wait(0.01)
    return said[0]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """A page that fails its test for anything that the browser complains of."""
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.base = address.partition("/?")[0]
    yield page
    context.close()
    assert [one for one in said if "404" not in one] == []


def faults_of(browser, address, axe, room, pages):
    """Return what axe-core finds on pages, and the pages that are wider than the screen."""
    context = browser.new_context(**ROOMS[room])
    page = context.new_page()
    page.goto(address)
    tools = context.new_cdp_session(page)  # what a page's policy forbids to the page
    found = []
    for one in pages:
        page.goto(address.partition("/?")[0] + one, wait_until="networkidle")
        tools.send("Runtime.evaluate", {"expression": axe})
        found += [(one, *fault) for fault in page.evaluate(AXE) if fault[0] in SERIOUS]
        found += [(one, "wider than the screen")] if page.evaluate(WIDER) > 0 else []
    context.close()
    return found


def test_no_serious_fault_on_the_first_pages(browser, address, axe):
    assert faults_of(browser, address, axe, "phone", PAGES[:1]) == []
    assert faults_of(browser, address, axe, "dark", ["/0/packs/len-00256/0"]) == []


@pytest.mark.long
@pytest.mark.parametrize("room", ROOMS)
def test_no_serious_fault_for_who_reads_with_the_ears(browser, address, axe, room):
    assert faults_of(browser, address, axe, room, PAGES) == []


def test_nothing_of_a_trace_runs(page):
    for one in (
        "/0/row?source=rows&file=rows.jsonl&row=0&look=yes", "/0/packs/len-00256/0?reveal=yes",
        "/0/search?for=document.title", "/0/search?for=" + made.HOSTILE.replace("#", "%23"),
    ):  # fmt: skip
        page.goto(page.base + one, wait_until="networkidle")
        assert page.title() != "it ran"
    page.goto(page.base + "/0/row?source=rows&file=rows.jsonl&row=0")
    assert "<script>document.title" in page.inner_text("pre >> nth=0")  # as text


def test_a_token_says_its_id_and_positions(page):
    page.goto(page.base + "/0/packs/len-00256/0")
    page.hover(".tokens i >> nth=4")
    page.wait_for_selector("#token:not([hidden])")
    assert page.inner_text("#token").startswith("token 4: id ")
    page.focus(".tokens >> nth=0")
    for key in ("Home", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_function("document.getElementById('token').textContent.startsWith('token 1: id ')")
    assert "position 1" in page.inner_text("#token")
    assert "time 1, height 1, width 1" in page.inner_text("#token")


def test_keys_lead_on_and_back(page):
    page.goto(page.base + "/0/row?source=rows&file=rows.jsonl&row=5")
    page.keyboard.press("j")
    page.wait_for_url("**row=6*")
    page.keyboard.press("k")
    page.wait_for_url("**row=5*")
    page.keyboard.press("/")
    page.keyboard.type("rows:9")
    page.keyboard.press("Enter")
    page.wait_for_url("**/row?*row=9")


def test_a_list_looks_on_until_its_page_is_full(page, monkeypatch):
    from octomed.view import wanted

    monkeypatch.setattr(wanted, "SECONDS", 0)  # each page ends with a row group
    page.goto(page.base + "/0/traces?source=films")
    page.wait_for_function("document.querySelectorAll('tbody tr').length == 20")


def test_a_point_of_the_curve_leads_to_its_step(page):
    page.goto(page.base + "/training")
    page.click(".curves a[href='/training/steps/3'] use")
    page.wait_for_url("**/training/steps/3")


def test_a_masked_row_is_shown_when_that_is_asked_for(page):
    page.goto(page.base + "/0/row?source=rows&file=rows.jsonl&row=3")
    assert "Bauer" not in page.content()
    page.click("text=Show it")
    page.wait_for_url("**reveal=yes*")
    assert "Bauer" in page.content()
