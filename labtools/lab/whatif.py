"""What would a run have taken on another backend? A trace, with its calls timed by formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from labtools.clock import elapsed_s
from labtools.errors import ConfigurationError, one_of
from labtools.lab.target import Profiles, profiles_of
from labtools.lab.trace import Trace
from labtools.lab.waits import Order, later
from labtools.model.profile import LatencyProfile
from labtools.records import CallRecord, Span


def what_if(trace: Trace, profile: Profiles) -> Trace:
    """The same run, had `profile` served its calls.

    `profile` is a name or a LatencyProfile for all calls, or a mapping from model to either; calls
    of models that it leaves out keep their times. A call keeps its tokens, cached ones too, and
    gets the latency model's TTFT and steps, at pace 1. Tools keep their durations, and so do calls
    that failed. A group ends with what it holds.

    A step begins as long after the last end of those that it waited for as it did. What waited
    for what is in the trace, or inferred from instants: see `labtools.lab.waits`.

    It cannot know queues, rate limits and streams that slow each other down; another answer, or
    another path of the agent; a schema's compile time; what another endpoint's cache would hold.
    A call counts as bound to a schema if it made tool calls: a record says no more.

    Raises ConfigurationError for calls without token counts and for models that made no call.
    """
    profiles = profiles_of(profile)
    made = {span.call.model for span in trace.spans if span.call}
    if isinstance(profile, Mapping):
        for name in profiles.keys() - made:
            raise one_of("model in a what-if", name, made)
    else:
        profiles = dict.fromkeys(made, *profiles.values())
    moved = replayed(trace, lambda span: profiles.get(span.call.model) if span.call else None)
    names = ", ".join(dict.fromkeys(served.name for served in profiles.values()))
    return replace(moved, endpoint=f"a what-if on {names}, of a run on {trace.endpoint}")


def replayed(trace: Trace, profile_for: Callable[[Span], LatencyProfile | None]) -> Trace:
    """The run with its steps at the times that follow; a call without a profile keeps its own."""
    order = Order(trace.spans, trace.started_at, trace.ended_at)
    calls: dict[int, CallRecord] = {}

    def ended(span: Span, started_at: float) -> float:
        call = span.call
        if call is None:
            return later(started_at, span.duration_s)
        sent_at = later(started_at, elapsed_s(span.started_at, call.sent_at))
        profile = None if call.error else profile_for(span)
        moved = _served(call, profile, sent_at, span.name) if profile else _shifted(call, sent_at)
        calls[span.id] = moved
        return later(moved.ended_at, elapsed_s(call.ended_at, span.ended_at))

    times = order.times(ended, 0.0)
    spans = [
        replace(span, started_at=times[n], ended_at=times[n + 1], call=calls.get(span.id))
        for span, n in ((span, order.start[span.id]) for span in trace.spans)
    ]
    spans.sort(key=lambda span: span.id)
    return replace(trace, spans=tuple(spans), ended_at=times[-1], clock="simulated", result=None)


def served_s(call: CallRecord, profile: LatencyProfile, step: str) -> tuple[float, float]:
    """TTFT and decode of the call on the profile. A call without token counts is an error."""
    if call.input_tokens is None or call.output_tokens is None:
        raise ConfigurationError(
            f"The call {step!r} has no token counts: its endpoint sent no usage. A what-if needs "
            "input and output tokens."
        )
    steps = call.output_tokens - (call.finish_reason == "length")
    ttft_s = profile.ttft_s(call.input_tokens, call.cached_tokens or 0)
    return ttft_s, steps * _step_s(call, profile)


def _step_s(call: CallRecord, profile: LatencyProfile) -> float:
    context_tokens = call.input_tokens or 0
    return profile.step_s(structured=bool(call.tool_calls), context_tokens=context_tokens)


def _served(call: CallRecord, profile: LatencyProfile, sent_at: float, step: str) -> CallRecord:
    """The call with the profile's times. Each chunk keeps its place among the steps."""
    ttft_s, decode_s = served_s(call, profile, step)
    steps = (call.output_tokens or 0) - (call.finish_reason == "length")
    hidden = (call.output_tokens or 0) - (call.streamed_tokens or 0)
    old_first_at = call.chunks_at[0] if call.chunks_at else call.ended_at
    old_decode_s = elapsed_s(old_first_at, call.ended_at)
    first_at = sent_at + ttft_s
    step_s = _step_s(call, profile)

    def moved(at: float) -> float:
        share = elapsed_s(old_first_at, at) / old_decode_s if old_decode_s else 0.0
        # To a thousandth of a step: instants are rounded to nanoseconds, steps are whole.
        return later(first_at, (hidden + round(share * (steps - hidden), 3)) * step_s)

    return _retimed(call, sent_at, later(first_at, decode_s), moved)


def _shifted(call: CallRecord, sent_at: float) -> CallRecord:
    """The call as it was, at another time."""

    def moved(at: float) -> float:
        return later(sent_at, elapsed_s(call.sent_at, at))

    return _retimed(call, sent_at, moved(call.ended_at), moved)


def _retimed(
    call: CallRecord, sent_at: float, ended_at: float, moved: Callable[[float], float]
) -> CallRecord:
    first_output_at = call.first_output_at
    return replace(
        call,
        sent_at=sent_at,
        ended_at=ended_at,
        chunks_at=tuple(map(moved, call.chunks_at)),
        first_output_at=None if first_output_at is None else moved(first_output_at),
    )
