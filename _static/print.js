// Paper is light: a dark page prints in the colours of a light one.
{
    const root = document.documentElement;
    let theme;
    addEventListener("beforeprint", () => {
        theme = root.dataset.theme;
        root.dataset.theme = "light";
    });
    addEventListener("afterprint", () => {
        root.dataset.theme = theme;
    });
}
