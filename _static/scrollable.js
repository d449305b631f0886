// What scrolls can be reached with the keyboard. The theme sees to it once a page has been still for
// 0.3 s: one with a moving race is not, and letters that arrive late make a line wider without a word.
{
    const SCROLLABLE = "pre, .cell_output > .output, .pst-scrollable-table-container";
    const look = (boxes) => {
        for (const box of boxes) {
            const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
            box.tabIndex = scrolls ? 0 : -1;
        }
    };
    const observer = new ResizeObserver((changed) => look(changed.map(({ target }) => target)));
    addEventListener("load", () => {
        const boxes = document.querySelectorAll(SCROLLABLE);
        boxes.forEach((box) => observer.observe(box));
        addEventListener("resize", () => look(document.querySelectorAll(SCROLLABLE)));
        document.fonts.ready.then(() => look(boxes));
    });
}
