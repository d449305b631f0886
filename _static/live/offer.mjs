// Offers to run this lab in the page, where the site holds what that takes; elsewhere, the first lab.
import packs from "./packs.mjs";

if (packs && globalThis.Worker && globalThis.DecompressionStream) {
    const cells = document.querySelectorAll("div.cell:has(> .cell_input)");
    if (cells.length) {
        const { Lab } = await import("./lab.mjs");
        new Lab([...cells], packs);
    }
    for (const link of document.querySelectorAll("a.first-lab")) {
        link.textContent = "Run the first lab here";
        link.hash = "run-here";
        link.closest("p").replaceWith(link);
    }
}
