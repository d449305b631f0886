/* A prompt with a timestamp in it: what stands before it is reused. */

import { bars, stacked } from "./drawing.mjs";
import { cached_tokens } from "./formulas.mjs";
import { seconds } from "./words.mjs";

export function view(form, given) {
    const [at, prompt] = ["at_percent", "prompt_tokens"].map((name) => Number(form.get(name)));
    const { block_tokens, minimum_tokens, overhead_s, prefill_tokens_per_s } = given;
    const shared = Math.min(Math.round((at / 100) * prompt), prompt - 1);
    const cached = cached_tokens(shared, block_tokens, minimum_tokens);
    const ttft_s = (kept) => overhead_s + (prompt - kept) / prefill_tokens_per_s;
    const [count, all] = [cached, prompt].map((tokens) => tokens.toLocaleString("en-US"));
    const rows = [["this call", cached], ["nothing reused", 0]].map(([name, kept]) => ({
        name,
        label: seconds(ttft_s(kept)),
        parts: stacked([["waiting", kept], ["ttft", prompt - kept]]),
    }));
    return {
        sentence: `cached_tokens is ${count} of ${all}, and TTFT ${seconds(ttft_s(cached))} instead of ${seconds(ttft_s(0))}.`,
        alt: `Tokens of the prompt: ${count} reused, the rest of ${all} read again.`,
        draw: (svg, width) => bars(svg, width, rows, "tokens of the prompt; behind them, TTFT"),
    };
}
