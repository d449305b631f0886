/* How closely so many calls tell a percentile. */

import { Drawing, ticks } from "./drawing.mjs";
import { interval_ranks, lognormal_quantile } from "./formulas.mjs";
import { several } from "./words.mjs";

const ROW = 46;
const SHARES = [0.5, 0.95, 0.99];
const name = (q) => `p${100 * q}`;

export function view(form) {
    const calls = Number(form.get("calls"));
    const sigma = Number(form.get("jitter_sigma"));
    const at = (share) => lognormal_quantile(share, sigma);
    const rows = SHARES.map((q) => {
        const ranks = interval_ranks(calls, q);
        return { q, ends: ranks && ranks.map((rank) => at(rank / (calls + 1))), value: at(q) };
    });
    const told = rows.filter(({ ends }) => ends).map(
        ({ q, ends }) => `${name(q)} between ${ends.map((end) => end.toFixed(2)).join(" and ")}`,
    );
    const lacking = rows.filter(({ ends }) => !ends).map(({ q }) => name(q));
    const sentence =
        `With 95% confidence ${several(calls, "call")} ` +
        [
            told.length && `put ${told.join(", ")} times the mean call`,
            lacking.length && `are too few for ${lacking.join(" and ")}`,
        ].filter(Boolean).join(" and ") + ".";
    return {
        sentence,
        alt: `The usual intervals: ${sentence}`,
        draw(svg, width) {
            const drawing = new Drawing(svg, width, rows.length * ROW + 44);
            const most = 1.1 * Math.max(...rows.flatMap((row) => [row.value, ...(row.ends ?? [])]));
            const left = 46;
            const x = (value) => left + (value / most) * (width - left - 12);
            const bottom = rows.length * ROW;
            for (const tick of ticks(most, (width - left) / 60)) {
                drawing.path([[x(tick), 0], [x(tick), bottom]], "grid");
                drawing.words(x(tick), bottom + 16, String(tick), { anchor: "middle", look: "muted" });
            }
            drawing.words((left + width) / 2, bottom + 36, "times the mean call", { anchor: "middle" });
            rows.forEach(({ q, ends, value }, place) => {
                const y = place * ROW + ROW / 2;
                drawing.words(left - 8, y + 5, name(q), { anchor: "end" });
                if (ends) drawing.bar(x(ends[0]), y - 9, x(ends[1]) - x(ends[0]), 18, "decode");
                else drawing.words(x(value) - 10, y + 5, "too few calls", { anchor: "end" });
                drawing.dot(x(value), y);
            });
        },
    };
}
