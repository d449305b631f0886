"""OpenTelemetry spans, as OTLP's JSON or a console exporter's: one table of names for all dialects.

The dialects: OpenTelemetry's GenAI conventions old and new, OpenInference, OpenLLMetry,
pydantic-ai, Vercel's AI SDK, Claude Code's own spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from labtools.own_agent.steps import Reader, Step, instant_ns, settled
from labtools.read_back import Json, dig, number, objects, text, tokens

# (attribute, its value) to the kind of a step; the first that fits. A "*" ends a beginning.
_KINDS = (
    ("span.type", "tool.blocked_on_user", "human"),  # Claude Code
    ("span.type", "llm_request", "llm"),
    ("span.type", "tool", "tool"),
    ("span.type", "tool.execution", "tool"),
    ("span.type", "interaction", "group"),
    ("ai.operationId", "ai.toolCall", "tool"),  # Vercel's AI SDK
    ("ai.operationId", "*.doGenerate", "llm"),
    ("ai.operationId", "*.doStream", "llm"),
    ("ai.operationId", "*.doEmbed", "tool"),
    ("ai.operationId", "*", "group"),
    ("openinference.span.kind", "LLM", "llm"),
    ("openinference.span.kind", "AGENT", "group"),
    ("openinference.span.kind", "CHAIN", "group"),
    ("openinference.span.kind", "*", "tool"),
    ("gen_ai.operation.name", "chat", "llm"),
    ("gen_ai.operation.name", "text_completion", "llm"),
    ("gen_ai.operation.name", "generate_content", "llm"),
    ("gen_ai.operation.name", "execute_tool", "tool"),
    ("gen_ai.operation.name", "embeddings", "tool"),
    ("gen_ai.operation.name", "*", "group"),
    ("traceloop.span.kind", "tool", "tool"),  # OpenLLMetry
    ("traceloop.span.kind", "*", "group"),
    ("llm.request.type", "chat", "llm"),
    ("llm.request.type", "completion", "llm"),
    ("gen_ai.system", "*", "llm"),
)

# A figure to the attributes that have held it, newest first. Of a call's own use only: an agent's
# span repeats what its calls used, under other names in some dialects, the same in others.
_NAMES = {
    figure: tuple(names.split())
    for figure, names in {
        "model": "gen_ai.response.model gen_ai.request.model llm.model_name ai.model.id model",
        "tool": "gen_ai.tool.name tool.name ai.toolCall.name tool_name traceloop.entity.name",
        "tool_id": "gen_ai.tool.call.id tool_call.id ai.toolCall.id tool_use_id",
        "input": "gen_ai.usage.input_tokens gen_ai.usage.prompt_tokens llm.token_count.prompt "
        "ai.usage.inputTokens ai.usage.promptTokens",
        "cached": "gen_ai.usage.cache_read.input_tokens gen_ai.usage.cache_read_input_tokens "
        "gen_ai.usage.details.cache_read_tokens llm.token_count.prompt_details.cache_read "
        "ai.usage.cachedInputTokens cache_read_tokens",
        "output": "gen_ai.usage.output_tokens gen_ai.usage.completion_tokens "
        "llm.token_count.completion ai.usage.outputTokens ai.usage.completionTokens output_tokens",
        "reasoning": "gen_ai.usage.reasoning.output_tokens gen_ai.usage.details.reasoning_tokens "
        "llm.token_count.completion_details.reasoning ai.usage.reasoningTokens",
        "finish": "gen_ai.response.finish_reasons llm.finish_reason ai.response.finishReason "
        "stop_reason",
        "ttft_s": "gen_ai.response.time_to_first_chunk gen_ai.response.time_to_first_token "
        "gen_ai.client.operation.time_to_first_chunk gen_ai.server.time_to_first_token",
        "ttft_ms": "ai.response.msToFirstChunk ttft_ms",
    }.items()
}
# Events that mark a first token.
_FIRST_TOKEN = (
    "First Token Stream Event",
    "gen_ai.content.first_chunk",
    "gen_ai.response.time_to_first_chunk",
    "ai.stream.firstChunk",
    "llm.content.completion.chunk",
)

_ID = re.compile(r"[A-Za-z0-9_-]{6,}")


def _read(records: Iterable[Json]) -> tuple[list[Step], str]:
    """Spans that say nothing of an agent, inside a call or tool, are left out."""
    found = [(span, step) for span in _spans(records) if (step := _step(span))]
    kept = settled([step for _, step in found])
    _connect([(span, step) for span, step in found if step in kept])
    names = dict.fromkeys(text(span, "_scope") for span, _ in found)
    return kept, f"OpenTelemetry, {', '.join(name for name in names if name) or 'no scope'}"


def _spans(records: Iterable[Json]) -> Iterator[Json]:
    """Spans with their attributes as a plain mapping, whoever wrote them."""
    for record in records:
        for resource in objects(record, "resourceSpans") or objects(record, "resource_spans"):
            for scope in objects(resource, "scopeSpans") or objects(resource, "scope_spans"):
                for span in objects(scope, "spans"):
                    name = text(scope, "scope", "name")
                    yield {**span, "attributes": _plain(span.get("attributes")), "_scope": name}
        context = record.get("context")
        if isinstance(context, dict) and "span_id" in context and "start_time" in record:
            attributes = record.get("attributes")
            yield {
                **record,
                "traceId": context.get("trace_id"),
                "spanId": context.get("span_id"),
                "parentSpanId": record.get("parent_id"),
                "startTimeUnixNano": record.get("start_time"),
                "endTimeUnixNano": record.get("end_time"),
                "attributes": attributes if isinstance(attributes, dict) else {},
            }


def _plain(attributes: object) -> Json:
    if not isinstance(attributes, list):
        return {}
    return {text(item, "key"): _value(dig(item, "value")) for item in attributes}


def _value(value: object) -> Any:
    if isinstance(value, dict) and value:
        kind, inner = next(iter(value.items()))
        if kind == "arrayValue":
            return [_value(item) for item in objects(inner, "values")]
        return number(inner) if kind == "intValue" else inner
    return value


def _first(attributes: Json, figure: str) -> Any:
    return next(
        (attributes[name] for name in _NAMES[figure] if attributes.get(name) is not None), None
    )


def _kind(attributes: Json) -> str:
    for name, wanted, kind in _KINDS:
        found = attributes.get(name)
        if isinstance(found, str) and (
            found.endswith(wanted[1:]) if wanted.startswith("*") else found == wanted
        ):
            return kind
    return "other"


def _step(span: Json) -> Step | None:
    attributes = dict(span["attributes"])
    start, end = instant_ns(span.get("startTimeUnixNano")), instant_ns(span.get("endTimeUnixNano"))
    if start is None or end is None or not isinstance(span.get("spanId"), str):
        return None
    name = text(span, "name")
    if name.startswith("claude_code."):
        attributes.setdefault("span.type", name.removeprefix("claude_code."))
    kind = _kind(attributes)
    parent = span.get("parentSpanId")
    trace = text(span, "traceId")
    tool = _first(attributes, "tool")
    named = tool if kind == "tool" and isinstance(tool, str) else name
    step = Step(f"{trace} {span['spanId']}", named or kind, kind, start, end)
    step.parent = f"{trace} {parent}" if isinstance(parent, str) and parent else None
    code = dig(span, "status", "code")
    failed = code in (2, "STATUS_CODE_ERROR") or dig(span, "status", "status_code") == "ERROR"
    step.error = (text(span, "status", "message") or "it failed") if failed else None
    if kind == "llm":
        _measure(step, attributes, span)
    return step


def _measure(step: Step, attributes: Json, span: Json) -> None:
    model, finish = _first(attributes, "model"), _first(attributes, "finish")
    step.model = model if isinstance(model, str) else "unknown"
    finish = finish[0] if isinstance(finish, list) and finish else finish
    step.finish_reason = finish if isinstance(finish, str) else None
    step.input_tokens = tokens(_first(attributes, "input"))
    step.cached_tokens = tokens(_first(attributes, "cached"))
    uncached, written = (
        tokens(attributes, name) for name in ("input_tokens", "cache_creation_tokens")
    )
    if step.input_tokens is None and uncached is not None:  # Claude Code counts each apart
        step.input_tokens = uncached + (written or 0) + (step.cached_tokens or 0)
    elif step.input_tokens is not None and (step.cached_tokens or 0) > step.input_tokens:
        step.input_tokens += step.cached_tokens or 0  # counted apart, against the convention
    step.output_tokens = tokens(_first(attributes, "output"))
    step.reasoning_tokens = tokens(_first(attributes, "reasoning"))
    seconds, milliseconds = (number(_first(attributes, name)) for name in ("ttft_s", "ttft_ms"))
    if seconds is None and milliseconds is not None:
        seconds = milliseconds / 1000
    for event in objects(span, "events") if seconds is None else ():
        if event.get("name") in _FIRST_TOKEN:
            at = instant_ns(event.get("timeUnixNano") or event.get("timestamp"))
            seconds = None if at is None else (at - step.start_ns) / 1e9
            break
    step.ttft_s = seconds


def _connect(found: list[tuple[Json, Step]]) -> None:
    """A tool waited for the call that named its id first, the next to name it for the tool."""
    tools = {
        id: step
        for span, step in found
        if step.kind == "tool" and isinstance(id := _first(span["attributes"], "tool_id"), str)
    }
    asked: set[str] = set()
    for span, step in sorted(found, key=lambda pair: pair[1].start_ns) if tools else ():
        if step.kind != "llm":
            continue
        said = {
            id
            for value in span["attributes"].values()
            if isinstance(value, str)
            for id in _ID.findall(value)
            if id in tools
        }
        for id in said:
            tool = tools[id]
            if id not in asked and step.start_ns <= tool.start_ns:
                tool.after = [step.key]
                asked.add(id)
            elif tool.end_ns <= step.end_ns:
                step.after.append(tool.key)
                del tools[id]


OPENTELEMETRY = Reader(
    "OpenTelemetry spans (OTLP JSON or JSON lines, or the console exporter's)",
    lambda record: any(True for _ in _spans([record])),
    _read,
)
