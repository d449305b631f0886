"""Langfuse's observations, as its API lists them, or within a trace."""

from __future__ import annotations

from collections.abc import Iterator

from labtools.own_agent.json_values import Json, dig, instant_ns, objects, text, tokens
from labtools.own_agent.steps import Step, settled

NAME = "Langfuse's observations (JSON of its API)"

_KINDS = {"GENERATION": "llm", "TOOL": "tool", "RETRIEVER": "tool", "EMBEDDING": "tool"}


def recognises(records: list[Json]) -> bool:
    """Whether a record is one of this format's."""
    return any("parentObservationId" in each for each in _observations(records))


def read(records: list[Json]) -> tuple[list[Step], str]:
    """Its steps. What holds others is a group; an event takes no time, and is none."""
    found = [step for each in _observations(records) if (step := _step(each))]
    return settled(found), "Langfuse"


def _observations(records: list[Json]) -> Iterator[Json]:
    for record in records:
        if "traceId" in record and "startTime" in record:
            yield record
        for held in ("data", "observations"):
            yield from _observations(objects(record, held))


def _step(observation: Json) -> Step | None:
    start, end = (instant_ns(observation.get(name)) for name in ("startTime", "endTime"))
    id, kind = text(observation, "id"), text(observation, "type")
    if start is None or end is None or not id or kind == "EVENT":
        return None
    kind = _KINDS.get(kind, "other")
    step = Step(id, text(observation, "name") or kind, kind, start, end)
    step.parent = text(observation, "parentObservationId") or None
    if observation.get("level") == "ERROR":
        step.error = text(observation, "statusMessage") or "it failed"
    if kind == "llm":
        step.model = text(observation, "model") or "unknown"
        _use(step, dig(observation, "usageDetails") or dig(observation, "usage"))
        first = instant_ns(observation.get("completionStartTime"))
        step.ttft_s = None if first is None else (first - start) / 1e9
    return step


def _use(step: Step, usage: object) -> None:
    """Take token counts in. Each kind of input, the cached too, is counted apart, or again."""
    counts = {
        name: count
        for name in (usage if isinstance(usage, dict) else ())
        if (count := tokens(usage, name)) is not None
    }

    def total(*words: str) -> int | None:
        found = [n for name, n in counts.items() if all(word in name for word in words)]
        return sum(found) if found else None

    step.output_tokens = total("output")
    step.input_tokens = total("input")
    if (whole := counts.get("total")) is not None and whole >= (step.output_tokens or 0):
        step.input_tokens = whole - (step.output_tokens or 0)
    step.cached_tokens = total("input", "cache_read") or total("input", "cached")
    step.reasoning_tokens = total("output", "reasoning")
