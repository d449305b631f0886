"""Inspect AI's evaluation log: the events of each sample."""

from __future__ import annotations

from labtools.own_agent.json_values import Json, dig, instant_ns, number, objects, text, tokens
from labtools.own_agent.steps import Step

NAME = "Inspect AI's evaluation log (JSON; `inspect log dump FILE.eval` makes one)"


def recognises(records: list[Json]) -> bool:
    """Whether a record is one of this format's."""
    return any("eval" in record and "samples" in record for record in records)


def read(records: list[Json]) -> tuple[list[Step], str]:
    """The steps of all samples, a group a sample where there are several."""
    steps: list[Step] = []
    samples = [sample for record in records for sample in objects(record, "samples")]
    for number_of, sample in enumerate(samples, start=1):
        found = _sample(sample, f"sample {number_of}")
        if len(samples) > 1 and found:
            start, end = min(s.start_ns for s in found), max(s.end_ns for s in found)
            steps.append(Step(f"sample {number_of}", f"sample {number_of}", "group", start, end))
        steps += found
    return steps, f"Inspect AI, {text(records[0], 'eval', 'model') or 'a model'}"


def _sample(sample: Json, name: str) -> list[Step]:
    steps: list[Step] = []
    asked_by: dict[str, str] = {}
    tools: dict[str, str] = {}
    for event in objects(sample, "events"):
        start = instant_ns(event.get("timestamp"))
        end = instant_ns(event.get("completed"))
        if start is None or event.get("event") not in ("model", "tool"):
            continue
        key = f"{name} step {len(steps)}"
        if event["event"] == "tool":
            step = Step(key, text(event, "function") or "tool", "tool", start, end or start)
            id = text(event, "id")
            step.after = [asked_by[id]] if id in asked_by else []
            tools[id] = key
        else:
            step = _call(event, key, start, end)
            asked = objects(event, "output", "choices", 0, "message", "tool_calls")
            asked_by.update((text(call, "id"), key) for call in asked)
            results = (text(message, "tool_call_id") for message in objects(event, "input"))
            step.after = [tools.pop(id) for id in results if id in tools]
        step.parent = name
        steps.append(step)
    return steps


def _call(event: Json, key: str, start: int, end: int | None) -> Step:
    derived: tuple[str, ...] = ()
    if end is None:
        end = start + int((number(dig(event, "output", "time")) or 0.0) * 1e9)
        derived = ("ended_at",)
    model = text(event, "model") or "unknown"
    step = Step(key, "call", "llm", start, end, derived=derived, model=model)
    usage = dig(event, "output", "usage")
    step.input_tokens = tokens(usage, "input_tokens")
    step.cached_tokens = tokens(usage, "input_tokens_cache_read")
    step.output_tokens = tokens(usage, "output_tokens")
    step.reasoning_tokens = tokens(usage, "reasoning_tokens")
    step.finish_reason = text(event, "output", "choices", 0, "stop_reason") or None
    step.error = text(event, "error") or None
    return step
