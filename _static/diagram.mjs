// A diagram that is looked at step by step: what has not begun yet is hidden.

for (const stepper of document.querySelectorAll(".stepper")) {
    const steps = JSON.parse(stepper.dataset.steps);
    const blocks = stepper.parentElement.querySelectorAll("[data-start]");
    const [back, next] = stepper.querySelectorAll("button");
    const told = stepper.querySelector("output");
    let at = -1; // the whole, and nothing told

    const show = (step) => {
        at = step;
        const [until, words] = steps[at] ?? [Infinity, ""];
        for (const block of blocks) {
            block.classList.toggle("to-come", Number(block.dataset.start) > until);
        }
        told.textContent = words && `${at + 1} of ${steps.length}: ${words}`;
        back.hidden = at <= 0;
        next.textContent = at < 0 ? "Step by step" : at < steps.length - 1 ? "Next" : "Again";
    };
    back.onclick = () => show(at - 1);
    next.onclick = () => show((at + 1) % steps.length);
    show(at);
    stepper.hidden = false;
}
