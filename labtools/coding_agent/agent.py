"""A coding agent: it is given a failing test, and repairs the code until the test passes.

    parse error -> locate file -> read source, read test
        -> plan -> generate fix -> apply patch -> run tests -> verify
           ^                                                     |
           +------ not accepted: take it back and try again -----+

`_repair` is that picture, and switches leave parts of it to code. Everything that takes time goes
through the lab, so that each question to a model (`lab.call`) and each use of a tool (`lab.work`)
is a span of the trace.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING

from labtools.coding_agent import steps
from labtools.coding_agent.asking import Asker, Script, Stopped, Used, handbook_note, refuse
from labtools.coding_agent.pytest_run import PytestRun, Tested, TestReport, isolation
from labtools.coding_agent.settings import Limits, Outcome, Switches, cost_of
from labtools.coding_agent.steps import Step
from labtools.coding_agent.tools import (
    Locate,
    Read,
    Tool,
    Verdict,
    location,
    proposed_edits,
    proposed_file,
    search_for,
)
from labtools.coding_agent.workspace import ToolError, Workspace
from labtools.dispatch.sending import fan_out
from labtools.errors import BudgetExceeded
from labtools.model.profile import Prices
from labtools.records import CallRecord, tokens_of

if TYPE_CHECKING:
    from labtools.lab.lab import Lab


_READS = (steps.READ_SOURCE.name, steps.READ_TEST.name)
_DEFINED = re.compile(r"\b(?:def|class|import) +(\w+)")


@dataclass
class CodingAgent:
    """An agent for one failing test: `lab.run(CodingAgent(lab, workspace, failure).run())`.

    `failure` is the test's output. `test_s` is what a test run is charged on the simulated clock.
    `script` makes a mock play the model; without it the model has to think for itself.
    `tested` has the results of earlier test runs, which are then not made again.
    """

    lab: Lab
    workspace: Workspace
    failure: str
    _: KW_ONLY
    switches: Switches = field(default_factory=Switches)
    limits: Limits = field(default_factory=Limits)
    script: Script | None = None
    test_s: float = 0.0
    prices: Mapping[str, Prices] | None = None
    tested: Tested | None = None

    def __post_init__(self) -> None:
        given = (self.lab, self.workspace, self.switches, self.limits, self.script, self.prices)
        self._asker = Asker(*given)
        self._notes = {"failure": self.failure, "handbook": handbook_note()}
        self._located = Locate(source="", test="")
        self._source_path = self._source = ""
        self._report = TestReport(False, self.failure)
        self._iteration = 0

    async def run(self) -> Outcome:
        """Repair the code, within the limits. A fix that is not accepted is taken back."""
        stopped = "accepted"
        try:
            async with asyncio.timeout(self.limits.time_s):
                reason = await self._repair()
        except Stopped as error:
            stopped, reason = error.why, str(error)
        except BudgetExceeded as error:
            stopped, reason = "budget", str(error)
        except TimeoutError:
            stopped, reason = "time", f"{self.limits.time_s} s have passed."
        if stopped != "accepted":
            self.workspace.restore()
        records, spent = self._asker.records, tokens_of(self._asker.records)
        return Outcome(
            stopped,
            reason,
            self._iteration,
            self._report.passed,
            self.workspace.diff(),
            len(records),
            spent.input_tokens,
            spent.cached_tokens,
            spent.output_tokens,
            cost_of(records, self.prices),
            isolation=isolation(),
        )

    async def _repair(self) -> str:
        """Why the fix was accepted. Raises Stopped when there is none."""
        go_to = "parse_error"
        for iteration in range(1, self.limits.iterations + 1):
            self._iteration = iteration
            if go_to == "parse_error":
                _, self._notes["search_results"] = await self._tool(
                    steps.PARSE_ERROR, lambda: search_for(self._notes["failure"])
                )
            if go_to in ("parse_error", "locate_file"):
                await self._locate(again=go_to == "locate_file")
                await self._read_source_and_test()
            if not self.switches.plan_and_fix:
                await self._plan()
            await self._fix_and_test()
            verdict = await self._verify()
            if verdict.accepted and self._report.passed:
                return verdict.reason
            self._take_back(verdict)
            go_to = verdict.go_back_to
        raise Stopped("iterations", f"No fix was accepted in {self._iteration} iterations.")

    async def _locate(self, *, again: bool) -> None:
        """Code would say the same again: who is sent back here asks a model."""

        def own() -> Locate:
            return location(self._notes["failure"], self.workspace)

        tool, said = await self._tool(steps.LOCATE_FILE, None if again else own)
        assert isinstance(tool, Locate)
        self._located, self._notes["location"] = tool, said

    async def _read_source_and_test(self) -> None:
        """Neither read needs the other's result, so they may go together."""
        paths = (self._located.source, self._located.test)
        reads = [
            functools.partial(self._tool, step, functools.partial(Read, path=path))
            for step, path in zip((steps.READ_SOURCE, steps.READ_TEST), paths, strict=True)
        ]
        if self.switches.parallel_reads:
            source, test = await fan_out(reads)
        elif self.switches.several_tool_calls and not set(_READS) & set(self.switches.harness):
            source, test = await self._asker.tool_calls(
                steps.READ_BOTH, self._notes, self._iteration
            )
        else:
            source, test = [await read() for read in reads]
        self._source_path = _path(source.tool)
        self._source = source.result
        self._notes["source"] = _shown(self._source_path, self._source)
        self._notes["test"] = _shown(_path(test.tool), test.result)

    async def _plan(self) -> None:
        async def checked(record: CallRecord) -> str:
            plan = record.content.strip()
            if problem := self._problem_of(plan):
                await self.lab.work("plan", lambda: refuse(problem))
            return plan

        self._notes["plan"] = await self._asker.answer(
            self._asked(steps.PLAN), self._notes, self._iteration, checked
        )

    def _problem_of(self, plan: str) -> str:
        """What can be seen to be wrong with a plan before anybody carries it out."""
        if not plan:
            return "It is empty. Answer in words."
        names = set(_DEFINED.findall(self._source))
        if names and not names & set(re.findall(r"\w+", plan)):
            return f"It names nothing that {self._source_path} defines. Is it about that file?"
        return ""

    def _asked(self, step: Step) -> Step:
        """The question as the switches have it."""
        switches = self.switches
        if switches.edits:
            step = steps.asking_for_edits(step)
        if switches.plan_tokens and step.name in (steps.PLAN.name, steps.PLAN_AND_FIX.name):
            step = steps.with_a_short_plan(step, switches.plan_tokens)
        return step

    async def _fix_and_test(self) -> None:
        switches = self.switches
        fixed = await self._asker.answer(
            self._asked(steps.PLAN_AND_FIX if switches.plan_and_fix else steps.GENERATE_FIX),
            self._notes,
            self._iteration,
            self._propose,
            predicted=self._source if switches.predicted_output and not switches.edits else "",
        )
        if switches.edits or steps.APPLY_PATCH.name in switches.harness:
            await self.lab.work(
                steps.APPLY_PATCH.name, lambda: self.workspace.write(self._source_path, fixed)
            )
            self._notes["change"] = self.workspace.diff()
            self._report = await self._run_tests(self.workspace)
        else:
            await self._patch_and_test(fixed)
        self._notes["report"] = self._report.output

    async def _patch_and_test(self, fixed: str) -> None:
        """Have a model put the fix into the source, and test it; or test it at the same time."""
        with self.workspace.copy({self._source_path: fixed}) as proposed:
            self._notes["change"] = proposed.diff()
            speculative = self.switches.speculative_tests
            early = asyncio.create_task(self._run_tests(proposed)) if speculative else None
            try:
                _, self._notes["change"] = await self._call_tool(steps.APPLY_PATCH)
                guessed_right = proposed.changed() == self.workspace.changed()
                if early and guessed_right:
                    self._report = await early
            finally:
                if early:
                    early.cancel()
                    await asyncio.gather(early, return_exceptions=True)
        if not (early and guessed_right):
            self._report = await self._run_tests(self.workspace)

    async def _propose(self, answer: CallRecord) -> str:
        """The corrected file in the answer, if it may be written and changes anything."""

        def propose() -> str:
            path = self._source_path
            with self.workspace.copy() as proposed:
                if self.switches.edits:
                    for edit in proposed_edits(answer.content, path):
                        edit.use(proposed)
                else:
                    proposed.write(path, proposed_file(answer.content))
                if not proposed.changed():
                    raise ToolError("That is the file as it was. Change what the plan says.")
                return proposed.read(path)

        return await self.lab.work("propose", propose)

    async def _run_tests(self, workspace: Workspace) -> TestReport:
        run = PytestRun(workspace, tested=self.tested)
        try:
            return await self.lab.work(steps.RUN_TESTS, run.run, modelled_s=self.test_s)
        except asyncio.CancelledError:
            run.stop()
            raise

    async def _verify(self) -> Verdict:
        if self.switches.tests_decide:
            return Verdict(accepted=self._report.passed, reason=self._report.output)
        verdict, _ = await self._call_tool(steps.VERIFY)
        assert isinstance(verdict, Verdict)
        return verdict

    def _take_back(self, verdict: Verdict) -> None:
        """Undo the change and note it. What was read before is true again: no need to reread."""
        result = "passed" if self._report.passed else "failed"
        tried = f"{self._notes['change']}\nThe tests {result}. Verdict: {verdict.reason}\n"
        self._notes["attempts"] = self._notes.get("attempts", "") + tried
        self.workspace.restore()

    async def _tool(self, step: Step, own: Callable[[], Tool] | None) -> Used:
        """The step's tool, used: `own` where the harness takes it, else what a model calls."""
        if own and step.name in self.switches.harness:
            with suppress(ToolError):
                return await self.lab.work(step.name, lambda: self._used(own()))
        return await self._call_tool(step)

    def _used(self, tool: Tool) -> Used:
        return Used(tool, tool.use(self.workspace))

    async def _call_tool(self, step: Step) -> Used:
        (used,) = await self._asker.tool_calls(step, self._notes, self._iteration)
        return used


def _path(tool: Tool) -> str:
    assert isinstance(tool, Read)
    return tool.path


def _shown(path: str, text: str) -> str:
    return f"{path}\n```python\n{text}```"
