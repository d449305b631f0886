"""Claims about the case study: its table and the totals that follow from it."""

from __future__ import annotations

import math

from labtools.coding_agent.essay import STEPS, pass_from
from labtools.course.coding_agent.audit import READS, WARM_FROM, Changes, pass_s, slower_for
from labtools.course.ledger import Finding, about
from labtools.model.named_profiles import FAST

CUT = 0.31
"""The largest cut of TTFT by prompt caching that one evaluation reports."""
LOCATE = frozenset({"Locate file"})
ESSAYS = Changes(parallel_reads=True, ttft_cut=CUT, routed=LOCATE)
AT_BEST = Changes(parallel_reads=True, ttft_cut=1.0, routed=LOCATE)
AGAIN = pass_from(WARM_FROM)
TESTS_S = sum(step.total_s for step in STEPS if not step.is_call)


def table_rows(*, tokens_per_s: float) -> Finding:
    """Each row against its TTFT and its tokens over the rate."""
    calls = [step for step in STEPS if step.is_call]
    right = [
        step
        for step in calls
        if math.isclose(FAST.e2e_latency_s(step.output_tokens, step.input_tokens), step.total_s)
        and math.isclose(step.decode_s, step.output_tokens / tokens_per_s)
    ]
    return Finding({"right": len(right), "rows": len(calls)}, len(right) == len(calls))


def one_shot(*, total_s: float) -> Finding:
    """The sum of the rows."""
    inference_s = pass_s() - TESTS_S
    values = {"found_s": pass_s(), "inference_s": inference_s, "share": inference_s / pass_s()}
    return Finding(values, about(pass_s(), total_s))


def reads_together(*, row_s: float, together_s: float) -> Finding:
    """Both reads one after the other, and at once."""
    found_row_s = sum(step.total_s for step in STEPS if step.name in READS)
    found_s = found_row_s - (pass_s() - pass_s(Changes(parallel_reads=True)))
    values = {"found_row_s": found_row_s, "found_s": found_s}
    return Finding(values, about(found_row_s, row_s) and about(found_s, together_s))


def step_numbers(*, first: int, second: int, listed: int) -> Finding:
    """Where the reads stand in the table; the essay's list has both under one number."""
    rows = [number for number, step in enumerate(STEPS, start=1) if step.name in READS]
    in_table, in_list = rows == [first, second], first == second == listed
    return Finding({"first_row": rows[0], "second_row": rows[1]}, in_table and in_list, in_table)


def smaller_locate() -> Finding:
    """What the routing of one step would save, if the small model finds the file."""
    return Finding({"saved_s": pass_s() - pass_s(Changes(routed=LOCATE))})


def three_changes(*, total_s: float) -> Finding:
    """One pass with the essay's three changes; at best no TTFT is left from planning on."""
    values = {"found_s": pass_s(ESSAYS), "at_best_s": pass_s(AT_BEST)}
    return Finding(values, any(about(found_s, total_s) for found_s in values.values()))


def two_attempts(*, total_s: float) -> Finding:
    """Two whole passes, or a second one from the plan on."""
    values = {"twice_s": 2 * pass_s(), "from_plan_s": pass_s() + pass_s(steps=AGAIN)}
    return Finding(values, any(about(found_s, total_s) for found_s in values.values()))


def second_pass(*, second_s: float) -> Finding:
    """A second pass from the plan on with the essay's changes, its test run counted or not."""
    values = {"found_s": pass_s(ESSAYS, AGAIN), "at_best_s": pass_s(AT_BEST, AGAIN)}
    without = {name.replace("_s", "_untested_s"): s - TESTS_S for name, s in values.items()}
    ways = {**values, **without}
    return Finding(ways, any(about(found_s, second_s) for found_s in ways.values()))


def two_optimised(*, total_s: float, first_s: float, second_s: float) -> Finding:
    """The sum as the essay spells it, and what the same takes before anything is optimised."""
    values = {
        "with_tests_s": first_s + second_s,
        "without_tests_s": first_s + second_s + 2 * TESTS_S,
        "unoptimised_s": pass_s() + pass_s(steps=AGAIN),
    }
    spelt_out = (values["with_tests_s"], values["without_tests_s"])
    return Finding(values, any(about(found_s, total_s) for found_s in spelt_out))


def past_forty(*, slower: float, limit_s: float) -> Finding:
    """Two attempts with every call so much longer; the tests stay as they are."""
    twice_s = 2 * pass_s(slower=slower)
    from_plan_s = pass_s(slower=slower) + pass_s(steps=AGAIN, slower=slower)
    values = {
        "found_twice_s": twice_s,
        "found_from_plan_s": from_plan_s,
        "needed": slower_for(limit_s, 2 * (pass_s() - TESTS_S), 2 * TESTS_S),
    }
    return Finding(values, max(twice_s, from_plan_s) > limit_s)
