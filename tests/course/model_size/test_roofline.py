"""The bound equals the published figures, and scales as its formula says."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.course.model_size.backends import ACCELERATORS, decode_bound_tokens_per_s
from labtools.errors import ConfigurationError

A100 = ACCELERATORS["A100 80GB SXM"].bandwidth_bytes_per_s
H100 = ACCELERATORS["H100 SXM"].bandwidth_bytes_per_s
amounts = st.floats(min_value=1e-3, max_value=1e13)


@pytest.mark.parametrize(
    ("parameters", "bytes_per_parameter", "accelerators", "bandwidth", "tokens_per_s", "token_ms"),
    [
        pytest.param(13e9, 2, 1, A100, 78, 12.75, id="13B fp16, one A100"),
        pytest.param(13e9, 2, 1, H100, 129, 7.76, id="13B fp16, one H100"),
        pytest.param(70e9, 2, 8, H100, 191, 5.22, id="70B fp16, eight H100"),
        pytest.param(70e9, 1, 8, H100, 383, 2.61, id="70B fp8, eight H100"),
    ],
)
def test_published_figures(
    parameters, bytes_per_parameter, accelerators, bandwidth, tokens_per_s, token_ms
):
    bound = decode_bound_tokens_per_s(parameters, bytes_per_parameter, accelerators, bandwidth)
    assert round(bound) == tokens_per_s
    assert 1e3 / bound == pytest.approx(token_ms, abs=0.005)


@given(amounts, amounts, st.integers(1, 4096), amounts)
def test_a_token_takes_as_long_as_reading_one_accelerators_share(
    parameters, bytes_per_parameter, accelerators, bandwidth
):
    share_bytes = parameters * bytes_per_parameter / accelerators
    bound = decode_bound_tokens_per_s(parameters, bytes_per_parameter, accelerators, bandwidth)
    assert 1 / bound == pytest.approx(share_bytes / bandwidth)


def test_every_accelerator_has_a_source():
    assert ACCELERATORS
    for name, accelerator in ACCELERATORS.items():
        assert accelerator.name == name
        assert accelerator.source
        assert 1e11 < accelerator.bandwidth_bytes_per_s < 1e14


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, "70e9", None, True])
def test_bad_input_names_the_argument_and_what_was_found(position, bad):
    arguments = [70e9, 2, 8, H100]
    arguments[position] = bad
    name = ["parameters", "bytes_per_parameter", "accelerators", "bandwidth"][position]
    with pytest.raises(ConfigurationError, match=rf"^{name}.* is {bad!r}\. Allowed"):
        decode_bound_tokens_per_s(*arguments)


def test_half_an_accelerator_is_refused():
    with pytest.raises(ConfigurationError, match=r"accelerators is 1\.5"):
        decode_bound_tokens_per_s(70e9, 2, 1.5, H100)  # type: ignore[arg-type]
