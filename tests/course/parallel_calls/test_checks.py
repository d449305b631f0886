"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

import asyncio

import pytest
from check_cases import mistakes_are_named

from labtools import connect
from labtools.course.parallel_calls.checks import (
    TAILED,
    check_gather_context,
    check_hedge_delay,
    check_plan,
)
from labtools.model.metrics import percentile


async def one_by_one(read, paths):
    return [await read(path) for path in paths]


async def gather_results(read, paths):
    return await asyncio.gather(*[await read(path) for path in paths])


async def tasks_awaited_at_once(read, paths):
    return [await asyncio.create_task(read(path)) for path in paths]


async def never_awaited(read, paths):
    return [read(path) for path in paths]


async def as_they_come(read, paths):
    reads = [read(path) for path in paths]
    return [await done for done in asyncio.as_completed(reads)]


async def two_then_one(read, paths):
    first = await asyncio.gather(*(read(path) for path in paths[:2]))
    return [*first, *[await read(path) for path in paths[2:]]]


async def half_of_them(read, paths):
    return await asyncio.gather(*(read(path) for path in paths[:1]))


async def a_tuple(read, paths):
    return tuple(await asyncio.gather(*(read(path) for path in paths)))


async def waits_for_ever(read, paths):
    await asyncio.Event().wait()


async def raises(read, paths):
    raise KeyError("cart.py")


def not_async(read, paths):
    return ["the text of cart.py"]


def test_gather_context_passes():
    async def answer(read, paths):
        return await asyncio.gather(*(read(path) for path in paths))

    assert check_gather_context(answer).passed

    async def with_a_group(read, paths):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read(path)) for path in paths]
        return [task.result() for task in tasks]

    assert check_gather_context(with_a_group).passed


async def all_at_once(step):
    names = ["parse", "locate", "read source", "read test", "search"]
    found = await asyncio.gather(*(step(name) for name in names))
    return await step("plan", *found)


async def source_too_early(step):
    error = await step("parse")
    names = ["locate", "read source", "read test", "search"]
    found = await asyncio.gather(*(step(name, error) for name in names))
    return await step("plan", *found)


async def made_up_inputs(step):
    asked = [("parse",), ("locate", "parse"), ("read source", "locate")]
    asked += [("read test", "parse"), ("search", "parse")]
    await asyncio.gather(*(step(*one) for one in asked))
    return await step("plan", "read source", "read test", "search")


async def in_a_row(step):
    error = await step("parse")
    path = await step("locate", error)
    source = await step("read source", path)
    test = await step("read test", error)
    helper = await step("search", error)
    return await step("plan", source, test, helper)


async def with_a_barrier(step):
    error = await step("parse")
    path, test, helper = await asyncio.gather(
        step("locate", error), step("read test", error), step("search", error)
    )
    return await step("plan", await step("read source", path), test, helper)


async def without_a_search(step):
    error = await step("parse")
    source = await step("read source", await step("locate", error))
    return await step("plan", source, await step("read test", error))


async def forgets_to_return(step):
    await chained(step)


async def unknown_step(step):
    return await step("deploy")


async def chained(step):
    error = await step("parse")

    async def source():
        return await step("read source", await step("locate", error))

    found = await asyncio.gather(source(), step("read test", error), step("search", error))
    return await step("plan", *found)


def test_plan_passes():
    verdict = check_plan(chained)
    assert verdict.passed
    assert "2.40 s instead of 3.35 s" in verdict.message


@pytest.fixture(scope="module")
def latencies_s():
    async def agent():
        calls = [await lab.call("read", output_tokens=10) for _ in range(300)]
        return [call.e2e_latency_s for call in calls]

    with connect("sim", profile=TAILED, seed=1) as lab:
        return lab.run(agent()).result


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda latencies_s: 0.0, "Almost every call is sent twice"),
        (lambda latencies_s: percentile(latencies_s, 0.5), "are not late"),
        (lambda latencies_s: max(latencies_s), "goes out too late to help"),
        (lambda latencies_s: 1000 * percentile(latencies_s, 0.95), "milliseconds"),
        (lambda latencies_s: -1.0, "in the past"),
        (lambda latencies_s: None, "should return a number"),
        (lambda latencies_s: latencies_s["p95"], "raised TypeError"),
    ],
)
def test_hedge_delay_names_the_mistake(latencies_s, answer, said):
    verdict = check_hedge_delay(answer, latencies_s)
    assert not verdict.passed
    assert said in verdict.message


def test_hedge_delay_passes(latencies_s):
    assert check_hedge_delay(lambda seen: percentile(seen, 0.95), latencies_s).passed


MISTAKES = {
    check_gather_context: [
        (one_by_one, "took 2.40 s, the sum of their times. Each call was awaited before"),
        (tasks_awaited_at_once, "took 2.40 s, the sum of their times"),
        (gather_results, "not their results: leave out the inner `await`"),
        (never_awaited, "calls that nobody awaited"),
        (as_they_come, "in the order in which they came"),
        (two_then_one, "Not all overlap"),
        (half_of_them, "found ['the text of cart.py']"),
        (a_tuple, "return a list"),
        (waits_for_ever, "waits for something that never comes"),
        (raises, "raised KeyError"),
        (not_async, "`async def`"),
        (lambda read: None, "raised TypeError"),
    ],
    check_plan: [
        (all_at_once, "wrong. `locate` ran without what `parse` says"),
        (source_too_early, "wrong. `read source` ran without what `locate` says"),
        (made_up_inputs, "wrong. `locate` ran without what `parse` says"),
        (in_a_row, "all steps in a row"),
        (with_a_barrier, "2.70 s; 2.40 s is possible. A step waits for one"),
        (without_a_search, "nobody ran search"),
        (forgets_to_return, "it returned None"),
        (unknown_step, "there is no step 'deploy'"),
    ],
}

test_a_mistake_is_named = mistakes_are_named(MISTAKES)
