/* The essay's case study, step by step, with what is done to make it faster. */

import { bars, stacked } from "./drawing.mjs";
import { pass_timeline } from "./formulas.mjs";
import { seconds } from "./words.mjs";

export function view(form, given) {
    const { steps, pairs } = given;
    const routed = form.getAll("routed");
    const ttft_cut = Number(form.get("ttft_cut_percent")) / 100;
    const overlapping = form.getAll("overlapping").map((name) => pairs[name]);
    const plain = pass_timeline(steps, { routed: [], ttft_cut: 0 }, { ...given, overlapping: [] });
    const { rows, total_s } = pass_timeline(steps, { routed, ttft_cut }, { ...given, overlapping });
    const saved_s = plain.total_s - total_s;
    const saving = saved_s > 5e-4 ? `, ${seconds(saved_s)} less than` : "";
    const told = rows.map((row) => `${row.name} ${seconds(row.total_s)}`).join(", ");
    return {
        sentence: `One attempt takes ${seconds(total_s)}${saving} with nothing changed.`,
        alt: `Steps of a run of ${seconds(total_s)}: ${told}.`,
        draw(svg, width) {
            const drawn = rows.map(({ name, started_s, ttft_s, decode_s, tool_s, total_s }) => ({
                name,
                label: total_s.toFixed(2),
                parts: stacked(
                    [["ttft", ttft_s], ["decode", decode_s], ["tool", tool_s]],
                    started_s,
                ),
            }));
            bars(svg, width, drawn, "seconds since the start of the run");
        },
    };
}
