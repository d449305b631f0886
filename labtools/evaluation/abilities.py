"""What an endpoint knows of the API, found out before anything is measured.

An endpoint without tools is not slow at tools. What is missing here is left out of the probes and
named in the report.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from labtools.errors import EndpointUnusable
from labtools.evaluation.labels import Label
from labtools.evaluation.plan import Call
from labtools.evaluation.prompts import FUNCTIONS, asked, response_format, tools
from labtools.records import CallRecord

LIMITS = ("max_completion_tokens", "max_tokens")
SHORT = 16
ROOMY = 256

Send = Callable[[Call], Awaitable[CallRecord]]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the endpoint can do. Plain values, kept with the results."""

    limit: str
    """What it calls the limit on the answer: "max_completion_tokens" or "max_tokens"."""
    obeys_limit: bool
    usage: bool
    """Whether a stream ends with the tokens it took."""
    cached_tokens: bool
    """Whether `usage` says how much of the prompt came from a cache."""
    tools: bool
    json_schema: bool
    notes: tuple[str, ...] = ()
    """What it answered where it could not."""

    @classmethod
    def all(cls, limit: str) -> Abilities:
        """Those of an endpoint that lacks nothing."""
        return cls(limit, True, True, True, True, True)

    def knows(self, form: Label) -> bool:
        """Whether it answers in this form."""
        forms = {Label.TOOL_CALL: self.tools, Label.JSON_SCHEMA: self.json_schema}
        return forms.get(form, True)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


async def find_abilities(send: Send, seed: int = 0) -> Abilities:
    """Ask the endpoint in a few calls. Raises EndpointUnusable when it cannot stream at all."""
    notes: list[str] = []
    limit, usage, plain = await _plain(send, seed, notes)
    tool = await send(_tool_call(seed, limit))
    schema = await send(_json_schema(seed, limit))
    if not (has_tools := is_valid(tool, Label.TOOL_CALL, FUNCTIONS[0])):
        notes.append(f"tool call: {_found(tool)}")
    if not (has_schema := is_valid(schema, Label.JSON_SCHEMA, FUNCTIONS[-1])):
        notes.append(f"JSON schema: {_found(schema)}")
    tokens = plain.output_tokens if usage else len(plain.chunks_at)
    obeys = tokens is not None and tokens <= SHORT
    if not obeys:
        notes.append(f"asked for at most {SHORT} tokens, it answered with {tokens}")
    return Abilities(
        limit=limit,
        obeys_limit=obeys,
        usage=usage,
        cached_tokens=plain.cached_tokens is not None,
        tools=has_tools,
        json_schema=has_schema,
        notes=tuple(notes),
    )


async def _plain(send: Send, seed: int, notes: list[str]) -> tuple[str, bool, CallRecord]:
    """The first way of asking for a short stream that the endpoint accepts."""
    record = None
    for usage in (True, False):
        for limit in LIMITS:
            record = await send(_short(seed, limit, usage))
            if record.error is None:
                has_usage = record.output_tokens is not None
                if not has_usage:
                    notes.append("a stream brings no usage: tokens are counted as chunks")
                return limit, has_usage, record
            notes.append(f"{limit}, usage {'asked for' if usage else 'left out'}: {record.error}")
            if record.error.kind != "status" or record.error.status not in (400, 404, 422):
                raise EndpointUnusable(_unusable(record))
    assert record
    raise EndpointUnusable(_unusable(record))


def _unusable(record: CallRecord) -> str:
    return (
        f"The endpoint does not stream a chat completion: {str(record.error).rstrip('.')}. "
        "Nothing can be measured without a stream. Check the model's name and the key, and that "
        'POST /chat/completions answers with "stream": true.'
    )


def _short(seed: int, limit: str, usage: bool) -> Call:
    request = {
        "messages": asked(200, f"{seed}/ability/{limit}/{usage}", "Count to 100."),
        limit: SHORT,
    }
    return Call(Label.PLAIN, request if usage else {**request, "stream_options": None})


def _tool_call(seed: int, limit: str) -> Call:
    messages = asked(200, f"{seed}/ability/tool", "Read src/main.py, lines 1 to 40.")
    request = {"messages": messages, "tools": tools(FUNCTIONS[0]), "tool_choice": "required"}
    return Call(Label.TOOL_CALL, {**request, limit: ROOMY})


def _json_schema(seed: int, limit: str) -> Call:
    messages = asked(200, f"{seed}/ability/schema", "Say that the tests pass.")
    format = response_format(FUNCTIONS[-1])
    return Call(Label.JSON_SCHEMA, {"messages": messages, "response_format": format, limit: ROOMY})


def _found(record: CallRecord) -> str:
    if record.error:
        return str(record.error)
    said = record.content or ", ".join(f"{c.name}({c.arguments})" for c in record.tool_calls)
    return f"it answered {said[:80]!r}"


def is_valid(record: CallRecord, form: Label, function: Mapping[str, Any]) -> bool:
    """Whether the answer is the call, or the JSON object, that `function` describes."""
    if record.error:
        return False
    if form == Label.TOOL_CALL:
        return any(
            call.name == function["name"] and has_keys(call.arguments, function)
            for call in record.tool_calls
        )
    return has_keys(record.content, function)


def has_keys(text: str, function: Mapping[str, Any]) -> bool:
    """Whether the text is an object with the keys that the schema requires, and no others."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.keys() == set(function["parameters"]["required"])
