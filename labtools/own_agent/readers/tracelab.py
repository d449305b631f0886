"""TraceLab's rounds: a row a model call, of many sessions."""

from __future__ import annotations

from labtools.own_agent.json_values import Json, instant_ns, objects, text, tokens
from labtools.own_agent.steps import Step
from labtools.own_agent.turns import Turns

NAME = "TraceLab's rounds (JSON lines)"


def recognises(records: list[Json]) -> bool:
    """Whether a record is one of this format's."""
    return any("round_index" in record and "timing_events" in record for record in records)


def read(records: list[Json]) -> tuple[list[Step], str]:
    """The steps of all sessions, one session set behind the other."""
    sessions: dict[str, Turns] = {}
    for number, record in enumerate(records):
        name = text(record, "session_id")
        _round(sessions.setdefault(name, Turns(name)), record, f"{name} call {number}")
    steps: list[Step] = []
    for turns in sessions.values():
        if steps and turns.steps:
            first = min(step.start_ns for step in turns.steps)
            moved = max(step.end_ns for step in steps) - first
            for step in turns.steps:
                step.start_ns += moved
                step.end_ns += moved
        steps += turns.steps
    said = f", {len(sessions)} sessions set one behind the other" if len(sessions) > 1 else ""
    return steps, f"TraceLab{said}"


def _round(turns: Turns, record: Json, key: str) -> None:
    for event in objects(record, "timing_events"):
        at_ns, kind = instant_ns(event.get("timestamp")), text(event, "event_type")
        if at_ns is None:
            continue
        if kind == "user_message":
            turns.person(at_ns)
        elif kind == "tool_result":
            turns.result(at_ns, text(event, "tool_call_id"))
        elif kind in ("reasoning", "text", "tool_call"):
            call = turns.output(at_ns, key, text(record, "model") or "unknown")
            call.input_tokens = tokens(record, "input_tokens_total")
            call.cached_tokens = tokens(record, "prefix_tokens")
            call.output_tokens = tokens(record, "output_tokens")
            call.reasoning_tokens = tokens(record, "reasoning_output_tokens")
            if kind == "tool_call":
                turns.tool(at_ns, text(event, "tool_call_id"), text(event, "tool_name"))
