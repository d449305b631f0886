"""What an endpoint knows of the API, found out before anything is measured.

An endpoint without tools is not slow at tools. What is missing here is left out of the plan and
named in the report. A refusal that has nothing to do with the question (a rate limit, a server
that is down, a timeout) is no verdict: it is waited for and asked again, and what could not be
asked is not known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from labtools.errors import EndpointUnusable
from labtools.evaluation.plan import (
    FUNCTIONS,
    NAMES,
    AxisName,
    Block,
    Call,
    Label,
    instructed,
    response_format,
    tools,
)
from labtools.read_back import from_json
from labtools.records import CallError, CallRecord

LIMITS = ("max_completion_tokens", "max_tokens")
SHORT = 16
# A model that reasons may refuse to answer in so little.
ROOMS = (SHORT, 256, 2_048)
ROOMY = 256
# Of one question, and of all together: a run announces so many requests.
TRIES = 4
MOST_CALLS = 16
LONGEST_WAIT_S = 60.0
# What an endpoint answers to a request that it cannot serve, whenever it comes.
_NO = (400, 404, 405, 413, 415, 422, 501)

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
    not_known: tuple[str, ...] = ()
    """"tools" or "json_schema", where the endpoint refused to be asked. Asked again on resume."""
    least_limit: int = 1
    """The smallest limit on an answer that it takes, of those that were tried."""

    @classmethod
    def all(cls, limit: str) -> Abilities:
        """Those of an endpoint that lacks nothing."""
        return cls(limit, True, True, True, True, True)

    def knows(self, form: Label) -> bool:
        """Whether it answers in this form."""
        forms = {Label.TOOL_CALL: self.tools, Label.JSON_SCHEMA: self.json_schema}
        return forms.get(form, True)

    def request(self, call: Call) -> dict[str, Any]:
        """The call's request as this endpoint takes it."""
        request = dict(call.request)
        if self.least_limit > 1 and self.limit in request:
            request[self.limit] = max(request[self.limit], self.least_limit)
        if not self.usage:
            request["stream_options"] = None
        return request


def blocks(seed: int) -> list[Block]:
    """What finding them out sends at most."""
    calls = [_plain(seed, limit, room, usage=True) for room in ROOMS[1:] for limit in LIMITS]
    calls += [_tool_call(seed, LIMITS[0]), _json_schema(seed, LIMITS[0])]
    calls += [_plain(seed, LIMITS[0], SHORT, usage=True)] * (MOST_CALLS - len(calls))
    return [Block.single("abilities", AxisName.ABILITIES, *calls)]


async def find_abilities(send: Send, seed: int = 0) -> Abilities:
    """Ask the endpoint in a few calls. Raises EndpointUnusable when it cannot stream at all."""
    return await _Questions(send, seed).abilities()


class _Way(NamedTuple):
    """How a short stream may be asked for, and the one that was answered."""

    limit: str
    room: int
    answer: CallRecord

    @property
    def usage(self) -> bool:
        return self.answer.output_tokens is not None

    @property
    def obeyed(self) -> bool:
        return _answered_tokens(self.answer) <= self.room


class _Questions:
    """Those to one endpoint, of which there are `MOST_CALLS` at most."""

    def __init__(self, send: Send, seed: int) -> None:
        self._send = send
        self._seed = seed
        self._left = MOST_CALLS
        self._notes: list[str] = []
        self._not_known: list[str] = []

    async def abilities(self) -> Abilities:
        way = await self._how_to_ask()
        limit, room, plain = way
        if not way.usage:
            self._notes.append("a stream brings no usage: tokens are counted as chunks")
        tool_call = await self._ask(_tool_call(self._seed, limit, room), spare=1)
        has_tools = self._judged("tools", tool_call, Label.TOOL_CALL, FUNCTIONS[0])
        schema = await self._ask(_json_schema(self._seed, limit, room), spare=0)
        has_schema = self._judged("json_schema", schema, Label.JSON_SCHEMA, FUNCTIONS[-1])
        if not way.obeyed:
            found = _answered_tokens(plain)
            self._notes.append(f"asked for at most {room} tokens, it answered with {found}")
        return Abilities(
            limit=limit,
            obeys_limit=way.obeyed,
            usage=way.usage,
            cached_tokens=plain.cached_tokens is not None,
            tools=has_tools,
            json_schema=has_schema,
            notes=tuple(self._notes),
            not_known=tuple(self._not_known),
            least_limit=1 if room == SHORT else room,
        )

    async def _how_to_ask(self) -> _Way:
        """Of the names of the limit that are accepted the first that is obeyed, else the first."""
        accepted: list[_Way] = []
        refusal: CallError | None = None
        for room, usage in [(SHORT, True), (SHORT, False), *((room, True) for room in ROOMS[1:])]:
            for limit in LIMITS:
                record = await self._ask(_plain(self._seed, limit, room, usage=usage), spare=2)
                if record is None:
                    break
                if record.error is None:
                    accepted.append(_Way(limit, room, record))
                    if accepted[-1].obeyed:
                        return accepted[-1]
                    continue
                refusal = refusal or record.error
                asked_for = "usage asked for" if usage else "usage left out"
                self._notes.append(f"{limit}: {room}, {asked_for}: {record.error}")
                if not _is_verdict(record.error):
                    raise EndpointUnusable(_unusable(record.error))
            if accepted:
                return accepted[0]
        assert refusal
        raise EndpointUnusable(_unusable(refusal))

    async def _ask(self, call: Call, *, spare: int) -> CallRecord | None:
        """The answer; what is refused for now is asked again. None when no call is left for it."""
        record = None
        for number in range(TRIES):
            if self._left <= spare:
                break
            self._left -= 1
            record = await self._send(call)
            if record.error is None or not is_passing(record.error):
                break
            wait_s = record.error.retry_after_s
            if number + 1 < TRIES:
                await asyncio.sleep(min(2.0**number if wait_s is None else wait_s, LONGEST_WAIT_S))
        return record

    def _judged(
        self, name: str, record: CallRecord | None, form: Label, function: Mapping[str, Any]
    ) -> bool:
        if record is not None and is_valid(record, form, function):
            return True
        if record is None or (record.error and not _is_verdict(record.error)):
            self._not_known.append(name)
        self._notes.append(f"{NAMES[form]}: {'not asked' if record is None else _found(record)}")
        return False


def is_passing(error: CallError) -> bool:
    """Whether the same request may be answered later."""
    if status := error.status:  # of the answer, or said in its stream
        return status in (408, 409, 425, 429) or (status >= 500 and status != 501)
    return error.kind in ("timeout", "connection", "cut_off")


def _is_verdict(error: CallError) -> bool:
    """Whether it says that the endpoint cannot do what it was asked for."""
    return (error.kind == "protocol" and not is_passing(error)) or (
        error.kind == "status" and error.status in _NO
    )


def _answered_tokens(record: CallRecord) -> int:
    told = record.output_tokens
    return len(record.chunks_at) if told is None else told


def _unusable(error: CallError) -> str:
    if is_passing(error):
        return (
            f"The endpoint refused every call so far, {TRIES} times the same: "
            f"{str(error).rstrip('.')}. That says nothing of the model or the key. Nothing was "
            "measured; try again later, with the same command."
        )
    return (
        f"The endpoint does not stream a chat completion: {str(error).rstrip('.')}. "
        "Nothing can be measured without a stream. Check the model's name and the key, and that "
        'POST /chat/completions answers with "stream": true.'
    )


def _plain(seed: int, limit: str, room: int, *, usage: bool) -> Call:
    # Long enough that a limit of any room would be noticed, were it passed over.
    task = "Count to 100." if room == SHORT else f"Count to {room}."
    request = {"messages": instructed(200, f"{seed}/ability/{limit}/{usage}", task), limit: room}
    return Call(Label.PLAIN, request if usage else {**request, "stream_options": None})


def _tool_call(seed: int, limit: str, room: int = ROOMY) -> Call:
    messages = instructed(200, f"{seed}/ability/tool", "Read src/main.py, lines 1 to 40.")
    request = {"messages": messages, "tools": tools(FUNCTIONS[0]), "tool_choice": "required"}
    return Call(Label.TOOL_CALL, {**request, limit: max(ROOMY, room)})


def _json_schema(seed: int, limit: str, room: int = ROOMY) -> Call:
    messages = instructed(200, f"{seed}/ability/schema", "Say that the tests pass.")
    request = {"messages": messages, "response_format": response_format(FUNCTIONS[-1])}
    return Call(Label.JSON_SCHEMA, {**request, limit: max(ROOMY, room)})


def _found(record: CallRecord) -> str:
    if record.error:
        return str(record.error)
    said = record.content or ", ".join(f"{c.name}({c.arguments})" for c in record.tool_calls)
    return f"it answered {said[:80]!r}"


def is_valid(record: CallRecord, form: Label, function: Mapping[str, Any]) -> bool:
    """Whether the answer is the call, or the JSON object, that `function` describes."""
    texts = [record.content]
    if form == Label.TOOL_CALL:
        texts = [call.arguments for call in record.tool_calls if call.name == function["name"]]
    keys = set(function["parameters"]["required"])
    return record.error is None and any(_keys(text) == keys for text in texts)


def _keys(text: str) -> set[str] | None:
    """Those of the JSON object; None of what is none."""
    value = from_json(text)
    return set(value) if isinstance(value, dict) else None
