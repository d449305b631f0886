/* Bars, lines and words in an SVG whose units are the page's pixels, so that text keeps its size.
   Colours are classes: the style sheet knows them in both schemes. */

const SVG = "http://www.w3.org/2000/svg";
const CHARACTER = 7.6;
const ROW = 30;

export class Drawing {
    constructor(svg, width, height) {
        svg.replaceChildren();
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        svg.setAttribute("width", width);
        svg.setAttribute("height", height);
        Object.assign(this, { svg, width, height });
    }

    add(tag, attributes, words = "") {
        const element = document.createElementNS(SVG, tag);
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        element.textContent = words;
        this.svg.append(element);
    }

    bar(x, y, width, height, colour) {
        this.add("rect", { x, y, width: Math.max(0, width), height, class: colour });
    }

    words(x, y, words, { anchor = "start", look = "" } = {}) {
        this.add("text", { x, y, "text-anchor": anchor, class: look }, words);
    }

    path(points, look) {
        const d = points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`);
        this.add("path", { d: d.join(""), class: look });
    }

    dot(cx, cy) {
        this.add("circle", { cx, cy, r: 4.5 });
    }
}

/* Round numbers from 0 to `most`, four to eight of them where `room` allows. */
export function ticks(most, room = 8) {
    const rough = most / Math.min(8, Math.max(2, room));
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
    const count = Math.floor(most / step + 1e-9);
    return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

/* The farthest that any part of these rows reaches. */
function farthest(rows) {
    return Math.max(...rows.flatMap((row) => row.parts.map((part) => part.to)), 1e-9);
}

/* Horizontal bars on one axis, which reaches to `most`, a row of `high` pixels each. Each row has a
   name, a label behind its end, and parts with `from`, `to` and `colour`. */
export function bars(svg, width, rows, axis, most = farthest(rows), high = ROW) {
    const left = CHARACTER * Math.max(...rows.map((row) => row.name.length)) + 10;
    const right = CHARACTER * Math.max(...rows.map((row) => row.label.length)) + 16;
    const scale = (width - left - right) / most;
    const bottom = rows.length * high + 4;
    const drawing = new Drawing(svg, width, bottom + 42);
    for (const tick of ticks(most, (width - left - right) / 45)) {
        const x = left + tick * scale;
        drawing.path([[x, 0], [x, bottom]], "grid");
        drawing.words(x, bottom + 16, String(tick), { anchor: "middle", look: "muted" });
    }
    drawing.words((left + width - right) / 2, bottom + 36, axis, { anchor: "middle" });
    rows.forEach((row, index) => {
        const y = index * high + 4;
        const middle = y + high / 2;
        drawing.words(left - 8, middle, row.name, { anchor: "end" });
        row.parts.forEach(({ from, to, colour }, part) => {
            const gap = row.parts[part + 1]?.colour === colour ? 1.5 : 0;
            drawing.bar(left + from * scale, y, (to - from) * scale - gap, high - 8, colour);
        });
        drawing.words(left + farthest([row]) * scale + 6, middle, row.label);
    });
}

/* Parts one behind the other, for `bars`: from pairs of a colour and a length. */
export function stacked(pairs, start = 0) {
    let from = start;
    return pairs.map(([colour, length]) => {
        const part = { from, to: from + length, colour };
        from = part.to;
        return part;
    });
}
