// What a cell shows, as the book shows it: streams, tables, figures, errors and widgets.

import { inBoxes } from "../printed.mjs";

const WIDGET = "application/vnd.live-labs.widget+json";
const shown = new Map(); // from a widget's number to what sets its traits

export function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
}

// A box for a cell's outputs, each added as it comes.
export class Outputs {
    constructor(report) {
        this.box = element("div", { className: "cell_output docutils container" });
        this.report = report; // of what the reader does to a widget
        this.last = null; // the stream that goes on
    }

    add(output) {
        if (output.output_type === "stream") return this.#write(output);
        this.last = null;
        if (output.output_type === "error") {
            return this.box.append(plain("traceback", output.traceback.join("\n")));
        }
        const { data } = output;
        if (data[WIDGET]) this.box.append(widget(JSON.parse(data[WIDGET]), this.report));
        else if (data["text/html"]) this.box.append(html(data["text/html"]));
        else if (data["image/svg+xml"]) this.box.append(html(data["image/svg+xml"]));
        else if (data["image/png"]) this.box.append(picture(data));
        else this.box.append(plain("text_plain", data["text/plain"]));
    }

    #write({ name, text }) {
        if (this.last?.name !== name) {
            this.last = { name, text: "", box: plain(`stream ${name}`, "") };
            this.box.append(this.last.box);
        }
        this.last.text += text;
        // A carriage return begins the line anew: progress is a line rewritten in place.
        const lines = this.last.text.replace(/[^\n]*\r(?!\n)/g, "");
        this.last.box.querySelector("pre").replaceChildren(...inBoxes(lines));
    }
}

function plain(kind, text) {
    const pre = kind === "traceback"
        ? element("pre", { textContent: text, tabIndex: 0 })
        : element("pre", { tabIndex: -1 }, ...inBoxes(text));
    return element("div", { className: `output ${kind} notranslate` },
        element("div", { className: "highlight" }, pre));
}

function html(source) {
    const box = element("div", { className: "output text_html", innerHTML: source });
    if (box.querySelector("table")) {
        box.tabIndex = 0; // it scrolls
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", "Table");
    }
    return box;
}

function picture(data) {
    const src = `data:image/png;base64,${data["image/png"]}`;
    return element("div", { className: "output image_png" },
        element("img", { src, alt: data["text/plain"] }));
}

export function setWidget({ number, traits }) {
    shown.get(number)?.(traits);
}

function widget({ kind, number, traits }, report) {
    const [made, set] = MAKERS[kind](traits, (name, value) => report({ number, name, value }), report);
    shown.set(number, set);
    return made;
}

function box(direction) {
    return ({ children, layout }, _, report) => {
        const made = element("div", { className: "live-box" },
            ...children.map((child) => widget(child, report)));
        Object.assign(made.style, layout, { flexDirection: direction });
        return [made, () => {}];
    };
}

const MAKERS = {
    Box: box("row"),
    HBox: box("row"),
    VBox: box("column"),
    HTML({ value }) {
        const made = element("div", { innerHTML: value });
        return [made, (traits) => { made.innerHTML = traits.value; }];
    },
    Button({ description, disabled }, report) {
        const made = element("button", { type: "button", className: "live-button", disabled });
        made.textContent = description;
        made.onclick = () => report("click");
        return [made, (traits) => Object.assign(made, traits)];
    },
    IntSlider({ value, min, max, description }, report) {
        const told = element("output", { textContent: value });
        const made = element("input", { type: "range", min, max, value });
        made.oninput = () => {
            told.textContent = made.value;
            report("value", Number(made.value));
        };
        return [element("label", {}, `${description} `, made, " ", told), () => {}];
    },
};
