"""What a fit found: each figure of the latency model, the profile that they make, and how well that
predicts what it was not fitted to: the chain, step by step.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter

from labtools.errors import NothingMeasured, one_of
from labtools.evaluation.observations import Measured
from labtools.evaluation.plan import AxisName
from labtools.model.profile import LatencyProfile


@dataclass(frozen=True, slots=True)
class Prediction:
    """The held-out chains' end-to-end times by the profile's formulas, against the measured.

    Errors are shares of what was measured, above 0 where the prediction is too long.
    """

    cached_from: str
    """Where the cached tokens come from: "profile" (its cache) or "endpoint" (its reports)."""
    chains: int
    steps: int
    measured_s: float
    """Sum of all steps."""
    predicted_s: float
    """The same, with the share of slow calls that the profile's tail expects."""
    median_step_error: float
    """Of the sizes of the steps' errors, each step predicted without jitter and tail."""
    worst_step_error: float

    @property
    def sum_error(self) -> float:
        return self.predicted_s / self.measured_s - 1


class _Step(NamedTuple):
    """One step that ended well."""

    took_s: float
    predicted_s: Callable[[int], float]
    """From its cached tokens, at the pace of 1, where most calls are near."""
    kept_tokens: int
    """What the profile's cache reuses."""
    reported_tokens: int | None
    """What the endpoint says that its cache did."""


def predictions(profile: LatencyProfile, measured: Measured) -> tuple[Prediction, ...]:
    """With the cached tokens that the profile says, and with those that the endpoint reported.

    Steps that failed are neither predicted nor counted. Empty when no step ended well.
    """
    steps = list(_steps(profile, measured))
    if not steps:
        return ()
    chains = len(measured.blocks(AxisName.CHAIN))
    took_s = [step.took_s for step in steps]
    mean_pace = 1 + profile.tail_probability * (profile.tail_factor - 1)

    def against(source: str, cached_tokens: list[int]) -> Prediction:
        predicted_s = [
            step.predicted_s(cached) for step, cached in zip(steps, cached_tokens, strict=True)
        ]
        errors = [abs(p / t - 1) for p, t in zip(predicted_s, took_s, strict=True)]
        sums = (sum(took_s), sum(predicted_s) * mean_pace)
        return Prediction(source, chains, len(steps), *sums, median(errors), max(errors))

    reported = [step.reported_tokens for step in steps if step.reported_tokens is not None]
    found = against("profile", [step.kept_tokens for step in steps])
    return (found, against("endpoint", reported)) if len(reported) == len(steps) else (found,)


def _steps(profile: LatencyProfile, measured: Measured) -> Iterator[_Step]:
    """The first chain's first step brings its set of tools for the first time."""
    structured = measured.abilities is not None and measured.abilities.tools
    new_schema = structured
    settings, cache = measured.identity.settings, profile.prefix_cache
    chains = measured.blocks(AxisName.CHAIN).values()
    for chain in sorted(chains, key=lambda chain: chain[0].record.sent_at):
        shared_tokens = 0
        for call in chain:
            record, tokens = call.record, call.record.input_tokens
            if tokens is None:  # as planned
                tokens = settings.chain_tokens + call.place * settings.chain_growth_tokens
            if call.e2e_latency_s and record.chunks_at:
                predicted_s = partial(
                    profile.e2e_latency_s,
                    call.output_tokens or 0,
                    tokens,
                    structured=structured,
                    new_schema=new_schema,
                    stops_by_itself=record.finish_reason != "length",
                )
                # The step before is all of its prompt; the last token is always computed.
                kept_tokens = cache.cached_tokens(min(shared_tokens, tokens - 1)) if cache else 0
                yield _Step(call.e2e_latency_s, predicted_s, kept_tokens, record.cached_tokens)
                shared_tokens = tokens
            new_schema = False


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
        # Without what is at its default: JSON has no infinity.
        table = TypeAdapter(LatencyProfile).dump_python(
            self.profile, exclude={"name"}, exclude_defaults=True
        )
        return json.dumps({self.profile.name: table}, indent=1) + "\n"
