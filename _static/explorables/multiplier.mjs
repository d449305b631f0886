/* Calls in a row, on your endpoint and on the essay's two. */

import { bars, stacked } from "./drawing.mjs";
import { run_s } from "./formulas.mjs";
import { seconds, several } from "./words.mjs";

/* The run that the form describes, and the same calls and tools on each of the backends. */
export function runs_of(form, backends) {
    const [ttft_ms, rate, tokens, calls, tool_s] = [
        "ttft_ms", "decode_tokens_per_s", "output_tokens", "calls", "tool_s",
    ].map((name) => Number(form.get(name)));
    const others = Object.entries(backends).map(([name, { ttft_s, decode_tokens_per_s }]) => [
        name,
        run_s(ttft_s, decode_tokens_per_s, tokens, calls, tool_s),
    ]);
    return { yours: run_s(ttft_ms / 1000, rate, tokens, calls, tool_s), others, calls, tokens };
}

export function view(form, { backends }) {
    const { yours, others, calls, tokens } = runs_of(form, backends);
    const runs = [["yours", yours], ...others];
    const rows = runs.map(([name, run]) => ({
        name,
        label: seconds(run.total_s),
        parts: stacked([
            ["ttft", run.ttft_s],
            ["decode", run.decode_s],
            ["tool", run.tool_s],
        ]),
    }));
    const parts = [
        `${seconds(yours.ttft_s)} of TTFT`,
        `${seconds(yours.decode_s)} of decode`,
        ...(yours.tool_s ? [`${seconds(yours.tool_s)} of tools`] : []),
    ];
    const told = runs.map(([name, run]) => `${name} ${seconds(run.total_s)}`).join(", ");
    return {
        sentence:
            `${several(calls, "call")} of ${several(tokens, "token")} take ` +
            `${seconds(yours.total_s)}: ${parts.join(", ")}.`,
        alt: `Seconds for the whole run: ${told}. Yours: ${parts.join(", ")}.`,
        draw: (svg, width) => bars(svg, width, rows, "seconds for the whole run"),
    };
}
