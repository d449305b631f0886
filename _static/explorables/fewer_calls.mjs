/* One attempt at the case study as a strip of calls: struck out, shortened, merged with their
   neighbours. `strip` is labtools.course.audit.attempt once more; only this page needs
   it, so it stands here. */

import { bars } from "./drawing.mjs";
import { seconds, several } from "./words.mjs";

/* What is left of the attempt: its rows, and what they come to. */
export function strip(cuts, { steps, merged, plan, rate, usd: [input_usd, output_usd] }) {
    const joined = cuts.merged.map((name) => merged[name]);
    const rows = [];
    let [total_s, first_words_s, calls, usd] = [0, null, 0, 0];
    for (const { name, is_call, input_tokens, ...step } of steps) {
        if (cuts.left_out.includes(name)) continue;
        const tokens = cuts.tokens[name] ?? step.output_tokens;
        const before = rows.at(-1)?.name;
        const joins = joined.some(([one, other]) => before === one && name === other);
        const ttft_s = is_call && !joins ? step.ttft_s : 0;
        const row = { name, from: total_s, ttft_s, joins, tool_s: is_call ? 0 : step.total_s };
        row.decode_s = is_call ? tokens / rate : 0;
        calls += is_call && !joins;
        usd += is_call ? (tokens * output_usd + (joins ? 0 : input_tokens * input_usd)) / 1e6 : 0;
        if (name === plan) first_words_s = total_s + ttft_s;
        total_s += ttft_s + row.decode_s + row.tool_s;
        rows.push(row);
    }
    return { rows, total_s, first_words_s, calls, usd };
}

/* The settings that take something away, by the names of their risks. */
function taken(cuts, given) {
    const there = given.steps.map((step) => step.name).filter((n) => !cuts.left_out.includes(n));
    const both = (name) => given.merged[name].every((step) => there.includes(step));
    const [plan, fix] = Object.keys(given.tokens);
    const shorter = (name) => there.includes(name) && cuts.tokens[name] < given.tokens[name];
    return [
        ...cuts.left_out,
        ...cuts.merged.filter(both),
        ...(shorter(plan) ? ["short plan"] : []),
        ...(shorter(fix) ? ["short fix"] : []),
    ];
}

export function view(form, given) {
    const tokens = {};
    for (const [name, slider] of Object.entries(given.sliders)) {
        tokens[name] = Number(form.get(slider));
    }
    const cuts = { left_out: form.getAll("left_out"), merged: form.getAll("merged"), tokens };
    const { rows, total_s, first_words_s, calls, usd } = strip(cuts, given);
    const words = first_words_s === null ? "" : `, the plan's first words ${seconds(first_words_s)}`;
    const risks = taken(cuts, given).map((name) => given.risks[name]);
    const wrong = risks.length ? ` What can go wrong: ${risks.join("; ")}.` : "";
    const told = rows.map((row) => `${row.name} from ${seconds(row.from)}`).join(", ");
    return {
        sentence:
            `One attempt takes ${seconds(total_s)}${words}. ` +
            `It makes ${several(calls, "call")}, $${(1000 * usd).toFixed(2)} for a thousand.${wrong}`,
        alt: `Steps of an attempt of ${seconds(total_s)}: ${told}.`,
        draw(svg, width) {
            const drawn = rows.map(({ name, from, ttft_s, decode_s, tool_s, joins }) => {
                const at = [from, from + ttft_s, from + ttft_s + decode_s];
                const parts = [
                    { from: at[0], to: at[1], colour: "ttft" },
                    { from: at[1], to: at[2], colour: "decode" },
                    { from: at[2], to: at[2] + tool_s, colour: "tool" },
                ];
                const label = (ttft_s + decode_s + tool_s).toFixed(2);
                return { name: joins ? `+ ${name}` : name, label, parts };
            });
            bars(svg, width, drawn, "seconds since the start of the attempt", total_s);
        },
    };
}
