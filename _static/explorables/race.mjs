/* Calls in a row on the essay's endpoints and on yours, as far as they have come. */

import { bars, stacked } from "./drawing.mjs";
import { call_starts_s } from "./formulas.mjs";
import { runs_of } from "./multiplier.mjs";
import { seconds, several, times } from "./words.mjs";

const LANE = 46;

export function view(form, { backends }) {
    const { yours, others, calls, tokens } = runs_of(form, backends);
    const runs = [...others, ["yours", yours]];
    const longest_s = Math.max(...runs.map(([, run]) => run.total_s));
    const told = runs.map(([name, run]) => `${name} ${seconds(run.total_s)}`).join(", ");
    const [[slow, slow_run], [fast, fast_run]] = others;
    return {
        duration_s: longest_s,
        sentence:
            `${several(calls, "call")} of ${several(tokens, "token")}: ${told}. ` +
            `The ${slow} one takes ${times(slow_run.total_s / fast_run.total_s)} as long as the ${fast} one.`,
        alt: `Seconds until the last of ${several(calls, "call")} is done: ${told}.`,
        draw(svg, width, now_s) {
            const rows = runs.map(([name, run]) => {
                const label = seconds(Math.min(now_s, run.total_s));
                const parts = call_starts_s(run, calls).flatMap((started_s) =>
                    stacked(
                        [
                            ["ttft", run.ttft_s / calls],
                            ["decode", run.decode_s / calls],
                            ["tool", run.tool_s / calls],
                        ],
                        started_s,
                    ),
                );
                const past = parts.filter((part) => part.from < now_s);
                for (const part of past) part.to = Math.min(part.to, now_s);
                return { name, label: label.padEnd(seconds(longest_s).length), parts: past };
            });
            bars(svg, width, rows, "seconds since the start of the run", longest_s, LANE);
        },
    };
}
