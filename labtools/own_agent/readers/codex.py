"""Codex CLI's rollout log: the items of each answer, and a count of tokens behind them."""

from __future__ import annotations

from labtools.own_agent.json_values import Json, dig, instant_ns, text, tokens
from labtools.own_agent.steps import Step
from labtools.own_agent.turns import Turns

NAME = "Codex CLI's rollout log (~/.codex/sessions/**/rollout-*.jsonl)"

_TOOLS = ("function_call", "custom_tool_call", "local_shell_call")
_RESULTS = tuple(f"{kind}_output" for kind in _TOOLS)
_OUTPUT = ("reasoning", "message", "web_search_call", *_TOOLS)


def recognises(records: list[Json]) -> bool:
    """Whether a record is one of this format's."""
    kinds = ("response_item", "event_msg", "session_meta")
    return any(
        record.get("type") in kinds and isinstance(record.get("payload"), dict)
        for record in records
    )


def read(records: list[Json]) -> tuple[list[Step], str]:
    """Its steps. A call ends with its last item; the count of tokens comes a little later."""
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
                _count(turns.call, dig(payload, "info", "last_token_usage"))
                turns.end_call()
            counted = total
        elif record.get("type") == "response_item":
            _item(turns, payload, kind, at_ns, model)
    return turns.steps, "Codex"


def _item(turns: Turns, payload: Json, kind: str, at_ns: int, model: str) -> None:
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


def _count(call: Step, usage: object) -> None:
    call.input_tokens = tokens(usage, "input_tokens")
    call.cached_tokens = tokens(usage, "cached_input_tokens")
    call.output_tokens = tokens(usage, "output_tokens")
    call.reasoning_tokens = tokens(usage, "reasoning_output_tokens")
