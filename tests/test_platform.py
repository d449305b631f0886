"""The labs where there are no threads, sockets and processes: in a browser's page."""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lab_runner import LABS, cells

from labtools import connect, platform
from labtools.clock import SimLoop, outside_loops
from labtools.errors import ClockError, ConfigurationError, Deadlock
from labtools.loop_thread import LoopThread
from labtools.plots.canvas import canvas
from labtools.plots.colours import TTFT


def test_here_is_no_page() -> None:
    assert not platform.in_page()


async def _slept(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return f"slept {seconds}"


def test_a_loop_runs_inside_another_which_then_goes_on() -> None:
    """The guard of what asyncio keeps to itself: `_enter_task`, `_leave_task` and the loop's."""

    async def cell() -> list[Any]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        beside = asyncio.create_task(_slept(0))
        with outside_loops():
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            inner = SimLoop()
            slept = inner.run_until_complete(_slept(46))
            inner.close()
        assert (asyncio.get_running_loop(), asyncio.current_task()) == (loop, task)
        async with asyncio.timeout(60):  # needs a task
            return [slept, await beside]

    assert asyncio.run(cell()) == ["slept 46", "slept 0"]


def test_outside_all_loops_there_is_nothing_to_leave() -> None:
    with outside_loops():
        assert asyncio.run(_slept(0)) == "slept 0"


@pytest.mark.usefixtures("page")
class TestInAPage:
    """Nothing here may start a thread, reach a socket or begin a process."""

    def test_a_labs_coroutine_runs_from_a_running_loop_and_without_one(self) -> None:
        async def cell() -> object:
            with connect("sim") as lab:
                return lab.run(lab.call(output_tokens=10)).result.e2e_latency_s

        with connect("sim") as lab:
            alone = lab.run(lab.call(output_tokens=10)).result.e2e_latency_s
        assert asyncio.run(cell()) == alone

    def test_what_is_raised_comes_out_and_the_loop_can_be_used_again(self) -> None:
        async def fail() -> None:
            raise ValueError("by the coroutine")

        async def outer() -> None:
            with pytest.raises(ClockError, match="already running"):
                thread.run(_slept(1))

        thread = LoopThread(SimLoop())
        with pytest.raises(ValueError, match="by the coroutine"):
            thread.run(fail())
        thread.run(outer())
        assert thread.run(_slept(1)) == "slept 1"
        thread.loop.close()

    def test_what_is_left_behind_is_cancelled_and_cleans_up(self) -> None:
        said = []

        async def straggler() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(1)
                said.append("cleaned up")

        async def leave_behind() -> None:
            leave_behind.task = asyncio.create_task(straggler())  # type: ignore[attr-defined]
            await asyncio.sleep(1)

        thread = LoopThread(SimLoop())
        thread.run(leave_behind())
        assert said == ["cleaned up"]
        assert thread.loop.time() == 2
        thread.loop.close()

    def test_a_figure_is_drawn(self) -> None:
        with canvas() as drawing:
            drawing.bar(0, (1.0, TTFT, "waited"), end="1 s")
            figure = drawing.done("Of one second, one is waited.")
        assert all("waited" in svg for svg in (figure.svg, figure.narrow_svg))

    def test_a_deadlock_comes_without_a_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labtools.clock.THREAD_GRACE_S", float("inf"))
        thread = LoopThread(SimLoop())

        async def hang() -> None:
            with thread.loop.standing_still():  # type: ignore[attr-defined]
                await asyncio.Event().wait()

        with pytest.raises(Deadlock):
            thread.run(hang())
        thread.loop.close()

    def test_work_is_done_at_once_while_time_stands_still(self, sim: Any) -> None:
        async def work() -> tuple[list[str], float]:
            timer = asyncio.create_task(_slept(1))
            done = [
                await asyncio.to_thread(asyncio.run, _slept(0)),  # as in a thread: outside the loop
                await asyncio.get_running_loop().run_in_executor(None, str.upper, "done"),
            ]
            now = sim.now
            await timer
            return done, now

        assert sim.run(work()) == (["slept 0", "DONE"], 0)
        assert sim.now == 1

    def test_what_the_work_raises_is_raised(self, sim: Any) -> None:
        async def work() -> None:
            with pytest.raises(ZeroDivisionError):
                await asyncio.to_thread(divmod, 1, 0)
            with pytest.raises(SystemExit):
                await asyncio.to_thread(sys.exit, 3)

        sim.run(work())

    @pytest.mark.parametrize("endpoint", ["mock", "engine", "https://me:secret@example.com/v1?k=1"])
    def test_what_needs_a_machine_is_refused_and_the_way_out_named(self, endpoint: str) -> None:
        with pytest.raises(ConfigurationError, match=r'Here, use "sim"') as refused:
            connect(endpoint, model="m")
        assert str(refused.value).count("\n") == 0
        assert "secret" not in str(refused.value)

    def test_an_unknown_endpoint_is_still_an_unknown_one(self) -> None:
        with pytest.raises(ConfigurationError, match="Unknown endpoint: 'simm'"):
            connect("simm")

    def test_a_recorded_run_is_recorded_and_replayed(self, tmp_path: Path) -> None:
        file = tmp_path / "run.jsonl"
        with connect("sim", record=file) as lab:
            recorded = lab.run(lab.call(output_tokens=10)).result
        with connect(f"replay:{file}") as lab:
            assert lab.run(lab.call(output_tokens=10)).result.chunks_at == recorded.chunks_at


_MISSING = ("httptools", "uvicorn", "uvloop", "xllamacpp", "jsonschema_rs", "scipy", "langgraph")
_CALL = """
from labtools import connect

schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"],
          "additionalProperties": False}
tool = {"type": "function", "function": {"name": "count", "parameters": schema}}
form = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}
with connect("sim") as lab:
    called = lab.run(lab.call(tools=[tool], tool_choice="required")).result
    formed = lab.run(lab.call(response_format=form)).result
    print(called.error, [c.name for c in called.tool_calls], called.tool_calls[0].arguments)
    print(formed.error, formed.content)
"""


_WITH_AWAIT = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def test_the_labs_need_nothing_that_has_no_wheel_for_a_page() -> None:
    lines = "\n".join(
        ast.unparse(statement)
        for lab in LABS
        for cell in cells(lab)
        if cell.cell_type == "code"
        for statement in compile(cell.source, lab.name, "exec", _WITH_AWAIT).body
        if isinstance(statement, ast.Import | ast.ImportFrom)
    )
    assert "labtools.course.multiplier" in lines
    block = f"import sys\nfor name in {_MISSING!r}:\n    sys.modules[name] = None\n"
    said = [
        subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
        for source in (block + lines + _CALL, _CALL)
    ]
    assert [run.stderr for run in said] == ["", ""]
    assert said[0].stdout == said[1].stdout
    assert said[0].stdout.startswith("None ['count'] {")
