"""What a small real model is worth to an agent: SmolLM2-135M on this machine, asked for real.

    python benchmarks/small_model.py --out small_model.json [--only verify edit locate agent]
        [--limit N] [--agent-s 600]

Verify: each fix of labtools.course.routing.small_model, with its passing tests; a grammar binds the
answer to yes or no, and both orders of the two words are asked. Locate file: a failing test and
four paths, in two orders. JSON: an edit asked for in words, without and with a schema. The coding
agent: every scenario, until it stops. Each answer is written as soon as it is there, and a second
run goes on where the first one ended. Needs `make smollm`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labtools import Lab, connect
from labtools.coding_agent import play
from labtools.coding_agent.scenario import scenario_names
from labtools.coding_agent.settings import Limits
from labtools.course.routing.small_model import Fix, Task, fix_tasks, fixes
from labtools.local_engine.settings import EngineSettings, engine_version

KINDS = ["verify", "edit", "locate", "agent"]
EDITS = 20
ORDERS = (("yes", "no"), ("no", "yes"))
EDIT = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "line": {"type": "integer", "minimum": 1}},
    "required": ["path", "line"],
    "additionalProperties": False,
}
AS_SCHEMA = {"type": "json_schema", "json_schema": {"name": "edit", "schema": EDIT}}

Answers = list[dict[str, Any]]


def verify_prompt(fix: Fix, order: tuple[str, str]) -> str:
    return (
        f"A function should do this. {fix.task.asked}\n\nThe change:\n{fix.diff}\n\n"
        f"After the change this test passes: {fix.task.visible}\n\n"
        "Judge the change, not only the test: is the function right for inputs that no test "
        f"tries? Answer {order[0]} or {order[1]}."
    )


def locate_prompt(task: Task, paths: list[str]) -> str:
    listed = "\n".join(paths)
    return (
        f"A test fails: {task.visible}\nIt tests this function. {task.asked}\n\n"
        f"The files:\n{listed}\n\nWhich file has the function? Answer with its path."
    )


def edit_prompt(task: Task) -> str:
    return (
        f"The function {task.name} in the file {task.file} is wrong at line 2. Answer with a JSON "
        'object that has two keys: "path", the file, and "line", the number. No other text.'
    )


def choices(words: tuple[str, ...] | list[str]) -> str:
    """A grammar that allows one of these and nothing else."""
    return "root ::= " + " | ".join(json.dumps(word) for word in words)


def share_of(word: str, first_token: Any) -> float:
    """The probability that the model gives to words that begin so, of those that it names."""
    return sum(
        math.exp(option.logprob)
        for option in first_token.top_logprobs
        if option.token.strip().lower() == word
    )


def object_in(text: str) -> dict[str, Any] | None:
    """The first JSON object in the text, which may have words or a fence around it."""
    for place, letter in enumerate(text):
        if letter == "{":
            try:
                found = json.JSONDecoder().raw_decode(text, place)[0]
            except ValueError:
                continue
            return found if isinstance(found, dict) else None
    return None


class Asker:
    """Asks one question after the other, and keeps every answer in the file."""

    def __init__(self, lab: Lab, path: Path, content: dict[str, Any]) -> None:
        self.lab, self.path, self.content = lab, path, content

    def write(self) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.content, indent=1) + "\n", encoding="utf-8")
        new.replace(self.path)

    async def ask(self, prompt: str, **request: Any) -> tuple[Any, float]:
        """The choice that came back, and the seconds that it took."""
        loop = asyncio.get_running_loop()
        begun_at = loop.time()
        answer = await self.lab.client.chat.completions.create(
            model=self.lab.model_for("call"),
            messages=[{"role": "user", "content": prompt}],
            temperature=0,
            **request,
        )
        return answer.choices[0], loop.time() - begun_at

    async def each(
        self, kind: str, questions: list[dict[str, Any]], ask: Callable[..., Any]
    ) -> None:
        answers: Answers = self.content.setdefault(kind, [])
        for question in questions[len(answers) :]:
            answers.append(question | await ask(**question))
            self.write()
            print(f"{kind} {len(answers)} of {len(questions)}: {answers[-1]}", flush=True)


async def measure(asker: Asker, kinds: list[str], limit: int) -> None:
    every_fix = fixes()
    tasks = {task.name: task for task in fix_tasks()}
    paths = [task.file for task in fix_tasks()]

    async def verify(fix: int, task: str, right: bool, order: list[str]) -> dict[str, Any]:
        prompt = verify_prompt(every_fix[fix], (order[0], order[1]))
        choice, seconds = await asker.ask(
            prompt,
            max_tokens=4,
            logprobs=True,
            top_logprobs=20,
            extra_body={"grammar": choices(order)},
        )
        first = choice.logprobs.content[0]
        says = choice.message.content
        shares = {word: share_of(word, first) for word in ("yes", "no")}
        return {"says": says, "shares": shares, "seconds": seconds}

    async def locate(task: str, listed: list[str]) -> dict[str, Any]:
        choice, seconds = await asker.ask(
            locate_prompt(tasks[task], listed),
            max_tokens=40,
            extra_body={"grammar": choices(listed)},
        )
        right = choice.message.content == tasks[task].file
        return {"says": choice.message.content, "right": right, "seconds": seconds}

    async def edit(task: str, schema_given: bool) -> dict[str, Any]:
        bound = {"response_format": AS_SCHEMA} if schema_given else {}
        choice, seconds = await asker.ask(edit_prompt(tasks[task]), max_tokens=200, **bound)
        says = choice.message.content
        found = object_in(says)
        valid = found is not None and set(found) == {"path", "line"}
        right = valid and found == {"path": tasks[task].file, "line": 2}
        return {"says": says, "alone": says.strip().startswith("{"), "valid": valid, "right": right,
                "seconds": seconds}  # fmt: skip

    verifying = [
        {"fix": number, "task": fix.task.name, "right": fix.right, "order": list(order)}
        for number, fix in enumerate(every_fix)
        for order in ORDERS
    ]
    locating = []
    for number, name in enumerate(tasks):
        # The right path at each of the four places equally often; three files further on beside.
        others = [paths[(number + step) % len(paths)] for step in (5, 11, 17)]
        listed = [*others[: number % 4], tasks[name].file, *others[number % 4 :]]
        locating += [{"task": name, "listed": listed}, {"task": name, "listed": listed[::-1]}]
    some = list(tasks)[:EDITS]
    editing = [{"task": name, "schema_given": schema} for name in some for schema in (False, True)]
    for kind, questions, ask in (
        ("verify", verifying, verify),
        ("edit", editing, edit),
        ("locate", locating, locate),
    ):
        if kind in kinds:
            await asker.each(kind, questions[:limit], ask)


def agent_runs(asker: Asker, agent_s: float) -> None:
    """Each scenario, until the agent stops: how far did it get, and why no further?"""
    runs: Answers = asker.content.setdefault("agent", [])
    limits = Limits(time_s=agent_s, output_tokens=400, iterations=1)
    for name in scenario_names()[len(runs) :]:
        trace = play(asker.lab, name, limits=limits)
        steps = [span.name for span in trace.spans]
        outcome = trace.result
        runs.append(
            {
                "scenario": name,
                "stopped": outcome.stopped,
                "reason": outcome.reason,
                "calls": outcome.calls,
                "steps": steps,
                "solved": outcome.solved,
                "seconds": trace.duration_s,
            }
        )
        asker.write()
        print(f"agent {runs[-1]}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("small_model.json"))
    parser.add_argument("--limit", type=int, default=10**6, help="questions of each kind")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--agent-s", type=float, default=600.0, help="for each scenario")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args(arguments)
    content = {}
    if options.out.exists():
        content = json.loads(options.out.read_text(encoding="utf-8"))
    engine = EngineSettings("smollm2", threads=options.threads, slots=1, context=8192)
    content |= {
        "model": engine.model_name,
        "engine": f"xllamacpp {engine_version()}",
        "machine": f"{platform.machine()}, {engine.threads} threads",
        "date": datetime.now(UTC).date().isoformat(),
    }
    with connect("engine", engine=engine) as lab:
        asker = Asker(lab, options.out, content)
        lab.run(measure(asker, options.only, options.limit))
        if "agent" in options.only:
            agent_runs(asker, options.agent_s)


if __name__ == "__main__":
    main()
