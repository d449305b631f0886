"""Runs of an agent foretold from one trace of it, and then run: on a real engine, with every miss.

    python benchmarks/agent_prediction.py FOLDER [RUNS]

A scripted agent of twenty steps, with tools and a context that grows, runs once on 2M parameters;
that run is the trace. 15M and 100M are evaluated, and a profile is fitted to each. What each of
CHANGES would take is foretold from these alone; then the agent, changed, runs RUNS times (20 by
default), one run of each change a round. What is in FOLDER already is not measured again: stop it
and go on when you like. Writes FOLDER/agent_prediction.json. Needs the packages of
`pip install -e ".[engine]"`, and a machine that does nothing else for some 20 minutes.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2
import openai

from labtools import CallRecord, Lab, Trace, connect
from labtools.evaluation.fitting import fit
from labtools.evaluation.results_folder import ResultsFolder
from labtools.evaluation.session import evaluate
from labtools.evaluation.settings import Settings
from labtools.files import append_line, read_lines, write_whole
from labtools.lab.stopwatch import timed_call
from labtools.lab.waits import Order
from labtools.lab.whatif import what_if
from labtools.local_engine.requests import EngineTransport
from labtools.local_engine.settings import EngineSettings
from labtools.model.profile import LatencyProfile
from labtools.model.tokens import filler
from labtools.own_agent.fit import identity
from labtools.own_agent.levers import Foretelling, Levers
from labtools.transport.http_transport import HttpTransport

LARGER = ("15M", "100M")
STEPS = ("look", "look", "edit", "test") * 5
TOOLS_S = {
    "look": {"read_source": 0.08, "read_test": 0.05},
    "edit": {"write_file": 0.02},
    "test": {"run_tests": 0.15},
}
MOST_TRACES = 5
FIRST_TOKENS = 800
RESULT_TOKENS = {"look": 150, "edit": 40, "test": 220}
OUTPUT_TOKENS = {"look": 30, "edit": 80, "test": 20}
PLAN = Settings(
    contexts=(500, 1500, 3000),
    context_calls=4,
    concurrency=(1,),
    calls_per_client=6,
    open_loop_calls=0,
    interference_runs=0,
    prefix_tokens=1500,
    prefix_rounds=3,
    pause_s=1.0,
    structured_calls=0,
    cold_schemas=0,
    chain_steps=6,
    chain_runs=1,
    chain_tokens=500,
    chain_growth_tokens=110,
    output_tokens=40,
)


@dataclass(frozen=True)
class Change:
    """What is done to the agent, and how the trace's levers say it."""

    size: str = "2M"
    edits_on: str | None = None
    beside: bool = False

    def levers(self, profiles: Mapping[str, LatencyProfile]) -> Levers:
        """The same for the trace."""
        return Levers(
            on=profiles.get(self.size),
            route={"edit": profiles[self.edits_on]} if self.edits_on else {},
            parallel=(("read_source", "read_test"),) if self.beside else (),
        )


CHANGES = {
    "as it was": Change(),
    "reads beside each other": Change(beside=True),
    "edits on 15M": Change(edits_on="15M"),
    "all on 15M": Change("15M"),
    "all on 15M, reads beside each other": Change("15M", beside=True),
    "all on 100M": Change("100M"),
}


def client_of(lab: Lab) -> openai.AsyncOpenAI:
    """A client of the lab's engine that a run of another lab may use."""
    http = httpx2.AsyncClient(transport=EngineTransport(HttpTransport()), trust_env=False)
    url = str(lab.client.base_url)
    return openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http)


async def agent(labs: Mapping[str, Lab], change: Change, seed: str) -> list[CallRecord]:
    """Twenty steps: each asks with all that was said and found, and then uses its tools."""
    lab, rng = labs[change.size], random.Random(seed)
    messages = [{"role": "user", "content": filler(FIRST_TOKENS, rng)}]
    other = labs[change.edits_on or change.size]
    client = client_of(other)
    records = []
    for step in STEPS:
        tokens = OUTPUT_TOKENS[step]
        if step == "edit" and change.edits_on:
            told = {"mock": {"output_tokens": tokens}}
            asked: dict[str, Any] = {"model": other.model_for(step), "extra_body": told}
            records.append(await timed_call(client, messages=list(messages), **asked))
        else:
            records.append(await lab.call(step, messages=list(messages), output_tokens=tokens))
        tools = [lab.tool(name, seconds) for name, seconds in TOOLS_S[step].items()]
        if change.beside:
            await asyncio.gather(*tools)
        else:
            for tool in tools:
                await tool
        messages.append({"role": "assistant", "content": "Done."})
        messages.append({"role": "user", "content": filler(RESULT_TOKENS[step], rng)})
    return records


def run(labs: Mapping[str, Lab], change: Change, seed: str) -> Trace:
    """One run, every call of it whole."""
    trace = labs[change.size].run(agent(labs, change, seed))
    if failed := [call.error for call in trace.result if call.error]:
        raise SystemExit(f"{len(failed)} of {len(trace.result)} calls failed: {failed[0]}")
    return trace


def take(labs: Mapping[str, Lab], folder: Path) -> Trace:
    """The first trace that reproduces itself; those that do not are refused, and counted."""
    for number in range(MOST_TRACES):
        trace = run(labs, Change(), f"trace/{number}")
        found = identity(trace)
        if found.holds:
            return trace
        print(found.sentence(), flush=True)
        append_line(folder / "refused.jsonl", {"off": found.off})
    raise SystemExit(f"None of {MOST_TRACES} traces reproduces itself: is the machine quiet?")


def lines_of(file: Path) -> list[dict[str, Any]]:
    """What a file of lines holds; nothing where there is none."""
    return [line for _, line in read_lines(file)] if file.exists() else []


def measure(folder: Path, runs: int) -> None:
    """The trace, the evaluations and the runs, as far as they are not in the folder."""
    trace_file, runs_file = folder / "trace.json", folder / "runs.jsonl"
    done = {(line["change"], line["run"]) for line in lines_of(runs_file)}
    with ExitStack() as stack:
        labs = {
            size: stack.enter_context(connect("engine", engine=size)) for size in ("2M", *LARGER)
        }
        if not trace_file.exists():
            for size in labs:
                run(labs, Change(size), "warm-up")
            take(labs, folder).save(trace_file)
        evaluate({size: labs[size] for size in LARGER}, folder, PLAN)
        for number in range(runs):
            for name, change in CHANGES.items():
                if (name, number) in done:
                    continue
                load = os.getloadavg()[0]
                trace = run(labs, change, f"{name}/{number}")
                calls = trace.result
                line = {
                    "change": name,
                    "run": number,
                    "took_s": trace.duration_s,
                    "ttft_s": round(sum(call.ttft_s or 0.0 for call in calls), 6),
                    "decode_s": round(sum(call.decode_s or 0.0 for call in calls), 6),
                    "input_tokens": sum(call.input_tokens or 0 for call in calls),
                    "cached_tokens": sum(call.cached_tokens or 0 for call in calls),
                    "load": round(load, 2),
                }
                append_line(runs_file, line)
                print(f"{name}, run {number + 1}: {trace.duration_s:.2f} s", flush=True)


def profiles_of(folder: Path) -> dict[str, LatencyProfile]:
    """What was fitted to each evaluation."""
    profiles = {}
    for size in LARGER:
        found = fit(ResultsFolder(folder / size).read()).profile
        assert found is not None
        profiles[size] = replace(found, name=size)
    return profiles


def parts(
    trace: Trace, change: Change, profiles: Mapping[str, LatencyProfile]
) -> dict[str, float | None]:
    """TTFT and decode that are foretold, of all calls; not where they are on several models."""
    if change.edits_on:
        return {"ttft_s": None, "decode_s": None}
    moved = what_if(trace, profiles[change.size]) if change.size in profiles else trace
    return {
        "ttft_s": round(sum(call.ttft_s or 0.0 for call in moved.calls), 6),
        "decode_s": round(sum(call.decode_s or 0.0 for call in moved.calls), 6),
    }


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    measure(folder, int((sys.argv[2:] or ["20"])[0]))
    trace, profiles, runs = (
        Trace.load(folder / "trace.json"),
        profiles_of(folder),
        lines_of(folder / "runs.jsonl"),
    )
    reproduced = identity(trace)
    telling = Foretelling(trace, Order(trace.spans, trace.started_at, trace.ended_at), reproduced)
    told = {name: telling.saving(change.levers(profiles)) for name, change in CHANGES.items()}
    result = {
        "source": f"python benchmarks/agent_prediction.py FOLDER: llama.cpp (xllamacpp "
        f"{version('xllamacpp')}) on random weights, {EngineSettings().threads} thread(s) of "
        f"{os.cpu_count()} cores, four slots, {date.today():%B %Y}",
        "trace_s": trace.duration_s,
        "reproduces": reproduced.off,
        "refused": [line["off"] for line in lines_of(folder / "refused.jsonl")],
        "profiles": {size: asdict(profile) for size, profile in profiles.items()},
        "changes": {
            name: {
                "levers": saving.levers,
                "run_s": saving.run_s,
                "run_low_s": round(saving.run_low_s, 6),
                "run_high_s": round(saving.run_high_s, 6),
                **parts(trace, CHANGES[name], profiles),
                "runs": [
                    {key: value for key, value in line.items() if key != "change"}
                    for line in runs
                    if line["change"] == name
                ],
            }
            for name, saving in told.items()
        },
    }
    write_whole(folder / "agent_prediction.json", json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
