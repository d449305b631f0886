/* Calls at once whose lengths vary and that slow each other: the wait for the slowest. */

import { bars, stacked } from "./drawing.mjs";
import { mean_of_slowest, shared_speedup, widest } from "./formulas.mjs";
import { several, times } from "./words.mjs";

const MOST = 64;

export function view(form) {
    const calls = Number(form.get("calls"));
    const sigma = Number(form.get("jitter_sigma"));
    const penalty = Number(form.get("penalty_percent")) / 100;
    const crowd = 1 + penalty * (calls - 1);
    const slowest = crowd * mean_of_slowest(calls, sigma);
    const limit = widest(sigma, penalty, MOST);
    const pays = limit === null ? `Another call still pays at ${MOST}` : `Another call pays up to ${limit}`;
    const rows = [
        ["in a row", Array.from({ length: calls }, () => ["decode", 1])],
        ["at once, alone", [["decode", 1]]],
        ["at once", [["decode", 1], ["waiting", slowest - 1]]],
    ].map(([name, pairs]) => {
        const parts = stacked(pairs);
        return { name, parts, label: parts.at(-1).to.toFixed(2) };
    });
    return {
        sentence:
            `${several(calls, "call")} at once take ${slowest.toFixed(2)} times the mean of one: ` +
            `${times(shared_speedup(calls, sigma, penalty))} faster than in a row. ${pays}.`,
        alt:
            `In times the mean call: ${calls} in a row, 1 if nothing varies and nothing is shared, ` +
            `${slowest.toFixed(2)} at once.`,
        draw: (svg, width) => bars(svg, width, rows, "times the mean call"),
    };
}
