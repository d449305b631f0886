"""A headless Chromium that looks at one page of the book and reports what it saw."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

WIDTHS = {390: 844, 1280: 900}  # with their heights; the narrow one first
SCHEMES = ("light", "dark")
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Elements that stick out of the window and are not in a box of their own that scrolls.
OVERFLOWING = """() => {
    const width = document.documentElement.clientWidth;
    const scrolls = element => {
        for (let box = element; box && box !== document.body; box = box.parentElement) {
            const style = getComputedStyle(box);
            if (style.overflowX !== "visible" || style.position === "fixed") return true;
        }
        return false;
    };
    const out = [...document.querySelectorAll("main *")].filter(element => {
        const box = element.getBoundingClientRect();
        return box.width > 0 && box.right > width + 1 && !scrolls(element);
    }).map(element => element.outerHTML.slice(0, 120));
    const excess = document.documentElement.scrollWidth - width;
    return excess > 0 ? [`the page is ${excess} px too wide`, ...out] : out;
}"""

# A figure is fetched when it comes into view, and one of the other scheme never.
IMAGES_HERE = """() => [...document.images].filter(image => image.checkVisibility())
    .map(image => Object.assign(image, {loading: "eager"}).complete).every(Boolean)"""

# The theme slides its sidebars in when the window gets wider.
STILL = """() => !document.getAnimations().some(
    one => one instanceof CSSTransition && one.playState === "running")"""

UNNAMED_IMAGES = """() => [...document.images]
    .filter(image => !image.alt.trim() || image.checkVisibility() && !image.naturalWidth)
    .map(image => image.outerHTML.slice(0, 120))"""

# Of each figure as it is shown at this width: words that are too small to read, stick out of it, or
# stand on one another.
UNREADABLE_FIGURES = """async leastPx => {
    const faults = [];
    const text = async address => {  // a page may forbid to fetch what it holds itself
        const [, encoded] = address.split("data:image/svg+xml;base64,");
        if (!encoded) return (await fetch(address)).text();
        return new TextDecoder().decode(Uint8Array.from(atob(encoded), c => c.charCodeAt(0)));
    };
    for (const image of document.querySelectorAll("figure.lab-figure :is(img, svg)")) {
        const shownPx = image.getBoundingClientRect().width;
        if (!shownPx || !image.checkVisibility()) continue;  // folded away
        const holder = document.body.appendChild(document.createElement("div"));
        holder.className = "diagram";  // what styles a drawing that is in the page
        const source = image.currentSrc ? await text(image.currentSrc) : image.outerHTML;
        holder.innerHTML = source.slice(source.indexOf("<svg"));
        const svg = holder.querySelector("svg"), frame = svg.getBoundingClientRect();
        const words = [...svg.querySelectorAll("text")].map(text => ({
            text: text.textContent.trim(), box: text.getBoundingClientRect(),
            px: parseFloat(getComputedStyle(text).fontSize) * shownPx / svg.viewBox.baseVal.width,
        })).filter(({text}) => text);
        const say = (fault, ...of) => faults.push(
            `${fault}: ${of.map(({text}) => text).join(" / ")} in `
            + (image.alt ?? image.getAttribute("aria-label")).slice(0, 60));
        words.forEach((one, index) => {
            const {box} = one;
            if (one.px < leastPx) say(`${one.px.toFixed(1)} px`, one);
            if (box.left < frame.left - 2 || box.right > frame.right + 2
                || box.top < frame.top - 2 || box.bottom > frame.bottom + 2) say("cut off", one);
            for (const other of words.slice(index + 1)) {
                const width = Math.min(box.right, other.box.right)
                    - Math.max(box.left, other.box.left);
                const height = Math.min(box.bottom, other.box.bottom)
                    - Math.max(box.top, other.box.top);
                if (width > 2 && height > 5) say("overlap", one, other);
            }
        });
        holder.remove();
    }
    return faults;
}"""
LEAST_TEXT_PX = 11.9  # 9 points

VISIBLE_TEXT = """() => [...document.querySelectorAll(
        "article :is(h1, h2, h3, p, li, td, dt, dd, pre, figcaption)"
    )]
    .filter(element => element.checkVisibility() && element.getClientRects().length)
    .map(element => element.textContent.replace(/\\s+/g, " ").trim())
    .filter(text => text)"""

# Axe resolves a style sheet's imports against the page, and would ask for files that are not there.
AXE_OPTIONS = {"preload": False, "resultTypes": ["violations"]}
GRAVE = {"serious", "critical"}
# What a scheme can change. The rest of a page is the same in both, and looked at in the light.
COLOUR_RULES = {"runOnly": ["color-contrast", "link-in-text-block"]}
# The colours of code are the same at every width, and most of what axe takes its time for.
CODE = {"exclude": [["div.highlight pre"]]}

Result = TypeVar("Result")


def chromium_path() -> str | None:
    """The browser named by CHROMIUM, or the first one on PATH; None when there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, COMMANDS)), None)


@dataclass
class Visit:
    """What was seen while one page was open; lists in `by_width` are faults at that width."""

    scheme: str = ""
    console_errors: list[str] = field(default_factory=list)
    failed_requests: list[str] = field(default_factory=list)
    foreign_requests: list[str] = field(default_factory=list)
    received_bytes: int = 0
    visible_text: list[str] = field(default_factory=list)
    by_width: dict[str, list[str]] = field(default_factory=dict)

    @property
    def faults(self) -> dict[str, list[str]]:
        """Everything that no page of the site may show; empty for a good page."""
        told = {
            "requests to other hosts": self.foreign_requests,
            "requests that failed": self.failed_requests,
            "console errors": self.console_errors,
            **self.by_width,
        }
        return {fault: places for fault, places in told.items() if places}


class SiteBrowser:
    """One Chromium on a thread of its own, so that no event loop is left in the caller's."""

    def __init__(self, browser: Browser, site: str, thread: ThreadPoolExecutor) -> None:
        self._browser = browser
        self._site = site
        self._thread = thread
        self._search_tab: Page | None = None  # one for all queries: what it has loaded stays

    def visit(self, page: str, *, scheme: str, javascript: bool = True) -> Visit:
        """Open `page` with an empty cache, as narrow as a phone, and look at it; then widen it."""
        seen = Visit()

        def look(tab: Page) -> Visit:
            _watch(tab, self._site, seen)
            requests: list[Request] = []
            tab.on("requestfinished", lambda request: requests.append(request))
            tab.goto(f"{self._site}/{page}", wait_until="networkidle")
            seen.received_bytes = sum(done.sizes()["responseBodySize"] for done in list(requests))
            seen.scheme = tab.evaluate("() => document.documentElement.dataset.theme ?? ''")
            for width, height in WIDTHS.items():
                tab.set_viewport_size({"width": width, "height": height})
                _settle(tab)
                found = {
                    "wider than the window": tab.evaluate(OVERFLOWING),
                    "images without a name or a picture": tab.evaluate(UNNAMED_IMAGES),
                }
                if javascript:
                    found["accessibility"] = _grave_violations(tab, width, scheme)
                if javascript and scheme == "light":  # a figure is the same in the dark
                    found["unreadable figures"] = tab.evaluate(UNREADABLE_FIGURES, LEAST_TEXT_PX)
                seen.by_width |= {f"{fault}, {width} px": found[fault] for fault in found}
            seen.visible_text = tab.evaluate(VISIBLE_TEXT)
            return seen

        return self._in_tab(look, width=min(WIDTHS), scheme=scheme, javascript=javascript)

    def shoot(self, page: str, file: Path, *, width: int, scheme: str) -> None:
        """A picture of the whole page."""

        def look(tab: Page) -> None:
            tab.goto(f"{self._site}/{page}", wait_until="networkidle")
            _settle(tab)
            tab.screenshot(path=file, full_page=True, animations="disabled")

        self._in_tab(look, width=width, scheme=scheme, javascript=True)

    def found_by_search(self, query: str) -> list[str]:
        """Where the results lead that the site's own search lists for `query`, best first."""

        def look() -> list[str]:
            if self._search_tab is None:
                context = self._browser.new_context()
                _cut_off(context, self._site)
                self._search_tab = context.new_page()
            tab = self._search_tab
            tab.goto(f"{self._site}/search.html?q={quote(query)}")
            tab.wait_for_selector("#search-results p.search-summary")
            tab.wait_for_function("() => !document.querySelector('#search-progress')?.innerText")
            results = tab.locator("#search-results ul.search > li > a").all()
            return [result.get_attribute("href") or "" for result in results]

        return self._thread.submit(look).result()

    def on_page(
        self,
        page: str,
        look: Callable[[Page], Result],
        *,
        width: int = 1280,
        javascript: bool = True,
    ) -> Result:
        """What `look` returns for the tab that has opened `page`."""

        def opened(tab: Page) -> Result:
            tab.goto(f"{self._site}/{page}", wait_until="networkidle")
            return look(tab)

        return self._in_tab(opened, width=width, scheme="light", javascript=javascript)

    def _in_tab(
        self, look: Callable[[Page], Result], *, width: int, scheme: str, javascript: bool
    ) -> Result:
        def run() -> Result:
            context = self._browser.new_context(
                viewport={"width": width, "height": WIDTHS[width]},
                color_scheme="dark" if scheme == "dark" else "light",
                java_script_enabled=javascript,
            )
            try:
                _cut_off(context, self._site)
                context.add_init_script(
                    f"localStorage.setItem('mode', '{scheme}');"
                    f"localStorage.setItem('theme', '{scheme}');"
                )
                return look(context.new_page())
            finally:
                context.close()

        return self._thread.submit(run).result()


def _settle(tab: Page) -> None:
    """Wait until what another width brings is there: a figure's file, sidebars in place.

    Nothing here waits in the page: it may be one without scripts.
    """
    for _ in range(100):
        tab.wait_for_timeout(50)
        if tab.evaluate(IMAGES_HERE) and tab.evaluate(STILL):
            break


def _grave_violations(tab: Page, width: int, scheme: str) -> list[str]:
    """What axe finds serious or critical on the page as it stands."""
    context = CODE if width < max(WIDTHS) else None
    options = AXE_OPTIONS if scheme == "light" else {**AXE_OPTIONS, **COLOUR_RULES}
    return [
        f"{found['id']} ({found['impact']}): {node['html'][:160]} {node['failureSummary']}"
        for found in Axe().run(tab, context, options).response["violations"]
        if found["impact"] in GRAVE
        for node in found["nodes"]
    ]


def _cut_off(context: BrowserContext, site: str) -> None:
    """Let nothing but the site through."""
    context.route(
        lambda url: not url.startswith(f"{site}/"), lambda route: route.abort("addressunreachable")
    )


def _watch(tab: Page, site: str, seen: Visit) -> None:
    """Record in `seen` what the page asks for, receives and complains about."""

    def asked(url: str) -> None:
        if not url.startswith((f"{site}/", "data:", "blob:")):
            seen.foreign_requests.append(url)

    def answered(response: Any) -> None:
        if response.status >= 400:
            seen.failed_requests.append(f"{response.url}: {response.status}")

    def said(message: Any) -> None:
        if message.type in ("error", "warning"):
            seen.console_errors.append(f"{message.text} ({message.location.get('url')})")

    tab.on("request", lambda request: asked(request.url))
    tab.on("websocket", lambda socket: asked(socket.url))
    tab.on("response", answered)
    tab.on("requestfailed", lambda request: seen.failed_requests.append(request.url))
    tab.on("console", said)
    tab.on("pageerror", lambda error: seen.console_errors.append(str(error)))


@contextmanager
def site_browser(executable: str, site: str) -> Iterator[SiteBrowser]:
    """Start Chromium on the site served at `site`; it knows no other host."""
    arguments = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with ThreadPoolExecutor(max_workers=1) as thread:
        playwright = thread.submit(lambda: sync_playwright().start()).result()
        try:
            browser = thread.submit(
                lambda: playwright.chromium.launch(
                    executable_path=executable,
                    args=arguments,
                    chromium_sandbox=getattr(os, "geteuid", lambda: 1)() != 0,
                )
            ).result()
            try:
                yield SiteBrowser(browser, site, thread)
            finally:
                thread.submit(browser.close).result()
        finally:
            thread.submit(playwright.stop).result()
