"""A run as a tree of spans: recorded while it happens, then looked at as a table or a figure."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from labtools.clock import elapsed_s
from labtools.files import write_whole
from labtools.lab.spans import comparison, covered_s, depths, in_order, lanes
from labtools.read_back import read_back
from labtools.records import CallRecord, Instant, Span, failures, remarks
from labtools.redaction import NO_SECRET, Redactor

if TYPE_CHECKING:
    import pandas

    from labtools.plots import LabFigure

_parent_id: contextvars.ContextVar[int | None] = contextvars.ContextVar("parent_id", default=None)

FORMAT = "labtools-trace/2"
_FORMAT_1 = "labtools-trace/1"  # spans without edges, which instants then show
_COUNTS = ("input_tokens", "cached_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Trace:
    """One run: its spans, which endpoint and clock it ran on, and what the coroutine returned."""

    spans: tuple[Span, ...]
    started_at: Instant
    ended_at: Instant
    endpoint: str
    clock: Literal["simulated", "wall"]
    result: Any = None

    @property
    def duration_s(self) -> float:
        """Start of the run to its end."""
        return elapsed_s(self.started_at, self.ended_at)

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """The records of all calls, in the order in which they were sent."""
        return tuple(span.call for span in in_order(self.spans) if span.call is not None)

    @property
    def failures(self) -> str:
        """How many calls failed, and how the first of them; empty when none did.

        A run whose calls fail at once is a short one: say this beside any of its durations.
        """
        return failures(self.calls)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What else is to be known of the answers, such as that a proxy held them back."""
        return remarks(self.calls)

    @property
    def inference_s(self) -> float:
        """Seconds during which at least one call was under way."""
        return covered_s(span for span in self.spans if span.kind == "llm")

    @property
    def tool_s(self) -> float:
        """Seconds during which at least one tool was at work."""
        return covered_s(span for span in self.spans if span.kind == "tool")

    def table(self) -> pandas.DataFrame:
        """A row for each span, as it began; seconds to the millisecond.

        A column that would be empty, or has nothing but zeros, is left out.
        """
        import pandas as pd

        depth = depths(self.spans)
        rows: list[dict[str, Any]] = []
        for span in in_order(self.spans):
            call = span.call
            timed = call if call and not (call.in_one_piece and self.clock == "wall") else None
            rows.append(
                {
                    "step": "  " * depth[span.id] + span.name,
                    "kind": span.kind,
                    "start_s": elapsed_s(self.started_at, span.started_at),
                    **{name: getattr(call, name, None) for name in _COUNTS},
                    "ttft_s": timed and timed.ttft_s,
                    "decode_s": timed and timed.decode_s,
                    "total_s": span.duration_s,
                    "error": span.error,
                }
            )
        table = pd.DataFrame(rows)
        for column in _COUNTS:
            if column in table:
                table[column] = table[column].astype("Int64")
        empty = [
            name
            for name in ("cached_tokens", "error")
            if name in table and not any(row[name] for row in rows)
        ]
        return table.drop(columns=empty).round(3)

    def compare(self, other: Trace) -> pandas.DataFrame:
        """A row for each step of either run, and one for the whole: seconds here, there, more.

        Steps are aligned by name: the second "plan" of one run with the second of the other. A
        step of only one run is in a row of its own; the column `only_in` then says whose.
        """
        return comparison(self, other)

    def plot(self, title: str = "") -> LabFigure:
        """The timeline: a bar for each call and tool, waiting and decoding told apart."""
        from labtools import plots

        return plots.timeline(self.spans, self.started_at, self.ended_at, title)

    def save(self, path: str | Path) -> Path:
        """Write the trace as JSON; `Trace.load` reads it. What the run returned is not kept."""
        head = {"format": FORMAT, "endpoint": self.endpoint, "clock": self.clock}
        values = {**head, **asdict(replace(self, result=None))}
        del values["result"]
        return write_whole(path, json.dumps(values, indent=1))

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read what `save` wrote. Raises ConfigurationError when the file is not a trace."""
        where = f"{path} is not a trace written by Trace.save"
        content = Path(path).read_bytes()
        known = _FORMAT_1 if _FORMAT_1.encode() in content[:100] else FORMAT
        return read_back(cls, content, where, format=known)

    def save_chrome_trace(self, path: str | Path) -> Path:
        """Write a file that https://ui.perfetto.dev and chrome://tracing open."""
        events = {"traceEvents": self.chrome_events()}
        return write_whole(path, json.dumps(events, allow_nan=False))

    def chrome_events(self) -> list[dict[str, Any]]:
        """Complete events ("ph": "X") in microseconds; concurrent spans in lanes of their own."""
        lane = lanes(self.spans)
        events = []
        for span in in_order(self.spans):
            events.append(
                self._event(span.name, span.kind, span.started_at, span.ended_at, lane[span.id])
            )
            call = span.call
            if call is None:
                continue
            told = ("model", *_COUNTS, "finish_reason")
            events[-1]["args"] = {
                **{name: getattr(call, name) for name in told},
                "error": str(call.error) if call.error else None,
            }
            if call.chunks_at:
                first_at = call.chunks_at[0]
                events.append(self._event("TTFT", "ttft", call.sent_at, first_at, lane[span.id]))
                events.append(
                    self._event("decode", "decode", first_at, call.ended_at, lane[span.id])
                )
        return events

    def _event(self, name: str, kind: str, start: float, end: float, lane: int) -> dict[str, Any]:
        return {
            "name": name,
            "cat": kind,
            "ph": "X",
            "ts": round(elapsed_s(self.started_at, start) * 1e6, 3),
            "dur": max(0.0, round(elapsed_s(start, end) * 1e6, 3)),
            "pid": 1,
            "tid": lane,
        }


class Recorder:
    """Collects the spans of one run. Nesting follows the code, through tasks as well.

    What `redacted` knows stays out of what is recorded.
    """

    def __init__(self, redacted: Redactor = NO_SECRET) -> None:
        self._redacted = redacted
        self._spans: list[Span] = []
        self._ids = count(1)

    @property
    def spans(self) -> tuple[Span, ...]:
        """Spans that have ended, as they began: threads may end in any order."""
        return tuple(sorted(self._spans, key=lambda span: span.id))

    @property
    def steps(self) -> int:
        """How many spans have ended."""
        return len(self._spans)

    @contextmanager
    def span(self, name: str, kind: str) -> Iterator[SpanInProgress]:
        """Record the block as one span; what is recorded inside it becomes its child."""
        loop = asyncio.get_running_loop()
        progress = SpanInProgress()
        id, started_at, parent_id = next(self._ids), loop.time(), _parent_id.get()
        token = _parent_id.set(id)
        try:
            yield progress
        except BaseException as error:
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            progress.error = progress.error or self._redacted(said)
            raise
        finally:
            _parent_id.reset(token)
            call = progress.call
            error_text = str(call.error) if call and call.error else progress.error
            ends = loop.time(), parent_id, call, error_text
            self._spans.append(Span(id, name, kind, started_at, *ends))


@dataclass(slots=True)
class SpanInProgress:
    """What the block wants its span to hold."""

    call: CallRecord | None = None
    error: str | None = None
