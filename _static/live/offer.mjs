// Offers to run this lab in the page, where the site holds what that takes.
import packs from "./packs.mjs";

const cells = document.querySelectorAll("div.cell:has(> .cell_input)");
if (packs && cells.length && globalThis.Worker && globalThis.DecompressionStream) {
    const { Lab } = await import("./lab.mjs");
    new Lab([...cells], packs);
}
