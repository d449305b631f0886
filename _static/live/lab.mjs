// A lab that runs in the page: its bar, its cells, and the Python that runs them.
import { Cell } from "./cell.mjs";
import { element, setWidget } from "./outputs.mjs";

const WORDS = {
    offer: "Nothing to install, and nothing that you do leaves your browser.",
    differs:
        "Unlike a notebook on your own machine: only the mock answers, on the simulated clock; " +
        "no server, no engine and no endpoint of your own; the coding agent's tests run without a jail, " +
        "and Stop is their limit. ",
    keys: "Shift and Enter run a cell and go on to the next, Control and Enter run it and stay.",
    ready: "Ready. Change any cell; Run runs it, and before it those above that have not run.",
    again: "Python starts anew. What your cells had set is gone; your edits are kept.",
};

export class Lab {
    #python = null;
    #waiting = []; // cells to run
    #running = null;

    constructor(boxes, packs) {
        this.cells = boxes.map((box, at) => new Cell(box, at + 1));
        this.bytes = Object.values(packs).reduce((sum, { bytes }) => sum + bytes, 0);
        this.edits = new Edits(`live-lab ${location.pathname}`);
        this.target = this.cells.find(({ name }) => `#${name}` === location.hash);
        this.#offer();
    }

    #offer() {
        const button = (textContent, onclick, hidden = false) =>
            element("button", { type: "button", className: "live-button", textContent, onclick, hidden });
        const size = `${Math.ceil(this.bytes / 1e6)} MB`;
        const notebook = document.querySelector(".btn-download-source-button")?.href;
        this.start = button(`Run this lab here (${size})`, () => this.open());
        this.start.classList.add("live-start");
        this.runAll = button("Run all", () => this.run(this.cells.at(-1), true), true);
        this.halt = button("Stop and start anew", () => this.stop(), true);
        this.restart = button("Restart Python", () => this.stop(), true);
        this.resetAll = button("Reset all cells", () => this.#resetAll(), true);
        this.progress = element("progress", { max: this.bytes, value: 0, hidden: true });
        this.progress.setAttribute("aria-label", "Loaded");
        this.status = element("div", { className: "live-status", role: "status" }, WORDS.offer);
        const more = element("div", { className: "live-differs" }, WORDS.differs);
        if (notebook) {
            more.append(element("a", { href: notebook, download: "" }, "Download the notebook"), ".");
        }
        this.bar = element("section", { className: "live-bar" },
            element("div", { className: "live-buttons" },
                this.start, this.runAll, this.halt, this.restart, this.resetAll),
            this.progress, this.status, more);
        this.bar.setAttribute("aria-label", "This lab in the page");
        this.bar.id = "run-here";
        (this.target ?? this.cells[0]).box.before(this.bar);
        if (this.target) this.bar.scrollIntoView();
        if (location.hash === `#${this.bar.id}`) this.start.focus();
    }

    // The reader has pressed the button: only now anything is loaded.
    open() {
        this.start.hidden = true;
        for (const button of [this.runAll, this.resetAll]) button.hidden = false;
        this.status.after(element("div", { id: "live-keys", className: "live-differs" }, WORDS.keys));
        for (const cell of this.cells) cell.open(this);
        document.body.classList.add("live");
        this.runAll.focus();
        this.#begin();
        if (this.target) this.run(this.target);
    }

    // In the status line, which a screen reader reads out.
    say(words) {
        this.status.textContent = words;
        const { activeElement } = document;
        this.halt.hidden = !this.#running;
        this.restart.hidden = Boolean(this.#running);
        if (activeElement?.hidden) this.runAll.focus();
    }

    after(cell) {
        return this.cells[cell.number];
    }

    // Run a cell, and first those above that have not run; `all` runs them in any case.
    run(cell, all = false) {
        const above = this.cells.slice(0, cell.number - 1).filter(({ ran }) => all || !ran);
        const coming = [...above, cell].filter((one) => !this.#waiting.includes(one));
        for (const one of coming) {
            one.ran = false;
            one.state.textContent = "Waiting";
        }
        this.#waiting.push(...coming);
        this.#next();
    }

    check(exercise) {
        this.run(exercise);
        const check = this.cells.slice(exercise.number).find(({ isCheck }) => isCheck);
        if (check) this.run(check);
    }

    // Ends Python, whatever it does, and starts another.
    stop() {
        this.#python?.terminate();
        this.#running?.end("Stopped");
        for (const cell of this.#waiting) cell.state.textContent = "";
        for (const cell of this.cells) cell.ran = false;
        this.#waiting = [];
        this.#running = null;
        this.#begin();
        this.say(WORDS.again);
    }

    #begin() {
        this.ready = false;
        this.progress.hidden = false;
        this.say("Loading Python.");
        this.#python = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
        this.#python.onmessage = ({ data }) => this.#hear(data);
        this.#python.onerror = ({ message }) => this.#failed(message || "the worker does not start");
    }

    #hear(data) {
        if ("loaded" in data) this.progress.value = data.loaded;
        if ("starting" in data) this.say("Starting Python.");
        if ("failed" in data) this.#failed(data.failed);
        if ("widget" in data) setWidget(data.widget);
        if ("output" in data) this.#show(data.output);
        if ("done" in data) this.#done(data.done);
        if ("ready" in data) {
            this.ready = true;
            this.progress.hidden = true;
            this.say(WORDS.ready);
            this.#next();
        }
    }

    #failed(message) {
        this.#python.terminate();
        this.progress.hidden = true;
        this.say(`Python did not start: ${message} Restart tries again.`);
    }

    #next() {
        if (!this.ready || this.#running || !this.#waiting.length) return;
        const cell = (this.#running = this.#waiting.shift());
        this.say(`Cell ${cell.number} of ${this.cells.length} runs.`);
        cell.begin((event) => this.#python.postMessage(event));
        this.#python.postMessage({ code: cell.code });
    }

    #show(output) {
        const cell = this.#running ?? this.last;
        cell.outputs.add(output);
        if (output.output_type === "error") cell.error = `${output.ename}: ${output.evalue}`;
        cell.box.dispatchEvent(new CustomEvent("live-output", { bubbles: true, detail: output }));
    }

    #done(good) {
        const cell = (this.last = this.#running);
        this.#running = null;
        cell.ran = good;
        cell.end(good ? "" : "Error");
        const end = good ? "is done" : `ended in ${cell.error}`;
        if (!good) {
            for (const other of this.#waiting) other.state.textContent = "";
            this.#waiting = [];
        }
        if (!this.#waiting.length) this.say(`Cell ${cell.number} ${end}.`);
        this.#next();
    }

    #resetAll() {
        for (const cell of this.cells) if (cell.isChanged) cell.bringBack(this);
        this.resetAll.focus();
        this.say("All cells are as they were.");
    }
}

// What the reader has changed, kept in this browser under the page's address.
class Edits {
    constructor(key) {
        this.key = key;
        try {
            this.kept = JSON.parse(localStorage.getItem(key)) ?? {};
        } catch {
            this.kept = {}; // a browser that keeps nothing
        }
    }

    get(name) {
        return this.kept[name];
    }

    set(name, code) {
        this.kept[name] = code; // JSON leaves out what is undefined
        try {
            localStorage.setItem(this.key, JSON.stringify(this.kept));
        } catch {
            // As above.
        }
    }
}
