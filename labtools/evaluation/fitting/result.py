"""What a fit found: each figure of the latency model, and the profile that they make."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, Literal

from labtools.errors import NothingMeasured, one_of
from labtools.evaluation.fitting.held_out import Prediction
from labtools.model.profile import LatencyProfile

Status = Literal["measured", "absent", "at_least", "not_probed", "not_identifiable"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A field of LatencyProfile by name ("prefix_cache.ttl_s" within the cache), and its figure.

    `status` is one of: "measured"; "absent" (looked for, and there is no effect beyond the noise:
    `value` is that of no effect); "at_least" (`value` is what was tried, and the limit lies
    beyond); "not_probed" (nothing was measured that could tell); "not_identifiable" (what was
    measured has several explanations).
    """

    name: str
    value: float | None
    """None: there is no figure. For the prefill rate also: TTFT does not depend on the length."""
    status: Status
    how: str
    """In one sentence: from what, by which method, and what the profile takes where it is open."""
    low: float | None = None
    high: float | None = None
    """95% interval, or the bounds that the observations leave."""


def not_probed(name: str, needed: str) -> Parameter:
    """For what nothing was measured; `needed` says what would tell."""
    return Parameter(name, None, "not_probed", f"Not measured: it needs {needed}.")


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
        found = {parameter.name: parameter for parameter in self.parameters}
        if name not in found:
            raise one_of("parameter", name, found)
        return found[name]

    @property
    def prefill(self) -> LatencyProfile:
        """A lone call's TTFT: what is known of it, even where nothing is of the decode."""
        names = ("rtt_s", "overhead_s", "prefill_tokens_per_s", "attention_pairs_per_s")
        figures: dict[str, Any] = {
            parameter.name: parameter.value
            for parameter in self.parameters
            if parameter.name in names and parameter.value is not None
        }
        return LatencyProfile("prefill", math.inf, **figures)

    def profile_json(self) -> str:
        """The profile as `labtools serve --profiles FILE` reads it: a table under its name.

        Raises NothingMeasured where there is no profile.
        """
        if self.profile is None:
            decode = self.parameter("decode_tokens_per_s")
            raise NothingMeasured(f"There is no profile without a decode rate. {decode.how}")
        return json.dumps({self.profile.name: _table(self.profile)}, indent=1) + "\n"


def _table(profile: Any) -> dict[str, Any]:
    """The fields that differ from their defaults, so that JSON needs no infinity."""
    values = {
        field.name: getattr(profile, field.name)
        for field in fields(profile)
        if field.name != "name"
        and (field.default is MISSING or getattr(profile, field.name) != field.default)
    }
    return {name: _table(v) if is_dataclass(v) else v for name, v in values.items()}
