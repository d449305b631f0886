"""What the fit reads of the observations: the calls that ended well, with their tokens.

The chain is not here: it is held out, to be predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from labtools.clock import elapsed_s
from labtools.evaluation.axes.load import INPUT_TOKENS as LOAD_TOKENS
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.plan import AxisName, Label
from labtools.model.metrics import percentile
from labtools.model.profile import LatencyProfile
from labtools.records import CallRecord

# The axes whose calls have the endpoint to themselves, as far as this client can see.
LONE = (AxisName.CONTEXT, AxisName.PREFIX, AxisName.STRUCTURED, AxisName.COLD_SCHEMA)
LOADED = (AxisName.CONCURRENCY, AxisName.OPEN_LOOP)
# The calls whose prompt begins like no other.
COLD = (
    Label.COLD,
    Label.CHANGED_FIRST,
    Label.BEFORE_PAUSE,
    Label.KNOWN,
    Label.FREEFORM,
    Label.CALL,
)
FORMS = (Label.TOOL_CALL, Label.JSON_SCHEMA)
STRUCTURED = (*FORMS, Label.COLD_SCHEMA, Label.WARM_SCHEMA)
# On the wall clock, a smaller effect than this share is not called one: over twenty steps, jitter
# of 2% changes the sum by 0.4%.
LEAST_SHARE = 0.02
_ROUNDING_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class TimedCall:
    """One call that ended well, in the terms of the latency model."""

    observation: Observation
    ttft_s: float
    tpot_s: float | None
    """None where it has fewer than two chunks, or says nothing of its tokens."""
    decode_s: float
    """First chunk to last."""
    input_tokens: int | None
    """None where the endpoint does not say how long the prompt was."""
    cached_tokens: int

    @property
    def uncached_tokens(self) -> int | None:
        """What of the prompt had to be computed, if that is known."""
        return None if self.input_tokens is None else self.input_tokens - self.cached_tokens

    @property
    def pairs(self) -> float:
        """Of tokens, that computing the prompt attended to."""
        return ((self.input_tokens or 0) ** 2 - self.cached_tokens**2) / 2

    def prefill_s(self, profile: LatencyProfile) -> float:
        """What the profile says of its prefill, at pace 1; of an unknown prompt, the overhead."""
        return profile.prefill_s(self.input_tokens or 0, self.cached_tokens)

    def setup_s(self, profile: LatencyProfile) -> float:
        """The part of it that keeps no other call waiting."""
        return profile.setup_s(self.cached_tokens)

    def step_s(self, profile: LatencyProfile, streams: float = 1) -> float:
        """What the profile says of its steps, beside so many streams after prompts like its own."""
        context_tokens = streams * (self.input_tokens or 0)
        return profile.step_s(structured=self.structured, context_tokens=context_tokens)

    @property
    def record(self) -> CallRecord:
        return self.observation.record

    @property
    def block(self) -> str:
        return self.observation.block

    @property
    def label(self) -> Label:
        return self.observation.label

    @property
    def first_at(self) -> float:
        """When its first output came."""
        return self.record.chunks_at[0]

    @property
    def structured(self) -> bool:
        """Whether the answer was bound to a schema."""
        return self.label in STRUCTURED

    @property
    def later_tokens(self) -> float:
        """Those that came after the first chunk."""
        return self.decode_s / self.tpot_s if self.tpot_s else 0.0


def timed_calls(measured: Measured, *axes: AxisName) -> list[TimedCall]:
    """The calls of these axes that ended well and brought output."""
    calls = (_timed(observation) for axis in axes for observation in measured.on(axis))
    return [call for call in calls if call]


def timed_pairs(
    measured: Measured, axis: AxisName, before: Label, after: Label
) -> list[tuple[TimedCall, TimedCall]]:
    """The pairs of these labels of which both calls ended well and brought output."""
    pairs = ((_timed(a), _timed(b)) for a, b in measured.pairs(axis, before, after))
    return [(first, second) for first, second in pairs if first and second]


def _timed(observation: Observation) -> TimedCall | None:
    ttft_s, chunks = observation.ttft_s, observation.record.chunks_at
    if ttft_s is None or not chunks:
        return None
    decode_s = elapsed_s(chunks[0], chunks[-1])
    tpot_s = observation.tpot_s or None
    return TimedCall(observation, ttft_s, tpot_s, decode_s, *_prompt(observation))


def lone_calls(measured: Measured) -> list[TimedCall]:
    """The calls during which this client sent no other."""
    crowd = timed_calls(measured, AxisName.CONCURRENCY)
    alone = [call for call in crowd if call.observation.at.get("clients") == 1]
    return [*timed_calls(measured, *LONE), *alone]


@dataclass(frozen=True, slots=True)
class Noise:
    """What an effect must exceed to be called one."""

    seconds: float
    """By how much the measuring machine may misplace an instant."""
    share: float
    """Of what is measured: nobody's chain feels less."""
    rounding_s: float = 1e-8
    """What nanoseconds and sums of floats round by."""

    def least_share(self, duration_s: float) -> float:
        """The smallest share of this duration that is an effect; both its ends are stamped."""
        return (
            max(self.share, 2 * (self.seconds + self.rounding_s) / duration_s)
            if duration_s > 0
            else 1.0
        )


def noise_on(measured: Measured, *axes: AxisName) -> Noise:
    """The noise of these axes.

    On the wall clock, the 95th percentile of how late the loop woke meanwhile; without any noted,
    of the round trips' distances from their median. On the simulated clock only rounding is left.
    """
    if measured.identity.clock == "simulated":
        return Noise(0.0, _ROUNDING_SHARE)
    blocks = {observation.block for axis in axes for observation in measured.on(axis)}
    late_s = [s for noted in measured.overheads if noted.block in blocks for s in noted.lateness_s]
    if not late_s and measured.round_trips_s:
        usual_s = median(measured.round_trips_s)
        late_s = [abs(seconds - usual_s) for seconds in measured.round_trips_s]
    return Noise(percentile(late_s, 0.95) if late_s else 0.0, LEAST_SHARE)


def _prompt(observation: Observation) -> tuple[int | None, int]:
    """Input and cached tokens as the endpoint counts them; if it does not, what was asked for."""
    if observation.record.input_tokens is not None:
        return observation.record.input_tokens, observation.record.cached_tokens or 0
    asked = LOAD_TOKENS if observation.axis in LOADED else observation.at.get("input_tokens")
    return (None if asked is None else int(asked)), 0
