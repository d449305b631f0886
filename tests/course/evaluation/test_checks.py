"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

import math
import random
import re

import pytest
from check_cases import mistakes_are_named, right_answers_pass

from labtools import connect
from labtools.course.evaluation.checks import (
    AGENTS,
    check_agent_s,
    check_calls_needed,
    check_paired_difference,
)
from labtools.model.closed_loop import PROVIDERS
from labtools.model.metrics import percentile, percentile_interval
from labtools.model.tokens import filler


def calls_needed(q):
    calls = 1
    while 1 - q**calls - (1 - q) ** calls < 0.95:
        calls += 1
    return calls


def one_sided(q):
    return math.ceil(math.log(0.05) / math.log(q))


def paired(first, second):
    both = [key for key in first if first[key] is not None and second.get(key) is not None]
    return bounds([second[key] - first[key] for key in both])


def bounds(values):
    found = percentile_interval(values, 0.5)
    return found.low, percentile(values, 0.5), found.high


def answered(times):
    return [seconds for seconds in times.values() if seconds is not None]


def of_medians(first, second):
    difference_s = percentile(answered(second), 0.5) - percentile(answered(first), 0.5)
    return (difference_s,) * 3


def by_place(first, second):
    pairs = zip(first.values(), second.values(), strict=True)
    return bounds([b - a for a, b in pairs if a is not None and b is not None])


def failed_as_zero(first, second):
    return bounds([(second[key] or 0) - (first[key] or 0) for key in first])


def other_way(first, second):
    return paired(second, first)


def ends_of_all(first, second):
    both = [key for key in first if first[key] is not None and second[key] is not None]
    values = [second[key] - first[key] for key in both]
    return min(values), percentile(values, 0.5), max(values)


def agent_s(profile, calls, input_tokens, new_tokens, output_tokens, *, kept=None, compiles=1):
    if kept is None:
        kept = profile.prefix_cache is not None
    cached = input_tokens - new_tokens if kept else 0
    first_s = profile.e2e_latency_s(output_tokens, input_tokens, structured=True)
    later_s = profile.e2e_latency_s(output_tokens, input_tokens, cached, structured=True)
    return first_s + (calls - 1) * later_s + compiles * profile.schema_compile_s


def cached_at_once(profile, calls, input_tokens, new_tokens, output_tokens):
    cached = input_tokens - new_tokens if profile.prefix_cache else 0
    later_s = profile.e2e_latency_s(output_tokens, input_tokens, cached, structured=True)
    return calls * later_s + profile.schema_compile_s


def test_agent_s_passes_and_no_provider_wins_them_all():
    verdict = check_agent_s(agent_s)
    assert verdict.passed
    assert "larch for 20 calls" in verdict.message
    assert "juniper for one report" in verdict.message


PATH = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOLS = [{"type": "function", "function": {"name": "read", "parameters": PATH}}]


@pytest.mark.parametrize("profile", PROVIDERS, ids=lambda profile: profile.name)
def test_an_agent_at_the_mock_takes_what_the_check_takes_for_true(profile):
    calls, input_tokens, new_tokens, output_tokens = AGENTS["20 calls on 5,000 tokens"]

    async def call(text):
        return await lab.call(
            messages=[{"role": "user", "content": text}],
            tools=TOOLS,
            tool_choice="required",
            output_tokens=output_tokens,
        )

    async def agent():
        rng = random.Random(7)
        frame = input_tokens - (await call(filler(input_tokens, rng))).input_tokens
        kept = filler(input_tokens - new_tokens, rng)
        own = [filler(new_tokens + frame, rng) for _ in range(calls)]
        return [await call(kept + text) for text in own]

    with connect("sim", profile=profile) as lab:
        records = lab.run(agent()).result
    assert all(abs(one.input_tokens - input_tokens) <= 1 for one in records)
    # The first filler call has compiled the schema; whole blocks round what is cached.
    block_s = (profile.prefix_cache.block_tokens if profile.prefix_cache else 1) * calls
    took_s = sum(one.e2e_latency_s for one in records) + profile.schema_compile_s
    expected_s = agent_s(profile, calls, input_tokens, new_tokens, output_tokens)
    assert took_s == pytest.approx(expected_s, abs=block_s / profile.prefill_tokens_per_s)


RIGHT = {
    check_calls_needed: calls_needed,
    check_paired_difference: paired,
}
MISTAKES = {
    check_calls_needed: [
        (lambda q: 50, "p95: you say 50 calls, whose extremes enclose it with 92.3%"),
        (lambda q: math.log(0.05) / math.log(q), "round up"),
        (one_sided, "p50: you say 5 calls. Count both ends"),
        (lambda q: round(1 / (1 - q)), "often none"),
        (lambda q: calls_needed(q) - 1, "One too few"),
        (lambda q: calls_needed(q) + 1, "Fewer are enough"),
        (lambda q: 30, "They enclose it with 78.5%"),
        (lambda q: 0, "They enclose it with 0.0%"),
        (lambda q: "many", "should return a number"),
        (lambda: 59, "raised TypeError"),
    ],
    check_paired_difference: [
        (of_medians, "medians of different calls"),
        (by_place, "Pair the calls by name"),
        (failed_as_zero, "not a time of 0"),
        (other_way, "second less the first"),
        (ends_of_all, "the interval is not"),
        (lambda first, second: (1.0, 2.0, 3.0), "You say 2.000 s"),
        (lambda first, second: (1.0, 2.0), "should be (low, median, high)"),
        (lambda first, second: None, "raised TypeError"),
        (lambda first: first, "raised TypeError"),
    ],
    check_agent_s: [
        (lambda profile, n, *mix: n * mix[-1] / profile.decode_tokens_per_s, "Only decoding"),
        (lambda *case: agent_s(*case, kept=True), re.compile("juniper: .* keeps no prefix")),
        (
            lambda *case: agent_s(*case, kept=False),
            re.compile("larch: .* only the new tokens are read"),
        ),
        (cached_at_once, "first call finds nothing"),
        (
            lambda profile, *mix: agent_s(profile.but(structured_factor=1.0), *mix),
            re.compile("spruce: .* decodes slower"),
        ),
        (lambda profile, n, *mix: agent_s(profile, n, *mix, compiles=n), "only in the first call"),
        (lambda *case: agent_s(*case, compiles=0), "has to compile"),
        (lambda *case: 1.0, "you say 1.00 s, it takes"),
        (lambda *case: None, "should return a number"),
    ],
}

test_the_right_answer_passes = right_answers_pass(RIGHT)
test_a_mistake_is_named = mistakes_are_named(MISTAKES)
