"""The checks on prefix caching: of the lab's exercises, and of the essay's claims."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from labtools.coding_agent.essay import STEPS, pass_from
from labtools.course.audit import WARM_FROM, Changes, pass_s
from labtools.course.ledger import Finding
from labtools.course.multiplier.checks import (
    CODEX_FIRST_TOKENS,
    CODEX_LAST_TOKENS,
    CODEX_MEAN_CALLS,
    DEVELOPERS_INPUT_TOKENS,
)
from labtools.course.verdict import Verdict, check, expect, not_yet, number_from, right
from labtools.lab.connect import connect
from labtools.model.named_profiles import FAST
from labtools.model.profile import LatencyProfile, PrefixCache
from labtools.model.tokens import CHARS_PER_TOKEN, filler, render_prompt
from labtools.records import CallRecord

Messages = Sequence[Mapping[str, Any]]
Request = tuple[list[Any], list[Any]]
"""The tools and the messages of a call."""


@check
def check_cached_tokens(cached_tokens: Callable[[int, int, int], int]) -> Verdict:
    """`cached_tokens(shared_tokens, block_tokens, minimum_tokens)` is what the endpoint reports."""
    for shared, block, minimum in (
        (1100, 128, 1024),
        (1000, 128, 1024),
        (1024, 128, 1024),
        (5000, 128, 1024),
        (1000, 16, 0),
    ):
        found = number_from(cached_tokens, shared, block, minimum)
        expected = PrefixCache(block, minimum).cached_tokens(shared)
        if found == expected:
            continue
        case = (
            f"{shared:,} shared tokens, blocks of {block}, at least {minimum:,}: you say "
            f"{found:,.0f}, the endpoint says {expected:,}"
        )
        whole = shared // block * block
        if expected == 0:
            not_yet(f"{case}. Below the minimum nothing is reused.")
        if found == 0 and shared == minimum:
            not_yet(f"{case}. Exactly the minimum is enough.")
        if found == shared:
            not_yet(f"{case}. Only whole blocks count.")
        if found == whole // block:
            not_yet(f"{case}. That is the number of blocks; return tokens.")
        if found == max(0, shared - minimum) // block * block and minimum:
            not_yet(f"{case}. From the minimum on, the tokens before it count too.")
        if found in (round(shared / block) * block, whole + block):
            not_yet(f"{case}. A block that is not full is not kept: round down.")
        not_yet(f"{case}.")
    return right("whole blocks, and nothing below the minimum.")


@check
def check_most_saved(most_saved_s: Callable[[Sequence[int], float], float]) -> Verdict:
    """`most_saved_s(contexts, prefill_tokens_per_s)` is what the best cache takes off a run.

    Call k has `contexts[k]` input tokens and begins with all those of call k - 1. Two endpoints,
    without a cache and with one of one-token blocks, are sent such a run; the difference is the
    truth.
    """
    for contexts, rate in (([1200, 2000, 2600, 4000], 20_000.0), ([900, 2500], 5_000.0)):
        truth = _run_s(contexts, rate, None) - _run_s(contexts, rate, PrefixCache(1, 0))
        found = number_from(most_saved_s, contexts, rate)
        expect(
            found,
            truth,
            f"Contexts of {contexts} tokens at {rate:,.0f} tokens/s: you say {found:.3f} s, but "
            f"the two runs differ by {truth:.3f} s",
            (sum(contexts) / rate, ". What a call adds is new to the cache and has to be read."),
            (
                sum(contexts[1:]) / rate,
                ". A call reuses the context of the call before, not its own.",
            ),
            (
                contexts[0] * (len(contexts) - 1) / rate,
                ". Not only the first prompt is reused: so is what was added.",
            ),
            (contexts[-1] / rate, ". That is what still has to be read."),
            (sum(contexts[:-1]), ". Those are tokens; divide by the rate."),
        )
    codex = range(12_000, 84_001, 2_250)
    saved_s = sum(codex[:-1]) / FAST.prefill_tokens_per_s
    return right(
        f"33 calls from 12,000 to 84,000 tokens at {FAST.prefill_tokens_per_s:,.0f} tokens/s "
        f"could save {saved_s:.0f} s."
    )


def _run_s(contexts: Sequence[int], rate: float, cache: PrefixCache | None) -> float:
    text = filler(max(contexts), random.Random(0))
    profile = LatencyProfile("p", 1000, prefill_tokens_per_s=rate, prefix_cache=cache)

    async def agent() -> None:
        for tokens in contexts:
            content = text[: CHARS_PER_TOKEN * tokens - len("<|user|>")]
            await lab.call(messages=[{"role": "user", "content": content}], output_tokens=1)

    with connect("sim", profile=profile) as lab:
        return lab.run(agent()).duration_s


@check
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
        requests.append(_laid_out(lay_out, given, system, so_far, now))
        _require_all(*requests[-1], tools, system, so_far, now)
    for number, pair in enumerate(pairwise(requests), start=1):
        _require_prefix(*pair, system, history[: 2 * number + 1])
    calls = _sent(requests)
    failed = next((call.error for call in calls if call.error), None)
    if failed:
        not_yet(f"the endpoint refused a request: {failed}.")
    last = calls[-1]
    return right(
        f"the last call reuses {last.cached_tokens or 0:,} of its {last.input_tokens:,} tokens."
    )


def _sent(requests: Sequence[Request]) -> tuple[CallRecord, ...]:
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
) -> Request:
    try:
        tools, messages = lay_out(list(tools), system, [dict(message) for message in history], now)
        tools, messages = list(tools), list(messages)
        render_prompt(None, tools, messages)
    except Exception as error:  # whatever it is, the reader should see it in words
        not_yet(
            f"lay_out should return a list of tools and a list of messages; it raised or led to "
            f"{type(error).__name__}: {error}"
        )
    return tools, messages


def _require_all(
    tools: Messages,
    messages: Messages,
    all_tools: Messages,
    system: str,
    history: Messages,
    now: str,
) -> None:
    """The request holds everything."""
    text = render_prompt(None, [], messages)
    names = [tool["function"]["name"] for tool in tools]
    if sorted(names) != sorted(tool["function"]["name"] for tool in all_tools):
        not_yet(
            f"the request has the tools {', '.join(names) or 'none'}. It needs all of them, once."
        )
    if system not in text:
        not_yet("the system prompt is no longer in the request.")
    if now not in text:
        not_yet("the request no longer says the time. Move it; do not drop it.")
    places = [text.find(message["content"]) for message in history]
    if lost := sum(place < 0 for place in places):
        not_yet(f"{lost} of {len(places)} messages of the history are not in the request.")
    if places != sorted(places):
        not_yet("the history is no longer in the order in which it happened.")


def _require_prefix(before: Request, after: Request, system: str, history: Messages) -> None:
    """A request parts from the one before it only behind `history`, which both of them hold."""
    texts = [render_prompt(None, *request) for request in (before, after)]
    same = next(
        (place for place, (a, b) in enumerate(zip(*texts, strict=False)) if a != b),
        min(map(len, texts)),
    )
    task_at, last_at = (texts[0].index(history[n]["content"]) for n in (0, -1))
    system_at = texts[0].index(system)
    where = (
        f"two requests in a row part at token {same // CHARS_PER_TOKEN:,} of "
        f"{len(texts[0]) // CHARS_PER_TOKEN:,}"
    )
    too_early = "What changes at every call stands too early."
    if same < len(render_prompt(None, before[0], [])):
        not_yet(f"{where}, among the tools. They come in another order at each call.")
    if system_at > task_at:
        not_yet(f"{where}. The system prompt never changes; it belongs before the history.")
    if same < system_at:
        not_yet(f"{where}, before the system prompt. {too_early}")
    if same < task_at:
        not_yet(f"{where}, before the history. {too_early}")
    if same < last_at + len(history[-1]["content"]):
        not_yet(f"{where}, inside the history. Leave what was sent as it was, and add at the end.")


# The claims, by their names in claims.toml.


def later_steps() -> Finding:
    """The most that a cache can save in the case study: the TTFT of the later steps, or all."""
    later_s = pass_s() - pass_s(Changes(ttft_cut=1.0))
    all_s = sum(step.ttft_s for step in STEPS)
    later = [step.ttft_s for step in pass_from(WARM_FROM)]
    assert abs(sum(later) - later_s) < 1e-9
    return Finding({"later_s": later_s, "all_s": all_s, "share": all_s / pass_s()}, later_s > 0)


def full_prefill() -> Finding:
    """Prefill of a run as long as Codex's, with each prompt read whole and with it read once."""
    added = (CODEX_LAST_TOKENS - CODEX_FIRST_TOKENS) / (CODEX_MEAN_CALLS - 1)
    prompts = [CODEX_FIRST_TOKENS + number * added for number in range(CODEX_MEAN_CALLS)]
    every_s = sum(prompts) / FAST.prefill_tokens_per_s
    once_s = prompts[-1] / FAST.prefill_tokens_per_s
    return Finding({"every_s": every_s, "once_s": once_s}, every_s > once_s)


def context_lengths(*, shortest: int, longest: int) -> Finding:
    """The lengths to probe, beside the published lengths of real prompts."""
    values = {
        "codex_first": CODEX_FIRST_TOKENS,
        "codex_last": CODEX_LAST_TOKENS,
        "developers": DEVELOPERS_INPUT_TOKENS,
    }
    return Finding(values, any(shortest <= tokens <= longest for tokens in values.values()))
