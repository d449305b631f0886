"""The checks on parallel calls: of the lab's exercises, and of the essay's claims."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, NoReturn

from labtools.coding_agent.essay import STEPS
from labtools.course.audit import MAVERICK, READS
from labtools.course.ledger import Finding, about
from labtools.course.verdict import Verdict, check, not_yet, number_from, right
from labtools.dispatch.sending import fan_out_speedup, hedged
from labtools.errors import Deadlock
from labtools.lab.connect import connect
from labtools.lab.lab import Lab
from labtools.lab.trace import Trace
from labtools.model.closed_loop import closed_loop
from labtools.model.metrics import percentile
from labtools.model.named_profiles import FAST

Read = Callable[[str], Awaitable[str]]
Step = Callable[..., Awaitable[str]]

_READ_TOKENS = {"cart.py": 130, "test_cart.py": 130, "money.py": 130, "slow.py": 230}
_NEEDS = {
    "parse": [],
    "locate": ["parse"],
    "read source": ["locate"],
    "read test": ["parse"],
    "search": ["parse"],
    "plan": ["read source", "read test", "search"],
}
_STEP_TOKENS = {
    "parse": 60,
    "locate": 40,
    "read source": 30,
    "read test": 30,
    "search": 130,
    "plan": 200,
}
_GUESS = " (a guess)"
# Reads of 0.8 s, most of it TTFT so that hundreds of them are quick to simulate.
TAILED = FAST.but(
    name="tailed", overhead_s=0.70, jitter_sigma=0.1, tail_probability=0.03, tail_factor=6.0
)
# The p95 of some hundred calls is an estimate, and so is the share of 300 new ones above it.
_MOST_EXTRA = 0.15


@check
def check_gather_context(gather_context: Callable[[Read, list[str]], Any]) -> Verdict:
    """`await gather_context(read, paths)` is what each path holds, in their order, at once."""
    same = ["cart.py", "test_cart.py", "money.py"]
    for paths in (same, ["slow.py", "money.py"]):
        found = _run(partial(_read_all, gather_context=gather_context, paths=paths))
        lengths_s = [FAST.e2e_latency_s(_READ_TOKENS[path]) for path in paths]
        expected = [f"the text of {path}" for path in paths]
        if found.result != expected:
            _wrong_texts(found.result, expected)
        took = f"the {len(paths)} reads took {found.duration_s:.2f} s"
        if math.isclose(found.duration_s, sum(lengths_s)):
            not_yet(f"{took}, the sum of their times. Each call was awaited before the next began.")
        if not math.isclose(found.duration_s, max(lengths_s)):
            not_yet(f"{took}; the slowest takes {max(lengths_s):.2f} s. Not all overlap.")
    return right("three reads of 0.80 s take 0.80 s, and each text is where its path was.")


@check
def check_plan(agent: Callable[[Step], Any]) -> Verdict:
    """`await agent(step)` runs the six steps, each after what it needs, and no later."""
    began_without: list[str] = []
    found = _run(partial(_plan, agent=agent, began_without=began_without))
    done = [span.name for span in found.spans]
    if missing := [name for name in _NEEDS if name not in done]:
        not_yet(f"nobody ran {' and '.join(missing)}.")
    if began_without:
        not_yet(
            f"in {found.duration_s:.2f} s, but wrong. {began_without[0]} No error was raised: "
            "the plan is for the wrong file."
        )
    if found.result != "plan":
        not_yet(f"the agent should return what `plan` said; it returned {found.result!r}.")
    best_s, row_s = _best_plan_s(), sum(map(_step_s, done))
    took = f"the plan is right and took {found.duration_s:.2f} s"
    if math.isclose(found.duration_s, best_s):
        return right(f"{found.duration_s:.2f} s instead of {row_s:.2f} s, and the same plan.")
    if math.isclose(found.duration_s, row_s):
        not_yet(f"{took}, all steps in a row. Three of them need only what `parse` says.")
    not_yet(
        f"{took}; {best_s:.2f} s is possible. A step waits for one that it does not need: "
        "`read source` needs `locate`, not the search."
    )


@check
def check_hedge_delay(
    hedge_delay_s: Callable[[Sequence[float]], float], latencies_s: Sequence[float]
) -> Verdict:
    """`hedge_delay_s(latencies_s)` cuts the p99 with at most 15% more requests.

    It is tried on 300 new calls to the endpoint from which `latencies_s` are.
    """
    delay_s = number_from(hedge_delay_s, latencies_s)
    if delay_s < 0:
        not_yet(f"a delay of {delay_s:.2f} s lies in the past.")
    plain_s = percentile(latencies_s, 0.99)
    if delay_s > 100 * percentile(latencies_s, 0.5):
        not_yet(f"a delay of {delay_s:.0f} s. Are these milliseconds?")
    seen = _hedged_reads(delay_s)
    extra = sum(requests - 1 for _, requests in seen) / len(seen)
    p99_s = percentile([latency_s for latency_s, _ in seen], 0.99)
    case = f"after {delay_s:.2f} s, {extra:.0%} more requests and a p99 of {p99_s:.2f} s"
    if extra > 0.9:
        not_yet(f"{case}. Almost every call is sent twice: that doubles the bill.")
    if extra > _MOST_EXTRA:
        in_time = sum(latency_s <= delay_s for latency_s in latencies_s) / len(latencies_s)
        not_yet(
            f"{case}. So many calls are not late. Wait for a higher quantile than {in_time:.0%}."
        )
    # Without any second request a low p99 is luck.
    if extra == 0 or p99_s > 0.6 * plain_s:
        not_yet(
            f"{case}, where no hedge has {plain_s:.2f} s. The second request goes out too late "
            "to help: the delay is itself in the tail."
        )
    return right(f"{case}, where no hedge has {plain_s:.2f} s.")


async def _read_all(lab: Lab, gather_context: Callable[..., Any], paths: list[str]) -> Any:
    async def read(path: str) -> str:
        text = f"the text of {path}"
        call = await lab.call(
            path, output_tokens=_READ_TOKENS[path], extra_body={"mock": {"content": text}}
        )
        return call.content.strip()

    return await gather_context(read, list(paths))


async def _plan(lab: Lab, agent: Callable[[Step], Any], began_without: list[str]) -> Any:
    said = set()

    async def step(name: str, *inputs: str) -> str:
        if name not in _NEEDS:
            raise ValueError(f"there is no step {name!r}. Steps: {', '.join(_NEEDS)}")
        lacking = [need for need in _NEEDS[name] if need not in inputs or need not in said]
        if lacking and not any(str(given).endswith(_GUESS) for given in inputs):
            began_without.append(f"`{name}` ran without what `{lacking[0]}` says, and guessed.")
        says = name + (_GUESS if lacking else "")
        call = await lab.call(
            name, output_tokens=_STEP_TOKENS[name], extra_body={"mock": {"content": says}}
        )
        said.add(call.content.strip())
        return call.content.strip()

    return await agent(step)


def _run(run: Callable[[Lab], Coroutine[Any, Any, Any]]) -> Trace:
    """The reader's coroutine on a lab of its own, or what went wrong with it in words."""
    with connect("sim", profile="fast") as lab:
        try:
            found = lab.run(run(lab))
        except TypeError as error:
            if "awaitable" not in str(error) and "await" not in str(error):
                not_yet(f"your function raised TypeError: {error}")
            not_yet(
                f"TypeError: {error}. `gather` takes calls that are under way, not their "
                "results: leave out the inner `await`, and write `async def`."
            )
        except Deadlock:
            not_yet("your function waits for something that never comes.")
        except Exception as error:  # whatever it is, the reader should see it in words
            not_yet(f"your function raised {type(error).__name__}: {error}")
        if isinstance(found.result, list | tuple) and any(map(inspect.isawaitable, found.result)):
            for call in filter(inspect.iscoroutine, found.result):
                call.close()
            not_yet("you return calls that nobody awaited. `await asyncio.gather(...)`.")
        return found


def _wrong_texts(found: Any, expected: list[str]) -> NoReturn:
    if isinstance(found, tuple) and list(found) == expected:
        not_yet("you return a tuple; return a list.")
    if isinstance(found, list) and sorted(map(str, found)) == sorted(expected):
        not_yet(
            "all texts are there, but in the order in which they came. `gather` keeps the order "
            "of the paths."
        )
    not_yet(f"expected {expected}; found {found!r}.")


def _step_s(name: str) -> float:
    return FAST.e2e_latency_s(_STEP_TOKENS[name])


def _best_plan_s() -> float:
    """When the plan is done if every step begins as soon as it has what it needs."""
    done_at: dict[str, float] = {}
    for name, needs in _NEEDS.items():
        done_at[name] = max((done_at[need] for need in needs), default=0.0) + _step_s(name)
    return done_at["plan"]


def _hedged_reads(delay_s: float, calls: int = 300) -> list[tuple[float, int]]:
    async def agent() -> list[tuple[float, int]]:
        time, seen = asyncio.get_running_loop().time, []
        for _ in range(calls):
            sent_at = time()
            outcome = await hedged(lambda: lab.call("read", output_tokens=10), delay_s=delay_s)
            seen.append((time() - sent_at, outcome.requests))
        return seen

    with connect("sim", profile=TAILED, seed=7) as lab:
        result: list[tuple[float, int]] = lab.run(agent()).result
    return result


# The claims, by their names in claims.toml.

READ_TOKENS = 130
"""At this length a call takes the essay's 0.8 s on its fast backend."""
SIGMA, PENALTY = 0.5, 0.1


def three_reads(*, reads: int, read_s: float, row_s: float, together_s: float) -> Finding:
    """Three calls one after another, and the longest of them."""
    found_s = [FAST.e2e_latency_s(READ_TOKENS)] * reads
    values = {"found_row_s": sum(found_s), "found_together_s": max(found_s)}
    holds = about(found_s[0], read_s) and about(sum(found_s), row_s)
    return Finding(values, holds and about(max(found_s), together_s))


def sum_to_max(*, reads: int) -> Finding:
    """How many times faster the same calls are at once, with jitter and with a shared batch."""
    alone_s = FAST.e2e_latency_s(READ_TOKENS)
    shared = closed_loop(FAST.but(batch_penalty=PENALTY), reads, READ_TOKENS).e2e_latency_s
    jittery, ideal = fan_out_speedup(reads, SIGMA), fan_out_speedup(reads, 0.0)
    values = {"jittery": jittery, "shared": reads * alone_s / shared, "sigma": SIGMA}
    return Finding(values, jittery >= reads, holds_if=math.isclose(ideal, reads))


def reads_are_parallel() -> Finding:
    """How many of the case study's look-ups may overlap: not the one that finds the paths."""
    look_ups = ("Locate file", *READS)
    assert set(look_ups) <= {step.name for step in STEPS}
    values = {"look_ups": len(look_ups), "overlap": len(READS)}
    return Finding(values, len(READS) == len(look_ups), holds_if=len(READS) > 1)


def candidates(*, candidates: int) -> Finding:
    """What candidates of the case study's fix cost, and what they take at once."""
    fix = next(step for step in STEPS if step.name == "Generate fix")
    one_usd = MAVERICK.prices.cost_usd(fix.input_tokens, 0, fix.output_tokens)
    shared_usd = MAVERICK.prices.cost_usd(fix.input_tokens, 0, candidates * fix.output_tokens)
    values = {"ratio": candidates * one_usd / one_usd, "shared": shared_usd / one_usd}
    return Finding({**values, "fix_s": fix.total_s}, about(values["ratio"], candidates))


def dependent_steps(*, guessed_right: float) -> Finding:
    """A read that does not wait for its path: sooner, and right as often as the guess."""
    locate_s, read_s = FAST.e2e_latency_s(40), FAST.e2e_latency_s(30)
    values = {"waiting_s": locate_s + read_s, "forced_s": max(locate_s, read_s)}
    return Finding({**values, "forced_right": guessed_right}, guessed_right < 1)
