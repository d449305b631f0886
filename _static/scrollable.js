// What scrolls can be reached with the keyboard. The theme sees to it once a page has been still for
// 0.3 s: one with a moving race is not, and letters that arrive late make a line wider without a word.
{
    const SCROLLABLE = "pre, .cell_output > .output, .pst-scrollable-table-container";
    const look = () => {
        for (const box of document.querySelectorAll(SCROLLABLE)) {
            const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
            box.tabIndex = scrolls ? 0 : -1;
        }
    };
    addEventListener("resize", look);
    addEventListener("load", () => document.fonts.ready.then(look));
}
