"""Small logs in the forms of their tools, for the readers' tests: made up, not recorded."""

import json
from pathlib import Path

# Beside the repository, or beside the folder of its worktrees.
_BESIDE = [folder / "shared" / "samples" for folder in Path(__file__).parents[3:5]]
SHARED = next((folder for folder in _BESIDE if folder.exists()), _BESIDE[0])


def stamp(seconds):
    return f"2026-05-01T10:00:{seconds:06.3f}Z"


def lines(*records):
    return "\n".join(json.dumps(record) for record in records) + "\n"


def claude(kind, at, content, **message):
    usage = {"input_tokens": 5, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 95}
    body = {"role": kind, "content": content, **message}
    if kind == "assistant":
        body |= {"model": "opus", "usage": {**usage, "output_tokens": 40}}
    return {"type": kind, "timestamp": stamp(at), "uuid": f"u{at}", "message": body}


CLAUDE_CODE = lines(
    claude("user", 0, "do it"),
    claude("assistant", 2, [{"type": "text", "text": "so"}], id="m1"),
    claude("assistant", 3, [{"type": "tool_use", "id": "t1", "name": "Read"}], id="m1"),
    claude("user", 4, [{"type": "tool_result", "tool_use_id": "t1"}]),
    {
        "type": "system",
        "subtype": "api_error",
        "timestamp": stamp(5),
        "uuid": "e",
        "retryInMs": 500,
    },
    claude("assistant", 7, [{"type": "text", "text": "done"}], id="m2"),
    claude("user", 20, "and now?"),
    claude("assistant", 21, [{"type": "text", "text": "no"}], id="m3"),
)


def codex(kind, at, **payload):
    return {"type": kind, "timestamp": stamp(at), "payload": payload}


def counted(at, total):
    last = {"input_tokens": 1000, "cached_input_tokens": 900, "output_tokens": 40}
    info = {"total_token_usage": {"total_tokens": total}, "last_token_usage": last}
    return codex("event_msg", at, type="token_count", info=info)


CODEX = lines(
    codex("session_meta", 0, id="s"),
    codex("turn_context", 0, model="gpt"),
    codex("event_msg", 0, type="user_message", message="x"),
    codex("response_item", 2, type="function_call", name="exec", call_id="c1"),
    codex("response_item", 2.1, type="function_call", name="exec", call_id="c2"),
    counted(2.2, 1040),
    counted(2.3, 1040),
    codex("response_item", 2.5, type="function_call_output", call_id="c1"),
    codex("response_item", 3, type="function_call_output", call_id="c2"),
    codex("response_item", 4, type="message", role="assistant"),
    counted(4.1, 2080),
)

TRACELAB = lines(
    *(
        {
            "session_id": session,
            "round_index": 0,
            "model": "opus",
            "input_tokens_total": 1000,
            "prefix_tokens": 900,
            "output_tokens": 40,
            "timing_events": [
                {"event_type": "user_message", "timestamp": stamp(at)},
                {"event_type": "text", "timestamp": stamp(at + 2)},
            ],
        }
        for session, at in (("a", 0), ("b", 40))
    )
)


def model_event(at, until, input, calls):
    message = {"role": "assistant", "tool_calls": [{"id": id, "function": "f"} for id in calls]}
    usage = {"input_tokens": 1000, "output_tokens": 40, "input_tokens_cache_read": 900}
    return {
        "event": "model",
        "timestamp": stamp(at),
        "completed": stamp(until),
        "model": "m",
        "input": input,
        "output": {"choices": [{"message": message, "stop_reason": "stop"}], "usage": usage},
    }


INSPECT = json.dumps(
    {
        "eval": {"model": "m"},
        "samples": [
            {
                "events": [
                    model_event(0, 1, [], ["c"]),
                    {
                        "event": "tool",
                        "id": "c",
                        "function": "go",
                        "timestamp": stamp(1),
                        "completed": stamp(3),
                    },
                    model_event(3, 5, [{"role": "tool", "tool_call_id": "c"}], []),
                ]
            }
        ],
    }
)


def span(id, at, until, parent=None, name="s", events=(), status=None, **attributes):
    """An OTLP span; in names of attributes "__" stands for a dot."""

    def value(given):
        kinds = {bool: "boolValue", int: "intValue", float: "doubleValue"}
        return {kinds.get(type(given), "stringValue"): str(given) if type(given) is int else given}

    return {
        "traceId": "t",
        "spanId": id,
        "parentSpanId": parent or "",
        "name": name,
        "startTimeUnixNano": str(1_777_000_000_000_000_000 + int(at * 1e9)),
        "endTimeUnixNano": str(1_777_000_000_000_000_000 + int(until * 1e9)),
        "attributes": [
            {"key": key.replace("__", "."), "value": value(given)}
            for key, given in attributes.items()
        ],
        "events": [
            {"name": name, "timeUnixNano": str(1_777_000_000_000_000_000 + int(at * 1e9))}
            for name, at in events
        ],
        "status": status or {},
    }


def otlp(*spans):
    scope = {"scope": {"name": "test"}, "spans": list(spans)}
    return json.dumps({"resourceSpans": [{"scopeSpans": [scope]}]})


OTLP = otlp(
    span("a", 0, 9, gen_ai__operation__name="invoke_agent", gen_ai__usage__input_tokens=2000),
    span(
        "b",
        0,
        2,
        "a",
        gen_ai__operation__name="chat",
        gen_ai__request__model="m",
        gen_ai__usage__input_tokens=1000,
        gen_ai__usage__output_tokens=40,
        gen_ai__response__time_to_first_chunk=0.5,
        gen_ai__output__messages='[{"parts": [{"type": "tool_call", "id": "call_123"}]}]',
    ),
    span(
        "c",
        2,
        3,
        "a",
        gen_ai__operation__name="execute_tool",
        gen_ai__tool__name="read",
        gen_ai__tool__call__id="call_123",
    ),
    span("d", 2.1, 2.9, "c", name="GET /file"),
    span(
        "e",
        4,
        9,
        "a",
        gen_ai__operation__name="chat",
        gen_ai__usage__input_tokens=1000,
        gen_ai__input__messages='[{"parts": [{"type": "tool_call_response", "id": "call_123"}]}]',
    ),
)


def litellm(at, first, until, messages, calls, stream=True, **more):
    """LiteLLM's payload; instants are seconds since 1970."""
    zero = 1_777_000_000
    message = {"role": "assistant", "tool_calls": calls}
    usage = {"prompt_tokens_details": {"cached_tokens": 900}}
    return {
        "id": f"c{at}",
        "call_type": "acompletion",
        "stream": stream,
        "status": "success",
        "model": "m",
        "prompt_tokens": 1000,
        "completion_tokens": 40,
        "startTime": zero + at,
        "completionStartTime": zero + first,
        "endTime": zero + until,
        "messages": messages,
        "response": {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage},
        **more,
    }


LITELLM = lines(
    litellm(0, 0.5, 2, [], [{"id": "t1", "function": {"name": "read", "arguments": "{}"}}]),
    litellm(3, 5, 5, [{"role": "tool", "tool_call_id": "t1", "content": "x"}], [], stream=False),
    litellm(5, 6, 6, [], [], status="failure", error_str="too many"),
)


def observation(id, kind, at, until, parent=None, **more):
    """Langfuse's, as its API lists it."""
    held = {"id": id, "traceId": "t", "type": kind, "name": f"{kind.lower()} {id}"}
    times = {"startTime": stamp(at), "endTime": stamp(until)}
    return {**held, **times, "parentObservationId": parent, "level": "DEFAULT", **more}


LANGFUSE = json.dumps(
    {
        "data": [
            observation("a", "AGENT", 0, 5),
            observation(
                "b",
                "GENERATION",
                0,
                2,
                "a",
                model="m",
                completionStartTime=stamp(0.5),
                usageDetails={"input": 100, "input_cached_tokens": 900, "output": 40},
            ),
            observation("c", "TOOL", 2, 3, "a"),
            observation("d", "EVENT", 3, 3, "a"),
            observation(
                "e",
                "GENERATION",
                3,
                5,
                "a",
                model="m",
                usageDetails={"input": 5, "cache_read_input_tokens": 900, "output": 40},
                level="ERROR",
                statusMessage="too many",
            ),
        ]
    }
)

SMALL = {
    "litellm.jsonl": LITELLM,
    "langfuse.json": LANGFUSE,
    "claude_code.jsonl": CLAUDE_CODE,
    "codex_rollout.jsonl": CODEX,
    "tracelab_rounds.jsonl": TRACELAB,
    "inspect_browser.json": INSPECT,
    "otel_pyd.jsonl": OTLP,
}
