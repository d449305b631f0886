"""A headless Chromium that looks at one page of the book and reports what it saw."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

WIDTHS = {390: 844, 1280: 900}  # with their heights; the narrow one first
SCHEMES = ("light", "dark")
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# The page's modules have run to their end, and what looks at its layout has seen it.
SETTLED = """async () => {
    const modules = [...document.querySelectorAll("script[type=module][src]")];
    await Promise.allSettled(modules.map(({src}) => import(src)));
    await document.fonts.ready;
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}"""

RECEIVED_BYTES = """() => ["navigation", "resource"]
    .flatMap(kind => performance.getEntriesByType(kind))
    .reduce((sum, {encodedBodySize}) => sum + encodedBodySize, 0)"""

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
    const figures = [...document.querySelectorAll("figure.lab-figure :is(img, svg)")]
        .map(image => ({image, shownPx: image.getBoundingClientRect().width}))
        .filter(({image, shownPx}) => shownPx && image.checkVisibility());  // not folded away
    const holders = document.createElement("div");  // all at once: the page is laid out once
    for (const figure of figures) {
        const {image} = figure, holder = holders.appendChild(document.createElement("div"));
        holder.className = "diagram";  // what styles a drawing that is in the page
        const source = image.currentSrc ? await text(image.currentSrc) : image.outerHTML;
        holder.innerHTML = source.slice(source.indexOf("<svg"));
        figure.svg = holder.querySelector("svg");
    }
    document.body.append(holders);
    for (const {image, shownPx, svg} of figures) {
        const frame = svg.getBoundingClientRect();
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
    }
    holders.remove();
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

# The rules on colours take most of axe's time. They ask the same of every token of code, so they
# get the first few elements of each look: what it is, its colours, and what lies under it. At
# another width or in another scheme they get those whose look is new. How many, is returned.
FEW_OF_EACH_LOOK = """few => {
    const under = new Map([[document.documentElement, ""]]), looks = new Map();
    const before = window.looksBefore ??= new Set();
    for (const element of document.querySelectorAll("body, body *")) {
        const style = getComputedStyle(element), parent = element.parentElement;
        const own = `${style.backgroundColor} ${style.backgroundImage} ${style.opacity}`;
        const clear = own === "rgba(0, 0, 0, 0) none 1";
        under.set(element, under.get(parent) + (clear ? "" : own));
        element.removeAttribute("data-looked-at");
        const words = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (!words && !element.matches("a, button, input, select, textarea")) continue;
        if (!element.checkVisibility({checkVisibilityCSS: true})) continue;
        const look = [
            element.tagName, element.className, style.color, style.fontSize, style.fontWeight,
            style.textDecorationLine, getComputedStyle(parent).color, under.get(element),
        ].join();
        looks.set(look, (looks.get(look) ?? 0) + 1);
        if (!before.has(look) && looks.get(look) <= few) element.setAttribute("data-looked-at", "");
    }
    for (const look of looks.keys()) before.add(look);
    axe.configure({rules: [
        {id: "color-contrast", selector: "[data-looked-at]"},
        {id: "link-in-text-block", selector: "a[href][data-looked-at]"},
    ]});
    return document.querySelectorAll("[data-looked-at]").length;
}"""
FEW = 3

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
        self._tabs: dict[tuple[str, bool], Page] = {}  # by scheme, and whether scripts run

    def visit(self, page: str, *, scheme: str, javascript: bool = True) -> Visit:
        """Open `page` with nothing cached, as narrow as a phone, and look at it; then widen it."""
        seen = Visit()

        def look(tab: Page) -> Visit:
            seen.received_bytes = tab.evaluate(RECEIVED_BYTES)
            seen.scheme = tab.evaluate("() => document.documentElement.dataset.theme ?? ''")
            for width, height in WIDTHS.items():
                tab.set_viewport_size({"width": width, "height": height})
                _settle(tab)
                found = {
                    "wider than the window": tab.evaluate(OVERFLOWING),
                    "images without a name or a picture": tab.evaluate(UNNAMED_IMAGES),
                }
                if javascript:
                    found["accessibility"] = grave_violations(tab, scheme)
                if javascript and scheme == "light":  # a figure is the same in the dark
                    found["unreadable figures"] = tab.evaluate(UNREADABLE_FIGURES, LEAST_TEXT_PX)
                seen.by_width |= {f"{fault}, {width} px": found[fault] for fault in found}
            seen.visible_text = tab.evaluate(VISIBLE_TEXT)
            return seen

        return self._opened(
            page, look, width=min(WIDTHS), scheme=scheme, javascript=javascript, seen=seen
        )

    def shoot(self, page: str, file: Path, *, width: int, scheme: str) -> None:
        """A picture of the whole page."""

        def look(tab: Page) -> None:
            _settle(tab)
            tab.screenshot(path=file, full_page=True, animations="disabled")

        self._opened(page, look, width=width, scheme=scheme)

    def found_by_search(self, query: str) -> list[str]:
        """Where the results lead that the site's own search lists for `query`, best first."""

        def look(tab: Page) -> list[str]:
            tab.wait_for_selector("#search-results p.search-summary")
            tab.wait_for_function("() => !document.querySelector('#search-progress')?.innerText")
            results = tab.locator("#search-results ul.search > li > a")
            return list(results.evaluate_all("all => all.map(link => link.getAttribute('href'))"))

        return self.on_page(f"search.html?q={quote(query)}", look)

    def found_first(self, query: str) -> str | None:
        """Where the first of them leads; the others are not waited for."""
        first = "#search-results ul.search > li > a"
        return self.on_page(
            f"search.html?q={quote(query)}",
            lambda tab: tab.locator(first).first.get_attribute("href"),
        )

    def on_page(
        self,
        page: str,
        look: Callable[[Page], Result],
        *,
        width: int = 1280,
        javascript: bool = True,
        alone: bool = False,
    ) -> Result:
        """What `look` returns for the tab that has opened `page`.

        The tab is one that others have used and will use; `alone` takes one of its own, for a look
        that changes more than the page.
        """
        return self._opened(page, look, width=width, javascript=javascript, alone=alone)

    def _opened(
        self,
        page: str,
        look: Callable[[Page], Result],
        *,
        width: int,
        scheme: str = "light",
        javascript: bool = True,
        alone: bool = False,
        seen: Visit | None = None,
    ) -> Result:
        def run() -> Result:
            tab = None if alone else self._tabs.pop((scheme, javascript), None)
            tab = tab or self._new_tab(scheme, javascript, forgets=not alone)
            tab.goto("about:blank")  # an address that differs after its # would load nothing
            tab.set_viewport_size({"width": width, "height": WIDTHS[width]})
            with _watched(tab, self._site, seen) if seen else nullcontext():
                tab.goto(f"{self._site}/{page}")
                if javascript:
                    tab.evaluate(SETTLED)
                result = look(tab)
            if alone:
                tab.context.close()
            else:
                self._tabs[scheme, javascript] = tab  # only after a look that went well
            return result

        return self._thread.submit(run).result()

    def _new_tab(self, scheme: str, javascript: bool, *, forgets: bool) -> Page:
        """With storage of its own; one that `forgets` has none from one page to the next."""
        context = self._browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light", java_script_enabled=javascript
        )
        forget = "localStorage.clear(); sessionStorage.clear();" if forgets else ""
        context.add_init_script(
            f"if (location.protocol === 'http:') {{ {forget}"
            f"localStorage.setItem('mode', '{scheme}');"
            f"localStorage.setItem('theme', '{scheme}'); }}"
        )
        return context.new_page()


def _settle(tab: Page) -> None:
    """Wait until what another width brings is there: a figure's file, sidebars in place.

    Nothing here waits in the page: it may be one without scripts.
    """
    for _ in range(100):
        tab.wait_for_timeout(50)
        if tab.evaluate(IMAGES_HERE) and tab.evaluate(STILL):
            break


def grave_violations(tab: Page, scheme: str, within: str = "html") -> list[str]:
    """What axe finds serious or critical on the page as it stands."""
    if not tab.evaluate("() => 'axe' in window"):
        tab.evaluate(Axe().axe_script)
    options = AXE_OPTIONS if scheme == "light" else {**AXE_OPTIONS, **COLOUR_RULES}
    if not tab.evaluate(FEW_OF_EACH_LOOK, FEW) and scheme == "dark":
        return []
    run = "async given => (await axe.run(...given)).violations"
    violations = tab.evaluate(run, [within, options])
    return [
        f"{found['id']} ({found['impact']}): {node['html'][:160]} {node['failureSummary']}"
        for found in violations
        if found["impact"] in GRAVE
        for node in found["nodes"]
    ]


@contextmanager
def _watched(tab: Page, site: str, seen: Visit) -> Iterator[None]:
    """Record in `seen` what the page asks for and complains about; nothing comes from a cache."""
    devtools = tab.context.new_cdp_session(tab)
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})

    begun = set()  # what the page before has left unfinished fails when it is gone

    def begins(request: Request) -> None:
        begun.add(request)
        asked(request.url)

    def failed(request: Request) -> None:
        if request in begun:
            seen.failed_requests.append(request.url)

    def asked(url: str) -> None:
        if not url.startswith((f"{site}/", "data:", "blob:")):
            seen.foreign_requests.append(url)

    def answered(response: Any) -> None:
        if response.status >= 400:
            seen.failed_requests.append(f"{response.url}: {response.status}")

    def said(message: Any) -> None:
        if message.type in ("error", "warning"):
            seen.console_errors.append(f"{message.text} ({message.location.get('url')})")

    listeners: dict[str, Callable[[Any], None]] = {
        "request": begins,
        "websocket": lambda socket: asked(socket.url),
        "response": answered,
        "requestfailed": failed,
        "console": said,
        "pageerror": lambda error: seen.console_errors.append(str(error)),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)  # type: ignore[call-overload]
    try:
        yield
    finally:
        for event, listener in listeners.items():
            tab.remove_listener(event, listener)
        devtools.detach()


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
