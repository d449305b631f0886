"""The two figures of the profiles say what they draw."""

import re
from functools import cache

import pytest

from labtools.errors import NothingMeasured
from labtools.model.closed_loop import closed_loop
from labtools.model.named_profiles import NAMED
from labtools.plots import speed_by_concurrency, ttft_by_context

ALL = list(NAMED.values())


@cache
def drawn(draw):
    return draw(ALL)


@pytest.mark.parametrize("draw", [ttft_by_context, speed_by_concurrency])
def test_axes_are_named_with_their_unit_and_scale(draw):
    svg = drawn(draw).svg
    labels = re.findall(r"<text[^>]*>([^<]*log scale[^<]*)</text>", svg)
    assert len(labels) == 2


def test_every_profile_is_labelled_at_its_ttft_curve():
    svg = drawn(ttft_by_context).svg
    for profile in ALL:
        assert f">{profile.name}</text>" in svg


def test_profiles_without_figures_under_load_are_named_and_not_drawn():
    figure = drawn(speed_by_concurrency)
    assert ">fast</text>" not in figure.svg
    assert "fast, slow, tracelab-median" in figure.caption
    assert ">latency-70b</text>" in figure.svg


def test_alt_texts_hold_the_ends_of_the_curves():
    profile = NAMED["oci-llama-3.3-70b"]
    alt = speed_by_concurrency([profile], most_clients=256).alt
    alone, among = (closed_loop(profile, n, 300, 480).tokens_per_s for n in (1, 256))
    assert f"{alone:.3g} alone and {among:.2g} among 256" in alt
    alt = ttft_by_context([profile]).alt
    assert f"{profile.ttft_s(100):.2g} s at 100" in alt
    assert f"{profile.ttft_s(128_000):.2g} s at 128,000" in alt


def test_a_curve_ends_at_the_context_limit():
    assert "at 4,096" in ttft_by_context([NAMED["batch-13b"]]).alt


@pytest.mark.parametrize("draw", [ttft_by_context, speed_by_concurrency])
def test_nothing_to_draw_is_an_error(draw):
    with pytest.raises(NothingMeasured):
        draw([])


def test_the_same_profiles_give_the_same_figure():
    assert ttft_by_context(ALL).svg == drawn(ttft_by_context).svg
