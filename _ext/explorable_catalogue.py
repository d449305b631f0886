"""The book's explorables: what can be changed in each, and its numbers at the start.

The numbers come from `labtools`, the ranges from what providers and agents are seen to do.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from explorable import Choices, Explorable, Slider, Table

from labtools.coding_agent.essay import STEPS
from labtools.course.coding_agent.audit import (
    PATCH_AND_TESTS,
    READS,
    ROUTABLE,
    ROUTED_FACTOR,
    WARM_FROM,
    Changes,
    pass_s,
    smallest_additions,
)
from labtools.course.fewer_calls.strip import (
    CALL_NAMES,
    EDIT_TOKENS,
    FIX,
    HARNESS,
    MERGED,
    PLAN,
    Cuts,
    attempt,
)
from labtools.course.routing.essay_models import BIG_PRICES
from labtools.dispatch.fan_out import fan_out_speedup, mean_of_slowest
from labtools.model.metrics import amdahl_speedup
from labtools.model.named_profiles import FAST, SLOW
from labtools.model.profile import LatencyProfile
from labtools.plots.canvas import DECODE, TOOL, TTFT, WAITING

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
    """A button for each of the essay's backends."""
    return {
        f"the essay's {name}": {
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
    caption="The essay's two backends.",
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

RACE = replace(
    MULTIPLIER,
    legend="The race, in real seconds",
    controls=(
        Slider("ttft_ms", "your TTFT", "ms", 10, 3000, 10, 400),
        Slider("decode_tokens_per_s", "your decode rate", "tokens/s", 10, 500, 5, 100),
        *_RUN,
    ),
    presets={},
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
    caption="The essay's two backends.",
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
    caption="The ends of the essay's ranges, read in both ways.",
    colours={"decode": (DECODE, "inference"), "tool": (TOOL, "everything else")},
)

FAN_OUT = Explorable(
    legend="Your own fan-out",
    controls=(
        Slider("calls", "calls at once", "calls", 1, 32, 1, READS_AT_ONCE),
        Slider("jitter_sigma", "jitter, sigma", "sigma", 0, 1.5, 0.05, SIGMA),
    ),
    table=Table(
        ("Calls at once", "The slowest, in mean calls", "Faster than in a row"),
        tuple(
            (str(k), f"{mean_of_slowest(k, SIGMA):.2f}", f"{fan_out_speedup(k, SIGMA):.2f} times")
            for k in (2, 3, 4, 8, 16)
        ),
        start=1,
    ),
    caption=f"Calls that vary with a lognormal sigma of {SIGMA}.",
    colours={"decode": (DECODE, "calls"), "waiting": (WAITING, "waiting for the slowest")},
)

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


_CASES = {"nothing": Changes(), "the essay's three": _THREE, "what 7 s takes": _SEVEN}

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
    caption="The rows of the essay's table, added up.",
    colours={
        "ttft": (TTFT, "TTFT"),
        "decode": (DECODE, "decode"),
        "tool": (TOOL, "tests"),
    },
    given={
        "steps": [{**asdict(step), "is_call": step.is_call} for step in STEPS],
        "pairs": _PAIRS,
        "warm_from": WARM_FROM,
        "routed_factor": ROUTED_FACTOR,
    },
)

_STRIPS = {
    "every call": Cuts(),
    "five calls in code": Cuts(frozenset(HARNESS)),
    "and the tests decide": Cuts(frozenset([*HARNESS, "Verify"])),
    "in code, an edit, a short plan": Cuts(
        frozenset(HARNESS), plan_tokens=80, fix_tokens=EDIT_TOKENS
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


def _cuts_shown(cuts: Cuts) -> dict[str, object]:
    return {
        "left_out": [name for name in CALL_NAMES if name in cuts.left_out],
        "merged": [name for name in MERGED if name in cuts.merged],
        "plan_tokens": cuts.plan_tokens,
        "fix_tokens": cuts.fix_tokens,
    }


FEWER_CALLS = Explorable(
    legend="Strike out, shorten, merge",
    controls=(
        Slider("plan_tokens", "tokens of the plan", "tokens", 20, 400, 20, Cuts().plan_tokens),
        Slider("fix_tokens", "tokens of the fix", "tokens", 20, 800, 20, Cuts().fix_tokens),
        Choices("left_out", "Left out, or done by code", {name: name for name in CALL_NAMES}),
        Choices("merged", "In one answer", {name: name for name in MERGED}),
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
    colours={
        "ttft": (TTFT, "TTFT"),
        "decode": (DECODE, "decode"),
        "tool": (TOOL, "tests"),
    },
    given={
        "steps": [{**asdict(step), "is_call": step.is_call} for step in STEPS],
        "merged": dict(MERGED),
        "tokens": {PLAN: Cuts().plan_tokens, FIX: Cuts().fix_tokens},
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
    "fan_out": FAN_OUT,
    "case_study": CASE_STUDY,
    "fewer_calls": FEWER_CALLS,
}
"""By the name that a page gives to the directive, which is also that of the script's view."""
