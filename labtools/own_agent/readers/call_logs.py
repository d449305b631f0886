"""Logs with a record for each finished call or step: Inspect AI, LiteLLM, Langfuse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from labtools.own_agent.steps import Reader, Step, instant_ns, settled
from labtools.read_back import Json, dig, number, objects, text, tokens


def _inspect(records: Iterable[Json]) -> tuple[list[Step], str]:
    """The steps of all samples, a group a sample where there are several."""
    records, steps = list(records), list[Step]()
    samples = [sample for record in records for sample in objects(record, "samples")]
    for n, sample in enumerate(samples, start=1):
        name = f"sample {n}"
        found = _inspect_sample(sample, name)
        if len(samples) > 1 and found:
            start, end = min(s.start_ns for s in found), max(s.end_ns for s in found)
            steps.append(Step(name, name, "group", start, end))
        steps += found
    return steps, f"Inspect AI, {text(records[0], 'eval', 'model') or 'a model'}"


def _inspect_sample(sample: Json, name: str) -> list[Step]:
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
            step = _inspect_call(event, key, start, end)
            asked = objects(event, "output", "choices", 0, "message", "tool_calls")
            asked_by.update((text(call, "id"), key) for call in asked)
            results = (text(message, "tool_call_id") for message in objects(event, "input"))
            step.after = [tools.pop(id) for id in results if id in tools]
        step.parent = name
        steps.append(step)
    return steps


def _inspect_call(event: Json, key: str, start: int, end: int | None) -> Step:
    derived: tuple[str, ...] = ()
    if end is None:
        end = start + int((number(dig(event, "output", "time")) or 0.0) * 1e9)
        derived = ("ended_at",)
    model = text(event, "model") or "unknown"
    step = Step(key, "call", "llm", start, end, derived=derived, model=model)
    usage = dig(event, "output", "usage")
    step.count(
        usage, "input_tokens", "input_tokens_cache_read", "output_tokens", "reasoning_tokens"
    )
    step.finish_reason = text(event, "output", "choices", 0, "stop_reason") or None
    step.error = text(event, "error") or None
    return step


INSPECT_AI = Reader(
    "Inspect AI's evaluation log (JSON; `inspect log dump FILE.eval` makes one)",
    lambda record: "eval" in record and "samples" in record,
    _inspect,
)


def _payload(record: Json) -> Json:
    """LiteLLM's standard logging payload, which may be the record or within it."""
    inner = record.get("standard_logging_object")
    return inner if isinstance(inner, dict) else record


def _is_litellms(record: Json) -> bool:
    payload = _payload(record)
    return "call_type" in payload and "completionStartTime" in payload


def _litellm(records: Iterable[Json]) -> tuple[list[Step], str]:
    """Its calls; what lay between an answer and the prompt with its tools' results is those."""
    steps: list[Step] = []
    asked: dict[str, tuple[Step, str]] = {}
    payloads = [
        (at, payload)
        for payload in map(_payload, records)
        if (at := instant_ns(payload.get("startTime")))
    ]
    for n, (start, payload) in enumerate(sorted(payloads, key=lambda pair: pair[0]), start=1):
        step = _litellm_call(payload, f"call {n}", start)
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


def _litellm_call(payload: Json, key: str, start: int) -> Step | None:
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


LITELLM = Reader("LiteLLM's standard logging payloads (JSON lines)", _is_litellms, _litellm)

_KINDS = {"GENERATION": "llm", "TOOL": "tool", "RETRIEVER": "tool", "EMBEDDING": "tool"}


def _observations(record: Json) -> Iterator[Json]:
    """Langfuse's, as its API lists them, or within a trace."""
    if "traceId" in record and "startTime" in record:
        yield record
    for held in ("data", "observations"):
        for inner in objects(record, held):
            yield from _observations(inner)


def _langfuse(records: Iterable[Json]) -> tuple[list[Step], str]:
    """What holds others is a group; an event takes no time, and is none."""
    found = (_observed(each) for record in records for each in _observations(record))
    return settled([step for step in found if step]), "Langfuse"


def _observed(observation: Json) -> Step | None:
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
        _count_observed(step, dig(observation, "usageDetails") or dig(observation, "usage"))
        first = instant_ns(observation.get("completionStartTime"))
        step.ttft_s = None if first is None else (first - start) / 1e9
    return step


def _count_observed(step: Step, usage: object) -> None:
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


LANGFUSE = Reader(
    "Langfuse's observations (JSON of its API)",
    lambda record: any("parentObservationId" in each for each in _observations(record)),
    _langfuse,
)
