"""A coding agent: it is given a failing test, and repairs the code until the test passes.

    parse error -> locate file -> read source, read test
        -> plan -> generate fix -> apply patch -> run tests -> verify
           ^                                                     |
           +------ not accepted: take it back and try again -----+

`_repair` is that picture. Everything that takes time goes through the lab, so that each question
to a model (`lab.call`) and each use of a tool (`lab.work`) is a span of the trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from labtools.coding_agent import steps
from labtools.coding_agent.asking import Asker, Script, Stopped, refuse
from labtools.coding_agent.context import handbook_note
from labtools.coding_agent.jail import isolation
from labtools.coding_agent.outcome import Outcome, cost_of, tokens_of
from labtools.coding_agent.pytest_run import PytestRun, Tested, TestReport
from labtools.coding_agent.settings import Limits, Switches
from labtools.coding_agent.steps import Step
from labtools.coding_agent.tools import Read, Tool, Verdict, proposed_file
from labtools.coding_agent.workspace import ToolError, Workspace
from labtools.dispatch.fan_out import fan_out
from labtools.errors import BudgetExceeded
from labtools.model.profile import Prices
from labtools.records import CallRecord

if TYPE_CHECKING:
    from labtools.lab.lab import Lab


class CodingAgent:
    """An agent for one failing test: `lab.run(CodingAgent(lab, workspace, failure).run())`.

    `failure` is the test's output. `test_s` is what a test run is charged on the simulated clock.
    `script` makes a mock play the model; without it the model has to think for itself.
    `tested` has the results of earlier test runs, which are then not made again.
    """

    def __init__(
        self,
        lab: Lab,
        workspace: Workspace,
        failure: str,
        *,
        switches: Switches | None = None,
        limits: Limits | None = None,
        script: Script | None = None,
        test_s: float = 0.0,
        prices: Mapping[str, Prices] | None = None,
        tested: Tested | None = None,
    ) -> None:
        self._lab = lab
        self._workspace = workspace
        self._switches = switches = switches or Switches()
        self._limits = limits = limits or Limits()
        self._test_s = test_s
        self._prices = prices
        self._tested = tested
        self._asker = Asker(lab, workspace, switches, limits, script, prices)
        self._notes = {"failure": failure, "handbook": handbook_note()}
        self._source_path = ""
        self._report = TestReport(False, failure)
        self._iteration = 0

    async def run(self) -> Outcome:
        """Repair the code, within the limits. A fix that is not accepted is taken back."""
        stopped = "accepted"
        try:
            async with asyncio.timeout(self._limits.time_s):
                reason = await self._repair()
        except Stopped as error:
            stopped, reason = error.why, str(error)
        except BudgetExceeded as error:
            stopped, reason = "budget", str(error)
        except TimeoutError:
            stopped, reason = "time", f"{self._limits.time_s} s have passed."
        if stopped != "accepted":
            self._workspace.restore()
        records = self._asker.records
        return Outcome(
            stopped,
            reason,
            self._iteration,
            self._report.passed,
            self._workspace.diff(),
            len(records),
            *tokens_of(records),
            cost_of(records, self._prices),
            isolation=isolation(),
        )

    async def _repair(self) -> str:
        """Why the fix was accepted. Raises Stopped when there is none."""
        go_to = "parse_error"
        for iteration in range(1, self._limits.iterations + 1):
            self._iteration = iteration
            if go_to == "parse_error":
                _, self._notes["search_results"] = await self._call_tool(steps.PARSE_ERROR)
            if go_to in ("parse_error", "locate_file"):
                _, self._notes["location"] = await self._call_tool(steps.LOCATE_FILE)
                await self._read_source_and_test()
            await self._plan()
            await self._fix_and_test()
            verdict = await self._verify()
            if verdict.accepted and self._report.passed:
                return verdict.reason
            self._take_back(verdict)
            go_to = verdict.go_back_to
        raise Stopped("iterations", f"No fix was accepted in {self._iteration} iterations.")

    async def _read_source_and_test(self) -> None:
        """Neither read needs the other's result, so they may go together."""
        if self._switches.parallel_reads:
            source, test = await fan_out(
                [
                    lambda: self._call_tool(steps.READ_SOURCE),
                    lambda: self._call_tool(steps.READ_TEST),
                ]
            )
        elif self._switches.several_tool_calls:
            source, test = await self._asker.tool_calls(
                steps.READ_BOTH, self._notes, self._iteration
            )
        else:
            source = await self._call_tool(steps.READ_SOURCE)
            test = await self._call_tool(steps.READ_TEST)
        self._source_path = _path(source[0])
        self._notes["source"] = _shown(self._source_path, source[1])
        self._notes["test"] = _shown(_path(test[0]), test[1])

    async def _plan(self) -> None:
        async def words(record: CallRecord) -> str:
            plan = record.content.strip()
            if not plan:
                await self._lab.work("plan", lambda: refuse("It is empty. Answer in words."))
            return plan

        self._notes["plan"] = await self._asker.answer(
            steps.PLAN, self._notes, self._iteration, words
        )

    async def _fix_and_test(self) -> None:
        """Have the fix written, put into the source and tested."""
        fixed = await self._asker.answer(
            steps.GENERATE_FIX, self._notes, self._iteration, self._propose
        )
        with self._workspace.copy({self._source_path: fixed}) as proposed:
            self._notes["change"] = proposed.diff()
            speculative = self._switches.speculative_tests
            early = asyncio.create_task(self._run_tests(proposed)) if speculative else None
            try:
                _, self._notes["change"] = await self._call_tool(steps.APPLY_PATCH)
                guessed_right = proposed.changed() == self._workspace.changed()
                if early and guessed_right:
                    self._report = await early
            finally:
                if early:
                    early.cancel()
                    await asyncio.gather(early, return_exceptions=True)
        if not (early and guessed_right):
            self._report = await self._run_tests(self._workspace)
        self._notes["report"] = self._report.output

    async def _propose(self, answer: CallRecord) -> str:
        """The corrected file in the answer, if it may be written and changes anything."""

        def propose() -> str:
            fixed = proposed_file(answer.content)
            with self._workspace.copy({self._source_path: fixed}) as proposed:
                if not proposed.changed():
                    raise ToolError("That is the file as it was. Change what the plan says.")
            return fixed

        return await self._lab.work("propose", propose)

    async def _run_tests(self, workspace: Workspace) -> TestReport:
        run = PytestRun(workspace, tested=self._tested)
        try:
            return await self._lab.work(steps.RUN_TESTS, run.run, modelled_s=self._test_s)
        except asyncio.CancelledError:
            run.stop()
            raise

    async def _verify(self) -> Verdict:
        verdict, _ = await self._call_tool(steps.VERIFY)
        assert isinstance(verdict, Verdict)
        return verdict

    def _take_back(self, verdict: Verdict) -> None:
        """Undo the change and note it. What was read before is true again: no need to reread."""
        result = "passed" if self._report.passed else "failed"
        tried = f"{self._notes['change']}\nThe tests {result}. Verdict: {verdict.reason}\n"
        self._notes["attempts"] = self._notes.get("attempts", "") + tried
        self._workspace.restore()

    async def _call_tool(self, step: Step) -> tuple[Tool, str]:
        (used,) = await self._asker.tool_calls(step, self._notes, self._iteration)
        return used


def _path(tool: Tool) -> str:
    assert isinstance(tool, Read)
    return tool.path


def _shown(path: str, text: str) -> str:
    return f"{path}\n```python\n{text}```"
