"""Claude Code's own session log: a record a block of an answer, a result, a message."""

from __future__ import annotations

from labtools.own_agent.json_values import Json, dig, instant_ns, number, objects, text, tokens
from labtools.own_agent.steps import Step
from labtools.own_agent.turns import Turns

NAME = "Claude Code's session log (~/.claude/projects/*/*.jsonl)"


def recognises(records: list[Json]) -> bool:
    """Whether a record is one of this format's."""
    return any(
        record.get("type") in ("user", "assistant")
        and isinstance(record.get("message"), dict)
        and ("uuid" in record or "sessionId" in record)
        for record in records
    )


def read(records: list[Json]) -> tuple[list[Step], str]:
    """Its steps. `usage` stands on each block of an answer, and is that of the whole answer."""
    chains: dict[str, Turns] = {}
    for record in records:
        at_ns = instant_ns(record.get("timestamp"))
        if at_ns is None:
            continue
        # A sub-agent's conversation may stand in the same file.
        chain = text(record, "agentId") or ("side" if record.get("isSidechain") is True else "main")
        turns = chains.setdefault(chain, Turns(chain))
        if record.get("type") == "assistant":
            _answer(turns, record, at_ns)
        elif record.get("type") == "user":
            _message(turns, record, at_ns)
        elif record.get("subtype") == "api_error":
            wait_ms = number(record.get("retryInMs")) or 0.0
            turns.failed(at_ns, "the API refused or failed", at_ns + int(min(wait_ms, 1e9) * 1e6))
    steps = [step for turns in chains.values() for step in turns.steps]
    return steps, "Claude Code"


def _answer(turns: Turns, record: Json, at_ns: int) -> None:
    message = record.get("message")
    id, model = text(message, "id"), text(message, "model")
    if not id or model == "<synthetic>":  # what Claude Code says itself, of an error for instance
        return
    call = turns.output(at_ns, id, model or "unknown")
    usage = dig(message, "usage")
    call.cached_tokens = tokens(usage, "cache_read_input_tokens")
    parts = [tokens(usage, "input_tokens"), tokens(usage, "cache_creation_input_tokens")]
    if parts[0] is not None:
        call.input_tokens = sum(part or 0 for part in [*parts, call.cached_tokens])
    call.output_tokens = tokens(usage, "output_tokens")
    call.finish_reason = text(message, "stop_reason") or call.finish_reason
    for block in objects(message, "content"):
        if block.get("type") == "tool_use":
            turns.tool(at_ns, text(block, "id"), text(block, "name"))


def _message(turns: Turns, record: Json, at_ns: int) -> None:
    results = [
        block
        for block in objects(record, "message", "content")
        if block.get("type") == "tool_result"
    ]
    for block in results:
        turns.result(at_ns, text(block, "tool_use_id"))
    if not results and record.get("isMeta") is not True:
        turns.person(at_ns)
