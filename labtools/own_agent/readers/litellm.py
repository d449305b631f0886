"""LiteLLM's standard logging payload: a record a call, with what was asked and answered."""

from __future__ import annotations

from labtools.own_agent.json_values import Json, dig, instant_ns, objects, text, tokens
from labtools.own_agent.steps import Step

NAME = "LiteLLM's standard logging payloads (JSON lines)"


def recognises(records: list[Json]) -> bool:
    """Whether a record is one of this format's."""
    return any("call_type" in each and "completionStartTime" in each for each in _payloads(records))


def read(records: list[Json]) -> tuple[list[Step], str]:
    """Its calls; what lay between an answer and the prompt with its tools' results is those."""
    steps: list[Step] = []
    asked: dict[str, tuple[Step, str]] = {}
    payloads = [
        (at, each) for each in _payloads(records) if (at := instant_ns(each.get("startTime")))
    ]
    for n, (start, payload) in enumerate(sorted(payloads, key=lambda pair: pair[0]), start=1):
        step = _call(payload, f"call {n}", start)
        if step is None:
            continue
        by_asker: dict[str, tuple[Step, list[str]]] = {}
        for message in objects(payload, "messages"):
            if found := asked.pop(text(message, "tool_call_id"), None):
                by_asker.setdefault(found[0].key, (found[0], []))[1].append(found[1])
        for asker, names in by_asker.values():
            tool = Step(f"tools of {asker.key}", ", ".join(names), "tool", asker.end_ns, start)
            tool.after, tool.derived = [asker.key], ("started_at", "ended_at")
            step.after.append(tool.key)
            steps.append(tool)
        for call in objects(payload, "response", "choices", 0, "message", "tool_calls"):
            asked[text(call, "id")] = step, text(call, "function", "name") or "tool"
        steps.append(step)
    return steps, "LiteLLM"


def _payloads(records: list[Json]) -> list[Json]:
    inner = (each.get("standard_logging_object") for each in records)
    return [
        held if isinstance(held, dict) else each for held, each in zip(inner, records, strict=True)
    ]


def _call(payload: Json, key: str, start: int) -> Step | None:
    end = instant_ns(payload.get("endTime"))
    if end is None:
        return None
    kind = "tool" if "embedding" in text(payload, "call_type") else "llm"
    step = Step(key, key if kind == "llm" else "embedding", kind, start, end)
    step.model = text(payload, "model") or "unknown"
    step.input_tokens = tokens(payload, "prompt_tokens")
    step.output_tokens = tokens(payload, "completion_tokens")
    usage = dig(payload, "response", "usage") or dig(payload, "metadata", "usage_object")
    step.cached_tokens = tokens(usage, "prompt_tokens_details", "cached_tokens")
    step.reasoning_tokens = tokens(usage, "completion_tokens_details", "reasoning_tokens")
    step.finish_reason = text(payload, "response", "choices", 0, "finish_reason") or None
    if payload.get("status") == "failure":
        step.error = text(payload, "error_str") or "it failed"
    first = instant_ns(payload.get("completionStartTime"))
    if first is not None and payload.get("stream"):  # else it is the end under another name
        step.ttft_s = (first - start) / 1e9
    return step
