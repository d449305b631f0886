/* Calls at once whose lengths vary: the wait for the slowest. */

import { bars, stacked } from "./drawing.mjs";
import { fan_out_speedup, mean_of_slowest } from "./formulas.mjs";
import { several, times } from "./words.mjs";

export function view(form) {
    const calls = Number(form.get("calls"));
    const sigma = Number(form.get("jitter_sigma"));
    const slowest = mean_of_slowest(calls, sigma);
    const speedup = fan_out_speedup(calls, sigma);
    const rows = [
        ["in a row", Array.from({ length: calls }, () => ["decode", 1])],
        ["at once, all alike", [["decode", 1]]],
        ["at once, with jitter", [["decode", 1], ["waiting", slowest - 1]]],
    ].map(([name, pairs]) => {
        const parts = stacked(pairs);
        return { name, parts, label: parts.at(-1).to.toFixed(2) };
    });
    const promise = calls > 1 && sigma > 0 ? `, not ${calls}` : "";
    return {
        sentence:
            `${several(calls, "call")} at once take ${slowest.toFixed(2)} times the mean of one: ` +
            `${times(speedup)} faster than in a row${promise}.`,
        alt:
            `In mean calls: ${calls} in a row, 1 at once if all are alike, ` +
            `${slowest.toFixed(2)} at once with jitter of sigma ${sigma.toFixed(2)}.`,
        draw: (svg, width) => bars(svg, width, rows, "mean calls"),
    };
}
