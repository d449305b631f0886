// One cell of a lab: its code can be changed, run, and brought back to what it was.
import { paint } from "./colours.mjs";
import { element, Outputs } from "./outputs.mjs";

const SLOW_MS = 2000;
const STOPPING = "Stop ends Python, and what the cells have set is gone.";

export class Cell {
    constructor(box, number) {
        this.box = box;
        this.number = number;
        this.name = box.id || `cell-${number}`;
        this.pre = box.querySelector(".cell_input pre");
        this.text = element("code", { textContent: this.pre.textContent });
        this.original = this.code;
        this.isExercise = box.classList.contains("tag_exercise");
        this.isCheck = box.classList.contains("tag_check");
        this.ran = false;
    }

    get code() {
        const copy = this.text.cloneNode(true);
        for (const end of copy.querySelectorAll("br")) end.replaceWith("\n");
        return copy.textContent.replaceAll("\u00a0", " ").replace(/\n$/, "");
    }

    get isChanged() {
        return this.code !== this.original;
    }

    // Become editable. `lab` has what the buttons do.
    open(lab) {
        const { text, number } = this;
        const button = (text, about, press) =>
            element("button", {
                type: "button", className: "live-button", textContent: text, onclick: press,
                ariaLabel: `${text} ${about}`,
            });
        const about = `cell ${number}`;
        this.reset = button("Reset", about, () => this.bringBack(lab));
        this.stop = button("Stop", about, () => lab.stop());
        this.state = element("span", { className: "live-state" });
        const check = this.isExercise ? [button("Check", about, () => lab.check(this))] : [];
        this.bar = element("div", { className: "live-cell-bar" },
            button("Run", about, () => lab.run(this)), ...check, this.reset, this.stop, this.state);
        this.box.querySelector(".cell_input").after(this.bar);
        try {
            text.contentEditable = "plaintext-only";
        } catch {
            text.contentEditable = "true"; // a browser that knows no other kind
        }
        Object.assign(text, { spellcheck: false, role: "textbox", ariaMultiLine: "true" });
        text.setAttribute("aria-label", `Code of cell ${number}`);
        text.setAttribute("aria-describedby", "live-keys");
        text.addEventListener("input", () => this.#changed(lab));
        text.addEventListener("keydown", (event) => this.#pressed(event, lab));
        this.pre.replaceChildren(text); // the theme takes a pre that needs no scrolling out of Tab's way
        this.stop.hidden = true;
        this.restore(lab);
    }

    restore(lab) {
        const kept = lab.edits.get(this.name);
        if (kept !== undefined) this.text.textContent = `${kept}\n`;
        this.reset.hidden = !this.isChanged;
        paint(this.text);
    }

    bringBack(lab) {
        this.text.textContent = `${this.original}\n`;
        this.text.focus();
        this.#changed(lab);
        lab.say(`Cell ${this.number} is as it was.`);
    }

    #changed(lab) {
        lab.edits.set(this.name, this.isChanged ? this.code : undefined);
        this.reset.hidden = !this.isChanged;
        paint(this.text);
    }

    #pressed(event, lab) {
        if (event.key !== "Enter" || event.isComposing) return;
        event.preventDefault();
        if (event.shiftKey || event.ctrlKey || event.metaKey) {
            lab.run(this);
            if (event.shiftKey) lab.after(this)?.text.focus();
            return;
        }
        const range = getSelection().getRangeAt(0).cloneRange();
        range.setStart(this.text, 0);
        const line = range.toString().split("\n").pop();
        const deeper = /:\s*$/.test(line) ? "    " : "";
        document.execCommand("insertText", false, `\n${line.match(/^ */)[0]}${deeper}`);
    }

    // The outputs of a new run take the place of those before.
    begin(report) {
        this.ended = false;
        this.outputs = new Outputs(report);
        this.outputs.box.setAttribute("aria-busy", "true");
        this.box.querySelector(".cell_output")?.remove();
        this.box.append(this.outputs.box);
        this.box.classList.add("live-running");
        this.state.textContent = "";
        const began = performance.now();
        this.clock = setInterval(() => {
            const passed = performance.now() - began;
            if (passed < SLOW_MS) return;
            this.stop.hidden = false;
            this.state.textContent = `Working, ${Math.round(passed / 1000)} s. ${STOPPING}`;
        }, 500);
    }

    end(words) {
        clearInterval(this.clock);
        this.box.classList.remove("live-running");
        this.outputs.box.removeAttribute("aria-busy");
        if (document.activeElement === this.stop) this.bar.firstChild.focus();
        this.stop.hidden = true;
        this.state.textContent = words;
    }
}
