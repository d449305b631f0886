"""The results of a GPU become the profile that made them, and the figures say what they hold."""

from __future__ import annotations

import json

import pytest

from labtools.course.model_size.gpu import (
    STEP,
    GpuResults,
    gpu_results,
    prefill_errors,
    prompts,
    step_errors,
    steps_by_streams,
    steps_with_a_chunk,
)
from labtools.errors import ConfigurationError, NothingMeasured
from labtools.model.profile import LatencyProfile

TRUE = LatencyProfile(
    name="true",
    overhead_s=0.004,
    prefill_tokens_per_s=40_000,
    attention_pairs_per_s=5e8,
    decode_tokens_per_s=200,
    batch_penalty=0.006,
    decode_context_tokens_per_s=3e7,
)


def timed(median_s, **labels):
    return labels | {"median_s": median_s, "least_s": median_s, "most_s": median_s}


def run_of(profile):
    """The results that a card would give if the latency model were the truth."""
    steps = [
        timed(
            profile.step_s(batch, context_tokens=batch * context),
            what="decode",
            shape="8B",
            batch=batch,
            context=context,
        )
        for batch in (1, 4, 16)
        for context in (1000, 4000)
    ]
    prompts = [
        timed(profile.prefill_s(n, cached), what="prefill", shape="8B", prompt=n, cached=cached)
        for n, cached in ((500, 0), (2000, 0), (8000, 0), (8000, 4000), (8000, 7900))
    ]
    sizes = {"name": "M", "parameters": 9, "weight_bytes_read": 8e9, "kv_bytes_per_token": 1e5}
    return GpuResults.model_validate(
        {
            "card": "NVIDIA X1",
            "torch": "2",
            "date": "2026-11-27",
            "shapes": {"8B": sizes},
            "points": [timed(2.0, what="copy", bytes=8e12), *steps, *prompts],
        }
    )


def test_the_profile_is_the_one_that_made_the_results():
    found = run_of(TRUE).profile("8B")
    assert found.name == "x1-8b"
    assert "NVIDIA X1" in found.source
    for term in (
        *("overhead_s", "prefill_tokens_per_s", "attention_pairs_per_s"),
        *("decode_tokens_per_s", "batch_penalty", "decode_context_tokens_per_s"),
    ):
        assert getattr(found, term) == pytest.approx(getattr(TRUE, term), rel=1e-6), term


def test_an_error_is_predicted_over_measured():
    twice_as_long = TRUE.but(decode_tokens_per_s=100, decode_context_tokens_per_s=1.5e7)
    steps = step_errors(run_of(TRUE), "8B", twice_as_long)
    assert list(steps.values()) == pytest.approx([1.0] * 6)
    of_prompts = prefill_errors(run_of(TRUE), "8B", TRUE)
    assert list(of_prompts.values()) == pytest.approx([0.0] * 5)


def test_a_step_is_reached_between_two_batches_that_were_measured():
    run = run_of(TRUE)
    halfway_s = (run.time_s("8B", STEP, batch=4, context=1000)) / 2
    halfway_s += run.time_s("8B", STEP, batch=16, context=1000) / 2
    assert run.streams_to_reach(halfway_s, "8B", 1000) == pytest.approx(10)
    assert run.streams_to_reach(1.0, "8B", 1000) is None


def test_the_bound_reads_the_weights_and_the_cache():
    assert run_of(TRUE).bound_s("8B", 20_000) == pytest.approx((8e9 + 2e9) / 4e12)


def test_too_few_points_are_no_profile():
    run = run_of(TRUE)
    run.points = [p for p in run.points if p.context != 4000]
    with pytest.raises(NothingMeasured, match="3 points do not tell the terms"):
        run.profile("8B")


def test_what_is_no_result_is_named(tmp_path):
    path = tmp_path / "x.json"
    with pytest.raises(ConfigurationError, match=r"x\.json holds no results"):
        gpu_results(path)
    path.write_text(json.dumps({"points": []}), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"x\.json holds no results"):
        gpu_results(path)
    with pytest.raises(ConfigurationError, match=r"'7B'.*8B"):
        gpu_results().of("7B", STEP)


@pytest.mark.parametrize("shape", ["8B", "13B", "32B"])
def test_the_stored_run_is_whole_and_possible(shape):
    """No step is faster than reading what it must read, and repeats differ by little."""
    run = gpu_results()
    steps = run.of(shape, STEP)
    assert {1, 8, 64} <= {point.batch for point in steps}
    assert {500, 32_000} <= {point.context for point in steps}
    for point in steps:
        assert point.least_s > run.bound_s(shape, point.batch * point.context)
    assert {500, 32_000} <= {point.prompt for point in run.of(shape, "prefill", cached=0)}


def test_the_figures_say_the_figures():
    run = gpu_results()
    steps = steps_by_streams(run, "32B", 1000)
    alone_ms = 1e3 * run.time_s("13B", STEP, batch=1, context=1000)
    assert f"13B {alone_ms:.1f} ms alone" in steps.alt
    assert ">the 32B alone</text>" in steps.svg
    assert "NVIDIA H200, driver" in steps.caption
    assert "32B 61.8 ms for 500 tokens" in prompts(run).alt
    assert "Without a prompt 6.4 ms" in steps_with_a_chunk(run, "8B", 16).alt
