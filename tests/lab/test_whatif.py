"""A what-if is what really running on that backend gives, as far as a trace can know it."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labtools import CallRecord, LatencyProfile, Trace, connect
from labtools.coding_agent import Switches, play, scenario_names
from labtools.course.audit import MAVERICK, SCOUT
from labtools.errors import ConfigurationError
from labtools.lab.whatif import what_if
from labtools.mock.faults import Fault, FaultPlan
from labtools.model.named_profiles import FAST, SLOW
from labtools.records import Span

profiles = st.builds(
    LatencyProfile,
    name=st.just("p"),
    decode_tokens_per_s=st.sampled_from([60, 200, 333.3, 1000]),
    rtt_s=st.sampled_from([0.0, 0.013]),
    overhead_s=st.sampled_from([0.1, 0.4, 1 / 3]),
    prefill_tokens_per_s=st.sampled_from([5_000, 20_000, 7_777]),
)


@st.composite
def programs(draw, depth=3):
    """A call, a tool, or a group of programs in turn or at once, as (kind, ...)."""
    kinds = ["call", "tool"] + ["turn", "once"] * (depth > 0)
    kind = draw(st.sampled_from(kinds))
    if kind == "call":
        words = {"output_tokens": draw(st.sampled_from([1, 20, 101]))}
        words["input_tokens"] = draw(st.sampled_from([500, 3000]))
        if draw(st.booleans()):
            words["max_tokens"] = 15
        if draw(st.booleans()):
            words["extra_body"] = {"mock": {"reasoning_tokens": 7}}
        return kind, words
    if kind == "tool":
        return kind, draw(st.sampled_from([0.0, 0.25, 1.0]))
    return kind, draw(st.lists(programs(depth - 1), max_size=3)), draw(st.sampled_from([0, 0.1]))


async def run(lab, program, name="s"):
    kind, what, *rest = program
    if kind == "call":
        await lab.call(name, **what)
    elif kind == "tool":
        await lab.tool(name, what)
    else:
        with lab.group(name):
            await asyncio.sleep(rest[0])
            parts = [run(lab, part, f"{name}{n}") for n, part in enumerate(what)]
            if kind == "once":
                await asyncio.gather(*parts)
            else:
                for part in parts:
                    await part
                    await asyncio.sleep(rest[0])


def traced(profile, program):
    with connect("sim", profile=profile) as lab:
        return lab.run(run(lab, program))


def same(one, other):
    return (one.spans, one.started_at, one.ended_at) == (
        other.spans,
        other.started_at,
        other.ended_at,
    )


@settings(max_examples=30)
@given(programs(), profiles, profiles)
def test_a_what_if_is_the_run_on_that_backend(program, here, there):
    trace = traced(here, program)
    assert same(what_if(trace, here), trace)
    assert same(what_if(trace, there), traced(there, program))


@pytest.mark.parametrize("scenario", scenario_names())
def test_the_coding_agent_on_another_backend(scenario):
    tested = {}

    def agent(profile, switches):
        with connect("sim", profile=profile) as lab:
            return play(lab, scenario, switches=switches, tested=tested)

    # An answer bound to a schema takes longer steps: a forced tool call is one.
    there = SLOW.but(structured_factor=1.5)
    for switches in (
        Switches(),
        Switches(parallel_reads=True, speculative_tests=True),
        Switches(several_tool_calls=True, prefix_caching=True),
    ):
        trace, really = agent(FAST, switches), agent(there, switches)
        predicted = what_if(trace, there)
        assert same(what_if(trace, FAST), trace)
        # The answers differ in words (ids of tool calls), never in when they came.
        assert [times(span) for span in predicted.spans] == [times(span) for span in really.spans]
        assert predicted.duration_s == really.duration_s


def times(span):
    call = span.call and (span.call.sent_at, span.call.chunks_at, span.call.ended_at)
    return span.id, span.name, span.started_at, span.ended_at, call


def test_one_model_moves_and_the_others_keep_their_times():
    models = {MAVERICK.name: MAVERICK, SCOUT.name: SCOUT}
    routing = {"locate_file": SCOUT.name}

    tested = {}

    def agent(models):
        with connect("sim", profile=models, model=MAVERICK.name) as lab:
            return play(lab, "one_shot", switches=Switches(routing=routing), tested=tested)

    trace = agent(models)
    really = agent({**models, SCOUT.name: SLOW})
    predicted = what_if(trace, {SCOUT.name: "slow"})
    assert predicted.duration_s == really.duration_s
    assert predicted.endpoint.startswith("a what-if on slow, of a run on")
    changed = [
        before.name
        for before, after in zip(trace.spans, predicted.spans, strict=True)
        if before.duration_s != after.duration_s
    ]
    assert changed == ["locate_file"]


def test_calls_that_failed_keep_their_durations():
    plan = FaultPlan(script={1: Fault("cut"), 2: Fault("429")})

    async def use():
        for n in range(3):
            await lab.call(f"c{n}", output_tokens=100)

    with connect("sim", faults=plan) as lab:
        trace = lab.run(use())
    predicted = what_if(trace, SLOW)
    assert [span.duration_s for span in predicted.spans[:2]] == [
        span.duration_s for span in trace.spans[:2]
    ]
    assert predicted.spans[0] == trace.spans[0]
    assert predicted.spans[2].duration_s == round(SLOW.e2e_latency_s(100), 9)


def test_what_was_cancelled_and_what_is_under_way_still_move():
    async def use():
        async def left_behind():
            with lab.group("behind"):
                await lab.tool("inside", 0.2)
                await asyncio.sleep(100)

        await lab.call("first", output_tokens=100)
        task = asyncio.create_task(left_behind())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await lab.call("cancelled", output_tokens=1000)
        await lab.call("last", output_tokens=100)
        assert not task.done()

    with connect("sim") as lab:
        trace = lab.run(use())
    assert trace.spans[1].name != "behind"
    predicted = what_if(trace, SLOW)
    by_name = {span.name: span for span in predicted.spans}
    assert by_name["inside"].started_at == by_name["first"].ended_at
    assert by_name["cancelled"].duration_s == 0.3
    assert by_name["last"].ended_at == predicted.ended_at


def test_queues_are_not_known():
    """The bound that the docstring states, shown: two calls at once on a batch of one."""
    one_at_a_time = FAST.but(max_batch=1)
    program = ("once", [("call", {"output_tokens": 20})] * 2, 0)
    trace = traced(FAST, program)
    assert what_if(trace, one_at_a_time).duration_s == trace.duration_s
    assert traced(one_at_a_time, program).duration_s == 2 * trace.duration_s


def test_a_run_without_calls_stays_as_it_is():
    empty = Trace((), 1.0, 3.0, "e", "wall")
    assert same(what_if(empty, FAST), empty)


def test_a_saved_trace_and_one_of_the_wall_can_be_moved(tmp_path):
    trace = traced(FAST, ("turn", [("call", {"output_tokens": 20})] * 2, 0.1))
    loaded = Trace.load(trace.save(tmp_path / "trace.json"))
    assert what_if(loaded, SLOW) == what_if(trace, SLOW)
    # On the wall, spans begin a little before their calls and end a little after.
    late = [
        replace(span, started_at=span.started_at - 0.001, ended_at=span.ended_at + 0.002)
        for span in trace.spans
    ]
    moved = what_if(replace(trace, spans=tuple(late)), SLOW)
    for span in moved.spans:
        if span.call:
            assert span.duration_s == round(SLOW.e2e_latency_s(20) + 0.003, 9)


def test_what_cannot_be_predicted_is_refused():
    trace = traced(FAST, ("call", {}))
    (span,) = trace.spans
    blind = replace(trace, spans=(replace(span, call=replace(span.call, output_tokens=None)),))
    with pytest.raises(ConfigurationError, match="'s' has no token counts"):
        what_if(blind, SLOW)
    with pytest.raises(ConfigurationError, match=r"Unknown model in a what-if: 'm'.*fast"):
        what_if(trace, {"m": SLOW})
    with pytest.raises(ConfigurationError, match="Unknown profile: 'warp'"):
        what_if(trace, "warp")
    with pytest.raises(ConfigurationError, match="profile must be"):
        what_if(trace, 7)


def test_a_step_waits_for_all_that_had_ended_when_it_began():
    """The rule itself, where the two that end first and last change places."""

    def call(n, ended_at, input_tokens, output_tokens):
        tokens = {"input_tokens": input_tokens, "output_tokens": output_tokens}
        record = CallRecord("m", 0.0, ended_at, chunks_at=(0.5, ended_at), **tokens)
        return Span(n, f"c{n}", "llm", 0.0, ended_at, None, record)

    spans = (call(1, 1.0, 100, 50), call(2, 2.0, 50_000, 2), Span(3, "join", "tool", 2.5, 3.0))
    predicted = what_if(Trace(spans, 0.0, 3.0, "e", "wall"), FAST.but(prefill_tokens_per_s=1e9))
    ends = [span.ended_at for span in predicted.spans]
    assert ends[0] > ends[1]
    assert predicted.spans[2].started_at == round(ends[0] + 0.5, 9)
