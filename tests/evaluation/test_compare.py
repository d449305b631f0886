"""Endpoints are compared call by call, and what cannot be compared is said, not guessed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import (
    ALL,
    BARE,
    SLOPE,
    a_chain,
    a_failure,
    a_record,
    at_context,
    crowd,
    measured,
    seen,
    structured_rounds,
)
from small_evaluation import SMALL

from labtools import connect
from labtools.errors import ConfigurationError
from labtools.evaluation.compare import compare, pairs
from labtools.evaluation.reporting import as_text, comparison_page
from labtools.evaluation.session import evaluate
from labtools.model.profile import LatencyProfile, PrefixCache, Prices
from labtools.read_back import to_json

QUICK = LatencyProfile(
    "quick", decode_tokens_per_s=100, overhead_s=0.1, prefill_tokens_per_s=10_000
)


def findings(found):
    return {row.what: [one.finding for one in row.against] for row in found.quantities}


def test_differences_are_those_of_the_profiles(tmp_path):
    slower = QUICK.but(name="slower", overhead_s=0.35)
    with connect("sim", profile=QUICK) as a, connect("sim", profile=slower) as b:
        settings = SMALL.but(context_calls=6)
        both = evaluate({"a": a, "b": b}, tmp_path, settings, progress=False)
    found = compare(both["a"], both["b"])
    rows = {row.what: row.against[0] for row in found.quantities}
    ttft = rows["TTFT at 1,000 tokens"]
    assert ttft.difference_s.median == pytest.approx(0.25)
    assert ttft.relative == pytest.approx(0.25 / 0.2)
    assert ttft.finding == "slower"
    assert rows["TPOT with 3 at once"].finding == "no difference shown"
    back = {row.what: row.against[0] for row in compare(both["b"], both["a"]).quantities}
    assert back["TTFT at 1,000 tokens"].finding == "faster"


def test_an_endpoint_does_not_differ_from_itself():
    one = measured(*SLOPE, *at_context(900, *[0.3] * 8), *crowd(2, 0.5, 4))
    assert {f for found in findings(compare(one, one)).values() for f in found} == {
        "no difference shown",
        "too few pairs",
    }


@given(st.lists(st.floats(0.01, 9), min_size=6, max_size=30), st.floats(0.01, 5))
def test_turned_round_a_difference_changes_its_sign(ttfts_s, shift):
    one = measured(*at_context(600, *ttfts_s))
    other = measured(*at_context(600, *(ttft_s + shift for ttft_s in ttfts_s)))
    assert findings(compare(one, other))["TTFT at 600 tokens"] == ["slower"]
    assert findings(compare(other, one))["TTFT at 600 tokens"] == ["faster"]


def test_pairs_are_by_place_in_the_plan_not_by_size():
    """Sorted, these differ; paired, every call but one is the faster one by the same."""
    one = measured(*at_context(600, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    other = measured(*at_context(600, 0.9, 1.9, 2.9, 3.9, 4.9, 5.9))
    (row,) = compare(one, other).quantities
    assert row.against[0].difference_s.median == pytest.approx(-0.1)
    assert row.against[0].difference_s.interval.high == pytest.approx(-0.1)


def test_calls_are_paired_by_label_where_an_endpoint_lacks_a_form():
    """Without tools a round is shorter: the same place holds another call."""
    three = [
        seen("structured", "structured/0", label, a_record(), place=place)
        for place, label in enumerate(["tool_call", "json_schema", "freeform"])
    ]
    two = [replace(one, place=one.place - 1) for one in three[1:]]
    matched = pairs(three, two)
    assert [(a.label, b.label) for a, b in matched] == [
        ("json_schema", "json_schema"),
        ("freeform", "freeform"),
    ]


def test_a_failure_drops_its_pair_and_is_counted():
    calls = at_context(600, *[0.2] * 8)
    other = [replace(calls[0], record=a_failure()), *calls[1:]]
    found = compare(measured(*calls), measured(*other))
    (row,) = found.quantities
    assert (row.against[0].difference_s.pairs, row.against[0].difference_s.dropped) == (7, 1)
    assert row.stats[1].failed == 1
    assert {fact.what: fact.values for fact in found.facts}["failed calls"] == (0, 1)


def test_one_or_none_is_refused():
    for few in ((), (measured(),)):
        with pytest.raises(ConfigurationError, match="two evaluations or more; found"):
            compare(*few)


def test_different_seeds_are_refused():
    with pytest.raises(ConfigurationError, match="different seeds"):
        compare(measured(), measured(settings=BARE.but(seed=1), name="other"))


def test_one_interleaved_run_repeats_a_comparison():
    [command] = compare(measured(*SLOPE), measured(*SLOPE, name="other")).repeats
    assert command.count("--base-url https://acme.test/v1 --model m-1 --name") == 2
    other = measured(*SLOPE, settings=BARE.but(context_calls=9), name="other")
    assert len(compare(measured(*SLOPE), other).repeats) == 2


def test_equal_names_are_told_apart_in_the_command():
    [command] = compare(measured(*SLOPE), measured(*SLOPE)).repeats
    assert "--name acme " in command
    assert "--name 'acme (2)'" in command


def test_unequal_clocks_are_marked():
    found = compare(measured(*SLOPE), measured(*SLOPE, clock="simulated", name="other"))
    assert found.warnings[0].startswith("Unequal clocks: acme on the wall clock and other on the")
    assert "Unequal clocks" in as_text(found)
    assert "Unequal clocks" in comparison_page(found)
    assert not compare(measured(*SLOPE), measured(*SLOPE)).warnings


def test_settings_that_shape_the_calls_keep_an_axis_out():
    chain = a_chain(a_record(), a_record())
    longer = BARE.but(chain_tokens=9_000)
    found = compare(measured(*chain), measured(*chain, settings=longer, name="other"))
    reasons = {one.what: one.reason for one in found.not_compared}
    assert reasons["chain"] == "The settings differ: chain_tokens 2000 against 9000."
    assert "a step of the chain" not in findings(found)
    assert not [one for one in found.verdict if one.rule == "chain"]


def test_settings_that_only_count_leave_the_common_calls():
    few = measured(*at_context(600, *[0.2] * 6))
    many = measured(*at_context(600, *[0.2] * 9), settings=BARE.but(context_calls=9), name="b")
    found = compare(few, many)
    assert found.quantities[0].against[0].difference_s.pairs == 6
    assert "context_calls 8 against 9" in found.warnings[0]


def test_a_missing_axis_is_named():
    found = compare(measured(*SLOPE, *crowd(1, 0.5)), measured(*SLOPE, name="other"))
    reasons = {one.what: one.reason for one in found.not_compared}
    assert reasons["concurrency"] == "Not measured at other."
    assert "TTFT at 600 tokens" in findings(found)


def test_a_chain_of_tool_calls_is_not_held_against_one_of_text():
    chain = a_chain(a_record())
    plain = measured(*chain, abilities=replace(ALL, tools=False), name="plain")
    reasons = {one.what: one.reason for one in compare(measured(*chain), plain).not_compared}
    assert reasons["chain"].startswith("Some of the endpoints know tools")


def test_chunks_are_not_held_against_tokens():
    calls = crowd(1, 0.5, 6)
    chunks = [replace(one, record=replace(one.record, output_tokens=None)) for one in calls]
    found = compare(measured(*calls), measured(*chunks, name="other"))
    reasons = {one.what: one.reason for one in found.not_compared}
    assert "counted differently" in reasons["TPOT with 1 at once"]
    assert "a call with 1 at once" in findings(found)


def test_answers_of_different_length_are_marked():
    found = compare(
        measured(*crowd(1, 0.5)),
        measured(*[replace(o, record=replace(o.record, output_tokens=40)) for o in crowd(1, 0.5)]),
    )
    assert any("answers differ in length" in warning for warning in found.warnings)


def test_equal_names_get_numbers():
    found = compare(measured(*SLOPE), measured(*SLOPE), measured(*SLOPE))
    assert [one.name for one in found.endpoints] == ["acme", "acme (2)", "acme (3)"]


def test_the_verdict_states_the_chain_and_counts_what_differs():
    quick = [*a_chain(*[a_record(0.1)] * 6), *structured_rounds(6)]
    slow = [*a_chain(*[a_record(0.7)] * 6), *structured_rounds(6)]
    found = compare(measured(*quick), measured(*slow, name="other"))
    told = {one.rule: one.text for one in found.verdict}
    assert "1.20 s at acme and 4.80 s at other, the longest 4 times the shortest" in told["chain"]
    assert "Of 4 quantities other is slower in 2" in told["quantities"]
    assert "Each of 4 intervals" in told["chance"]
    same = compare(measured(*quick), measured(*quick))
    assert "chance" not in {one.rule for one in same.verdict}


def test_as_text_is_a_line_a_quantity_within_a_terminal():
    found = compare(measured(*SLOPE), measured(*SLOPE, name="other"))
    lines = as_text(found).splitlines()
    line = next(line for line in lines if line.startswith("TTFT at 600 tokens"))
    assert line.split() == ["TTFT", "at", "600", "tokens", "200", "ms", "200", "ms",
                            "too", "few", "pairs"]  # fmt: skip


def test_as_json_it_keeps_every_number(tmp_path):
    cached = QUICK.but(name="cached", prefix_cache=PrefixCache(minimum_tokens=0))
    with connect("sim", profile=QUICK) as a, connect("sim", profile=cached) as b:
        both = evaluate({"a": a, "b": b}, tmp_path, SMALL, progress=False)
    found = compare(*both.values())
    read = json.loads(to_json(found))
    assert read["format"] == "labtools-evaluation-comparison/1"
    assert len(read["quantities"]) == len(found.quantities) > 15
    assert comparison_page(found).count("<tr>") > len(found.quantities)


def of_steps(name, *ttfts_s):
    return measured(*a_chain(*map(a_record, ttfts_s)), name=name)


QUICK_STEPS, SLOW_STEPS = [0.1] * 6, [0.7] * 6


def test_the_first_sentence_says_what_to_choose_whoever_is_named_first():
    quick, slow = of_steps("quick", *QUICK_STEPS), of_steps("slow", *SLOW_STEPS)
    for found in (compare(quick, slow), compare(slow, quick)):
        told = found.verdict[0].text
        assert told.startswith("For an agent that works in steps, choose quick. ")
        assert told.endswith("quick is faster than slow with 95% confidence.")


def test_the_choice_says_what_it_costs_where_prices_are_given():
    quick, slow = of_steps("quick", *QUICK_STEPS), of_steps("slow", *SLOW_STEPS)
    dear, cheap = Prices(4, 4, 8), Prices(1, 1, 2)
    told = compare(quick, slow, prices=[dear, cheap]).verdict[0].text
    assert told.startswith(
        "For an agent that works in steps, choose quick, at 4 times the cost of slow. "
    )
    same = compare(quick, slow, prices=[cheap, cheap]).verdict[0].text
    assert same.startswith("For an agent that works in steps, choose quick, at the same cost as ")
    (fact,) = [f for f in compare(slow, quick, prices=[cheap, dear]).facts if f.unit == "usd"]
    sent = quick.observations[0].record
    step_usd = (sent.input_tokens * 1 + sent.output_tokens * 2) / 1e6
    assert fact.values == pytest.approx((6 * step_usd, 24 * step_usd))


def test_nothing_is_said_of_the_cost_where_nobody_knows_it():
    silent = [a_record(ttft_s, input_tokens=None) for ttft_s in QUICK_STEPS]
    quick, slow = measured(*a_chain(*silent), name="quick"), of_steps("slow", *SLOW_STEPS)
    found = compare(quick, slow, prices=[Prices(1, 1, 1)] * 2)
    assert found.verdict[0].text.startswith("For an agent that works in steps, choose quick. ")


def test_nothing_is_chosen_where_no_difference_is_shown():
    few = compare(of_steps("quick", 0.1), of_steps("slow", 0.7))
    same = compare(of_steps("a", *QUICK_STEPS), of_steps("b", *QUICK_STEPS))
    for found in (few, same):
        assert "Call by call no difference is shown" in found.verdict[0].text
        assert "choose" not in found.verdict[0].text


def test_the_choice_is_the_first_line_in_a_terminal():
    found = compare(of_steps("quick", *QUICK_STEPS), of_steps("slow", *SLOW_STEPS))
    lines = as_text(found).splitlines()
    assert lines[0].startswith("For an agent that works in steps, choose quick.")
    assert max(map(len, lines)) <= 100


def test_the_choice_says_against_whom_it_is_not_sure():
    ends = (of_steps("a", *QUICK_STEPS), of_steps("b", *QUICK_STEPS), of_steps("c", *SLOW_STEPS))
    told = compare(*ends).verdict[0].text
    assert told.endswith(
        "a is faster than c with 95% confidence; against b no difference is shown."
    )


def test_the_choice_says_where_it_is_the_slower_one():
    better = measured(*a_chain(*[a_record(0.1)] * 6), *crowd(2, 0.9, 8), name="better")
    other = measured(*a_chain(*[a_record(0.7)] * 6), *crowd(2, 0.2, 8), name="other")
    for found in (compare(better, other), compare(other, better)):
        assert found.verdict[0].text.endswith(". It is slower in a call with 2 at once.")


def test_the_choice_names_three_places_where_it_is_slower_and_counts_the_rest():
    def chain_and_crowds(name, step_s, crowd_s):
        crowds = [call for clients in range(2, 7) for call in crowd(clients, crowd_s, 8)]
        return measured(*a_chain(*[a_record(step_s)] * 6), *crowds, name=name)

    found = compare(chain_and_crowds("a", 0.1, 0.9), chain_and_crowds("b", 0.7, 0.2))
    assert found.verdict[0].text.endswith(
        "slower in a call with 2 at once, a call with 3 at once, a call with 4 at once and 2 more."
    )
