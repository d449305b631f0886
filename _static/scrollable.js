// What scrolls can be reached with the keyboard. The theme sees to it once a page has been still for
// 0.3 s, which one with a moving race is not. The content's size tells of all that matters: another
// window, letters that arrive late, new output.
addEventListener("load", () => {
    const scrollable = "pre, pre .columns, .cell_output > .output, .pst-scrollable-table-container";
    const look = () => {
        for (const box of document.querySelectorAll(scrollable)) {
            const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
            box.tabIndex = scrolls ? 0 : -1;
        }
    };
    new ResizeObserver(look).observe(document.getElementById("main-content"));
});
