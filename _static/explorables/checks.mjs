/* How a chain of steps ends that are checked and tried again. */

import { bars, stacked } from "./drawing.mjs";
import { chain_outcomes } from "./formulas.mjs";
import { percent } from "./words.mjs";

export function view(form, { call_s }) {
    const share = (name) => Number(form.get(name)) / 100;
    const [steps, tries] = ["steps", "tries"].map((name) => Number(form.get(name)));
    const ends = (...check) => chain_outcomes(share("right_percent"), steps, ...check);
    const runs = [
        ["checked", ends(share("catch_percent"), share("alarm_percent"), tries), 2],
        ["unchecked", ends(0, 0, 1), 1],
    ];
    const rows = runs.map(([name, end, calls]) => ({
        name,
        label: `${(calls * call_s * end.attempts).toFixed(1)} s`,
        parts: stacked([
            ["decode", 100 * end.right],
            ["ttft", 100 * end.wrong],
            ["waiting", 100 * end.stopped],
        ]),
    }));
    const [[, with_check], [, without]] = runs;
    return {
        sentence:
            `With checks ${percent(with_check.right)} of the chains end right; without them ` +
            `${percent(without.right)} do. ${percent(with_check.wrong)} end wrong and nobody is told, ` +
            `and a person takes over ${percent(with_check.stopped)}.`,
        alt: rows
            .map(({ name, parts }) => `${name}: ${parts.map((p) => (p.to - p.from).toFixed(1)).join(", ")}`)
            .join("; "),
        draw: (svg, width) => bars(svg, width, rows, "% of the chains; behind them, the mean time"),
    };
}
