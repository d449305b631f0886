"""Over HTTP and on the wall clock, the fit finds the same figures, and takes noise for noise."""

from __future__ import annotations

import pytest
from fit_expectations import NO_EFFECT, assert_recovers_cache, assert_recovers_slots, measure

from labtools.evaluation.fitting import fit
from labtools.evaluation.settings import Settings
from labtools.model.named_profiles import NAMED
from labtools.model.profile import LatencyProfile, PrefixCache

pytestmark = [pytest.mark.slow, pytest.mark.timed, pytest.mark.idle]

PLAN = Settings(
    contexts=(1_000, 4_000, 8_000),
    context_calls=4,
    concurrency=(1, 3, 8),
    calls_per_client=2,
    open_loop_calls=4,
    prefix_rounds=2,
    pause_s=0.5,
    structured_calls=12,
    cold_schemas=3,
    interference_runs=0,
    chain_steps=6,
    chain_runs=1,
)
EVERYTHING = LatencyProfile(
    "all-on",
    decode_tokens_per_s=300,
    rtt_s=0.02,
    overhead_s=0.05,
    prefill_tokens_per_s=30_000,
    batch_penalty=0.1,
    max_batch=4,
    structured_factor=1.5,
    schema_compile_s=0.3,
    jitter_sigma=0.2,
    tail_probability=0.05,
    tail_factor=4,
    prefix_cache=PrefixCache(block_tokens=64, minimum_tokens=1_024),
)
# What the stack under both ends takes for an exchange on loopback.
LOOPBACK_S = 0.003


# A run on a machine that was busy with something else is made again, so often.
RUNS = 3
# A loop that is asked to wake after 10 ms and is so late too often: the machine is not ours.
LATE_S = 0.005


@pytest.mark.parametrize("truth", [NAMED["fast"], EVERYTHING], ids=["fast", "everything"])
def test_over_http_each_parameter_is_within_a_tenth(tmp_path, truth):
    # The same requests draw the same paces: what few draws stray by is not the fit's error.
    drawn = fit(measure(tmp_path / "sim", truth, PLAN)).profile
    for run in range(1, RUNS + 1):
        measured = measure(tmp_path / str(run), truth, PLAN, "mock")
        try:
            return assert_within_a_tenth(fit(measured), truth, drawn)
        except AssertionError:
            late_s = latest_twentieth_s(measured)
            if run == RUNS and late_s < LATE_S:
                raise
    pytest.skip(f"this machine is busy: a twentieth of all waits ends {late_s:.3f} s late or more")


def latest_twentieth_s(measured):
    """How late the machine's latest twentieth of wake-ups was."""
    late_s = sorted(s for overhead in measured.overheads for s in overhead.lateness_s)
    return late_s[int(0.95 * len(late_s))]


def assert_within_a_tenth(found, truth, drawn):
    for name, nothing in NO_EFFECT.items():
        one, figure = found.parameter(name), getattr(found.profile, name)
        true = getattr(drawn if name in ("jitter_sigma", "tail_probability") else truth, name)
        slack_s = LOOPBACK_S if name in ("rtt_s", "overhead_s") else 0.0
        assert figure == pytest.approx(true, rel=0.1, abs=slack_s), one
        if name != "rtt_s":
            assert one.status == ("absent" if true == nothing else "measured"), one
    assert found.profile.decode_tokens_per_s == pytest.approx(truth.decode_tokens_per_s, rel=0.1)
    assert_recovers_slots(found, truth, PLAN)
    assert_recovers_cache(found, truth, 0.1)
    if truth.name == "fast":
        assert abs(found.held_out[0].sum_error) < 0.03
        assert found.held_out[0].median_step_error < 0.05
