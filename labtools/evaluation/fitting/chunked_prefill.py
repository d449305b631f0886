"""Chunked prefill: prompts that are computed between the streams' steps, so many tokens at a time.

A stream beside a long prompt shows it. Where prompts and streams have hardware of their own, its
gaps stay as they are, or grow a little with the company. Where they share it, each chunk of the
prompt holds the stream up for as long as it takes to compute, and the gaps together hold all of
the prompt's prefill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from labtools.clock import elapsed_s
from labtools.evaluation.axes.interference import gaps_s
from labtools.evaluation.fitting.evidence import Noise, TimedCall, noise_on, timed_calls
from labtools.evaluation.fitting.lone_call import Draft
from labtools.evaluation.fitting.result import Parameter, not_probed
from labtools.evaluation.observations import Measured
from labtools.evaluation.plan import AxisName, Label
from labtools.evaluation.statistics import interval
from labtools.model.profile import LatencyProfile

CHUNK = "prefill_chunk_tokens"
# What the gaps must hold of the prefill that went on meanwhile ...
_HELD_UP = 0.75
# ... and be longer than company explains, by so many steps; or the prompt waits for the steps.
_TORN_STEPS = 3.0


@dataclass(frozen=True, slots=True)
class _Torn:
    """What one prompt did to the stream beside it."""

    prompt: TimedCall
    gaps_s: tuple[float, ...]
    """By how much each gap was longer than usual, while the prompt was under way."""
    step_s: float
    """The stream's usual gap."""
    beside_s: float
    """How long the stream was there while the prompt was computed."""
    whole: bool
    """Whether it was there all of that time."""

    def computed_s(self, profile: LatencyProfile) -> float:
        """How long the prompt takes to compute."""
        return profile.compute_s(self.prompt.cached_tokens, self.prompt.input_tokens or 0)

    def held_up(self, profile: LatencyProfile) -> float:
        """For which share of the prefill that went on beside it the stream stood still."""
        work_s = self.prompt.ttft_s - profile.rtt_s - profile.overhead_s
        return sum(self.gaps_s) / (self.beside_s / work_s * self.computed_s(profile))

    def took_turns(self, profile: LatencyProfile) -> bool:
        """Whether prompt and stream had to wait for each other, and not only share a batch."""
        steps_s = len(self.gaps_s) * self.step_s
        waited_s = self.prompt.ttft_s - profile.rtt_s - self.prompt.prefill_s(profile)
        torn = max(self.gaps_s) > _TORN_STEPS * self.step_s or waited_s > steps_s / 2
        return torn and self.held_up(profile) >= _HELD_UP

    def chunk_tokens(self, profile: LatencyProfile) -> float:
        """The size of the chunk that the middle one of the prompt's tokens was computed in.

        When the stream met all of the prompt, each gap's share of all gaps is its chunk's share of
        the prefill, whatever the pace.
        """
        pace = sum(self.gaps_s) / self.computed_s(profile) if self.whole else 1.0
        start, length = self.prompt.cached_tokens, self.prompt.input_tokens or 0
        tokens = range(start, length + 1)
        seconds = [profile.compute_s(start, end) for end in tokens]
        ends = np.interp(np.cumsum(self.gaps_s) / pace, seconds, tokens)
        sizes = np.sort(np.diff(ends, prepend=start))
        return float(sizes[np.searchsorted(np.cumsum(sizes), sizes.sum() / 2)])


def fit_chunk(draft: Draft, measured: Measured) -> Draft:
    """With the chunk's size, from streams and the long prompts beside them."""
    calls = timed_calls(measured, AxisName.INTERFERENCE)
    noise = noise_on(measured, AxisName.INTERFERENCE)
    found = _chunk(draft.profile, _torn_streams(draft.profile, calls, noise), noise)
    chunk = None if found.value is None else round(found.value)
    return draft.but(found, prefill_chunk_tokens=chunk)


def _chunk(profile: LatencyProfile, torn: Sequence[_Torn], noise: Noise) -> Parameter:
    if not torn:
        return not_probed(CHUNK, "a stream that goes on while a long prompt is computed")
    usual_s = median(tear.computed_s(profile) for tear in torn)
    if usual_s <= noise.least_share(usual_s) * usual_s:
        how = "Long prompts take no time to compute that a stream beside them could show."
        return Parameter(CHUNK, None, "not_identifiable", how)
    share = median(tear.held_up(profile) for tear in torn)
    how = f"{len(torn)} long prompts beside a stream: it stood still for {share:.0%} of the prefill"
    if 2 * sum(tear.took_turns(profile) for tear in torn) <= len(torn):
        return Parameter(CHUNK, None, "absent", f"{how}, or no longer than company explains.")
    sizes = [tear.chunk_tokens(profile) for tear in torn]
    longest = min((tear.prompt.uncached_tokens or 0) for tear in torn)
    if median(sizes) > 0.95 * longest:
        whole = f"{how}, in one piece; longer prompts were not tried."
        return Parameter(CHUNK, longest, "at_least", whole, low=longest)
    pieces = f"{how}; divided as the gaps are, a prompt is computed in chunks of this size."
    found = interval(sizes)
    return Parameter(CHUNK, round(median(sizes)), "measured", pieces, found.low, found.high)


def _torn_streams(profile: LatencyProfile, calls: Sequence[TimedCall], noise: Noise) -> list[_Torn]:
    """For each prompt that a stream met; where any was met whole, only for those."""
    blocks: dict[str, list[TimedCall]] = defaultdict(list)
    for call in calls:
        blocks[call.block].append(call)
    found = list[_Torn]()
    for block in blocks.values():
        prompts = [call for call in block if call.label == Label.PROMPT and call.input_tokens]
        for stream in (call for call in block if call.label == Label.STREAM):
            found += _torn(profile, stream, prompts, noise)
    return [tear for tear in found if tear.whole] or found


def _torn(
    profile: LatencyProfile, stream: TimedCall, prompts: Sequence[TimedCall], noise: Noise
) -> Iterator[_Torn]:
    chunks_at = stream.record.chunks_at
    _, apart_s = gaps_s(stream.observation, [prompt.observation for prompt in prompts])
    usual_s = median(apart_s) if apart_s else profile.step_s()
    least_s = max(2 * (noise.seconds + noise.rounding_s), noise.share * usual_s)
    for prompt in prompts:
        computes_at = prompt.record.sent_at + profile.rtt_s + profile.overhead_s
        if not chunks_at[0] <= prompt.record.sent_at <= computes_at < chunks_at[-1]:
            continue
        met_s, _ = gaps_s(stream.observation, [prompt.observation])
        grown_s = tuple(gap_s - usual_s for gap_s in met_s if gap_s - usual_s > least_s) or (0.0,)
        whole = prompt.first_at <= chunks_at[-1]
        beside_s = elapsed_s(computes_at, min(prompt.first_at, chunks_at[-1]))
        yield _Torn(prompt, grown_s, usual_s, beside_s, whole)
