"""The checks on the coding agent: of the lab's exercises, and of the essay's claims."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from labtools.coding_agent import Outcome, Switches
from labtools.coding_agent.essay import STEPS, pass_from
from labtools.course.audit import CALLS, READS, WARM_FROM, Changes, pass_s, slower_for
from labtools.course.ledger import Finding, about
from labtools.course.verdict import Verdict, check, list_from, not_yet, right
from labtools.lab.trace import Trace
from labtools.lab.waits import Order
from labtools.model.named_profiles import FAST
from labtools.records import Span

_NEEDS_THE_BIG_MODEL = ("plan", "generate_fix", "verify")


@check
def check_critical_path(path_of: Callable[[Sequence[Span]], Sequence[str]]) -> Verdict:
    """`path_of(spans)` names the steps that decide when the last one ends, first step first."""
    for spans in (
        _spans(plan=(0, 1), read_source=(1, 1.3), read_test=(1, 1.8), fix=(1.8, 4), tests=(4, 7)),
        _spans(read_test=(0, 0.3), read_source=(0, 0.2), fix=(0.3, 2), apply=(2, 2.4), tests=(2, 5),
               verify=(5, 5.6)),
        _spans(search=(0, 2.5), locate=(0, 0.4), read=(0.4, 0.7), plan=(2.5, 3)),
    ):  # fmt: skip
        order = Order(spans, 0.0, max(span.ended_at for span in spans))
        expected = [stretch.span.name for stretch in order.critical_path() if stretch.span]
        found = list_from(path_of, spans)
        if found == expected:
            continue
        case = f"You say {', '.join(map(str, found)) or 'nothing'}"
        if set(found) == {span.name for span in spans}:
            beside = next(span.name for span in spans if span.name not in expected)
            not_yet(f"{case}. {beside} ran beside another step that ended no earlier.")
        if found == expected[::-1]:
            not_yet(f"{case}. Those are the steps; return the first one first.")
        if expected[-1] not in found:
            not_yet(f"{case}. The path ends with the step that ends last, {expected[-1]}.")
        beside_path = [name for name in found if name not in expected]
        if beside_path:
            not_yet(
                f"{case}. Nothing waited for {beside_path[0]}: of the steps that had ended when "
                "the next one started, take the one that ended last."
            )
        missing = next(name for name in expected if name not in found)
        not_yet(f"{case}. {missing} is missing: the next step waited for it.")
    return right("shorten a step that is not on the path, and the run takes as long as before.")


@check
def check_switches(
    run: Callable[..., Trace], switches: Mapping[str, Any], target_s: float
) -> Verdict:
    """`run(**switches)` takes at most `target_s`, and would not with one change less.

    A change is one switch, or one step that is routed.
    """
    try:
        Switches(**switches)
    except (TypeError, ValueError) as error:
        not_yet(f"these are not switches of the agent: {error}")
    routed = dict(switches.get("routing", {}))
    for step in _NEEDS_THE_BIG_MODEL:
        if step in routed:
            not_yet(
                f"{step} goes to {routed[step]}. That may be fast enough, but not one run of "
                "these scenarios says that it is safe. Route only what calls a tool and judges "
                "nothing."
            )
    took_s = run(**switches).duration_s
    if took_s > target_s:
        more = ""
        if switches.get("parallel_reads") and switches.get("several_tool_calls"):
            more = " parallel_reads and several_tool_calls do the same work; one of them is idle."
        not_yet(f"it takes {took_s:.3f} s, {took_s - target_s:.3f} s too long.{more}")
    for name, fewer in _one_less(switches):
        fewer_s = run(**fewer).duration_s
        if fewer_s <= target_s:
            not_yet(
                f"it takes {took_s:.3f} s, but without {name} it takes {fewer_s:.3f} s, which is "
                "enough."
            )
    changes = len(_one_less(switches))
    return right(f"{took_s:.3f} s with {changes} changes, and none of them can be left out.")


@check
def check_unsafe_steps(
    unsafe_steps: Callable[[Callable[[Mapping[str, str]], Outcome], Sequence[str]], Sequence[str]],
) -> Verdict:
    """`unsafe_steps(run, steps)` names the steps whose routing delivers a wrong fix.

    `run(routing)` is the Outcome of a run with that routing; here it is a table of outcomes.
    """
    good = Outcome("accepted", "", 1, True, "", 8, 10_000, 0, 920, solved=True)
    outcomes = {
        "parse_error": good,
        "locate_file": replace(good, iterations=2),
        "plan": replace(good, stopped="iterations", iterations=3, tests_passed=False, solved=False),
        "apply_patch": replace(good, stopped="stuck", solved=False),
        "verify": replace(good, solved=False),
    }

    def run(routing: Mapping[str, str]) -> Outcome:
        return next((outcomes[step] for step in routing if step in outcomes), good)

    found = list_from(unsafe_steps, run, list(outcomes))
    if found == ["verify"]:
        return right(
            "accepted and not solved. The tests that the agent sees cannot tell you; hidden ones "
            "can, or a person who looks."
        )
    said = f"you name {', '.join(map(str, found)) or 'no step'}"
    if "verify" not in found:
        not_yet(
            f"{said}. With verify routed, the visible tests pass and the fix is wrong all the "
            "same. Look at `solved`."
        )
    if "plan" in found or "apply_patch" in found:
        not_yet(
            f"{said}. With plan or apply_patch routed, the agent gives up and hands nothing over: "
            "that costs time, and fools nobody. Look for runs that are accepted and not solved."
        )
    not_yet(f"{said}. Only verify is accepted and not solved; the others end well.")


def _one_less(switches: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Each change by name, with the switches that remain without it."""
    found = []
    for field in fields(Switches):
        value = switches.get(field.name)
        if not value:
            continue
        rest = {name: other for name, other in switches.items() if name != field.name}
        if field.name != "routing":
            found.append((field.name, rest))
            continue
        for step in value:
            routing = {name: model for name, model in value.items() if name != step}
            found.append((f"{step} routed", {**rest, "routing": routing}))
    return found


def _spans(**steps: tuple[float, float]) -> list[Span]:
    return [
        Span(number, name, "llm", float(start), float(end))
        for number, (name, (start, end)) in enumerate(steps.items(), start=1)
    ]


# The claims, by their names in claims.toml.

CUT = 0.31
"""The largest cut of TTFT by prompt caching that one evaluation reports."""
LOCATE = frozenset({"Locate file"})
ESSAYS = Changes(parallel_reads=True, ttft_cut=CUT, routed=LOCATE)
AT_BEST = Changes(parallel_reads=True, ttft_cut=1.0, routed=LOCATE)
AGAIN = pass_from(WARM_FROM)
TESTS_S = sum(step.total_s for step in STEPS if not step.is_call)


def table_rows(*, tokens_per_s: float) -> Finding:
    """Each row against its TTFT and its tokens over the rate."""
    right = [
        step
        for step in CALLS
        if math.isclose(FAST.e2e_latency_s(step.output_tokens, step.input_tokens), step.total_s)
        and math.isclose(step.decode_s, step.output_tokens / tokens_per_s)
    ]
    return Finding({"right": len(right), "rows": len(CALLS)}, len(right) == len(CALLS))


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
