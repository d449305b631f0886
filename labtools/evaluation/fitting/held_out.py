"""How well the profile predicts what it was not fitted to: the chain, step by step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from labtools.evaluation.observations import Measured, Observation
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

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "sum_error": self.sum_error}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Prediction:
        return cls(**{name: value for name, value in values.items() if name != "sum_error"})


@dataclass(frozen=True, slots=True)
class _Step:
    """One step that ended well, as the latency model sees it."""

    took_s: float
    input_tokens: int
    output_tokens: int
    shared_tokens: int
    """With the step before: all of its prompt."""
    cached_tokens: int | None
    structured: bool
    new_schema: bool
    stops_by_itself: bool

    def predicted_s(self, profile: LatencyProfile, cached_tokens: int) -> float:
        """At the pace of 1, where most calls are near."""
        return profile.e2e_latency_s(
            self.output_tokens,
            self.input_tokens,
            cached_tokens,
            structured=self.structured,
            new_schema=self.new_schema,
            stops_by_itself=self.stops_by_itself,
        )

    def cached_by(self, profile: LatencyProfile) -> int:
        """What the profile's cache reuses; the prompt's last token is always computed."""
        reusable = min(self.shared_tokens, self.input_tokens - 1)
        return profile.prefix_cache.cached_tokens(reusable) if profile.prefix_cache else 0


def predictions(profile: LatencyProfile, measured: Measured) -> tuple[Prediction, ...]:
    """With the cached tokens that the profile says, and with those that the endpoint reported.

    Steps that failed are neither predicted nor counted. Empty when no step ended well.
    """
    chains = defaultdict[str, list[Observation]](list)
    for call in measured.on(AxisName.CHAIN):
        chains[call.block].append(call)
    steps = list(_steps(chains.values(), measured))
    if not steps:
        return ()
    took_s = [step.took_s for step in steps]
    mean_pace = 1 + profile.tail_probability * (profile.tail_factor - 1)

    def against(source: str, cached_tokens: Iterable[int]) -> Prediction:
        predicted_s = [
            step.predicted_s(profile, cached)
            for step, cached in zip(steps, cached_tokens, strict=True)
        ]
        errors = [abs(p / t - 1) for p, t in zip(predicted_s, took_s, strict=True)]
        sums = (sum(took_s), sum(predicted_s) * mean_pace)
        return Prediction(source, len(chains), len(steps), *sums, median(errors), max(errors))

    reported = [step.cached_tokens for step in steps if step.cached_tokens is not None]
    found = against("profile", (step.cached_by(profile) for step in steps))
    return (found, against("endpoint", reported)) if len(reported) == len(steps) else (found,)


def _steps(chains: Iterable[list[Observation]], measured: Measured) -> Iterator[_Step]:
    """The first chain's first step brings its set of tools for the first time."""
    structured = measured.abilities is not None and measured.abilities.tools
    new_schema = structured
    for chain in sorted(chains, key=lambda chain: chain[0].record.sent_at):
        shared_tokens = 0
        for call in chain:
            record, tokens = call.record, _input_tokens(call, measured)
            if record.error is None and record.e2e_latency_s and record.chunks_at:
                yield _Step(
                    record.e2e_latency_s,
                    tokens,
                    call.output_tokens or 0,
                    shared_tokens,
                    record.cached_tokens,
                    structured,
                    new_schema,
                    record.finish_reason != "length",
                )
                shared_tokens = tokens
            new_schema = False


def _input_tokens(call: Observation, measured: Measured) -> int:
    """As the endpoint counts them; where it does not, as they were planned."""
    settings = measured.identity.settings
    planned = settings.chain_tokens + call.place * settings.chain_growth_tokens
    return planned if call.record.input_tokens is None else call.record.input_tokens
