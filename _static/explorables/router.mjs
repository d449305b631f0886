/* A router's errors against what it saves. */

import { bars, stacked } from "./drawing.mjs";
import { routing_saves_s } from "./formulas.mjs";
import { percent } from "./words.mjs";

export function view(form) {
    const [saved_s, failures, failure_s] = ["saved_s", "failures_percent", "failure_s"].map(
        (name) => Number(form.get(name)),
    );
    const rate = failures / 100;
    const net_s = routing_saves_s(saved_s, rate, failure_s);
    const even = failure_s ? saved_s / failure_s : Infinity;
    const limit = even >= 1 ? "however many fail" : `as long as fewer than ${percent(even)} fail`;
    const what = net_s < 0 ? "lose" : "save";
    const lost_s = 100 * rate * failure_s;
    const rows = [
        ["saved by routing", "decode", 100 * saved_s],
        ["lost to failures", "waiting", lost_s],
    ].map(([name, colour, length]) => ({
        name,
        label: `${length.toFixed(0)} s`,
        parts: stacked([[colour, length]]),
    }));
    return {
        sentence: `A hundred routed calls ${what} ${Math.abs(net_s).toFixed(0)} s. Routing pays ${limit}.`,
        alt: `In a hundred routed calls: ${(100 * saved_s).toFixed(0)} s saved, ${lost_s.toFixed(0)} s lost to failures.`,
        draw: (svg, width) => bars(svg, width, rows, "seconds in a hundred routed calls"),
    };
}
