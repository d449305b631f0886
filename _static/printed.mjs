// What a lab prints in columns keeps its lines and scrolls; prose around it wraps.

const ALIGNED = /\S {2,}\S/;
const SENTENCE = /[.:]\n?$/;

// The text in pieces, those in columns each in a box. A line beside them belongs there unless it is
// longer, or a sentence.
export function inBoxes(text) {
    const lines = text.split(/(?<=\n)/);
    const aligned = lines.filter((line) => ALIGNED.test(line));
    if (aligned.length < 2) return [text];
    const widest = Math.max(...aligned.map((line) => line.length));
    const pieces = [];
    for (const line of lines) {
        const columns = ALIGNED.test(line) || (line.length <= widest && !SENTENCE.test(line));
        if (columns !== pieces.at(-1)?.columns) pieces.push({ columns, text: "" });
        pieces.at(-1).text += line;
    }
    return pieces.map((piece) => {
        if (!ALIGNED.test(piece.text)) return piece.text;
        const box = document.createElement("span");
        return Object.assign(box, { className: "columns", textContent: piece.text });
    });
}

for (const pre of document.querySelectorAll(":is(div.stream, div.text_plain) pre")) {
    if (pre.textContent) pre.replaceChildren(...inBoxes(pre.textContent));
}
