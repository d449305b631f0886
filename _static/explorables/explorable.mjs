/* Brings the explorables of a page to life. Without it, or where it fails, a page keeps the table
   that it came with. A view maps the form's values to a sentence, a text for the picture and a
   function that draws it; it never touches the page itself. A picture that moves has a `duration_s`
   too, and is drawn as it stands some seconds after its start. */

import { shown } from "./words.mjs";

const WIDEST = 680;
const WIDEST_THAT_MOVES = 900;
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

function mount(root, view) {
    const form = root.querySelector("form");
    const svg = form.querySelector("svg");
    const sentence = form.querySelector(".explorable-sentence");
    const status = form.querySelector("[role=status]");
    const play = form.querySelector(".explorable-play");
    const given = JSON.parse(root.dataset.given);
    const sliders = form.querySelectorAll("input[type=range]");
    const prefix = `#${root.dataset.explorable}?`;
    let seen;
    let started_ms = null;

    function draw() {
        const running_s = started_ms === null ? Infinity : (performance.now() - started_ms) / 1000;
        if (running_s >= seen.duration_s) started_ms = null;
        const now_s = started_ms === null ? seen.duration_s : running_s;
        seen.draw(svg, Math.min(play ? WIDEST_THAT_MOVES : WIDEST, svg.parentElement.clientWidth), now_s);
        if (play) play.textContent = started_ms === null ? play.dataset.start : play.dataset.stop;
    }

    function tick() {
        if (started_ms === null) return;
        draw();
        requestAnimationFrame(tick);
    }

    function start() {
        if (started_ms === null) requestAnimationFrame(tick);
        started_ms = performance.now();
    }

    function show() {
        for (const slider of sliders) {
            const text = shown(slider.value, slider.dataset.unit);
            slider.setAttribute("aria-valuetext", text);
            slider.labels[0].querySelector("output").value = text;
        }
        seen = view(new FormData(form), given);
        sentence.textContent = seen.sentence;
        svg.setAttribute("aria-label", seen.alt);
        draw();
    }

    /* Dragging redraws; only where it ends is it read out, and kept in the page's address. */
    function announce() {
        show();
        status.textContent = sentence.textContent;
        history.replaceState(history.state, "", prefix + new URLSearchParams(new FormData(form)));
        if (play && !STILL.matches) start();
    }

    function set(values) {
        for (const [name, value] of Object.entries(values)) {
            const chosen = [value].flat().map(String);
            for (const input of form.querySelectorAll(`[name=${name}]`)) {
                if (input.type === "range") input.value = chosen[0] ?? input.value;
                else if (input.type === "radio") input.checked ||= chosen.includes(input.value);
                else input.checked = chosen.includes(input.value);
            }
        }
    }

    /* The settings that an address carries, if they are of this explorable. */
    function read_address() {
        if (!location.hash.startsWith(prefix)) return;
        const sent = new URLSearchParams(location.hash.slice(prefix.length));
        const names = new Set([...form.querySelectorAll("input")].map((input) => input.name));
        set(Object.fromEntries([...names].map((name) => [name, sent.getAll(name)])));
        show();
        root.scrollIntoView();
    }

    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", show);
    form.addEventListener("change", announce);
    for (const button of form.querySelectorAll("button[data-values]")) {
        button.addEventListener("click", () => {
            set(JSON.parse(button.dataset.values));
            announce();
        });
    }
    form.hidden = false;
    show();
    root.querySelector(".explorable-table").hidden = true;
    addEventListener("hashchange", read_address);
    read_address();
    let width = svg.parentElement.clientWidth;
    new ResizeObserver(() => {
        if (width !== svg.parentElement.clientWidth) show();
        width = svg.parentElement.clientWidth;
    }).observe(svg.parentElement);
    if (!play) return;
    play.addEventListener("click", () => {
        if (started_ms === null) start();
        else started_ms = null;
        draw();
    });
    if (STILL.matches) return;
    new IntersectionObserver(([here], observer) => {
        if (!here.isIntersecting) return;
        observer.disconnect();
        start();
    }).observe(svg);
}

for (const root of document.querySelectorAll("[data-explorable]")) {
    const { view } = await import(`./${root.dataset.explorable}.mjs`);
    mount(root, view);
}
