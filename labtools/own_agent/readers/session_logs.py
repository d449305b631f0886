"""Coding agents' own session logs, told to `Turns`: Claude Code, Codex CLI, TraceLab's rounds."""

from __future__ import annotations

from collections.abc import Iterable

from labtools.own_agent.steps import Reader, Step, Turns, instant_ns
from labtools.read_back import Json, dig, number, objects, text, tokens


def _is_claude_codes(record: Json) -> bool:
    return (
        record.get("type") in ("user", "assistant")
        and isinstance(record.get("message"), dict)
        and ("uuid" in record or "sessionId" in record)
    )


def _claude_code(records: Iterable[Json]) -> tuple[list[Step], str]:
    """`usage` stands on each block of an answer, and is that of the whole answer."""
    chains: dict[str, Turns] = {}
    for record in records:
        at_ns = instant_ns(record.get("timestamp"))
        if at_ns is None:
            continue
        # A sub-agent's conversation may stand in the same file.
        chain = text(record, "agentId") or ("side" if record.get("isSidechain") is True else "main")
        turns = chains.setdefault(chain, Turns(chain))
        if record.get("type") == "assistant":
            _claudes_answer(turns, record, at_ns)
        elif record.get("type") == "user":
            _claudes_message(turns, record, at_ns)
        elif record.get("subtype") == "api_error":
            wait_ms = number(record.get("retryInMs")) or 0.0
            turns.failed(at_ns, "the API refused or failed", at_ns + int(min(wait_ms, 1e9) * 1e6))
    steps = [step for turns in chains.values() for step in turns.steps]
    return steps, "Claude Code"


def _claudes_answer(turns: Turns, record: Json, at_ns: int) -> None:
    message = record.get("message")
    id, model = text(message, "id"), text(message, "model")
    if not id or model == "<synthetic>":  # what Claude Code says itself, of an error for instance
        return
    call, usage = turns.output(at_ns, id, model or "unknown"), dig(message, "usage")
    call.count(usage, "input_tokens", "cache_read_input_tokens", "output_tokens")
    if call.input_tokens is not None:
        written = tokens(usage, "cache_creation_input_tokens")
        call.input_tokens += (call.cached_tokens or 0) + (written or 0)
    call.finish_reason = text(message, "stop_reason") or call.finish_reason
    for block in objects(message, "content"):
        if block.get("type") == "tool_use":
            turns.tool(at_ns, text(block, "id"), text(block, "name"))


def _claudes_message(turns: Turns, record: Json, at_ns: int) -> None:
    results = [
        block
        for block in objects(record, "message", "content")
        if block.get("type") == "tool_result"
    ]
    for block in results:
        turns.result(at_ns, text(block, "tool_use_id"))
    if not results and record.get("isMeta") is not True:
        turns.person(at_ns)


CLAUDE_CODE = Reader(
    "Claude Code's session log (~/.claude/projects/*/*.jsonl)", _is_claude_codes, _claude_code
)

_TOOLS = ("function_call", "custom_tool_call", "local_shell_call")
_RESULTS = tuple(f"{kind}_output" for kind in _TOOLS)
_OUTPUT = ("reasoning", "message", "web_search_call", *_TOOLS)


def _is_codexs(record: Json) -> bool:
    kinds = ("response_item", "event_msg", "session_meta")
    return record.get("type") in kinds and isinstance(record.get("payload"), dict)


def _codex(records: Iterable[Json]) -> tuple[list[Step], str]:
    """A call ends with its last item; the count of tokens comes a little later."""
    turns, model, counted = Turns("codex"), "unknown", None
    for record in records:
        at_ns, payload = instant_ns(record.get("timestamp")), record.get("payload")
        if at_ns is None or not isinstance(payload, dict):
            continue
        kind = text(payload, "type")
        if record.get("type") == "turn_context":
            model = text(payload, "model") or model
        elif kind == "user_message":
            turns.person(at_ns)
        elif kind == "token_count" and (total := dig(payload, "info", "total_token_usage")):
            if turns.call and total != counted:  # it is said again when nothing has changed
                turns.call.count(
                    dig(payload, "info", "last_token_usage"),
                    "input_tokens",
                    "cached_input_tokens",
                    "output_tokens",
                    "reasoning_output_tokens",
                )
                turns.end_call()
            counted = total
        elif record.get("type") == "response_item":
            _codex_item(turns, payload, kind, at_ns, model)
    return turns.steps, "Codex"


def _codex_item(turns: Turns, payload: Json, kind: str, at_ns: int, model: str) -> None:
    if kind in _RESULTS:
        turns.result(at_ns, text(payload, "call_id"))
    elif kind == "message" and payload.get("role") == "user":
        turns.person(at_ns)
    elif kind in _OUTPUT and payload.get("role") in (None, "assistant"):
        if turns.results:  # the results are in its prompt, so it is another call
            turns.end_call()
        call = turns.output(at_ns, turns.call.key if turns.call else f"call {turns.calls}", model)
        if kind in _TOOLS:
            turns.tool(at_ns, text(payload, "call_id"), text(payload, "name") or kind)
            call.finish_reason = "tool_calls"


CODEX = Reader("Codex CLI's rollout log (~/.codex/sessions/**/rollout-*.jsonl)", _is_codexs, _codex)


def _tracelab(records: Iterable[Json]) -> tuple[list[Step], str]:
    """A row is a model call, of many sessions; they are set one behind the other."""
    sessions: dict[str, Turns] = {}
    for n, record in enumerate(records):
        name = text(record, "session_id")
        _tracelab_round(sessions.setdefault(name, Turns(name)), record, f"{name} call {n}")
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


def _tracelab_round(turns: Turns, record: Json, key: str) -> None:
    for event in objects(record, "timing_events"):
        at_ns, kind = instant_ns(event.get("timestamp")), text(event, "event_type")
        if at_ns is None:
            continue
        if kind == "user_message":
            turns.person(at_ns)
        elif kind == "tool_result":
            turns.result(at_ns, text(event, "tool_call_id"))
        elif kind in ("reasoning", "text", "tool_call"):
            turns.output(at_ns, key, text(record, "model") or "unknown").count(
                record,
                "input_tokens_total",
                "prefix_tokens",
                "output_tokens",
                "reasoning_output_tokens",
            )
            if kind == "tool_call":
                turns.tool(at_ns, text(event, "tool_call_id"), text(event, "tool_name"))


TRACELAB = Reader(
    "TraceLab's rounds (JSON lines)",
    lambda record: "round_index" in record and "timing_events" in record,
    _tracelab,
)
