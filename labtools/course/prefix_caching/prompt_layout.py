"""The check of a prompt's layout: does each request begin with the one before it?"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from labtools.course.verdict import Verdict, not_yet, right
from labtools.lab.connect import connect
from labtools.model.named_profiles import FAST
from labtools.model.profile import PrefixCache
from labtools.model.tokens import CHARS_PER_TOKEN, filler
from labtools.records import CallRecord
from labtools.wire.generation import render_prompt

Messages = Sequence[Mapping[str, Any]]


def check_layout(lay_out: Callable[..., Any]) -> Verdict:
    """`lay_out(tools, system, history, now)` gives the tools and the messages of a request.

    A conversation is sent with it, each call with the tools in another order and another time.
    The request has to hold everything, and each has to begin with what the one before it held.
    """
    rng = random.Random(7)
    tools = [_tool(name, rng) for name in ("edit", "find", "list", "read", "run", "test")]
    system = filler(700, rng)
    history = [_message(number, rng) for number in range(11)]
    requests = []
    for number in range(1, 6):
        given = random.Random(number).sample(tools, len(tools))
        so_far, now = history[: 2 * number + 1], f"10:{number:02d}:00"
        laid_out = _laid_out(lay_out, given, system, so_far, now)
        if isinstance(laid_out, Verdict):
            return laid_out
        missing = _missing(*laid_out, tools, system, so_far, now)
        if missing:
            return not_yet(missing)
        requests.append(laid_out)
    for number, pair in enumerate(pairwise(requests), start=1):
        broken = _broken(*pair, system, history[: 2 * number + 1])
        if broken:
            return not_yet(broken)
    calls = _sent(requests)
    failed = next((call.error for call in calls if call.error), None)
    if failed:
        return not_yet(f"the endpoint refused a request: {failed}.")
    last = calls[-1]
    return right(
        f"the last call reuses {last.cached_tokens or 0:,} of its {last.input_tokens:,} tokens."
    )


def _sent(requests: Sequence[tuple[list[Any], list[Any]]]) -> tuple[CallRecord, ...]:
    async def agent() -> None:
        for tools, messages in requests:
            await lab.call(tools=tools, messages=messages, output_tokens=20)

    with connect("sim", profile=FAST.but(prefix_cache=PrefixCache())) as lab:
        return lab.run(agent()).calls


def _tool(name: str, rng: random.Random) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"path": {"type": "string"}}}
    function = {"name": name, "description": filler(220, rng), "parameters": parameters}
    return {"type": "function", "function": function}


def _message(number: int, rng: random.Random) -> dict[str, str]:
    return {"role": "assistant" if number % 2 else "user", "content": filler(300, rng)}


def _laid_out(
    lay_out: Callable[..., Any], tools: Messages, system: str, history: Messages, now: str
) -> tuple[list[Any], list[Any]] | Verdict:
    try:
        tools, messages = lay_out(list(tools), system, [dict(one) for one in history], now)
        tools, messages = list(tools), list(messages)
        render_prompt(None, tools, messages)
    except Exception as error:  # whatever it is, the reader should see it in words
        return not_yet(
            f"lay_out should return a list of tools and a list of messages; it raised or led to "
            f"{type(error).__name__}: {error}"
        )
    return tools, messages


def _missing(
    tools: Messages,
    messages: Messages,
    all_tools: Messages,
    system: str,
    history: Messages,
    now: str,
) -> str:
    """What the request lacks, in words; empty when it holds everything."""
    text = render_prompt(None, [], messages)
    names = [tool["function"]["name"] for tool in tools]
    if sorted(names) != sorted(tool["function"]["name"] for tool in all_tools):
        return (
            f"the request has the tools {', '.join(names) or 'none'}. It needs all of them, once."
        )
    if system not in text:
        return "the system prompt is no longer in the request."
    if now not in text:
        return "the request no longer says the time. Move it; do not drop it."
    places = [text.find(message["content"]) for message in history]
    lost = sum(place < 0 for place in places)
    if lost:
        return f"{lost} of {len(places)} messages of the history are not in the request."
    if places != sorted(places):
        return "the history is no longer in the order in which it happened."
    return ""


def _broken(
    before: tuple[list[Any], list[Any]],
    after: tuple[list[Any], list[Any]],
    system: str,
    history: Messages,
) -> str:
    """Where a request parts from the one before it, if that is too early; empty if it is not.

    `history` is what both of them hold.
    """
    texts = [render_prompt(None, *request) for request in (before, after)]
    same = next(
        (place for place, (a, b) in enumerate(zip(*texts, strict=False)) if a != b),
        min(map(len, texts)),
    )
    task_at, last_at = (texts[0].index(one["content"]) for one in (history[0], history[-1]))
    system_at = texts[0].index(system)
    where = (
        f"two requests in a row part at token {same // CHARS_PER_TOKEN:,} of "
        f"{len(texts[0]) // CHARS_PER_TOKEN:,}"
    )
    if same < len(render_prompt(None, before[0], [])):
        return f"{where}, among the tools. They come in another order at each call."
    if system_at > task_at:
        return f"{where}. The system prompt never changes; it belongs before the history."
    if same < system_at:
        return f"{where}, before the system prompt. What changes at every call stands too early."
    if same < task_at:
        return f"{where}, before the history. What changes at every call stands too early."
    if same < last_at + len(history[-1]["content"]):
        return f"{where}, inside the history. Leave what was sent as it was, and add at the end."
    return ""
