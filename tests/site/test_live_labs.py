"""Labs that run in the page, in the browser that a reader has."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from built_book import BOOK
from firefox import firefox, firefox_path
from playwright.sync_api import BrowserContext, Page, expect
from serve import address, book_server
from site_browser import OVERFLOWING, SCHEMES, WIDTHS, SiteBrowser, grave_violations

pytestmark = pytest.mark.site
LABS = sorted(path.stem for path in BOOK.glob("labs/*.html")) or ["multiplier"]
NOTEBOOKS = Path(__file__).parents[2] / "labs"
LAB_MS = 300_000
IGNORED = "nbval-ignore-output"

RECORD = """() => {
    window.outputs = {};
    document.addEventListener("live-output", ({target, detail}) =>
        (window.outputs[target.id] ??= []).push(detail));
}"""
SAYS = """words => new RegExp(words).test(document.querySelector(".live-status").textContent)"""


@pytest.fixture(autouse=True)
def packs(book: None) -> None:
    """Skip where the labs of the built book do not run in the page."""
    file = BOOK / "_static" / "live" / "packs.mjs"
    if "null" in file.read_text(encoding="utf-8"):
        pytest.skip("the built book has no labs that run in the page: make live adds them")


class LivePage:
    """A lab's page, what it asked for, and how to go on."""

    def __init__(self, tab: Page) -> None:
        self.tab = tab
        self.asked: list[str] = []
        tab.set_default_timeout(LAB_MS)
        tab.context.on("request", lambda request: self.asked.append(request.url))
        tab.evaluate(RECORD)

    @property
    def packs(self) -> list[str]:
        return [url for url in self.asked if url.endswith(".pack")]

    def start(self) -> None:
        self.press("Run this lab here")
        self.wait("Ready|did not start")
        assert "Ready" in self.status

    @property
    def status(self) -> str:
        return self.tab.locator(".live-status").inner_text()

    def press(self, name: str, exact: bool = False) -> None:
        self.tab.get_by_role("button", name=name, exact=exact).click()

    def wait(self, words: str) -> None:
        self.tab.wait_for_function(SAYS, arg=words)

    def write(self, cell: int, code: str) -> None:
        self.tab.get_by_role("textbox", name=f"Code of cell {cell}", exact=True).fill(code)

    def run(self, cell: int) -> str:
        """Run it alone; the text of its outputs."""
        self.press(f"Run cell {cell}", exact=True)
        self.wait(f"Cell {cell} (is done|ended in)")
        return self.output(cell)

    def output(self, cell: int) -> str:
        return self.tab.locator("div.cell:has(> .cell_input)").nth(cell - 1).inner_text()

    def grave_faults(self) -> list[str]:
        """What axe finds at both widths and in both schemes, and what sticks out."""
        found = []
        for width, height in WIDTHS.items():
            self.tab.set_viewport_size({"width": width, "height": height})
            self.tab.wait_for_timeout(500)  # the theme looks again at what scrolls
            found += self.tab.evaluate(OVERFLOWING)
            for scheme in SCHEMES:
                self.tab.evaluate("to => { document.documentElement.dataset.theme = to }", scheme)
                self.tab.wait_for_timeout(500)  # colours change slowly
                faults = grave_violations(self.tab, scheme, within="article")
                found += [f"{width} px, {scheme}: {fault}" for fault in faults]
        return found


def stored(lab: str) -> dict[str, Any]:
    """From a cell's name to its stored outputs, without what is not compared."""
    cells = json.loads((NOTEBOOKS / f"{lab}.ipynb").read_text(encoding="utf-8"))["cells"]
    return {
        cell["id"]: told(cell["outputs"])
        for cell in cells
        if cell["cell_type"] == "code" and IGNORED not in cell["metadata"].get("tags", [])
    }


def told(outputs: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """Outputs as they are compared: what is printed whole, each bundle by its kinds.

    Standard error is no result: a run that takes seconds shows its progress there.
    """
    result: list[tuple[str, Any]] = []
    for output in outputs:
        kind = output.get("name", output["output_type"])
        text = "".join(output.get("text", ""))
        if kind == "stderr":
            continue
        if text and result and result[-1][0] == kind:
            result[-1] = (kind, result[-1][1] + text)
        elif "data" in output:
            result.append((kind, {name: "".join(data) for name, data in output["data"].items()}))
        else:
            result.append((kind, text or output.get("traceback")))
    return result


@pytest.mark.parametrize("lab", LABS)
def test_a_lab_runs_whole_from_this_site_alone_and_shows_what_is_stored(
    browser: SiteBrowser, lab: str
) -> None:
    def look(tab: Page) -> dict[str, Any]:
        tab.wait_for_load_state("networkidle")
        page = LivePage(tab)
        tab.wait_for_timeout(300)
        assert page.asked == []  # nothing before the click
        page.start()
        tab.context.set_offline(True)
        page.press("Run all")
        page.wait(f"Cell {tab.locator('.live-cell-bar').count()} is done|ended in")
        assert "is done" in page.status
        site = tab.url.partition("/labs/")[0]
        assert [url for url in page.asked if not url.startswith((site, "blob:", "data:"))] == []
        assert tab.evaluate("[...document.images].filter(i => !i.alt.trim()).length") == 0
        assert tab.locator(".cell_output .output.text_html figure.lab-figure").count() > 0
        return dict(tab.evaluate("window.outputs"))

    outputs = browser.on_page(f"labs/{lab}.html", look, alone=True)
    here = {name: told(outputs.get(name, [])) for name in stored(lab)}
    assert here == stored(lab)


def test_a_reader_edits_stops_and_comes_back(browser: SiteBrowser) -> None:
    """One visit after another, in one browser, and without stack switching."""

    def look(tab: Page) -> None:
        workers = without_jspi(tab.context)
        page = LivePage(tab)
        page.start()
        assert page.packs
        assert workers
        edit(page)
        stop(page)
        check(page)
        race(page)
        assert page.grave_faults() == []
        come_back(page)

    browser.on_page("labs/multiplier.html", look, alone=True)


def without_jspi(context: BrowserContext) -> list[str]:
    """A browser without stack switching, as Safari and Firefox were; its workers, as they start."""
    changed: list[str] = []

    def answer(route: Any) -> None:
        script = route.fetch().text()
        first = "delete WebAssembly.Suspending; delete WebAssembly.promising;\n"
        route.fulfill(body=first + script, content_type="text/javascript")
        changed.append(route.request.url)

    context.route("**/worker.mjs", answer)
    return changed


def edit(page: LivePage) -> None:
    page.write(2, "my_guess_s = 31\nprint('a guess of', my_guess_s)")
    assert "a guess of 31" in page.run(2)
    assert "Cell In[" not in page.output(2)
    page.write(3, "import asyncio\n1 / 0")
    code = page.tab.get_by_role("textbox", name="Code of cell 3", exact=True)
    code.press("Shift+Enter")
    page.wait("ended in ZeroDivisionError: division by zero")
    assert "----> 2 1 / 0" in page.output(3)
    expect(page.tab.get_by_role("textbox", name="Code of cell 4", exact=True)).to_be_focused()
    page.press("Reset cell 3")
    assert "async def one_call" in page.output(3)
    code.press("Control+End")
    code.press("Enter")
    page.tab.keyboard.type("def f():\nreturn 1")
    assert page.output(3).count("def f():\n    ") == 1  # a new line is indented
    page.press("Reset cell 3")


def stop(page: LivePage) -> None:
    page.write(3, "print('begun')\nwhile True:\n    pass")
    page.press("Run cell 3", exact=True)
    page.tab.get_by_text("Working, 3 s.").wait_for()
    loaded = len(page.packs)
    page.press("Stop cell 3")
    page.wait("Ready")
    assert len(page.packs) == loaded  # what was downloaded is kept
    assert "begun" in page.output(3)
    page.press("Reset cell 3")


def check(page: LivePage) -> None:
    exercise, result = page.tab.locator("div.tag_exercise"), page.tab.locator("div.tag_check")
    page.tab.get_by_role("button", name="Check cell").first.click()
    expect(result.first.locator(".cell_output")).to_contain_text("Not yet", timeout=LAB_MS)
    solution = "def ttft_share(t, rate, n):\n    return t / (t + n / rate)"
    exercise.first.get_by_role("textbox").fill(solution)
    page.tab.get_by_role("button", name="Check cell").first.click()
    expect(result.first.locator(".cell_output")).to_contain_text("Right", timeout=LAB_MS)


def race(page: LivePage) -> None:
    """The one widget of the labs: a slider, a button, and what moves."""
    page.write(9, "figures.race_live()")
    page.run(9)
    cell = page.tab.locator("div.cell:has(> .cell_input)").nth(8)
    cell.get_by_label("calls").fill("1")
    cell.get_by_role("button", name="Start").click()
    expect(cell).to_contain_text("1 of 1 calls", timeout=60_000)
    expect(cell.get_by_role("button", name="Start")).to_be_enabled(timeout=60_000)
    page.press("Reset cell 9")


def come_back(page: LivePage) -> None:
    page.tab.reload()
    before = len(page.packs)
    page.start()
    assert len(page.packs) == before  # a second visit loads nothing
    assert "my_guess_s = 31" in page.output(2)
    page.press("Reset all cells")
    assert "my_guess_s = 30" in page.output(2)


def test_a_chapters_figure_leads_to_its_cell_and_the_button_is_there(browser: SiteBrowser) -> None:
    def look(tab: Page) -> None:
        tab.get_by_role("link", name="Change it in the lab").first.click()
        tab.wait_for_load_state()
        name = tab.url.partition("#")[2]
        beside = tab.locator(f".live-bar + div.cell[id='{name}']")
        expect(beside).to_be_visible()

    browser.on_page("chapters/multiplier.html", look)


def test_the_front_page_leads_to_the_button_of_the_first_lab(browser: SiteBrowser) -> None:
    def look(tab: Page) -> None:
        assert tab.get_by_role("link", name="Open the first lab").count() == 0
        tab.get_by_role("link", name="Run the first lab here").press("Enter")
        button = tab.get_by_role("button", name="Run this lab here")
        expect(button).to_be_focused()
        expect(button).to_be_in_viewport()
        assert "/labs/multiplier.html" in tab.url

    browser.on_page("index.html", look)


def test_a_browser_that_runs_no_lab_is_offered_to_read_it(browser: SiteBrowser) -> None:
    def look(tab: Page) -> None:
        expect(tab.get_by_role("link", name="Open the first lab")).to_be_visible()

    browser.on_page("index.html", look, javascript=False)


IN_FIREFOX = """(async () => {
    (%s)();
    const status = () => document.querySelector(".live-status").textContent;
    const until = async words => {
        while (!words.test(status())) await new Promise(done => setTimeout(done, 200));
    };
    const press = name => [...document.querySelectorAll("button")]
        .find(button => button.textContent.startsWith(name)).click();
    press("Run this lab here");
    await until(/Ready|did not start/);
    press("Run all");
    await until(/ is done|ended in|did not start/);
    return [status(), window.outputs];
})()"""


def test_the_first_lab_runs_in_firefox_too(book: None, tmp_path: Path) -> None:
    executable = firefox_path()
    if executable is None:
        pytest.skip("no Firefox: install firefox-esr")
    with book_server(BOOK, port=0) as server, firefox(executable, tmp_path) as tab:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab.open(f"{address(server)}/labs/multiplier.html")
        status, outputs = tab.evaluate(IN_FIREFOX % RECORD)
        server.shutdown()
    assert "is done" in status
    here = {name: told(outputs.get(name, [])) for name in stored("multiplier")}
    assert here == stored("multiplier")
