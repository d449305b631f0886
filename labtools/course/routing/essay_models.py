"""The three models of the essay's router, as the mock serves them.

The names are the essay's. The speeds and prices are this course's assumptions, chosen to test the
essay's sentence "a model that runs at 3x the speed and a fraction of the cost"; none of them was
measured on a model of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from labtools.errors import ConfigurationError
from labtools.model.named_profiles import FAST
from labtools.model.profile import LatencyProfile, Prices

BIG_PRICES = Prices(1.00, 0.25, 4.00)
SMALL_PRICES = Prices(0.20, 0.05, 0.80)


def sped_up(profile: LatencyProfile, factor: float) -> LatencyProfile:
    """The profile with every part of a call `factor` times as fast; below 1 it is slower."""
    if not factor > 0:
        raise ConfigurationError(f"factor must be above 0; found {factor!r}.")
    return profile.but(
        rtt_s=profile.rtt_s / factor,
        overhead_s=profile.overhead_s / factor,
        schema_compile_s=profile.schema_compile_s / factor,
        prefill_tokens_per_s=profile.prefill_tokens_per_s * factor,
        decode_tokens_per_s=profile.decode_tokens_per_s * factor,
    )


MAVERICK = FAST.but(
    name="llama4-maverick",
    source="Assumed: the profile `fast`, at 1 and 4 dollars a million input and output tokens.",
    prices=BIG_PRICES,
)
CODER = MAVERICK.but(name="qwen3-coder", source="Assumed: as fast and as dear as llama4-maverick.")
SCOUT = sped_up(MAVERICK, 3).but(
    name="llama4-scout",
    source="Assumed: llama4-maverick three times as fast, at a fifth of the price.",
    prices=SMALL_PRICES,
)

ESSAY_MODELS: Mapping[str, LatencyProfile] = MappingProxyType(
    {profile.name: profile for profile in (MAVERICK, SCOUT, CODER)}
)
"""From model name to profile, for `connect(profile=...)`."""
