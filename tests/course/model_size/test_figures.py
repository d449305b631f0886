"""The figures draw and say what they are given."""

import re

import pytest

from labtools.course.model_size import figures
from labtools.course.model_size.backends import crossover_clients
from labtools.errors import NothingMeasured
from labtools.model.named_profiles import BATCH_13B, LATENCY_70B

FIFTY = [float(n) for n in range(1, 51)]
HUNDRED = [float(n) for n in range(1, 101)]


def test_bounds_say_what_was_reached_where_something_was():
    figure = figures.decode_bounds({"13B": 78.4, "70B": 382.9}, {"70B": 200})
    for drawn in (figure.svg, figure.narrow_svg):
        assert max(map(int, re.findall(r">(\d+)</text>", drawn))) <= 400  # the axis fits the bars
    assert "13B: 78;" in figure.alt
    assert "70B: 383, reached 200." in figure.alt
    assert {">200</text>", ">383</text>"} <= set(re.findall(r">[^<>]+</text>", figure.svg))


def test_the_flip_is_marked_where_the_closed_loop_puts_it():
    flip = crossover_clients(LATENCY_70B, BATCH_13B, 80)
    figure = figures.call_by_clients([LATENCY_70B, BATCH_13B], 80)
    assert f">flips at {flip}</text>" in figure.svg
    assert f"slower from {flip} clients on" in figure.alt
    for profile in (LATENCY_70B, BATCH_13B):
        assert f">{profile.name}</text>" in figure.svg


def test_no_flip_is_claimed_where_there_is_none():
    figure = figures.call_by_clients([LATENCY_70B, BATCH_13B], 80, most_clients=16)
    assert "flips" not in figure.svg
    assert "slower" not in figure.alt


def test_the_map_names_both_sides_and_the_ends_of_its_edge():
    figure = figures.faster_by_load_and_length(LATENCY_70B, BATCH_13B, most_tokens=1000)
    ends = [crossover_clients(LATENCY_70B, BATCH_13B, tokens) for tokens in (1, 1000)]
    assert f"{ends[0]} clients for answers of 1 token" in figure.alt
    assert f"at {ends[1]} for answers of 1,000" in figure.alt


def test_the_first_call_states_its_compiling():
    figure = figures.schema_cost({"none": (0.0, 0.15, 0.4), "slow": (0.9, 0.15, 0.5)})
    assert "slow 1.55 s, of which 0.9 s compiling" in figure.alt


def test_a_percentile_without_an_interval_says_how_many_calls_it_needs():
    figure = figures.percentiles_of_calls({"fifty": FIFTY})
    assert "p50 25.00 s (18.00 to 33.00)" in figure.alt
    assert "p95 48.00 s (no interval: 59 calls needed)" in figure.alt
    assert "p95 95.00 s (90.00 to 99.00)" in figures.percentiles_of_calls({"h": HUNDRED}).alt


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.decode_bounds({}, {}),
        lambda: figures.schema_cost({}),
        lambda: figures.percentiles_of_calls({}),
    ],
)
def test_nothing_to_draw_is_an_error(draw):
    with pytest.raises(NothingMeasured):
        draw()
