"""The explorables: their formulas are labtools', the keyboard works them, and without JavaScript
a table stands in their place.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from itertools import chain, combinations, product
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest
from built_book import BOOK, pages, parsed
from explorable_catalogue import CASE_STUDY, EXPLORABLES, FEWER_CALLS, FLIP
from playwright.sync_api import Locator, Page
from site_browser import SiteBrowser

from labtools.course.audit import (
    CALL_NAMES,
    MERGED,
    PATCH_AND_TESTS,
    READS,
    ROUTABLE,
    Changes,
    attempt,
    pass_s,
)
from labtools.course.model_size.backends import crossover_clients
from labtools.course.verifiers import chain_outcomes, checker
from labtools.dispatch.sending import fan_out_speedup, mean_of_slowest
from labtools.lab.connect import connect
from labtools.lab.lab import Lab
from labtools.model.closed_loop import closed_loop
from labtools.model.metrics import TooFewSamples, amdahl_speedup, percentile_interval
from labtools.model.named_profiles import BATCH_13B, LATENCY_70B
from labtools.model.profile import LatencyProfile, PrefixCache

pytestmark = pytest.mark.site

SCRIPTS = BOOK / "_static" / "explorables"
# What one page loads: an explorable's own script comes with the pages that hold it.
PAGE_WEIGHS_BYTES = 25_000


def page_of(name: str) -> str:
    """The first page that holds the explorable."""
    held = f'data-explorable="{name}"'
    return next((page for page in pages() if held in (BOOK / page).read_text("utf-8")), "")


each_explorable = pytest.mark.parametrize("name", EXPLORABLES)


# The formulas.

Case = tuple[str, list[Any], Any]


def calls() -> list[Case]:
    found: list[Case] = []
    for ttft_s, rate, tokens in product((0.001, 0.15, 0.6, 3.0), (7, 60, 500), (1, 80, 1000)):
        profile = LatencyProfile(name="x", decode_tokens_per_s=rate, overhead_s=ttft_s)
        call_s = profile.e2e_latency_s(tokens)
        found += [
            ("e2e_latency_s", [ttft_s, rate, tokens], call_s),
            ("break_even_tokens", [ttft_s, rate], profile.break_even_tokens()),
            ("ttft_share", [ttft_s, rate, tokens], profile.ttft_s() / call_s),
        ]
        for count, tool_s in product((1, 20, 60), (0, 0.3, 10)):
            found.append(
                ("run_s", [ttft_s, rate, tokens, count, tool_s], count * (call_s + tool_s))
            )
    return found


def races() -> list[Case]:
    """When labtools' own runs start their calls, on the simulated clock."""
    found: list[Case] = []
    for name, tool_s in product(("slow", "fast"), (0, 1.5)):
        lab = connect("sim", profile=name)

        async def agent(lab: Lab = lab, tool_s: float = tool_s) -> None:
            for _ in range(20):
                await lab.call("call", output_tokens=100)
                await asyncio.sleep(tool_s)

        trace = lab.run(agent())
        starts_s = [call.sent_at - trace.started_at for call in trace.calls]
        found.append(("call_starts_s", [{"total_s": trace.duration_s}, 20], starts_s))
    return found


def speedups() -> list[Case]:
    shares, factors = [n / 20 for n in range(21)], (1, 1.7, 3, 10)
    return [
        ("amdahl_speedup", [f, s, side], amdahl_speedup(f, s, measured_on=side))
        for f, s in product(shares, factors)
        for side in ("slow", "fast")
    ]


def fan_outs() -> list[Case]:
    found: list[Case] = [("normal_cdf", [z / 8], NormalDist().cdf(z / 8)) for z in range(-40, 81)]
    for k, sigma in product((1, 2, 3, 7, 16, 32), [n / 20 for n in range(31)]):
        found += [
            ("mean_of_slowest", [k, sigma], mean_of_slowest(k, sigma)),
            ("fan_out_speedup", [k, sigma], fan_out_speedup(k, sigma)),
        ]
    return found


def shared_fan_outs() -> list[Case]:
    """Calls that vary and slow each other, and how many at once are still worth it."""
    found: list[Case] = []
    for sigma, penalty in product((0, 0.5, 1.5), (0, 0.05, 0.2)):
        speedups = [fan_out_speedup(k, sigma) / (1 + penalty * (k - 1)) for k in range(1, 65)]
        found.append(("shared_speedup", [16, sigma, penalty], speedups[15]))
        stops = (k for k in range(1, 64) if speedups[k] <= speedups[k - 1])
        found.append(("widest", [sigma, penalty, 64], next(stops, None)))
    return found


def loads() -> list[Case]:
    found: list[Case] = []
    for slots, tokens in product((4, 16, 64), (10, 80, 2000)):
        profiles = (LATENCY_70B.but(max_batch=slots), BATCH_13B)
        first, second = FLIP.given["endpoints"]
        given = [{**first, "max_batch": slots}, second]
        for clients in (1, 7, 40, 256):
            found += [
                (
                    "closed_loop_s",
                    [one, clients, tokens],
                    closed_loop(p, clients, tokens).e2e_latency_s,
                )
                for one, p in zip(given, profiles, strict=True)
            ]
        flip = crossover_clients(*profiles, tokens, most_clients=256)
        found.append(("crossover_clients", [*given, tokens, 256], flip))
    return found


def samples() -> list[Case]:
    found: list[Case] = []
    for calls, q in product((10, 50, 60, 300, 1000), (0.5, 0.95, 0.99)):
        seen = percentile_interval(range(calls), q)
        ranks = None if isinstance(seen, TooFewSamples) else [seen.low_rank, seen.high_rank]
        found.append(("interval_ranks", [calls, q], ranks))
    normal = NormalDist()
    for share, sigma in product((0.01, 0.5, 0.95, 0.999), (0.05, 0.5, 1.5)):
        value = math.exp(sigma * normal.inv_cdf(share) - sigma**2 / 2)
        found.append(("lognormal_quantile", [share, sigma], value))
    return found


def prefixes_and_chains() -> list[Case]:
    rules = PrefixCache()
    block = [rules.block_tokens, rules.minimum_tokens]
    found: list[Case] = [
        ("cached_tokens", [shared, *block], rules.cached_tokens(shared))
        for shared in (0, 900, 1023, 1024, 1151, 9999)
    ]
    for right, steps, catch, alarm, tries in product(
        (0.5, 0.9, 1), (1, 10, 40), (0, 0.5, 1), (0, 0.3), (1, 3, 6)
    ):
        ends = chain_outcomes(right, steps, checker(catch, alarm), tries)
        expected = [ends.right, ends.wrong, ends.handed_over, ends.attempts]
        found.append(("chain_outcomes", [right, steps, catch, alarm, tries], expected))
    found.append(("routing_saves_s", [0.2, 0.02, 6.0], 100 * (0.2 - 0.02 * 6)))
    return found


def passes() -> list[Case]:
    """Every way to set the switches of the case study."""
    subsets = chain.from_iterable(combinations(ROUTABLE, n) for n in range(len(ROUTABLE) + 1))
    found: list[Case] = []
    for routed, reads, tests, cut in product(subsets, (0, 1), (0, 1), (0, 0.31, 1)):
        overlapping = [READS] * reads + [PATCH_AND_TESTS] * tests
        setting = {**CASE_STUDY.given, "overlapping": overlapping}
        changes = {"routed": routed, "ttft_cut": cut}
        expected = pass_s(Changes(bool(reads), bool(tests), cut, frozenset(routed)))
        found.append(("pass_timeline", [CASE_STUDY.given["steps"], changes, setting], expected))
    return found


def strips() -> list[Case]:
    """Calls struck out, shortened and merged in many ways."""
    given, found = FEWER_CALLS.given, []
    subsets = chain.from_iterable(
        combinations(CALL_NAMES, n) for n in (0, 1, 2, 5, len(CALL_NAMES))
    )
    for left_out, merged, plan, fix in product(
        subsets, ((), ("both reads",), tuple(MERGED)), (200, 80), (400, 60)
    ):
        expected = attempt(
            Changes(
                left_out=frozenset(left_out),
                merged=frozenset(merged),
                plan_tokens=plan,
                fix_tokens=fix,
            )
        )
        tokens = dict(zip(given["tokens"], (plan, fix), strict=True))
        cuts = {"left_out": left_out, "merged": merged, "tokens": tokens}
        found.append(("strip", [cuts, given], expected.total_s))
        found.append(("strip_usd", [cuts, given], expected.usd))
        found.append(("strip_words_s", [cuts, given], expected.first_words_s or 0))
    return found


EVALUATE = """async (cases) => {
    const own = await import("/_static/explorables/fewer_calls.mjs");
    const formulas = {
        ...(await import("/_static/explorables/formulas.mjs")),
        ...own,
        strip_usd: (...given) => own.strip(...given).usd,
        strip_words_s: (...given) => own.strip(...given).first_words_s ?? 0,
    };
    return cases.map(([name, args]) => {
        const value = formulas[name](...args);
        if (name === "chain_outcomes") return Object.values(value);
        return value?.total_s ?? value;
    });
}"""


@pytest.mark.parametrize(
    "cases",
    [
        calls,
        races,
        speedups,
        fan_outs,
        shared_fan_outs,
        loads,
        samples,
        prefixes_and_chains,
        passes,
        strips,
    ],
)
def test_the_formulas_are_those_of_labtools(browser: SiteBrowser, cases: Any) -> None:
    asked = cases()
    found = browser.on_page(
        "index.html", lambda tab: tab.evaluate(EVALUATE, [case[:2] for case in asked])
    )
    assert found == [
        None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-14)
        for *_, expected in asked
    ]


def test_the_parts_of_a_run_add_up(browser: SiteBrowser) -> None:
    parts = browser.on_page(
        "index.html",
        lambda tab: tab.evaluate(
            """async () => (await import("/_static/explorables/formulas.mjs"))
                .run_s(0.6, 60, 100, 20, 1.5)"""
        ),
    )
    assert parts == pytest.approx(
        {"ttft_s": 12, "decode_s": 100 / 3, "tool_s": 30, "total_s": 226 / 3}
    )


# What a reader meets.


def one_line(text: str) -> str:
    return " ".join(text.split())


def told(root: Locator) -> dict[str, str]:
    """Everything that says what the controls stand at."""
    return {
        "sentence": one_line(root.locator(".explorable-sentence").inner_text()),
        "picture": one_line(root.locator("svg").get_attribute("aria-label") or ""),
        "drawn": root.locator("svg").inner_html(),
        "status": one_line(root.locator("[role=status]").text_content() or ""),
    }


def explorable(tab: Page, name: str) -> Locator:
    return tab.locator(f'[data-explorable="{name}"]')


@each_explorable
def test_every_explorable_has_its_page(book: None, name: str) -> None:
    assert page_of(name), f"no page holds {name}"


@each_explorable
def test_without_javascript_the_table_stands(browser: SiteBrowser, name: str) -> None:
    def look(tab: Page) -> tuple[bool, bool]:
        root = explorable(tab, name)
        return root.locator("table").is_visible(), root.locator("form").is_visible()

    assert browser.on_page(page_of(name), look, javascript=False) == (True, False)


@each_explorable
def test_with_javascript_it_begins_with_the_tables_numbers(browser: SiteBrowser, name: str) -> None:
    def look(tab: Page) -> tuple[bool, bool, str]:
        root = explorable(tab, name)
        shown = (root.locator(part).is_visible() for part in ("table", "form"))
        return *shown, told(root)["sentence"]

    table, form, sentence = browser.on_page(page_of(name), look)
    assert (table, form) == (False, True)
    start = EXPLORABLES[name].table
    assert start.rows[start.start][-1] in sentence


@each_explorable
def test_the_keyboard_changes_every_control(browser: SiteBrowser, name: str) -> None:
    def look(tab: Page) -> list[tuple[str, dict[str, str], dict[str, str], str]]:
        root, steps = explorable(tab, name), []
        for control in root.locator("input").all():
            kind = control.get_attribute("type")
            if control.is_checked() if kind == "radio" else False:
                continue
            before = told(root)
            control.focus()
            tab.keyboard.press("ArrowRight" if kind == "range" else "Space")
            what = control.get_attribute("aria-valuetext") or control.get_attribute("value")
            steps.append((what or "", before, told(root), kind or ""))
        return steps

    steps = browser.on_page(page_of(name), look)
    assert steps
    for what, before, after, kind in steps:
        # A step that runs beside a longer one may get faster and change no total.
        parts = ["picture", "drawn"] + ["sentence"] * (kind != "checkbox")
        assert [part for part in parts if before[part] == after[part]] == [], what
        assert after["status"] == after["sentence"], f"{what} is not announced"
        assert what, f"a {kind} says nothing of its value"


@each_explorable
def test_dragging_redraws_and_is_read_out_only_at_its_end(browser: SiteBrowser, name: str) -> None:
    def look(tab: Page) -> list[dict[str, str]]:
        root = explorable(tab, name)
        slider, stages = root.locator("input[type=range]").first, [told(root)]
        slider.evaluate(
            "slider => { slider.value = slider.max; "
            "slider.dispatchEvent(new Event('input', { bubbles: true })); }"
        )
        stages.append(told(root))
        slider.dispatch_event("change")
        return [*stages, told(root)]

    before, dragging, after = browser.on_page(page_of(name), look)
    assert before["status"] == dragging["status"] == ""
    assert before["sentence"] != dragging["sentence"] == after["sentence"] == after["status"]


PRESETS = [(name, text) for name, one in EXPLORABLES.items() for text in one.presets]


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_a_button_sets_what_it_says(browser: SiteBrowser, name: str, preset: str) -> None:
    def look(tab: Page) -> dict[str, list[str]]:
        root = explorable(tab, name)
        for slider in root.locator("input[type=range]").all():
            slider.press("End")
        root.get_by_role("button", name=preset, exact=True).press("Enter")
        return root.locator("form").evaluate(
            "form => Object.fromEntries([...new FormData(form).keys()]"
            ".map(name => [name, new FormData(form).getAll(name)]))"
        )

    form = browser.on_page(page_of(name), look)
    for control, value in EXPLORABLES[name].presets[preset].items():
        wanted = value if isinstance(value, list) else [f"{value:g}"]
        assert form.get(control, []) == wanted


@each_explorable
def test_the_address_carries_the_settings(browser: SiteBrowser, name: str) -> None:
    def settings(tab: Page) -> str:
        form = explorable(tab, name).locator("form")
        return str(form.evaluate("form => String(new URLSearchParams(new FormData(form)))"))

    def change(tab: Page) -> tuple[str, str]:
        for control in explorable(tab, name).locator("input").all():
            kind = control.get_attribute("type")
            control.press("End") if kind == "range" else control.check()
        return settings(tab), tab.evaluate("() => location.hash")

    def arrive(tab: Page) -> tuple[str, str, bool]:
        explorable(tab, name).locator("svg").wait_for()
        seen = told(explorable(tab, name))
        return settings(tab), seen["sentence"], tab.evaluate("() => scrollY > 0")

    def first(tab: Page) -> str:
        return told(explorable(tab, name))["sentence"]

    changed, hash_ = browser.on_page(page_of(name), change)
    assert hash_ == f"#{name}?{changed}"
    arrived, sentence, scrolled = browser.on_page(page_of(name) + hash_, arrive)
    assert arrived == changed
    assert scrolled, "the page does not show what the address is about"
    assert sentence != browser.on_page(page_of(name), first)


def test_an_address_that_says_nonsense_changes_nothing_that_cannot_be(browser: SiteBrowser) -> None:
    def look(tab: Page) -> str:
        return told(explorable(tab, "amdahl"))["sentence"]

    page = page_of("amdahl")
    assert browser.on_page(f"{page}#amdahl?measured_on=x&y=1", look) == browser.on_page(page, look)


# The race.


def seconds_run(tab: Page) -> list[float]:
    """What the clocks of the lanes show, and so how far each has come."""
    texts = explorable(tab, "race").locator("svg text").all_text_contents()
    return [float(text.split()[0]) for text in texts if text.strip().endswith("s") and "." in text]


def button(tab: Page) -> Locator:
    return explorable(tab, "race").locator(".explorable-play")


def test_the_first_lab_shows_the_race_too(browser: SiteBrowser) -> None:
    def look(tab: Page) -> tuple[float, str]:
        explorable(tab, "race").locator("svg").scroll_into_view_if_needed()
        tab.wait_for_timeout(500)
        return seconds_run(tab)[0], button(tab).inner_text()

    run_s, label = browser.on_page("labs/multiplier.html", look)
    assert (0 < run_s < 5, label) == (True, "Stop")


TOTALS_S = [pytest.approx(total, abs=0.06) for total in (45.3, 13.0, 23.0)]


def test_the_race_runs_in_real_seconds_until_it_is_stopped(browser: SiteBrowser) -> None:
    def look(tab: Page) -> tuple[str, float, float, list[float], str, list[float]]:
        explorable(tab, "race").locator("svg").scroll_into_view_if_needed()
        running = button(tab).inner_text()
        before = time.monotonic(), seconds_run(tab)[0]
        tab.wait_for_timeout(1500)
        after = time.monotonic(), seconds_run(tab)[0]
        button(tab).press("Enter")
        stopped, label = seconds_run(tab), button(tab).inner_text()
        button(tab).press("Enter")
        return running, after[1] - before[1], after[0] - before[0], stopped, label, seconds_run(tab)

    running, run_s, passed_s, stopped, label, again = browser.on_page("index.html", look)
    assert (running, label) == ("Stop", "Play again")
    assert run_s == pytest.approx(passed_s, abs=1)
    assert stopped == TOTALS_S
    assert max(again) < 5


def test_for_less_motion_the_race_is_still_until_it_is_asked_for(browser: SiteBrowser) -> None:
    def look(tab: Page) -> tuple[list[float], list[float], str]:
        tab.emulate_media(reduced_motion="reduce")
        tab.reload()
        explorable(tab, "race").locator("form").wait_for()
        still = seconds_run(tab)
        explorable(tab, "race").locator("input").first.press("ArrowRight")
        changed = seconds_run(tab)
        return still, changed, button(tab).inner_text()

    still, changed, label = browser.on_page("index.html", look, alone=True)
    assert still == TOTALS_S
    assert changed[:2] == TOTALS_S[:2]
    assert changed[2] > still[2]
    assert label == "Play again"


@pytest.mark.parametrize("javascript", [True, False])
def test_a_still_picture_stands_in_for_the_race(browser: SiteBrowser, javascript: bool) -> None:
    def look(tab: Page) -> bool:
        return tab.locator(".tag_still-picture img:visible").count() == 1  # of two, for two schemes

    assert browser.on_page("index.html", look, javascript=javascript) != javascript


def scripts_of(explorables: set[str]) -> set[str]:
    """What a page with these loads, and what that imports."""
    found: set[str] = set()
    waiting = ["explorable.mjs", *(f"{name}.mjs" for name in explorables)] if explorables else []
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            text = (SCRIPTS / name).read_text(encoding="utf-8")
            waiting += re.findall(r'from "\./(\w+\.mjs)"', text)
    return found


def test_the_scripts_are_small_and_only_where_they_are_used(book: None) -> None:
    for page in pages():
        loaded = parsed(page).select('script[type="module"][src*="explorable.mjs"]')
        held = {str(root["data-explorable"]) for root in parsed(page).select("[data-explorable]")}
        assert len(loaded) == bool(held), page
        weight = sum((SCRIPTS / name).stat().st_size for name in scripts_of(held))
        assert weight < PAGE_WEIGHS_BYTES, page


def test_the_scripts_that_are_tested_are_the_books(book: None) -> None:
    source = Path(__file__).parents[2] / "_static" / "explorables"
    for path in source.glob("*.mjs"):
        assert (SCRIPTS / path.name).read_text() == path.read_text(), "the book is out of date"
