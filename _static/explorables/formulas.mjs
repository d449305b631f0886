/* The formulas of labtools, once more. They carry labtools' names, so that the two can be read side
   by side: latency_model, metrics, dispatch, closed_loop, chains and the case study's audit. A test
   evaluates both on the same inputs. Nothing here touches the page. */

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

/* The same where each further call also slows all by a share: the endpoint's batch. */
export function shared_speedup(calls, jitter_sigma, batch_penalty) {
    return fan_out_speedup(calls, jitter_sigma) / (1 + batch_penalty * (calls - 1));
}

/* The number of calls at once from which one more makes a call's share of the wait longer, up to
   `most`; null where another one always pays. */
export function widest(jitter_sigma, batch_penalty, most) {
    let before = 1;
    for (let calls = 2; calls <= most; calls += 1) {
        const speedup = shared_speedup(calls, jitter_sigma, batch_penalty);
        if (speedup <= before) return calls - 1;
        before = speedup;
    }
    return null;
}

/* A call in a closed loop of so many clients, in the long run. */
export function closed_loop_s(endpoint, concurrency, output_tokens) {
    const { rtt_s, ttft_s, decode_tokens_per_s, batch_penalty, max_batch, replicas } = endpoint;
    const clients = Math.max(1, concurrency / replicas);
    const active = Math.min(clients, max_batch);
    const step_s = (1 + batch_penalty * (active - 1)) / decode_tokens_per_s;
    const held_s = ttft_s - rtt_s + output_tokens * step_s;
    return rtt_s + held_s * Math.max(1, clients / max_batch);
}

/* The fewest clients with which a call takes longer on the first; null up to `most`. */
export function crossover_clients(first, second, output_tokens, most) {
    for (let clients = 1; clients <= most; clients += 1) {
        const [one, other] = [first, second].map((e) => closed_loop_s(e, clients, output_tokens));
        if (one > other) return clients;
    }
    return null;
}

/* What of the tokens that two prompts share is reused. */
export function cached_tokens(shared_tokens, block_tokens, minimum_tokens) {
    const tokens = Math.floor(shared_tokens / block_tokens) * block_tokens;
    return tokens >= minimum_tokens ? tokens : 0;
}

/* The ranks of an interval for a percentile with 95% confidence; null where calls are too few. */
export function interval_ranks(calls, q, confidence = 0.95) {
    let log_chance = calls * Math.log(1 - q);  /* the chance itself may be too small a number */
    const below = [0];
    for (let k = 0; k <= calls; k += 1) {
        below.push(below.at(-1) + Math.exp(log_chance));
        log_chance += Math.log(((calls - k) / (k + 1)) * (q / (1 - q)));
    }
    let best = null;
    let high = 1;
    for (let low = 1; low < calls; low += 1) {
        high = Math.max(high, low + 1);
        while (high < calls && below[high] - below[low] < confidence) high += 1;
        if (below[high] - below[low] < confidence) break;
        if (best === null || high - low < best[1] - best[0]) best = [low, high];
    }
    return best !== null && q === 0.5 ? [best[0], calls + 1 - best[0]] : best;
}

/* The standard normal's quantile, by halving. */
export function normal_quantile(share) {
    let [low, high] = [-9, 9];
    for (let i = 0; i < 60; i += 1) {
        const middle = (low + high) / 2;
        if (normal_cdf(middle) < share) low = middle;
        else high = middle;
    }
    return (low + high) / 2;
}

/* The latency below which this share of lognormal calls of mean 1 lies. */
export function lognormal_quantile(share, jitter_sigma) {
    return Math.exp(jitter_sigma * normal_quantile(share) - (jitter_sigma * jitter_sigma) / 2);
}

/* What becomes of a chain of checked steps, each tried up to `attempts` times. */
export function chain_outcomes(right_rate, steps, catch_rate, false_alarm_rate, attempts) {
    const right = right_rate * (1 - false_alarm_rate);
    const wrong = (1 - right_rate) * (1 - catch_rate);
    const again = 1 - right - wrong;
    let passes = 0;
    for (let attempt = 0; attempt < attempts; attempt += 1) passes += again ** attempt;
    const accepted = (right + wrong) * passes;
    let reached = 0;
    for (let before = 0; before < steps; before += 1) reached += accepted ** before;
    return {
        right: (right * passes) ** steps,
        wrong: accepted ** steps - (right * passes) ** steps,
        stopped: 1 - accepted ** steps,
        attempts: passes * reached,
    };
}

/* Seconds that routing saves in a hundred calls, failures paid. */
export function routing_saves_s(saved_s, failure_rate, failure_s) {
    return 100 * (saved_s - failure_rate * failure_s);
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
