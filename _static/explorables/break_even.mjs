/* TTFT's share of a call against the answer's length. */

import { Drawing, ticks } from "./drawing.mjs";
import { break_even_tokens, e2e_latency_s, ttft_share } from "./formulas.mjs";
import { percent, seconds, several } from "./words.mjs";

const HEIGHT = 250;
const EDGE = { left: 46, right: 14, top: 10, bottom: 46 };

export function view(form, { most_tokens }) {
    const [ttft_ms, rate, tokens] = ["ttft_ms", "decode_tokens_per_s", "output_tokens"].map(
        (name) => Number(form.get(name)),
    );
    const ttft_s = ttft_ms / 1000;
    const even = break_even_tokens(ttft_s, rate);
    const share = ttft_share(ttft_s, rate, tokens);
    const whole = seconds(e2e_latency_s(ttft_s, rate, tokens));
    const longer = even < 1 ? "less than a token" : several(even.toFixed(0), "token");
    return {
        sentence:
            `The break-even length is ${longer}. In an answer of ` +
            `${several(tokens, "token")}, TTFT is ${percent(share)} of ${whole}.`,
        alt:
            `TTFT's share of the call falls as the answer grows: 50% at ${longer}, ` +
            `${percent(share)} at ${several(tokens, "token")}.`,
        draw(svg, width) {
            const drawing = new Drawing(svg, width, HEIGHT);
            const right = width - EDGE.right;
            const bottom = HEIGHT - EDGE.bottom;
            const x = (count) => EDGE.left + (count / most_tokens) * (right - EDGE.left);
            const y = (part) => bottom - part * (bottom - EDGE.top);
            for (const part of [0, 0.25, 0.5, 0.75, 1]) {
                drawing.path([[EDGE.left, y(part)], [right, y(part)]], "grid");
                const look = { anchor: "end", look: "muted" };
                drawing.words(EDGE.left - 6, y(part) + 4, percent(part), look);
            }
            for (const count of ticks(most_tokens, (right - EDGE.left) / 60)) {
                const look = { anchor: "middle", look: "muted" };
                drawing.words(x(count), bottom + 18, String(count), look);
            }
            const middle = (EDGE.left + right) / 2;
            drawing.words(middle, HEIGHT - 8, "output tokens", { anchor: "middle" });
            const counts = Array.from({ length: 101 }, (_, i) => (i / 100) * most_tokens);
            const curve = counts.map((count) => [x(count), y(ttft_share(ttft_s, rate, count))]);
            drawing.path(curve, "curve ttft");
            drawing.path([[x(tokens), y(0)], [x(tokens), y(share)]], "mark");
            drawing.dot(x(tokens), y(share));
            const anchor = x(tokens) > 0.75 * width ? "end" : "start";
            const beside = x(tokens) + (anchor === "end" ? -9 : 9);
            drawing.words(beside, y(share) - 9, percent(share), { anchor });
            if (even <= most_tokens) {
                drawing.dot(x(even), y(0.5));
                const look = Math.abs(even - tokens) > 0.02 * most_tokens;
                if (look) drawing.words(x(even) + 9, y(0.5) - 6, `n* = ${even.toFixed(0)}`);
            }
        },
    };
}
