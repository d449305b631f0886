"""The book's explorables: what can be changed in each, and its numbers at the start.

The numbers come from `labtools`, the ranges from what providers and agents are seen to do.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from explorable import Choices, Explorable, Slider, Table

from labtools.coding_agent.essay import STEPS
from labtools.course.audit import (
    BIG_PRICES,
    CALL_NAMES,
    EDIT_TOKENS,
    FIX,
    HARNESS,
    MERGED,
    PATCH_AND_TESTS,
    PLAN,
    READS,
    ROUTABLE,
    ROUTED_FACTOR,
    WARM_FROM,
    Changes,
    attempt,
    pass_s,
    smallest_additions,
)
from labtools.course.model_size.backends import crossover_clients
from labtools.course.verifiers import NO_CHECK, Verifier, chain_outcomes, checker
from labtools.dispatch.sending import fan_out_speedup, mean_of_slowest
from labtools.model.metrics import amdahl_speedup, samples_needed
from labtools.model.named_profiles import BATCH_13B, FAST, LATENCY_70B, SLOW
from labtools.model.profile import LatencyProfile, PrefixCache
from labtools.plots.colours import DECODE, TOOL, TTFT, WAITING

CALLS, CALL_TOKENS, JSON_TOKENS = 20, 100, 80  # the essay's agent, its tool call, its JSON
BACKENDS = {"slow": SLOW, "fast": FAST}
LOWEST, HIGHEST = (0.60, 3), (0.75, 4)  # the essay's shares of inference, and its factors
READS_AT_ONCE, SIGMA = 3, 0.5
CUT = 0.31  # the most of TTFT that a published evaluation of caching takes off


def _ttft_and_rate(start: LatencyProfile) -> tuple[Slider, Slider]:
    ttft_ms, rate = 1000 * start.ttft_s(), start.decode_tokens_per_s
    return (
        Slider("ttft_ms", "TTFT", "ms", 10, 3000, 10, ttft_ms),
        Slider("decode_tokens_per_s", "decode rate", "tokens/s", 10, 500, 5, rate),
    )


def _endpoints() -> dict[str, dict[str, float]]:
    """A button for each of the book's backends."""
    return {
        f"the {name} one": {
            "ttft_ms": round(1000 * profile.ttft_s()),
            "decode_tokens_per_s": profile.decode_tokens_per_s,
        }
        for name, profile in BACKENDS.items()
    }


_RUN = (
    Slider("output_tokens", "output of a call", "tokens", 5, 1000, 5, CALL_TOKENS),
    Slider("calls", "calls in a row", "calls", 1, 60, 1, CALLS),
    Slider("tool_s", "a tool after each call", "s", 0, 10, 0.1, 0),
)

MULTIPLIER = Explorable(
    legend="Your own run",
    controls=(*_ttft_and_rate(SLOW), *_RUN),
    presets=_endpoints(),
    table=Table(
        ("Backend", "TTFT", "Decode rate", f"{CALLS} calls of {CALL_TOKENS} tokens"),
        tuple(
            (
                name,
                f"{1000 * profile.ttft_s():.0f} ms",
                f"{profile.decode_tokens_per_s:.0f} tokens/s",
                f"{CALLS * profile.e2e_latency_s(CALL_TOKENS):.1f} s",
            )
            for name, profile in BACKENDS.items()
        ),
    ),
    caption="The two backends of this book.",
    colours={
        "ttft": (TTFT, "TTFT"),
        "decode": (DECODE, "decode"),
        "tool": (TOOL, "tools"),
    },
    given={
        "backends": {
            name: {"ttft_s": p.ttft_s(), "decode_tokens_per_s": p.decode_tokens_per_s}
            for name, p in BACKENDS.items()
        }
    },
)

_BETWEEN_MS = round(500 * (SLOW.ttft_s() + FAST.ttft_s()), -1)
_BETWEEN_PER_S = (SLOW.decode_tokens_per_s + FAST.decode_tokens_per_s) / 2

RACE = replace(
    MULTIPLIER,
    legend="The race, in real seconds",
    controls=(
        Slider("ttft_ms", "your time to first token", "ms", 10, 3000, 10, _BETWEEN_MS),
        Slider(
            "decode_tokens_per_s", "your rate of writing", "tokens/s", 10, 500, 5, _BETWEEN_PER_S
        ),
        *_RUN,
    ),
    hint="The third lane begins halfway between the two. Make it yours: set what you know of your "
    "endpoint and your agent.",
    presets={},
    colours={
        "ttft": (TTFT, "waiting for the first token"),
        "decode": (DECODE, "writing"),
        "tool": (TOOL, "tools"),
    },
    moves=True,
)

BREAK_EVEN = Explorable(
    legend="Your own break-even length",
    controls=(
        *_ttft_and_rate(SLOW),
        Slider("output_tokens", "output of a call", "tokens", 5, 400, 5, JSON_TOKENS),
    ),
    presets=_endpoints(),
    table=Table(
        ("Backend", "Break-even length", f"TTFT's share of {JSON_TOKENS} tokens"),
        tuple(
            (
                name,
                f"{profile.break_even_tokens():.0f} tokens",
                f"{profile.ttft_s() / profile.e2e_latency_s(JSON_TOKENS):.0%}",
            )
            for name, profile in BACKENDS.items()
        ),
    ),
    caption="The two backends of this book.",
    colours={"ttft": (TTFT, "TTFT's share of the call")},
    given={"most_tokens": 400},
)

AMDAHL = Explorable(
    legend="Your own share",
    controls=(
        Slider("share_percent", "inference's share", "%", 0, 100, 1, 100 * LOWEST[0]),
        Slider("factor", "calls faster by", "times", 1, 10, 0.1, LOWEST[1]),
        Choices(
            "measured_on",
            "The share was measured on",
            {side: f"the {side} backend" for side in BACKENDS},
            ("slow",),
            one=True,
        ),
    ),
    table=Table(
        ("Share measured on", "Share", "Calls faster", "Task faster"),
        tuple(
            (
                f"the {side} backend",
                f"{share:.0%}",
                f"{factor} times",
                f"{amdahl_speedup(share, factor, measured_on=side):.2f} times",
            )
            for side in ("slow", "fast")
            for share, factor in (LOWEST, HIGHEST)
        ),
    ),
    caption="The ends of the claimed ranges, read in both ways.",
    colours={"decode": (DECODE, "inference"), "tool": (TOOL, "everything else")},
)

FAN_OUT = Explorable(
    legend="Your own fan-out",
    controls=(
        Slider("calls", "calls at once", "calls", 1, 32, 1, READS_AT_ONCE),
        Slider("jitter_sigma", "jitter, sigma", "sigma", 0, 1.5, 0.05, SIGMA),
        Slider("penalty_percent", "each further call slows all by", "%", 0, 20, 1, 0),
    ),
    table=Table(
        ("Calls at once", "The slowest, times the mean call", "Faster than in a row"),
        tuple(
            (str(k), f"{mean_of_slowest(k, SIGMA):.2f}", f"{fan_out_speedup(k, SIGMA):.2f} times")
            for k in (2, 3, 4, 8, 16)
        ),
        start=1,
    ),
    caption=f"Calls that vary with a lognormal sigma of {SIGMA}.",
    colours={"decode": (DECODE, "calls"), "waiting": (WAITING, "jitter and company")},
)

MOST_CLIENTS, FEW_CALLS, JITTER = 256, 50, 0.2
_PAIR = (LATENCY_70B, BATCH_13B)


def _flip_at(slots: int) -> str:
    first, second = LATENCY_70B.but(max_batch=slots), BATCH_13B
    flip = crossover_clients(first, second, JSON_TOKENS, most_clients=MOST_CLIENTS)
    return "none" if flip is None else f"{flip} clients"


FLIP = Explorable(
    legend="Your own load",
    controls=(
        Slider("clients", "clients at once", "clients", 1, MOST_CLIENTS, 1, 16),
        Slider("output_tokens", "output of a call", "tokens", 10, 2000, 10, JSON_TOKENS),
        Slider(
            "slots", "streams of the 70B at most", "streams", 4, 64, 1, LATENCY_70B.max_batch or 16
        ),
    ),
    table=Table(
        ("Streams of the 70B at most", "The 13B is the faster one from"),
        tuple((str(slots), _flip_at(slots)) for slots in (8, 16, 32)),
        start=1,
    ),
    caption=f"A call of {JSON_TOKENS} tokens on latency-70b and batch-13b.",
    colours={"decode": (DECODE, "latency-70b"), "ttft": (TTFT, "batch-13b")},
    given={
        "endpoints": [
            {
                "name": profile.name,
                "rtt_s": profile.rtt_s,
                "ttft_s": profile.ttft_s(),
                "decode_tokens_per_s": profile.decode_tokens_per_s,
                "batch_penalty": profile.batch_penalty,
                "max_batch": profile.max_batch,
                "replicas": profile.replicas,
            }
            for profile in _PAIR
        ],
        "most_clients": MOST_CLIENTS,
    },
)

PERCENTILES = Explorable(
    legend="Your own number of calls",
    controls=(
        Slider("calls", "calls", "calls", 10, 1000, 10, FEW_CALLS),
        Slider("jitter_sigma", "jitter, sigma", "sigma", 0.05, 1.5, 0.05, JITTER),
    ),
    table=Table(
        ("Percentile", "Calls that an interval takes", "With fifty calls"),
        tuple(
            (
                f"p{100 * q:.0f}",
                str(samples_needed(q)),
                f"too few for p{100 * q:.0f}" if samples_needed(q) > FEW_CALLS else "an interval",
            )
            for q in (0.5, 0.95, 0.99)
        ),
        start=1,
    ),
    caption="At 95% confidence, whatever the distribution.",
    colours={"decode": (DECODE, "the usual interval; the dot is the truth")},
)

_PROMPT_TOKENS, _RULES = 10_000, PrefixCache()


def _reused(percent: int) -> str:
    return f"{_RULES.cached_tokens(percent * _PROMPT_TOKENS // 100):,} of {_PROMPT_TOKENS:,}"


TIMESTAMP = Explorable(
    legend="Your own timestamp",
    controls=(
        Slider("at_percent", "the timestamp stands behind", "%", 0, 100, 1, 20),
        Slider(
            "prompt_tokens", "length of the prompt", "tokens", 500, 100_000, 500, _PROMPT_TOKENS
        ),
    ),
    presets={
        "at the top": {"at_percent": 0},
        "behind the tools": {"at_percent": 20},
        "at the end": {"at_percent": 100},
    },
    table=Table(
        ("The timestamp stands behind", "cached_tokens"),
        tuple((f"{percent}% of the prompt", _reused(percent)) for percent in (0, 20, 50, 99)),
        start=1,
    ),
    caption="A prompt that was sent a moment ago with another time in it.",
    colours={"waiting": (WAITING, "reused"), "ttft": (TTFT, "read again")},
    given={
        "block_tokens": _RULES.block_tokens,
        "minimum_tokens": _RULES.minimum_tokens,
        "overhead_s": FAST.overhead_s,
        "prefill_tokens_per_s": FAST.prefill_tokens_per_s,
    },
)

SAVED_S, FAILURE_S = (
    0.2,
    6.0,
)  # about what the case study's steps save, and what it costs to go back


def _pays(failure_s: float) -> str:
    return f"fewer than {SAVED_S / failure_s:.0%} fail"


ROUTER = Explorable(
    legend="Your own router",
    controls=(
        Slider("saved_s", "a routed call saves", "s", 0.1, 5, 0.1, SAVED_S),
        Slider("failures_percent", "routed calls that fail", "%", 0, 50, 1, 2),
        Slider("failure_s", "a failure costs", "s", 0.5, 60, 0.5, FAILURE_S),
    ),
    table=Table(
        ("A failure costs", "Routing pays as long as"),
        tuple((f"{cost:g} s", _pays(cost)) for cost in (1.0, FAILURE_S, 30.0)),
        start=1,
    ),
    caption=f"A routed call saves {SAVED_S} s.",
    colours={"decode": (DECODE, "saved"), "waiting": (WAITING, "lost")},
)

_CHAIN = (0.9, 10)
_CATCH, _ALARM, _TRIES = 0.9, 0.05, 3


def _right(check: Verifier, tries: int) -> str:
    return f"{chain_outcomes(*_CHAIN, check, tries).right:.0%}"


CHECKS = Explorable(
    legend="Your own chain",
    controls=(
        Slider("right_percent", "a step is right", "%", 50, 100, 1, 100 * _CHAIN[0]),
        Slider("steps", "steps in a row", "steps", 1, 40, 1, _CHAIN[1]),
        Slider("catch_percent", "the check catches", "%", 0, 100, 1, 100 * _CATCH),
        Slider("alarm_percent", "it rejects of the right ones", "%", 0, 30, 1, 100 * _ALARM),
        Slider("tries", "tries a step", "tries", 1, 6, 1, _TRIES),
    ),
    table=Table(
        ("Check", "Tries a step", "Chains that end right"),
        (
            ("none", "1", _right(NO_CHECK, 1)),
            *(
                (f"catches {_CATCH:.0%}", str(tries), _right(checker(_CATCH, _ALARM), tries))
                for tries in (1, 2, _TRIES)
            ),
        ),
        start=3,
    ),
    caption=f"{_CHAIN[1]} steps, each right in {_CHAIN[0]:.0%} of its tries.",
    colours={
        "decode": (DECODE, "right"),
        "ttft": (TTFT, "wrong, nobody told"),
        "waiting": (WAITING, "a person takes over"),
    },
    given={"call_s": FAST.e2e_latency_s(CALL_TOKENS)},
)

# The case study as both its explorables show it: the essay's rows, and what their seconds are.
_ROWS = [{**asdict(step), "is_call": step.is_call} for step in STEPS]
_PARTS = {"ttft": (TTFT, "TTFT"), "decode": (DECODE, "decode"), "tool": (TOOL, "tests")}
_THREE = Changes(parallel_reads=True, ttft_cut=CUT, routed=frozenset({"Locate file"}))
_SEVEN = smallest_additions(7.05, _THREE)[0]
_PAIRS = {"parallel reads": READS, "speculative tests": PATCH_AND_TESTS}


def _values(changes: Changes) -> dict[str, object]:
    """What the controls of the case study show for these changes."""
    on = {
        "parallel reads": changes.parallel_reads,
        "speculative tests": changes.speculative_tests,
    }
    return {
        "overlapping": [name for name in _PAIRS if on[name]],
        "routed": [name for name in ROUTABLE if name in changes.routed],
        "ttft_cut_percent": round(100 * changes.ttft_cut),
    }


_CASES = {"nothing": Changes(), "the three changes": _THREE, "what 7 s takes": _SEVEN}

CASE_STUDY = Explorable(
    legend="Your own switches",
    controls=(
        Choices("overlapping", "At the same time", {name: name for name in _PAIRS}),
        Choices(
            "routed",
            f"To a model {ROUTED_FACTOR:g} times as fast",
            {name: name for name in ROUTABLE},
        ),
        Slider(
            "ttft_cut_percent",
            f"prefix caching: TTFT saved from {WARM_FROM} on",
            "%",
            0,
            100,
            1,
            0,
        ),
    ),
    presets={name: _values(changes) for name, changes in _CASES.items()},
    table=Table(
        ("Switched on", "One attempt"),
        tuple((name, f"{pass_s(changes):.2f} s") for name, changes in _CASES.items()),
    ),
    caption="The rows of the table, added up.",
    colours=_PARTS,
    given={
        "steps": _ROWS,
        "pairs": _PAIRS,
        "warm_from": WARM_FROM,
        "routed_factor": ROUTED_FACTOR,
    },
)

_STRIPS = {
    "every call": Changes(),
    "five calls in code": Changes(left_out=frozenset(HARNESS)),
    "and the tests decide": Changes(left_out=frozenset([*HARNESS, "Verify"])),
    "in code, an edit, a short plan": Changes(
        left_out=frozenset(HARNESS), plan_tokens=80, fix_tokens=EDIT_TOKENS
    ),
}
_RISKS = {
    "Parse error": "a report in another form is not read",
    "Locate file": "code finds where the error shows, not where it is made",
    "Read source": "only the file that was found is read",
    "Read test": "only the test that failed is read",
    FIX: "without a fix there is nothing to test",
    PLAN: "nobody says what to change",
    "Apply patch": "an edit may not apply, and is then written again",
    "Verify": "a wrong fix that passes the tests is accepted",
    "both reads": "one call more or fewer than two is sent back",
    "plan and fix": "nobody sees the plan before the fix is written, and both go to one model",
    "short plan": "the fix misses what the plan left out",
    "short fix": "half a file is no file, and an edit has to apply",
}


def _cuts_shown(cuts: Changes) -> dict[str, object]:
    return {
        "left_out": [name for name in CALL_NAMES if name in cuts.left_out],
        "merged": [name for name in MERGED if name in cuts.merged],
        "plan_tokens": cuts.plan_tokens,
        "fix_tokens": cuts.fix_tokens,
    }


FEWER_CALLS = Explorable(
    legend="Strike out, shorten, merge",
    controls=(
        Slider("plan_tokens", "tokens of the plan", "tokens", 20, 400, 20, Changes().plan_tokens),
        Slider("fix_tokens", "tokens of the fix", "tokens", 20, 800, 20, Changes().fix_tokens),
        Choices("merged", "In one answer", {name: name for name in MERGED}),
        Choices("left_out", "Left out, or done by code", {name: name for name in CALL_NAMES}),
    ),
    presets={name: _cuts_shown(cuts) for name, cuts in _STRIPS.items()},
    table=Table(
        ("Calls", "First words", "$ for 1,000", "One attempt"),
        tuple(
            (
                name,
                f"{found.first_words_s:.2f} s",
                f"{1000 * found.usd:.2f}",
                f"{found.total_s:.2f} s",
            )
            for name, found in ((name, attempt(cuts)) for name, cuts in _STRIPS.items())
        ),
    ),
    caption="The rows of the essay's table, with calls left out. The prices are assumed.",
    colours=_PARTS,
    given={
        "steps": _ROWS,
        "merged": dict(MERGED),
        "tokens": {PLAN: Changes().plan_tokens, FIX: Changes().fix_tokens},
        "sliders": {PLAN: "plan_tokens", FIX: "fix_tokens"},
        "plan": PLAN,
        "rate": FAST.decode_tokens_per_s,
        "usd": [BIG_PRICES.input_usd_per_million, BIG_PRICES.output_usd_per_million],
        "risks": _RISKS,
    },
)

EXPLORABLES = {
    "race": RACE,
    "multiplier": MULTIPLIER,
    "break_even": BREAK_EVEN,
    "amdahl": AMDAHL,
    "flip": FLIP,
    "percentiles": PERCENTILES,
    "router": ROUTER,
    "fan_out": FAN_OUT,
    "timestamp": TIMESTAMP,
    "checks": CHECKS,
    "case_study": CASE_STUDY,
    "fewer_calls": FEWER_CALLS,
}
"""By the name that a page gives to the directive, which is also that of the script's view."""
