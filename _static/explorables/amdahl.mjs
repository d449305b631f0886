/* What a faster backend does to the whole run, by the side that the share was measured on. */

import { bars, stacked } from "./drawing.mjs";
import { amdahl_speedup } from "./formulas.mjs";
import { percent, times } from "./words.mjs";

export function view(form) {
    const share = Number(form.get("share_percent")) / 100;
    const factor = Number(form.get("factor"));
    const side = form.get("measured_on");
    const speedup = amdahl_speedup(share, factor, side);
    /* In units of the slow run. */
    const rest = side === "slow" ? 1 - share : (1 - share) / speedup;
    const runs = [["slow", 1], ["fast", 1 / speedup]];
    const shares = runs.map(([name, whole]) => [name, whole ? (whole - rest) / whole : 0]);
    const rows = runs.map(([name, whole]) => ({
        name,
        label: percent(whole),
        parts: stacked([["decode", 100 * (whole - rest)], ["tool", 100 * rest]]),
    }));
    const told = shares.map(([name, part]) => `${percent(part)} of the ${name} run`).join(" and ");
    return {
        sentence: `The whole task gets ${times(speedup)} faster. Inference is ${told}.`,
        alt:
            `The slow run is ${speedup.toFixed(2)} times as long as the fast one. ` +
            `Inference is ${told}; everything else takes as long in both.`,
        draw: (svg, width) => bars(svg, width, rows, "% of the slow run"),
    };
}
