// The colours of code that can be edited: marks on plain text, which leave its caret and its undo
// alone. A browser without such marks shows the code in one colour.

const KEYWORDS =
    "and as assert async await break case class continue def del elif else except False finally for " +
    "from global if import in is lambda match None nonlocal not or pass raise return True try while " +
    "with yield";
const BUILTINS =
    "abs all any bool dict display enumerate float format getattr hasattr int isinstance len list " +
    "map max min next open print range repr reversed round set sorted str sum super tuple type zip";
const words = (text) => String.raw`\b(?:${text.replaceAll(" ", "|")})\b`;
const long = (quote) => `${quote}[^]*?(?:${quote}|$)`;
const short = (quote) => String.raw`${quote}(?:\\.|[^${quote}\\\n])*${quote}?`;
const KINDS = {
    comment: "#.*",
    string: `(?:\\b[bfruBFRU]{1,2})?(?:${['"""', "'''"].map(long).join("|")}|${['"', "'"].map(short).join("|")})`,
    number: String.raw`\b\d[\w.]*`,
    name: String.raw`(?<=\b(?:def|class) +)\w+`,
    keyword: words(KEYWORDS),
    builtin: String.raw`(?<!\.)${words(BUILTINS)}`,
};
const TOKEN = new RegExp(
    Object.entries(KINDS).map(([kind, pattern]) => `(?<${kind}>${pattern})`).join("|"),
    "g",
);
const marks = {};
if (CSS.highlights) {
    for (const kind of Object.keys(KINDS)) {
        marks[kind] = new Highlight();
        CSS.highlights.set(`live-${kind}`, marks[kind]);
    }
}
const painted = new WeakMap(); // from a text's element to its ranges

export function paint(element) {
    if (!CSS.highlights) return;
    for (const [kind, range] of painted.get(element) ?? []) marks[kind].delete(range);
    const found = [];
    const code = element.textContent;
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    let [node, before] = [walker.nextNode(), 0];
    const place = (at) => {
        while (at > before + node.length) {
            before += node.length;
            node = walker.nextNode();
        }
        return [node, at - before];
    };
    for (const { index, groups, 0: token } of code.matchAll(TOKEN)) {
        const [startContainer, startOffset] = place(index);
        const [endContainer, endOffset] = place(index + token.length);
        const range = new StaticRange({ startContainer, startOffset, endContainer, endOffset });
        const kind = Object.keys(KINDS).find((name) => groups[name] !== undefined);
        marks[kind].add(range);
        found.push([kind, range]);
    }
    painted.set(element, found);
}
