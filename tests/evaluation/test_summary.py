"""A report holds what the observations say, says why where they say nothing, and stays JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import jsonschema
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
    prefix_rounds,
    seen,
    structured_rounds,
)
from small_evaluation import EVERYTHING, SMALL

from labtools import connect
from labtools.evaluation.fitting import fit
from labtools.evaluation.observations import Watched
from labtools.evaluation.plan import FUNCTIONS
from labtools.evaluation.report import Report, command_line, summarise
from labtools.evaluation.reporting import page
from labtools.evaluation.session import evaluate
from labtools.evaluation.settings import SIZES
from labtools.evaluation.statistics import difference, stat
from labtools.model.metrics import samples_needed
from labtools.model.profile import LatencyProfile, PrefixCache, Prices
from labtools.read_back import read_back, schema_text, to_json
from labtools.records import ToolCall

SCHEMA = Path(__file__).parents[2] / "docs" / "evaluation-report.schema.json"
PLAIN = LatencyProfile(
    "plain", decode_tokens_per_s=100, overhead_s=0.1, prefill_tokens_per_s=10_000
)


def ran(tmp_path, profile, settings=SMALL):
    with connect("sim", profile=profile) as lab:
        return evaluate({"acme": lab}, tmp_path, settings, progress=False)["acme"]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    return ran(tmp_path_factory.mktemp("everything"), EVERYTHING)


# The format


def test_the_stored_schema_is_current():
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(Report), (
        "the report's format has changed: raise FORMAT if old readers break, then "
        "write schema_text(Report) to docs/evaluation-report.schema.json"
    )


def test_a_report_validates_and_is_read_back(everything):
    report = summarise(everything, fit(everything), Prices(1, 0.5, 4))
    text = to_json(report)
    schema = json.loads(schema_text(Report))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(text))
    assert read_back(Report, text, "a report") == report


def test_a_report_of_nothing_validates():
    report = summarise(measured(abilities=None))
    jsonschema.validate(json.loads(to_json(report)), json.loads(schema_text(Report)))
    assert read_back(Report, to_json(report), "a report") == report


def test_every_field_of_the_report_is_named_in_the_schema_with_its_unit():
    text = schema_text(Report)
    for name in ("ttft_s", "goodput_per_s", "prefill_tokens_per_s", "cpu_s_per_call"):
        assert f'"{name}"' in text
    assert "null where" in text or "null for" in text


# Statistics


@given(st.lists(st.floats(0.001, 100), max_size=150), st.integers(0, 5))
def test_a_stat_has_a_percentile_exactly_where_there_are_samples(values, failed):
    found = stat([*values, *[None] * failed], failed)
    assert found.samples == len(values)
    assert (found.p50 is None) == (found.p95 is None) == (not values)
    assert (found.reason is None) == bool(values)
    for percentile, q in ((found.p50, 0.5), (found.p95, 0.95)):
        if percentile:
            assert (percentile.interval is None) == (len(values) < samples_needed(q))
            assert (percentile.needed is None) == (percentile.interval is not None)
            if percentile.interval:
                assert percentile.interval.low <= percentile.value <= percentile.interval.high


def test_reasons_tell_nothing_sent_from_nothing_answered():
    assert stat([]).reason == "Not measured."
    assert stat([None, None], failed=2).reason.startswith("2 of 2 calls failed")
    assert stat([None]).reason == "None of 1 calls had a value."


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=60), st.floats(0.1, 9))
def test_a_difference_is_shown_only_beyond_its_interval(values, shift):
    same = difference((a, a) for a in values)
    assert same.median == 0
    assert not same.shown
    more = difference((a + shift, a) for a in values)
    assert more.shown
    assert more.median == pytest.approx(shift)


def test_pairs_with_a_failure_are_dropped_and_counted():
    found = difference([(1.0, 0.5), (None, 0.5), (1.0, None)])
    assert (found.pairs, found.dropped, found.median, found.needed) == (1, 2, 0.5, 6)


# The axes


def test_ttft_by_context_is_the_profiles(tmp_path):
    rows = summarise(ran(tmp_path, PLAIN)).contexts
    assert [row.asked_tokens for row in rows.rows] == [500, 1_000]
    for row in rows.rows:
        assert row.ttft_s.p50.value == pytest.approx(PLAIN.ttft_s(row.asked_tokens))
    assert rows.prefill_tokens_per_s == pytest.approx(10_000)
    assert rows.fixed_s == pytest.approx(0.1)


def test_no_slope_from_one_length_or_from_a_flat_line():
    one = summarise(measured(*at_context(600, 0.2))).contexts
    assert (one.prefill_tokens_per_s, one.reason) == (None, "A slope needs TTFT at two lengths.")
    flat = summarise(measured(*at_context(600, 0.2), *at_context(1_200, 0.2))).contexts
    assert flat.prefill_tokens_per_s is None
    assert flat.reason == "TTFT does not grow with the prompt beyond the noise."


@pytest.mark.parametrize("clock", ["simulated", "wall"])
def test_where_attention_bends_ttft_the_report_says_what_its_own_fit_says(tmp_path, clock):
    truth = PLAIN.but(
        prefill_tokens_per_s=35_000, attention_pairs_per_s=2e8, prefix_cache=PrefixCache(64, 0)
    )
    plan = SMALL.but(contexts=(1_000, 4_000, 8_000), context_calls=2, prefix_rounds=6)
    with connect("sim", profile=truth) as lab:
        results = evaluate({"bent": lab}, tmp_path, plan, progress=False)["bent"]
    results = replace(results, identity=replace(results.identity, clock=clock))
    model = fit(results)
    report = summarise(results, model)
    found = report.contexts
    assert found.prefill_tokens_per_s == model.parameter("prefill_tokens_per_s").value
    assert found.prefill_tokens_per_s == pytest.approx(35_000, rel=1e-3)
    assert found.attention_pairs_per_s == pytest.approx(2e8, rel=1e-3)
    assert found.fixed_s == pytest.approx(truth.ttft_s(0))
    repeat = report.prefix.reuses[0]
    saved = truth.compute_s(0, plan.prefix_tokens) - truth.compute_s(
        round(repeat.cached_share * plan.prefix_tokens), plan.prefix_tokens
    )
    assert repeat.saved_share.median == pytest.approx(
        saved / truth.compute_s(0, plan.prefix_tokens), rel=0.01
    )
    assert (repeat.verdict, repeat.disagreement) == ("saves", None)
    assert summarise(results).contexts == found  # whoever fits it
    text = page(report)
    assert "The slope reads 35,000 prompt tokens a second at a short prompt" in text
    assert "200,000,000 pairs of tokens a second" in text


def test_failed_calls_are_in_no_latency_and_in_no_goodput():
    calls = crowd(4, 0.5)
    failed = replace(calls[3], record=a_failure())
    (row,) = summarise(measured(*calls[:3], failed)).closed_loop
    assert (row.calls, row.failed, row.e2e_latency_s.samples) == (4, 1, 3)
    assert row.goodput_share == 0.75
    assert row.wall_s == pytest.approx(0.5)
    assert row.goodput_per_s == pytest.approx(6)
    assert row.output_tokens_per_s == pytest.approx(3 * 11 / 0.5)
    assert not row.e2e_latency_s.independent


def test_an_axis_of_failures_has_reasons_and_no_numbers():
    calls = [replace(one, record=a_failure()) for one in (*SLOPE, *crowd(2, 0.5))]
    report = summarise(measured(*calls, *a_chain(a_failure(), a_failure())))
    assert report.contexts.rows[0].ttft_s.p50 is None
    assert report.contexts.rows[0].ttft_s.reason.startswith("1 of 1 calls failed")
    assert report.closed_loop[0].goodput_per_s == 0
    assert report.chain.total_s is None
    assert report.chain.reason == "None of 1 runs had an answer at every step."
    assert report.failures[0].calls == 6


def test_refusals_that_took_no_time_have_no_rate():
    calls = [
        replace(one, record=replace(a_failure("connection", None), ended_at=0.0))
        for one in crowd(2, 0.5)
    ]
    (row,) = summarise(measured(*calls)).closed_loop
    assert (row.wall_s, row.goodput_per_s, row.output_tokens_per_s) == (0, None, None)
    assert row.goodput_share == 0


@pytest.mark.parametrize(
    ("ttft_s", "cached", "verdict", "disagrees"),
    [
        (0.12, 2_880, "saves", None),  # 0.48 of 0.5 s of prefill: 96%
        (0.6, 0, "saves nothing", None),
        (0.6, 2_880, "saves nothing", "reports more than it saves"),
        (0.12, 0, "saves", "saves more than it reports"),
    ],
)
def test_what_is_reported_is_held_against_what_is_saved(ttft_s, cached, verdict, disagrees):
    report = summarise(measured(*SLOPE, *prefix_rounds(ttft_s, cached)))
    (row,) = report.prefix.reuses
    assert row.verdict == verdict
    assert row.saved_share.median == pytest.approx((0.6 - ttft_s) / 0.5)
    assert row.cached_share == pytest.approx(cached / 3_000)
    assert (row.disagreement or "").startswith(disagrees or "")
    assert bool(row.disagreement) == bool(disagrees)


def test_an_appended_turn_is_held_against_a_longer_prompt():
    rounds = [
        replace(one, record=replace(one.record, input_tokens=3_300))
        if one.label == "append"
        else one
        for one in prefix_rounds(0.15, 3_000, label="append")
    ]
    (row,) = summarise(measured(*SLOPE, *rounds)).prefix.reuses
    assert row.saved_s.median == pytest.approx(0.65 - 0.15)
    assert row.saved_share.median == pytest.approx(0.5 / 0.55)


def test_savings_on_both_sides_of_a_tenth_are_unclear():
    rounds = [*prefix_rounds(0.6, None, rounds=4), *prefix_rounds(0.2, None, rounds=4)]
    rounds = [replace(one, block=f"prefix/{n // 2}") for n, one in enumerate(rounds)]
    (row,) = summarise(measured(*SLOPE, *rounds)).prefix.reuses
    assert (row.verdict, row.cached_share, row.disagreement) == ("unclear", None, None)


def test_without_a_slope_no_share_is_given():
    (row,) = summarise(measured(*prefix_rounds(0.2, 2_900))).prefix.reuses
    assert (row.verdict, row.saved_share, row.disagreement) == ("unknown", None, None)
    assert row.saved_s.median == pytest.approx(0.4)


def test_after_the_pause_pairs_with_before_it(everything):
    rows = {row.label: row for row in summarise(everything).prefix.reuses}
    assert rows["after_pause"].saved_s.pairs == SMALL.prefix_rounds
    assert set(rows) == {"repeat", "append", "changed_first", "after_pause"}


def test_a_tool_call_is_valid_with_exactly_its_keys():
    keys = FUNCTIONS[0]["parameters"]["required"]
    whole = json.dumps(dict.fromkeys(keys, 1))
    for name, arguments, valid in (
        (FUNCTIONS[0]["name"], whole, 1),
        (FUNCTIONS[0]["name"], "{}", 0),
        (FUNCTIONS[0]["name"], whole[:-3], 0),
        (FUNCTIONS[0]["name"], "[" * 100_000, 0),
        ("another", whole, 0),
    ):
        answer = {"tool_calls": (ToolCall("1", name, arguments),)}
        report = summarise(measured(*structured_rounds(1, answer=answer)))
        form = report.structured.forms[1]
        assert (form.form, form.answered, form.valid) == ("tool_call", 1, valid)


def test_what_the_schemas_own_tokens_take_is_no_cost_of_it(tmp_path):
    rows = {row.form: row for row in summarise(ran(tmp_path, PLAIN)).structured.against_freeform}
    tool = rows["tool_call"]
    assert tool.ttft_s.median > 0
    assert tool.ttft_beyond_length_s.median == pytest.approx(0, abs=1e-9)


def test_a_new_schema_costs_what_the_profile_says(tmp_path):
    profile = PLAIN.but(schema_compile_s=0.7)
    found = summarise(ran(tmp_path, profile)).structured.compiling_s
    assert (found.pairs, found.needed) == (2, 6)
    assert found.median == pytest.approx(0.7, abs=0.01)


def test_the_chain_is_the_sum_of_its_steps():
    run = a_chain(a_record(0.3), a_record(0.5))
    cut = a_chain(a_record(0.1), a_failure(), run=1)
    chain = summarise(measured(*run, *cut)).chain
    assert [one.total_s for one in chain.runs] == [pytest.approx(1.0), None]
    assert chain.total_s == pytest.approx(1.0)
    assert chain.ttft_share == pytest.approx(0.8)
    assert [(step.samples, step.failed) for step in chain.steps] == [(2, 0), (1, 1)]


# How it went


def test_without_usage_chunks_are_counted_and_it_is_said():
    records = [replace(a_record(), output_tokens=None, input_tokens=None, cached_tokens=None)]
    abilities = replace(ALL, usage=False, cached_tokens=False)
    calls = [seen("context", "context/600/0", "cold", records[0], input_tokens=600)]
    report = summarise(measured(*calls, abilities=abilities), prices=Prices(1, 1, 1))
    assert report.tokens_counted_as == "chunks"
    assert report.contexts.rows[0].input_tokens == 600
    assert report.contexts.rows[0].tpot_s.p50.value == pytest.approx(0.01)
    assert report.spent.usd is None
    assert report.spent.usd_reason == "The endpoint tells no usage."
    assert [lack.what for lack in report.lacks] == ["No usage in a stream."]


def test_what_is_lacking_is_named_once_each():
    none = replace(ALL, tools=False, json_schema=False, obeys_limit=False, cached_tokens=False)
    assert len(summarise(measured(abilities=none)).lacks) == 4
    assert summarise(measured(abilities=ALL)).lacks == ()


def test_money_counts_every_call_that_was_made():
    set_aside = a_record(input_tokens=1_000_000, output_tokens=2)
    report = summarise(measured(made=(set_aside,), set_aside=1), prices=Prices(3, 0, 0))
    assert report.spent.usd == pytest.approx(3)
    assert summarise(measured()).spent.usd_reason == "Prices were not given."


def test_an_interrupted_run_says_what_is_missing():
    settings = BARE.but(contexts=(600, 3_000), context_calls=1, concurrency=(1,))
    report = summarise(measured(*at_context(600, 0.2), settings=settings))
    assert (report.completeness.finished, report.completeness.planned) == (1, 3)
    missing = {one.axis: (one.finished, one.planned) for one in report.completeness.unfinished}
    assert missing == {"context": (1, 2), "concurrency": (0, 1)}
    assert not report.completeness.complete
    assert not summarise(measured(abilities=None)).completeness.complete


def test_a_whole_run_is_complete(everything):
    assert summarise(everything).completeness.complete


def test_failures_are_grouped_by_kind_and_status():
    calls = [
        seen("context", f"context/600/{n}", "cold", record, input_tokens=600)
        for n, record in enumerate(
            [a_failure(retry_after_s=2.0), a_failure(retry_after_s=7.0), a_failure("timeout", None)]
        )
    ]
    first, second = summarise(measured(*calls)).failures
    assert (first.kind, first.status, first.calls) == ("status", 429, 2)
    assert first.longest_retry_after_s == 7
    assert (second.kind, second.status, second.calls) == ("timeout", None, 1)


@pytest.mark.parametrize("text", ["<b>\ud800</b>", "a\x00b\x1b[31m", "x" * 100_000, "\u202egnp"])
def test_text_from_outside_fits_into_every_file(text):
    call = seen("context", "context/600/0", "cold", a_failure(message=text), input_tokens=600)
    abilities = replace(ALL, notes=(text,))
    report = summarise(measured(call, abilities=abilities, name=text))
    message = report.failures[0].message
    assert to_json(report).encode("utf-8")
    assert len(message) <= 300
    assert message.isprintable()


def test_overhead_is_of_the_wall_clock_only():
    watched = Watched("concurrency/1", (0.001, 0.002, 0.009), cpu_s=0.02, calls=4)
    found = summarise(measured(overheads=(watched,))).overhead
    assert (found.lateness_p50_s, found.lateness_max_s) == (0.002, 0.009)
    assert found.cpu_s_per_call == pytest.approx(0.005)
    simulated = summarise(measured(clock="simulated"))
    assert simulated.overhead is None
    assert "simulated" in simulated.overhead_reason


@pytest.mark.parametrize("size", SIZES)
def test_the_command_names_the_size_and_what_differs(size):
    settings = SIZES[size].but(seed=7, contexts=(1_000, 2_000))
    words = command_line(measured(settings=settings).identity).split()
    assert ("--size" in words) == (size != "default")
    assert words[words.index("--seed") + 1] == "7"
    assert words[words.index("--contexts") + 1] == "1000,2000"
    assert "--slo-s" not in words


def test_thousands_of_calls_are_summarised():
    calls = at_context(600, *(0.2 + n / 1e5 for n in range(5_000)))
    row = summarise(measured(*calls)).contexts.rows[0]
    assert row.ttft_s.samples == 5_000
    assert math.isclose(row.ttft_s.p50.value, 0.2 + 2_499 / 1e5)
    assert row.ttft_s.p95.interval


def test_gaps_beside_a_prompt_are_told_from_the_others():
    chunks = (0.1, 0.11, 0.12, 0.6, 0.61, 1.5)
    stream = replace(a_record(), chunks_at=chunks, ended_at=1.5)
    prompt = replace(a_record(), sent_at=0.2, ended_at=0.55)
    found = summarise(
        measured(
            seen("interference", "interference/0", "stream", stream),
            seen("interference", "interference/0", "prompt", prompt, lane=1),
        )
    ).interference
    assert found.longest_gap_s == pytest.approx(0.48)
    assert found.usual_gap_s == pytest.approx(0.01)
    assert summarise(measured()).interference.reason == "Not measured."


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.0, False), (3e-9, False), (-3e-9, False), (1e-3, True)]
)
def test_what_instants_round_by_is_no_difference(seconds, shown):
    assert difference([(0.2 + seconds, 0.2)] * 8).shown == shown
