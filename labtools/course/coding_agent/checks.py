"""The checks of the lab on the coding agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from labtools.coding_agent import Outcome, Switches
from labtools.course.verdict import Verdict, check, list_from, not_yet, right
from labtools.lab.trace import Trace
from labtools.model.metrics import critical_path
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
        expected = [span.name for span in critical_path(spans).spans]
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
