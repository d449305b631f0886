/* Brings the explorables of a page to life. Without it, or where it fails, a page keeps the table
   that it came with. A view maps the form's values to a sentence, a text for the picture and a
   function that draws it; it never touches the page itself. */

import { shown } from "./words.mjs";

const WIDEST = 680;

function mount(root, view) {
    const form = root.querySelector("form");
    const svg = form.querySelector("svg");
    const sentence = form.querySelector(".explorable-sentence");
    const status = form.querySelector("[role=status]");
    const given = JSON.parse(root.dataset.given);
    const sliders = form.querySelectorAll("input[type=range]");

    function show() {
        for (const slider of sliders) {
            const text = shown(slider.value, slider.dataset.unit);
            slider.setAttribute("aria-valuetext", text);
            slider.labels[0].querySelector("output").value = text;
        }
        const seen = view(new FormData(form), given);
        sentence.textContent = seen.sentence;
        svg.setAttribute("aria-label", seen.alt);
        seen.draw(svg, Math.min(WIDEST, svg.parentElement.clientWidth));
    }

    /* Dragging redraws; only where it ends is it read out. */
    function announce() {
        show();
        status.textContent = sentence.textContent;
    }

    function preset(button) {
        for (const [name, value] of Object.entries(JSON.parse(button.dataset.values))) {
            for (const input of form.querySelectorAll(`[name=${name}]`)) {
                if (input.type === "range") input.value = value;
                else input.checked = [value].flat().includes(input.value);
            }
        }
        announce();
    }

    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", show);
    form.addEventListener("change", announce);
    for (const button of form.querySelectorAll("button")) {
        button.addEventListener("click", () => preset(button));
    }
    form.hidden = false;
    show();
    root.querySelector(".explorable-table").hidden = true;
    let width = svg.parentElement.clientWidth;
    new ResizeObserver(() => {
        if (width !== svg.parentElement.clientWidth) show();
        width = svg.parentElement.clientWidth;
    }).observe(svg.parentElement);
}

for (const root of document.querySelectorAll("[data-explorable]")) {
    const { view } = await import(`./${root.dataset.explorable}.mjs`);
    mount(root, view);
}
