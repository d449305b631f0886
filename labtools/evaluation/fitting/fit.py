"""The latency model inverted: a profile, and for each of its figures how it was found."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from typing import Any

from labtools.errors import NothingMeasured, one_of
from labtools.evaluation.fitting.alone import fit_alone
from labtools.evaluation.fitting.cache import fit_cache
from labtools.evaluation.fitting.evidence import (
    LOADED,
    LONE,
    lone_calls,
    noise_on,
    timed_calls,
)
from labtools.evaluation.fitting.held_out import Prediction, predictions
from labtools.evaluation.fitting.load import fit_load
from labtools.evaluation.fitting.pace import fit_pace
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.schema import fit_compile, fit_factor
from labtools.evaluation.fitting.shared_prefix import fit_shared_prefix
from labtools.evaluation.fitting.turns import fit_turns
from labtools.evaluation.labels import AxisName
from labtools.evaluation.observations import Measured
from labtools.model.profile import LatencyProfile, PrefixCache


@dataclass(frozen=True, slots=True)
class Fit:
    """A measured endpoint as a profile."""

    profile: LatencyProfile | None
    """None where no decode rate could be measured: nothing can be replayed without."""
    parameters: tuple[Parameter, ...]
    """All figures of the model, those without a figure included."""
    held_out: tuple[Prediction, ...] = ()
    """How well the profile predicts the chains, which it was not fitted to."""

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name. Raises ConfigurationError that lists the names."""
        found = {one.name: one for one in self.parameters}
        if name not in found:
            raise one_of("parameter", name, found)
        return found[name]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON without infinities. `from_dict` reads it back."""
        return {
            "profile": self.profile and {"name": self.profile.name, **_table(self.profile)},
            "parameters": [one.as_dict() for one in self.parameters],
            "held_out": [one.as_dict() for one in self.held_out],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Fit:
        profile = values["profile"] and dict(values["profile"])
        if profile and "prefix_cache" in profile:
            profile["prefix_cache"] = PrefixCache(**profile["prefix_cache"])
        return cls(
            LatencyProfile(**profile) if profile else None,
            tuple(Parameter.from_dict(one) for one in values["parameters"]),
            tuple(Prediction.from_dict(one) for one in values["held_out"]),
        )

    def profile_json(self) -> str:
        """The profile as `labtools serve --profiles FILE` reads it: a table under its name.

        Raises NothingMeasured where there is no profile.
        """
        if self.profile is None:
            decode = self.parameter("decode_tokens_per_s")
            raise NothingMeasured(f"There is no profile without a decode rate. {decode.how}")
        return json.dumps({self.profile.name: _table(self.profile)}, indent=1) + "\n"


def fit(measured: Measured, *, measured_on: str = "") -> Fit:
    """The latency model's figures from the observations alone.

    `measured_on` is the date, for the profile's source. What was not measured stays as a lone
    call has it: no limit, no effect. Whatever failed is left out; nothing raises.
    """
    identity = measured.identity
    calls = lone_calls(measured)
    alone = fit_alone(identity.name, calls, measured.round_trips_s, noise_on(measured, *LONE))
    alone = fit_factor(alone, calls)
    alone = fit_cache(alone, calls)
    alone = fit_pace(alone, calls)
    alone = fit_compile(alone, calls)
    beside = timed_calls(measured, AxisName.INTERFERENCE)
    alone = fit_turns(alone, beside, noise_on(measured, AxisName.INTERFERENCE))
    crowd, arrivals = (timed_calls(measured, axis) for axis in LOADED)
    alone = fit_load(alone, crowd, arrivals, noise_on(measured, *LOADED))
    alone = fit_shared_prefix(alone, timed_calls(measured, AxisName.SHARED_PREFIX))
    parameters = (*alone.parameters, _context_limit(measured), *_UNPROBED)
    if math.isinf(alone.profile.decode_tokens_per_s):
        return Fit(None, parameters)
    profile = replace(alone.profile, source=_source(measured, parameters, measured_on))
    return Fit(profile, parameters, predictions(profile, measured))


_UNPROBED = (
    Parameter(
        "replicas",
        None,
        "not_identifiable",
        "Several replicas look like one with a smaller penalty; the profile has one.",
    ),
    Parameter("sticky", None, "not_identifiable", "It differs only between several replicas."),
    not_probed("rate_limits", "a burst beyond them; the profile has none"),
    not_probed("prices", "the provider's price list; the profile has none"),
)


def _context_limit(measured: Measured) -> Parameter:
    """The longest prompt and answer that went through."""
    lengths = [
        (record.input_tokens or 0) + (record.output_tokens or 0)
        for one in measured.observations
        if (record := one.record).error is None
    ]
    if not (longest := max(lengths, default=0)):
        return not_probed("context_limit_tokens", "an answer that says how many tokens it took")
    how = "The longest prompt with its answer that went through; the profile has a million."
    return Parameter("context_limit_tokens", longest, "at_least", how, low=longest)


def _source(measured: Measured, parameters: tuple[Parameter, ...], measured_on: str) -> str:
    identity = measured.identity
    unknown = [one.name for one in parameters if one.status in ("not_probed", "not_identifiable")]
    on = f" on {measured_on}" if measured_on else ""
    return (
        f"Fitted to {len(measured.observations)} calls of {identity.model} at {identity.endpoint}, "
        f"measured{on} on the {identity.clock} clock with labtools {identity.labtools_version}, "
        f"seed {identity.settings.seed}. Not known: {', '.join(unknown)}."
    )


def _table(profile: Any) -> dict[str, Any]:
    """The fields that differ from their defaults, so that JSON needs no infinity."""
    values = {
        field.name: getattr(profile, field.name)
        for field in fields(profile)
        if field.name != "name"
        and (field.default is MISSING or getattr(profile, field.name) != field.default)
    }
    return {name: _table(one) if is_dataclass(one) else one for name, one in values.items()}
