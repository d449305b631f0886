"""A run as spans: nesting as in the code, and the same spans in a table, a file and a viewer."""

import asyncio
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.errors import ConfigurationError, NothingMeasured
from labtools.lab.trace import FORMAT, Recorder, Trace
from labtools.records import CallError, CallRecord, Span, ToolCall
from labtools.redaction import redactor_for


def call(sent_at=0.0, first_at=0.5, ended_at=2.0, **fields):
    return CallRecord("m", sent_at, ended_at, (first_at, ended_at), first_at, 1000, 100, **fields)


def trace_of(*spans, started_at=0.0, ended_at=None):
    end = max((span.ended_at for span in spans), default=0.0) if ended_at is None else ended_at
    return Trace(tuple(spans), started_at, end, "the mock", "simulated")


AGENT = trace_of(
    Span(2, "plan", "llm", 10.0, 12.0, 1, call(10.0, 10.5, 12.0)),
    Span(4, "read a", "tool", 12.0, 13.0, 3),
    Span(5, "read b", "tool", 12.0, 14.0, 3),
    Span(3, "reads", "group", 12.0, 14.0, 1),
    Span(1, "agent", "group", 10.0, 14.5),
    started_at=10.0,
    ended_at=15.0,
)


# recording


@pytest.fixture
def record(sim):
    """Run `use(recorder)` and return its spans by name."""

    def record(use):
        recorder = Recorder()
        sim.run(use(recorder))
        return {span.name: span for span in recorder.spans}

    return record


def test_nesting_follows_the_code(record):
    async def use(recorder):
        with recorder.span("outer", "group"):
            await asyncio.sleep(1)
            with recorder.span("inner", "tool"):
                await asyncio.sleep(2)
        with recorder.span("after", "tool"):
            await asyncio.sleep(3)

    spans = record(use)
    assert spans["inner"].parent_id == spans["outer"].id
    assert spans["outer"].parent_id is spans["after"].parent_id is None
    times = {name: (span.started_at, span.ended_at) for name, span in spans.items()}
    assert times == {"outer": (0, 3), "inner": (1, 3), "after": (3, 6)}


def test_nesting_goes_through_gather_and_tasks(record):
    async def use(recorder):
        async def step(name, seconds):
            with recorder.span(name, "tool"):
                await asyncio.sleep(seconds)
                with recorder.span(f"{name}/child", "tool"):
                    await asyncio.sleep(1)

        with recorder.span("both", "group"):
            await asyncio.gather(step("a", 1), step("b", 2))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(step("c", 1))

    spans = record(use)
    for name in "abc":
        assert spans[name].parent_id == spans["both"].id
        assert spans[f"{name}/child"].parent_id == spans[name].id
    assert spans["both"].duration_s == 5


def test_what_raises_is_recorded_and_raised(record):
    async def use(recorder):
        with (
            pytest.raises(ValueError, match="broken"),
            recorder.span("outer", "group"),
            recorder.span("inner", "tool"),
        ):
            raise ValueError("broken")

    spans = record(use)
    assert spans["inner"].error == spans["outer"].error == "ValueError: broken"


def test_a_cancelled_step_says_so_and_ends_when_it_was_cancelled(record):
    async def use(recorder):
        async def step():
            with recorder.span("step", "tool"):
                await asyncio.sleep(100)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(step(), timeout=2)

    span = record(use)["step"]
    assert span.error == "CancelledError"
    assert span.duration_s == 2


def test_a_call_that_failed_is_the_error_of_its_step(record):
    async def use(recorder):
        with recorder.span("call", "llm") as span:
            span.call = replace(call(), error=CallError("status", "slow down", 429))

    span = record(use)["call"]
    assert span.error == "status 429: slow down"
    assert span.call.error.status == 429


def test_a_secret_is_not_in_a_steps_error(sim):
    recorder = Recorder(redactor_for("sk-very-secret", ""))

    async def use():
        with pytest.raises(ValueError, match="sk-very-secret"), recorder.span("step", "tool"):
            raise ValueError("the key sk-very-secret is wrong")

    sim.run(use())
    assert recorder.spans[0].error == "ValueError: the key [key] is wrong"


# figures of a run


def test_the_figures_of_a_run():
    assert AGENT.duration_s == 5
    assert AGENT.inference_s == 2
    assert AGENT.tool_s == 2  # two side by side
    assert [record.sent_at for record in AGENT.calls] == [10.0]


def test_calls_are_in_the_order_in_which_they_were_sent():
    spans = [Span(n, "c", "llm", at, at + 2, None, call(at)) for n, at in ((1, 3), (2, 1), (3, 2))]
    assert [record.sent_at for record in trace_of(*spans).calls] == [1, 2, 3]


def test_a_run_without_steps():
    empty = trace_of()
    assert (empty.duration_s, empty.inference_s, empty.tool_s, empty.calls) == (0, 0, 0, ())
    assert len(empty.table()) == 0
    assert empty.chrome_events() == []
    with pytest.raises(NothingMeasured, match="nothing to draw"):
        empty.plot()


def test_the_table_has_a_row_a_step():
    table = AGENT.table()
    assert list(table["step"]) == ["agent", "  plan", "  reads", "    read a", "    read b"]
    assert list(table["start_s"]) == [0, 0, 2, 2, 2]
    assert list(table["total_s"]) == [4.5, 2, 2, 1, 2]
    plan = table.iloc[1]
    assert (plan["ttft_s"], plan["decode_s"], plan["output_tokens"]) == (0.5, 1.5, 100)
    assert math.isnan(table.iloc[0]["ttft_s"])
    assert "error" not in table
    assert "cached_tokens" not in table


def test_the_table_has_a_column_for_what_is_there():
    failed = Span(1, "c", "llm", 0, 1, None, replace(call(), cached_tokens=512), error="timeout: x")
    table = trace_of(failed).table()
    assert list(table["error"]) == ["timeout: x"]
    assert list(table["cached_tokens"]) == [512]


# two runs


def steps(*names_and_seconds):
    spans, at = [], 0.0
    for n, (name, seconds) in enumerate(names_and_seconds, start=1):
        spans.append(Span(n, name, "tool", at, at + seconds))
        at += seconds
    return trace_of(*spans)


def rows(table):
    return table.astype(object).where(table.notna(), None).values.tolist()


def test_two_runs_of_the_same_steps_are_compared_step_by_step():
    table = steps(("plan", 1), ("fix", 2)).compare(steps(("plan", 1.5), ("fix", 1)))
    assert list(table.columns) == ["step", "total_s", "other_s", "difference_s"]
    assert rows(table) == [
        ["plan", 1, 1.5, 0.5],
        ["fix", 2, 1, -1],
        ["the run", 3, 2.5, -0.5],
    ]


def test_a_step_of_only_one_run_has_a_row_and_says_whose_it_is():
    one = steps(("read", 1), ("plan", 1), ("old", 1), ("fix", 1))
    two = steps(("first", 2), ("read", 2), ("plan", 2), ("new", 2), ("fix", 2), ("plan", 2))
    assert rows(one.compare(two)) == [
        ["first", None, 2, None, "other"],
        ["read", 1, 2, 1, ""],
        ["plan", 1, 2, 1, ""],
        ["new", None, 2, None, "other"],
        ["old", 1, None, None, "this"],
        ["fix", 1, 2, 1, ""],
        ["plan (2)", None, 2, None, "other"],
        ["the run", 4, 12, 8, ""],
    ]


def test_comparing_shows_what_holds_what_and_steps_in_another_order():
    table = AGENT.compare(AGENT)
    assert list(table["step"])[:4] == ["agent", "  plan", "  reads", "    read a"]
    assert not any(table["difference_s"])
    table = steps(("a", 1), ("b", 2)).compare(steps(("b", 3), ("a", 4)))
    assert rows(table)[:2] == [["a", 1, 4, 3], ["b", 2, 3, 1]]


def test_a_run_without_steps_can_be_compared():
    table = trace_of().compare(steps(("a", 1)))
    assert rows(table) == [["a", None, 1, None, "other"], ["the run", 0, 1, 1, ""]]
    assert rows(trace_of().compare(trace_of())) == [["the run", 0, 0, 0]]


names = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1.0, 2.0])), max_size=8)


@given(names, names)
def test_every_step_of_both_runs_is_in_one_row_in_its_own_order(ours, theirs):
    one, two = steps(*ours), steps(*theirs)
    table = one.compare(two).iloc[:-1]
    for run, column in ((one, "total_s"), (two, "other_s")):
        assert table[column].sum() == run.duration_s
        assert table[column].notna().sum() == len(run.spans)
    mine = [name.split()[0] for name in table[table["total_s"].notna()]["step"]]
    assert mine == [span.name for span in one.spans]


def test_the_plot_says_what_it_shows():
    figure = AGENT.plot("One run")
    assert "1 call" in figure.alt
    assert "<svg" in figure.svg


def test_a_run_whose_calls_failed_says_so_beside_its_seconds():
    error = CallError("status", "slow down", 429)
    spans = [
        Span(n, f"c{n}", "llm", 0.0, 0.1, call=replace(call(), error=error if n else None))
        for n in range(3)
    ]
    run = Trace(tuple(spans), 0.0, 0.1, "mock", "simulated")
    assert run.failures == "2 of 3 calls failed: status 429: slow down"
    assert run.plot().alt.endswith(run.failures)
    assert run.plot().caption == run.failures
    assert run.plot("A title").caption == f"A title. {run.failures}"
    assert AGENT.failures == ""
    assert "failed" not in AGENT.plot().caption


# files


records = st.builds(
    CallRecord,
    model=st.text(max_size=5),
    sent_at=st.floats(0, 10),
    ended_at=st.floats(10, 20),
    chunks_at=st.lists(st.floats(10, 20), max_size=3).map(tuple),
    content=st.text(max_size=5) | st.just("\ud800"),
    tool_calls=st.lists(st.builds(ToolCall, st.text(), st.text(), st.text()), max_size=2).map(
        tuple
    ),
    error=st.none() | st.builds(CallError, kind=st.just("timeout"), message=st.text(max_size=5)),
)
spans = st.builds(
    Span,
    id=st.integers(1, 99),
    name=st.text(max_size=5),
    kind=st.sampled_from(["llm", "tool", "group"]),
    started_at=st.floats(0, 10),
    ended_at=st.floats(10, 20),
    parent_id=st.none() | st.integers(1, 99),
    call=st.none() | records,
    error=st.none() | st.text(max_size=5),
)


@given(st.lists(spans, max_size=4))
def test_a_trace_survives_a_file(tmp_path_factory, spans):
    trace = Trace(tuple(spans), 0.0, 20.0, "http://é", "wall", result=object())
    path = trace.save(tmp_path_factory.mktemp("traces") / "trace.json")
    assert Trace.load(path) == replace(trace, result=None)
    assert Trace.load(str(path)).save(path) == path


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        Trace.load(tmp_path / "nowhere.json")


GOOD = {"format": FORMAT, "endpoint": "e", "clock": "wall", "started_at": 0, "ended_at": 1}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "5",
        "null",
        "{}",
        "[" * 100_000,
        json.dumps({**GOOD, "spans": None}),
        json.dumps({**GOOD, "spans": [5]}),
        json.dumps({**GOOD, "spans": [{}]}),
        json.dumps({**GOOD, "spans": [{"call": None, "made": "up"}]}),
        json.dumps({**GOOD, "spans": [{"call": {"model": "m"}}]}),
        json.dumps({**GOOD, "spans": [], "started_at": "noon"}),
        json.dumps({**GOOD, "spans": [], "ended_at": None}),
        json.dumps({k: v for k, v in GOOD.items() if k != "clock"} | {"spans": []}),
        b"\xff\xfe\xff",
    ],
)
def test_a_file_that_is_no_trace_is_refused(tmp_path, content):
    path = tmp_path / "trace.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(
        ConfigurationError, match=r"is not a trace written by Trace\.save"
    ) as caught:
        Trace.load(path)
    assert str(path) in str(caught.value)


def test_a_file_of_another_version_says_which_is_read(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({**GOOD, "format": "labtools-trace/9", "spans": []}))
    with pytest.raises(
        ConfigurationError, match=rf"'labtools-trace/9'; this version reads '{FORMAT}'"
    ):
        Trace.load(path)


# Chrome's format


def test_a_viewer_gets_spans_and_their_phases():
    events = AGENT.chrome_events()
    by_name = {event["name"]: event for event in events}
    assert by_name["plan"]["ts"] == 0
    assert by_name["plan"]["dur"] == 2_000_000
    assert by_name["plan"]["args"]["output_tokens"] == 100
    assert (by_name["TTFT"]["ts"], by_name["TTFT"]["dur"]) == (0, 500_000)
    assert (by_name["decode"]["ts"], by_name["decode"]["dur"]) == (500_000, 1_500_000)
    assert by_name["read b"]["tid"] != by_name["read a"]["tid"]
    assert {event["ph"] for event in events} == {"X"}


def test_the_file_is_what_perfetto_reads(tmp_path):
    path = AGENT.save_chrome_trace(tmp_path / "chrome.json")
    events = json.loads(path.read_text())["traceEvents"]
    assert events == AGENT.chrome_events()
    for event in events:
        assert event.keys() >= {"name", "ph", "ts", "dur", "pid", "tid"}


@st.composite
def programs(draw, depth=3):
    """(kind, seconds before, seconds, children at once?, children) of one step."""
    children = draw(st.lists(programs(depth - 1), max_size=3)) if depth else []
    seconds = st.sampled_from([0.0, 0.1, 0.25, 1.0, 1 / 3])
    at_once = draw(st.sampled_from(["in turn", "gather", "left behind"]))
    return draw(seconds), draw(seconds), at_once, children


@given(programs())
def test_in_one_thread_of_the_viewer_events_nest(new_sim, program):
    """As the format demands: two events of one thread lie apart or one in the other."""
    sim, recorder = new_sim(), Recorder()
    behind = []

    async def step(program):
        before, seconds, at_once, children = program
        await asyncio.sleep(before)
        with recorder.span("step", "group" if children else "llm") as span:
            started_at = sim.now
            if at_once == "in turn":
                for child in children:
                    await step(child)
            elif at_once == "gather":
                await asyncio.gather(*map(step, children))
            else:
                behind.extend(asyncio.ensure_future(step(child)) for child in children)
            await asyncio.sleep(seconds)
            if not children:
                span.call = call(started_at, (started_at + sim.now) / 2, sim.now)

    async def everything():
        await step(program)
        while behind:
            await behind.pop()

    sim.run(everything())
    trace = Trace(recorder.spans, 0.0, sim.now, "e", "simulated")
    threads = {}
    for event in trace.chrome_events():
        start = round(event["ts"] * 1000)
        threads.setdefault(event["tid"], []).append((start, start + round(event["dur"] * 1000)))
    for events in threads.values():
        for a, b in events:
            for c, d in events:
                slack = 2  # nanoseconds of rounding
                apart = b <= c + slack or d <= a + slack
                nested = (a <= c + slack and d <= b + slack) or (c <= a + slack and b <= d + slack)
                assert apart or nested, ((a, b), (c, d))
    sim.loop.close()
