"""The mock held against a real engine: fitted to it, then asked for what the fit never saw.

    python benchmarks/engine_prediction.py FOLDER [SIZE]

Measures the engine into FOLDER, fits a profile, and runs two programs on both: a chain of twenty
steps whose prompt grows, and four agents at once, each with a chain of its own. What is in FOLDER
already is not measured again, only fitted and predicted. Writes FOLDER/prediction.json. SIZE is 2M,
15M (the default) or 100M. Needs the packages of `pip install -e ".[engine]"`, and a machine that
does nothing else.
"""

import asyncio
import json
import os
import random
import statistics
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from labtools import CallRecord, Lab, connect
from labtools.evaluation.fitting import fit
from labtools.evaluation.observations import Measured
from labtools.evaluation.session import evaluate
from labtools.evaluation.settings import Settings
from labtools.local_engine.settings import EngineSettings
from labtools.model.profile import LatencyProfile
from labtools.model.tokens import filler

RUNS = 6
PLAN = Settings(
    contexts=(500, 1000, 2000, 4000),
    context_calls=6,
    concurrency=(1, 2, 4, 6),
    calls_per_client=4,
    open_loop_calls=6,
    interference_runs=3,
    prefix_tokens=1500,
    prefix_rounds=4,
    shared_prefix_runs=2,
    pause_s=2.0,
    structured_calls=6,
    cold_schemas=2,
    chain_steps=6,
    chain_runs=1,
    chain_tokens=500,
    chain_growth_tokens=100,
)
STEPS, FIRST_TOKENS, GROWTH_TOKENS, OUTPUT_TOKENS = 20, 1000, 150, 60
AGENTS, AGENT_STEPS = 4, 10

Program = Callable[[Lab, int], Coroutine[Any, Any, list[CallRecord]]]


async def steps(lab: Lab, seed: str, count: int) -> list[CallRecord]:
    """A chain: each prompt is the one before, an answer and a result of GROWTH_TOKENS."""
    rng = random.Random(seed)
    messages = [{"role": "user", "content": filler(FIRST_TOKENS, rng)}]
    records = []
    for _ in range(count):
        records.append(await lab.call(messages=list(messages), output_tokens=OUTPUT_TOKENS))
        messages.append({"role": "assistant", "content": "Done."})
        messages.append({"role": "user", "content": filler(GROWTH_TOKENS, rng)})
    return records


async def chain(lab: Lab, run: int) -> list[CallRecord]:
    return await steps(lab, f"chain/{run}", STEPS)


async def agents(lab: Lab, run: int) -> list[CallRecord]:
    chains = (steps(lab, f"agent/{run}/{agent}", AGENT_STEPS) for agent in range(AGENTS))
    return [record for records in await asyncio.gather(*chains) for record in records]


PROGRAMS: dict[str, Program] = {"chain": chain, "agents": agents}


def parts(records: list[CallRecord]) -> dict[str, float]:
    """Where the time of all calls went, in seconds, by what the prompt's cache did."""
    if failed := [one.error for one in records if one.error]:
        raise SystemExit(f"{len(failed)} of {len(records)} calls failed: {failed[0]}")
    found = dict.fromkeys(("ttft_cold_s", "ttft_warm_s", "decode_s"), 0.0)
    for one in records:
        assert one.ttft_s is not None
        assert one.e2e_latency_s is not None
        assert one.input_tokens
        warm = (one.cached_tokens or 0) > one.input_tokens / 2
        found["ttft_warm_s" if warm else "ttft_cold_s"] += one.ttft_s
        found["decode_s"] += one.e2e_latency_s - one.ttft_s
    took_s = max(one.ended_at for one in records) - min(one.sent_at for one in records)
    return {
        "end_to_end_s": took_s,
        **found,
        "input_tokens": sum(one.input_tokens or 0 for one in records),
        "cached_tokens": sum(one.cached_tokens or 0 for one in records),
    }


def run_all(lab: Lab, runs: int = RUNS) -> dict[str, list[dict[str, float]]]:
    return {
        name: [parts(lab.run(program(lab, run)).result) for run in range(runs)]
        for name, program in PROGRAMS.items()
    }


def cold_calls(measured: Measured) -> dict[str, dict[str, float]]:
    """Median TTFT and TPOT of lone calls with a new prompt, by its length."""
    found: dict[str, dict[str, float]] = {}
    for tokens in PLAN.contexts:
        records = [
            one.record
            for one in measured.on("context")
            if one.at["input_tokens"] == tokens and one.record.error is None
        ]
        found[str(tokens)] = {
            "ttft_s": statistics.median(one.ttft_s for one in records if one.ttft_s),
            "tpot_s": statistics.median(one.tpot_s for one in records if one.tpot_s),
        }
    return found


def repeated_calls(measured: Measured, profile: LatencyProfile) -> dict[str, float]:
    """Median TTFT of prompts sent again at once, and what the profile says of it."""
    records = [
        one.record
        for one in measured.on("prefix", "repeat")
        if one.record.error is None and one.record.cached_tokens
    ]
    lengths = [(one.input_tokens or 0, one.cached_tokens or 0) for one in records]
    return {
        "input_tokens": statistics.median(tokens for tokens, _ in lengths),
        "cached_tokens": statistics.median(cached for _, cached in lengths),
        "ttft_s": statistics.median(one.ttft_s for one in records if one.ttft_s),
        "predicted_s": statistics.median(profile.ttft_s(*length) for length in lengths),
    }


def measure(folder: Path, size: str) -> tuple[Measured, dict[str, Any]]:
    """What the evaluation saw of the engine, and what the programs took on it."""
    programs, settings = folder / "programs.json", EngineSettings(size)
    with connect("engine", engine=settings) as lab:
        evaluated = evaluate({"engine": lab}, folder, PLAN)["engine"]
        if not programs.exists():
            load = os.getloadavg()[0]
            found = {
                "size": size,
                "threads": settings.threads,
                "slots": settings.slots,
                "load_before": load,
                "measured": run_all(lab),
            }
            programs.write_text(json.dumps(found) + "\n", encoding="utf-8")
    return evaluated, json.loads(programs.read_text(encoding="utf-8"))


def main() -> None:
    folder, size = Path(sys.argv[1]), (sys.argv[2:] or ["15M"])[0]
    evaluated, programs = measure(folder, size)
    found = fit(evaluated)
    assert found.profile is not None
    with connect("sim", profile=found.profile) as lab:
        predicted = run_all(lab)
    result = {
        **programs,
        "profile": found.as_dict()["profile"],
        "cold": cold_calls(evaluated),
        "repeated": repeated_calls(evaluated, found.profile),
        "predicted": predicted,
    }
    (folder / "prediction.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(found.profile_json())
    print(f"load before the programs: {programs['load_before']:.1f}")
    for name, runs in programs["measured"].items():
        print(f"\n{name}, {len(runs)} runs: predicted over measured less 1, median (least, most)")
        for part in runs[0]:
            took, due = (
                [one[part] for one in side[name]] for side in (programs["measured"], predicted)
            )
            errors = [p / m - 1 if m else 0.0 for p, m in zip(due, took, strict=True)]
            print(
                f"{part:14} {statistics.median(took):9.2f} measured {statistics.median(due):9.2f} "
                f"predicted {statistics.median(errors):+7.1%} ({min(errors):+.1%}, "
                f"{max(errors):+.1%})"
            )


if __name__ == "__main__":
    main()
