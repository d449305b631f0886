"""How a reader finds the way: the two menus, the search, labels that lead to the bibliography."""

from __future__ import annotations

import re

import pytest
from built_book import BOOK, pages, parsed
from explorable_catalogue import EXPLORABLES
from playwright.sync_api import Page
from site_browser import WIDTHS, SiteBrowser

from labtools.course import CHAPTERS
from labtools.course.ledger import Verdict

pytestmark = pytest.mark.site
LABS = [page for page in pages() if page.startswith("labs/")] or ["labs/multiplier.html"]
every_width = pytest.mark.parametrize("width", WIDTHS)

# Terms of the index that a query for them does not lead back to. (A stem may have a stem again.)
LOST_TERMS = """matching => Object.entries(Search._index.terms)
    .filter(([term]) => term.match(matching) && new Stemmer().stemWord(term) === term)
    .filter(([term, documents]) => {
        const found = Search._performSearch(...Search._parseQuery(term)).map(([name]) => name);
        return ![documents].flat().every(one => found.includes(Search._index.docnames[one]));
    })
    .map(([term]) => term)"""

CLIPPED = """() => [...document.querySelectorAll("div.cell_input pre, div.output.text_html")]
    .filter(box => box.scrollWidth > box.clientWidth + 1)
    .map(box => box.textContent.trim().slice(0, 60))"""

# How far the magnifier reaches into the room for the query.
OVERLAP_PX = """() => {
    const form = document.querySelector(".bd-search-container form.bd-search");
    const input = form.querySelector("input"), box = input.getBoundingClientRect();
    const text = box.left + parseFloat(getComputedStyle(input).paddingLeft);
    return form.querySelector("i").getBoundingClientRect().right - text;
}"""


@every_width
@pytest.mark.parametrize("page", ["chapters/multiplier.html", "labs/multiplier.html"])
def test_both_menus_open(browser: SiteBrowser, page: str, width: int) -> None:
    def look(tab: Page) -> None:
        sidebar = tab.locator(".bd-sidebar-primary nav.bd-links:visible")
        button = tab.locator("button.primary-toggle:visible")
        shown = sidebar.count()
        button.click()
        tab.wait_for_function(
            "count => [...document.querySelectorAll('.bd-sidebar-primary nav.bd-links')]"
            ".filter(one => one.checkVisibility({checkVisibilityCSS: true})).length !== count",
            arg=shown,
        )
        tab.keyboard.press("Escape") if not shown else button.click()
        contents = tab.locator(".bd-sidebar-secondary #pst-page-toc-nav, .bd-sidebar-secondary nav")
        if not contents.first.is_visible():
            tab.locator("button.secondary-toggle:visible").click()
            contents.first.wait_for(state="visible")

    browser.on_page(page, look, width=width)


def test_columns_that_a_lab_prints_keep_their_lines_and_scroll(browser: SiteBrowser) -> None:
    def look(tab: Page) -> list[tuple[int, int, int, int]]:
        tab.locator("pre .columns").first.wait_for(state="attached")
        tab.wait_for_function("() => document.querySelector('pre .columns[tabindex=\"0\"]')")
        return tab.locator("pre .columns").evaluate_all(
            "all => all.map(box => [box.textContent.trimEnd().split('\\n').length,"
            " Math.round(box.clientHeight / parseFloat(getComputedStyle(box).lineHeight)),"
            " box.scrollWidth - box.clientWidth, box.tabIndex])"
        )

    for lines, shown, hidden_px, tab_index in browser.on_page(
        "labs/own_agent.html", look, width=390
    ):
        assert shown == lines
        assert (tab_index == 0) == (hidden_px > 0)


def test_prose_that_a_lab_prints_wraps_beside_columns(browser: SiteBrowser) -> None:
    prose = "It reproduces itself"

    def look(tab: Page) -> None:
        pre = tab.locator("pre", has_text=prose).first
        pre.locator(".columns").first.wait_for(state="attached")
        assert prose not in "".join(pre.locator(".columns").all_text_contents())
        assert pre.evaluate("pre => pre.scrollWidth <= pre.clientWidth")

    browser.on_page("labs/own_agent.html", look, width=390)


@every_width
def test_a_diagram_is_looked_at_step_by_step(browser: SiteBrowser, width: int) -> None:
    def look(tab: Page) -> list[tuple[int, str]]:
        diagram = tab.locator("figure.diagram:has(.stepper)")
        hidden = diagram.locator("svg:visible g.to-come")
        seen = [(hidden.count(), diagram.locator("output").text_content())]
        while seen[-1][0] or len(seen) == 1:
            diagram.get_by_role("button").last.click()
            seen.append((hidden.count(), diagram.locator("output").text_content()))
        diagram.get_by_role("button", name="Back").click()
        assert (hidden.count(), diagram.locator("output").text_content()) == seen[-2]
        return seen

    (whole, nothing), *steps = browser.on_page("chapters/model_size.html", look, width=width)
    assert (whole, nothing) == (0, "")
    assert [count for count, _ in steps] == [4, 3, 2, 1, 0]
    assert steps[1][1] == "2 of 5: D comes. No slot is free, so it waits."


def test_what_scrolls_takes_the_focus_beside_a_moving_race(browser: SiteBrowser) -> None:
    def look(tab: Page) -> list[int]:
        tab.locator("[data-explorable=race] svg").scroll_into_view_if_needed()
        race = tab.get_by_role("button", name="Stop", exact=True)
        race.wait_for()
        tab.set_viewport_size({"width": 390, "height": WIDTHS[390]})
        tab.wait_for_timeout(500)
        code = tab.locator("pre").evaluate_all(
            "all => all.filter(pre => pre.scrollWidth > pre.clientWidth).map(pre => pre.tabIndex)"
        )
        assert race.is_visible()
        return code

    code = browser.on_page("labs/multiplier.html", look)
    assert len(code) > 5
    assert set(code) == {0}


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("429", "chapters/parallel_calls.html"),
        ("Anthropic", "chapters/evaluation.html"),
        ("max_tokens", "chapters/multiplier.html"),
        ("cached_tokens", "labs/prefix_caching.html"),
        ("p95", "labs/evaluation.html"),
        ("arXiv 2606.30560", "chapters/bibliography.html"),
        ("llama-3.3-70b", "labs/model_size.html"),
        ("asyncio.sleep", "labs/parallel_calls.html"),
    ],
)
def test_search_leads_to_numbers_names_and_code(
    browser: SiteBrowser, query: str, page: str
) -> None:
    assert page in browser.found_by_search(query)


@pytest.mark.parametrize("matching", [r"^\d+$", "_", r"[a-z]\d|\d[a-z]"])
def test_no_number_and_no_name_of_code_is_lost_to_the_search(
    browser: SiteBrowser, matching: str
) -> None:
    assert browser.on_page("search.html", lambda tab: tab.evaluate(LOST_TERMS, matching)) == []


def test_excerpts_are_what_the_page_says(browser: SiteBrowser) -> None:
    def look(tab: Page) -> list[str]:
        tab.wait_for_function(
            "() => document.querySelectorAll('#search-results p.context').length > 5"
        )
        return tab.locator("#search-results p.context").all_inner_texts()

    excerpts = browser.on_page("search.html?q=prefix+caching", look)
    assert [text for text in excerpts if ".pdf" in text or "Contents" in text] == []


@every_width
def test_a_query_begins_beside_the_magnifier(browser: SiteBrowser, width: int) -> None:
    def look(tab: Page) -> float:
        return float(tab.evaluate(OVERLAP_PX))

    assert browser.on_page("search.html?q=prefix", look, width=width) <= 0


def test_the_front_page_leads_on(book: None) -> None:
    page = parsed("index.html")
    ways = [link["href"] for link in page.select("article .ways-in a")]
    assert ways == ["chapters/multiplier.html", "labs/multiplier.html"]
    cards = page.select("article .sd-card")
    assert cards
    assert [card.text for card in cards if not card.select("a.sd-stretched-link")] == []
    assert page.select("div.highlight-bash")[0].text.strip().endswith("make course")


def test_the_front_page_lists_every_figure_that_can_be_changed(book: None) -> None:
    page = parsed("index.html")
    listed = {link["href"].partition("#explorable-")[2] for link in page.select("article li a")}
    shown = {root["data-explorable"] for root in page.select("[data-explorable]")}
    assert listed | shown >= set(EXPLORABLES)


@every_width
def test_the_sidebar_opens_the_chapter_that_is_read_and_no_other(
    browser: SiteBrowser, width: int
) -> None:
    def look(tab: Page) -> list[str]:
        return list(
            tab.evaluate(
                "() => [...document.querySelectorAll('nav.bd-links details[open]')]"
                ".map(box => box.parentElement.querySelector('a').getAttribute('href'))"
            )
        )

    assert browser.on_page("labs/routing.html", look, width=width) == ["../chapters/routing.html"]


def test_every_verdict_of_the_ledger_has_its_colour(book: None) -> None:
    entries = parsed("chapters/ledger.html").select("article section > section > p strong")
    assert len(entries) > 30
    assert [words.text for words in entries if "verdict-" not in str(words.parent)] == []


@pytest.mark.parametrize("page", LABS)
def test_code_and_tables_of_a_lab_fit_a_laptop(browser: SiteBrowser, page: str) -> None:
    assert browser.on_page(page, lambda tab: tab.evaluate(CLIPPED)) == []


def test_every_page_names_an_icon_that_is_there(book: None) -> None:
    for page in pages():
        (icon,) = parsed(page).select('link[rel~="icon"]')
        assert (BOOK / page).parent.joinpath(icon["href"].partition("?")[0]).is_file()


def test_a_citation_shows_the_label_of_its_work(book: None) -> None:
    works = parsed("chapters/bibliography.html").select("div.citation[id]")
    labels = {work["id"]: work.select_one("span.label").text.strip("[]") for work in works}
    cited = {
        (link["href"].partition("#")[2], link.text)
        for page in pages()
        for link in parsed(page).select('article a[href*="bibliography.html#id"]')
    }
    assert len(cited) > 30
    assert [(id_, text) for id_, text in cited if not labels[id_].endswith(text)] == []


def test_a_citation_tells_its_work_without_a_mouse(browser: SiteBrowser) -> None:
    def look(tab: Page) -> list[tuple[str, str]]:
        cited = tab.locator('article a[href*="bibliography.html#id"]')
        shown = []
        tab.keyboard.press("Tab")  # so that the focus is one of the keyboard
        for link in cited.all():
            link.focus()
            told = link.evaluate("link => getComputedStyle(link, '::after').content")
            shown.append((link.get_attribute("title") or "", str(told)))
        return shown

    shown = browser.on_page("chapters/prefix_caching.html", look)
    assert shown
    assert [(title, told) for title, told in shown if title or len(told) < 20] == []


def test_negative_numbers_have_a_minus_sign(book: None) -> None:
    hyphen = re.compile(r"(?<![\w.])-\d")
    told = [text for page in pages() for text in parsed(page).select("article span.pasted-text")]
    assert told
    assert [text.text for text in told if hyphen.search(text.text)] == []
    drawn = [word for file in BOOK.glob("_images/*.svg") for word in words_in(file.read_text())]
    assert drawn
    assert [word for word in drawn if hyphen.search(word)] == []


def words_in(svg: str) -> list[str]:
    return re.findall(r"<(?:text|tspan)[^>]*>([^<]+)<", svg)


CHAPTER_PAGES = [f"chapters/{name}.html" for name in CHAPTERS]


def test_every_figure_has_a_number_that_links_to_it(book: None) -> None:
    for page in pages():
        figures = parsed(page).select("figure.lab-figure")
        numbers = [figure.select_one("figcaption a.figure-number") for figure in figures]
        assert [link["href"] for link in numbers] == [f"#{figure['id']}" for figure in figures]
        assert len({link.text for link in numbers}) == len(numbers)


@every_width
def test_a_dark_page_shows_the_figures_that_are_drawn_for_it(
    browser: SiteBrowser, width: int
) -> None:
    def look(tab: Page) -> list[str]:
        tab.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
        return list(
            tab.evaluate(
                "() => [...document.querySelectorAll('figure.lab-figure img')]"
                ".filter(image => image.checkVisibility())"
                ".map(image => image.closest('picture').className + "
                "getComputedStyle(image).backgroundColor)"
            )
        )

    shown = browser.on_page("chapters/multiplier.html", look, width=width)
    assert shown
    assert set(shown) == {"in-the-darkrgba(0, 0, 0, 0)"}


def test_a_dark_page_prints_in_light_colours(browser: SiteBrowser) -> None:
    def look(tab: Page) -> list[str]:
        tab.evaluate(
            """() => {
                const { dataset } = document.documentElement;
                dataset.theme = "dark";
                addEventListener("beforeprint", () => { window.printed = dataset.theme });
            }"""
        )
        tab.pdf()
        return list(tab.evaluate("() => [printed, document.documentElement.dataset.theme]"))

    assert browser.on_page("chapters/multiplier.html", look) == ["light", "dark"]


@pytest.mark.parametrize("verdict", [verdict.css_class for verdict in Verdict])
def test_the_ledger_shows_the_claims_of_one_verdict(browser: SiteBrowser, verdict: str) -> None:
    def look(tab: Page) -> list[str]:
        tab.locator(f'.ledger-filter [value="{verdict}"]').check()
        entries = tab.locator("article section > section > section:visible > p:first-of-type")
        return list(entries.evaluate_all("all => all.map(one => one.innerHTML)"))

    shown = browser.on_page("chapters/ledger.html", look, javascript=False)
    assert shown
    assert [entry for entry in shown if f'{verdict}"' not in entry] == []


def test_a_term_tells_its_definition_where_it_has_the_focus(browser: SiteBrowser) -> None:
    def look(tab: Page) -> tuple[str, str]:
        term = tab.locator("article a[data-definition]").first
        script = "link => getComputedStyle(link, '::after').content"
        before = term.evaluate(script)
        tab.keyboard.press("Tab")  # so that the focus is one of the keyboard
        term.focus()
        return str(before), str(term.evaluate(script))

    before, after = browser.on_page("chapters/multiplier.html", look)
    assert before == "none"
    assert len(after) > 20


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_a_chapter_ends_with_three_questions(book: None, page: str) -> None:
    questions = parsed(page).select(".question")
    assert len(questions) == 3
    for question in questions:
        answers = [answer.text for answer in question.select("details.answer > p")]
        assert sum(answer.startswith("Right.") for answer in answers) == 1 < len(answers)
