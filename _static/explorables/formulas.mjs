/* The formulas of labtools, once more. They carry labtools' names, so that the two can be read side
   by side: latency_model, metrics, dispatch.slowest and studies.case_study_audit. A test evaluates
   both on the same inputs. Nothing here touches the page. */

/* Request sent to the end of the stream, for an answer that stops by itself. */
export function e2e_latency_s(ttft_s, decode_tokens_per_s, output_tokens) {
    return ttft_s + output_tokens / decode_tokens_per_s;
}

/* Calls one after another, each followed by a tool: the parts, and their sum. */
export function run_s(ttft_s, decode_tokens_per_s, output_tokens, calls, tool_s) {
    const parts = {
        ttft_s: calls * ttft_s,
        decode_s: calls * (e2e_latency_s(ttft_s, decode_tokens_per_s, output_tokens) - ttft_s),
        tool_s: calls * tool_s,
    };
    return { ...parts, total_s: parts.ttft_s + parts.decode_s + parts.tool_s };
}

/* When each call of a run starts. */
export function call_starts_s({ total_s }, calls) {
    return Array.from({ length: calls }, (_, done) => (done * total_s) / calls);
}

/* Output length at which decode takes as long as TTFT. */
export function break_even_tokens(ttft_s, decode_tokens_per_s) {
    return ttft_s * decode_tokens_per_s;
}

/* TTFT's share of a call. */
export function ttft_share(ttft_s, decode_tokens_per_s, output_tokens) {
    return ttft_s / e2e_latency_s(ttft_s, decode_tokens_per_s, output_tokens);
}

/* How many times faster the whole gets when a part of it gets `factor` times faster. */
export function amdahl_speedup(share, factor, measured_on) {
    return measured_on === "slow" ? 1 / (1 - share + share / factor) : 1 - share + share * factor;
}

/* The standard normal distribution. */
const normal_pdf = (z) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

/* Its distribution function: 1/2 + pdf(z) (z + z^3/3 + z^5/(3 5) + ...), by Marsaglia, 2004. */
export function normal_cdf(z) {
    if (Math.abs(z) > 9) return z > 0 ? 1 : 0;
    let term = z;
    let sum = z;
    for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(sum); odd += 2) {
        term *= (z * z) / odd;
        sum += term;
    }
    return Math.max(0, 0.5 + sum * normal_pdf(z));
}

const STEPS = 400;
const REACH = 9;

/* The mean of the slowest of `calls` lognormal latencies of mean 1, by quadrature. */
export function mean_of_slowest(calls, jitter_sigma) {
    if (jitter_sigma === 0) return 1;
    const width = (2 * REACH) / STEPS;
    let sum = 0;
    for (let step = 0; step <= STEPS; step += 1) {
        const z = -REACH + step * width;
        sum += normal_pdf(z) * normal_cdf(z + jitter_sigma) ** (calls - 1);
    }
    return calls * width * sum;
}

/* How many times faster calls at once are than one after another. */
export function fan_out_speedup(calls, jitter_sigma) {
    return calls / mean_of_slowest(calls, jitter_sigma);
}

/* When each step of a pass starts and how long its parts take. `overlapping` are pairs of
   neighbours, the second of which starts with the first; `changes.routed` are names of steps. */
export function pass_timeline(steps, changes, { warm_from, overlapping, routed_factor }) {
    const first_warm = steps.findIndex((step) => step.name === warm_from);
    const rows = [];
    let now_s = 0;
    steps.forEach((step, index) => {
        const cut = index >= first_warm ? changes.ttft_cut : 0;
        const factor = changes.routed.includes(step.name) ? routed_factor : 1;
        const ttft_s = (step.ttft_s * (1 - cut)) / factor;
        const decode_s = step.decode_s / factor;
        const tool_s = step.is_call ? 0 : step.total_s;
        const total_s = ttft_s + decode_s + tool_s;
        const before = rows.at(-1);
        const joins = overlapping.some(
            ([one, other]) => before?.name === one && step.name === other,
        );
        const started_s = joins ? before.started_s : now_s;
        rows.push({ name: step.name, started_s, ttft_s, decode_s, tool_s, total_s });
        now_s = Math.max(now_s, started_s + total_s);
    });
    return { rows, total_s: now_s };
}
