"""The plan: prompts of the length they claim, that no cache can know, and counted beforehand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from small_evaluation import SMALL

from labtools import connect
from labtools.evaluation import axes
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.plan import estimate, input_tokens, output_limit
from labtools.evaluation.session import evaluate
from labtools.evaluation.settings import SIZES, Settings
from labtools.model.profile import LatencyProfile, PrefixCache, Prices
from labtools.model.tokens import render_prompt

ALL = Abilities.all("max_tokens")
FIRST_TOKENS = 16  # OpenAI, vLLM and SGLang keep nothing shorter than this


def plan(settings=SMALL, abilities=ALL):
    return axes.plan(settings, abilities)


def prompt(call):
    return render_prompt(None, (), call.request["messages"])


def test_names_are_unique_and_the_plan_is_the_same_each_time():
    names = [block.name for block in plan()]
    assert len(names) == len(set(names))
    assert plan() == axes.plan.__wrapped__(SMALL, ALL)
    assert plan() != plan(SMALL.but(seed=1))


def test_prompts_have_the_length_they_were_made_for():
    for block in plan(Settings()):
        for call in block.calls:
            if "input_tokens" in call.at:
                assert input_tokens(call.request) == call.at["input_tokens"]


def test_no_two_blocks_share_their_beginning():
    """Else one block would find what another left in the cache."""
    beginnings = {}
    for block in plan(Settings(structured_calls=10)):
        for call in block.calls:
            content = call.request["messages"][0]["content"]
            beginnings.setdefault(content[: 4 * FIRST_TOKENS], set()).add(block.name)
    shared = [names for names in beginnings.values() if len(names) > 1]
    assert shared == []


def test_each_step_of_a_chain_begins_with_the_whole_of_the_one_before():
    [chain] = [block for block in plan(Settings(chain_runs=1)) if block.axis == "chain"]
    assert len(chain.calls) == 20
    for before, after in pairwise(chain.calls):
        assert prompt(after).startswith(prompt(before))
    tokens = [input_tokens(call.request) for call in chain.calls]
    assert tokens[0] == pytest.approx(Settings().chain_tokens, rel=0.02)
    growth = [after - before for before, after in pairwise(tokens)]
    assert growth == pytest.approx([Settings().chain_growth_tokens] * 19, rel=0.05)


def test_a_ladder_shares_as_much_as_it_says():
    [ladder] = [block for block in plan(Settings()) if block.name == "prefix/ladder"]
    known, *rungs = ladder.calls
    for rung in rungs:
        one, other = prompt(known), prompt(rung)
        same = next(i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
        assert rung.at["shared"] <= same / 4 < rung.at["shared"] + 12


def test_prefix_rounds_do_what_their_labels_say():
    [first] = [block for block in plan() if block.name == "prefix/0"]
    cold, repeat, append, changed = first.calls
    assert prompt(repeat) == prompt(cold)
    assert prompt(append).startswith(prompt(cold))
    assert len(prompt(changed)) == len(prompt(cold))
    assert prompt(changed)[len("<|system|>") :][:8] != prompt(cold)[len("<|system|>") :][:8]


@pytest.mark.parametrize("lacking", ["tools", "json_schema"])
def test_what_an_endpoint_lacks_is_not_asked_of_it(lacking):
    without = replace(ALL, **{lacking: False})
    field = {"tools": "tools", "json_schema": "response_format"}[lacking]
    assert any(field in call.request for block in plan() for call in block.calls)
    assert not any(
        field in call.request for block in plan(abilities=without) for call in block.calls
    )
    axes = {block.axis for block in plan(abilities=without)}
    assert axes == {block.axis for block in plan()}


def test_counts_of_zero_leave_a_probe_out():
    nothing = SMALL.but(
        contexts=(),
        concurrency=(),
        open_loop_calls=0,
        interference_runs=0,
        prefix_rounds=0,
        structured_calls=0,
        cold_schemas=0,
        chain_steps=0,
    )
    assert plan(nothing) == ()


def test_the_estimate_is_what_is_sent(tmp_path):
    with connect("sim", profile="fast") as lab:
        measured = evaluate({"a": lab}, tmp_path, SMALL, progress=False)["a"]
    blocks = plan(abilities=measured.abilities)
    expected = estimate(blocks)
    counted = [one.record for one in measured.observations if one.axis != "warm_up"]
    assert expected.requests == len(counted)
    sent = sum(record.input_tokens for record in counted)
    assert sent <= expected.input_tokens <= 1.01 * sent
    assert expected.output_tokens >= sum(record.output_tokens for record in counted)
    assert expected.cost_usd(Prices(2, 1, 8)) == pytest.approx(
        (2 * expected.input_tokens + 8 * expected.output_tokens) / 1e6
    )


def test_every_call_has_a_limit():
    assert all(output_limit(call.request) for block in plan() for call in block.calls)


def test_only_what_shares_a_prefix_is_found_in_a_cache(tmp_path):
    cache = PrefixCache(block_tokens=16, minimum_tokens=16, ttl_s=1e6)
    profile = LatencyProfile("p", decode_tokens_per_s=100, prefix_cache=cache)
    with connect("sim", profile=profile) as lab:
        measured = evaluate({"a": lab}, tmp_path, SMALL, progress=False)["a"]
    hits = {(one.axis, one.label) for one in measured.observations if one.record.cached_tokens}
    cold = {
        ("context", "cold"),
        ("concurrency", "call"),
        ("open_loop", "call"),
        ("interference", "prompt"),
        ("prefix", "cold"),
        ("prefix", "before_pause"),
        ("prefix", "known"),
        ("structured", "freeform"),
    }
    assert not hits & cold
    assert {("prefix", "repeat"), ("prefix", "append"), ("prefix", "shared")} <= hits
    for one in measured.on("prefix", "changed_first"):
        assert one.record.cached_tokens <= 16


@pytest.mark.parametrize("chunk", [None, 500])
def test_a_long_prompt_meets_the_stream_beside_it(tmp_path, chunk):
    profile = LatencyProfile(
        "p", decode_tokens_per_s=100, prefill_tokens_per_s=10_000, prefill_chunk_tokens=chunk
    )
    with connect("sim", profile=profile) as lab:
        measured = evaluate({"a": lab}, tmp_path, SMALL, progress=False)["a"]
    [stream] = measured.on("interference", "stream")
    expected = 0.01 if chunk is None else 0.01 + chunk / 10_000
    assert max(stream.record.itl_s) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", SIZES)
def test_fifty_tool_calls_and_a_p95_that_can_be_told(name):
    forms = [block for block in plan(SIZES[name]) if block.axis == "structured"]
    assert len(forms) == SIZES[name].structured_calls
    if name != "quick":
        assert len(forms) >= 59
