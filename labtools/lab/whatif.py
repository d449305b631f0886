"""What would a run have taken on another backend? A trace, with its calls timed by formula."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from labtools.clock import elapsed_s
from labtools.errors import ConfigurationError, one_of
from labtools.lab.span_layout import in_order, parent_of
from labtools.lab.target import Profiles, profiles_of
from labtools.lab.trace import Trace
from labtools.model.profile import LatencyProfile
from labtools.records import CallRecord, Span


def what_if(trace: Trace, profile: Profiles) -> Trace:
    """The same run, had `profile` served its calls.

    `profile` is a name or a LatencyProfile for all calls, or a mapping from model to either; calls
    of models that it leaves out keep their times. A call keeps its tokens, cached ones too, and
    gets the latency model's TTFT and steps, at pace 1. Tools keep their durations, and so do calls
    that failed. A group ends with what it holds.

    What waited for what is inferred: a step begins as long after the latest end as it did, of
    those steps beside it that had ended when it began. So of two chains that run side by side
    without a group around each, one may seem to have waited for the other.

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
    replay = _Replay(trace.spans, profiles)
    ended_at = replay.level(None, trace.started_at, trace.ended_at, trace.started_at)
    names = ", ".join(dict.fromkeys(served.name for served in profiles.values()))
    endpoint = f"a what-if on {names}, of a run on {trace.endpoint}"
    spans = tuple(sorted(replay.moved, key=lambda span: span.id))
    return Trace(spans, trace.started_at, ended_at, endpoint, "simulated")


class _Replay:
    """Puts spans at their new times, level by level."""

    def __init__(self, spans: Iterable[Span], profiles: Mapping[str, LatencyProfile]) -> None:
        spans = in_order(spans)
        ids = {span.id for span in spans}
        self.moved: list[Span] = []
        self._profiles = profiles
        self._children = defaultdict[int | None, list[Span]](list)
        for span in spans:
            # What held it may have been under way when the trace was taken.
            self._children[parent_of(span, ids)].append(span)

    def level(self, id: int | None, old_start: float, old_end: float, new_start: float) -> float:
        """Move what the span `id` holds; returns when that span now ends."""
        ends: list[tuple[float, float]] = []  # old, new

        def moved(instant: float) -> float:
            before = [pair for pair in ends if pair[0] <= instant] or [(old_start, new_start)]
            old, new = (max(times) for times in zip(*before, strict=True))
            return _later(new, elapsed_s(old, instant))

        for span in self._children[id]:
            ends.append((span.ended_at, self._move(span, moved(span.started_at))))
        return moved(old_end)

    def _move(self, span: Span, started_at: float) -> float:
        ended_at = self.level(span.id, span.started_at, span.ended_at, started_at)
        call = span.call
        if call is not None:
            sent_at = _later(started_at, elapsed_s(span.started_at, call.sent_at))
            profile = self._profiles.get(call.model)
            if profile is None or call.error:
                call = _shifted(call, sent_at)
            else:
                call = _served(call, profile, sent_at, span.name)
            rest_s = elapsed_s(span.call.ended_at, span.ended_at) if span.call else 0.0
            ended_at = _later(call.ended_at, rest_s)
        self.moved.append(replace(span, started_at=started_at, ended_at=ended_at, call=call))
        return ended_at


def _served(call: CallRecord, profile: LatencyProfile, sent_at: float, step: str) -> CallRecord:
    """The call with the profile's times. Each chunk keeps its place among the steps."""
    if call.input_tokens is None or call.output_tokens is None or call.streamed_tokens is None:
        raise ConfigurationError(
            f"The call {step!r} has no token counts: its endpoint sent no usage. A what-if needs "
            "input and output tokens."
        )
    steps = call.output_tokens - (call.finish_reason == "length")
    hidden = call.output_tokens - call.streamed_tokens
    old_first_at = call.chunks_at[0] if call.chunks_at else call.ended_at
    old_decode_s = elapsed_s(old_first_at, call.ended_at)
    first_at = sent_at + profile.ttft_s(call.input_tokens, call.cached_tokens or 0)
    step_s = profile.step_s(structured=bool(call.tool_calls))

    def moved(at: float) -> float:
        share = elapsed_s(old_first_at, at) / old_decode_s if old_decode_s else 0.0
        # To a thousandth of a step: instants are rounded to nanoseconds, steps are whole.
        return _later(first_at, (hidden + round(share * (steps - hidden), 3)) * step_s)

    return _retimed(call, sent_at, _later(first_at, steps * step_s), moved)


def _shifted(call: CallRecord, sent_at: float) -> CallRecord:
    """The call as it was, at another time."""

    def moved(at: float) -> float:
        return _later(sent_at, elapsed_s(call.sent_at, at))

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


def _later(instant: float, seconds: float) -> float:
    return round(instant + seconds, 9)
