"""The figures on CHAPTER_TITLE."""

from __future__ import annotations

from collections.abc import Mapping

from labtools.plots.canvas import LabFigure, canvas, require_some
from labtools.plots.colours import DECODE, TTFT
from labtools.records import CallRecord


def call_anatomy(calls: Mapping[str, CallRecord]) -> LabFigure:
    """What one call is made of, a bar for each endpoint."""
    require_some(calls, "call")
    parts = {name: (call.ttft_s or 0, call.decode_s or 0) for name, call in calls.items()}
    with canvas(height_in=0.9 + 0.6 * len(parts)) as drawing:
        for row, (ttft_s, decode_s) in enumerate(parts.values()):
            bars = ((ttft_s, TTFT, f"{ttft_s:.2f}"), (decode_s, DECODE, f"{decode_s:.2f}"))
            drawing.bar(-row, *bars, end=f"{ttft_s + decode_s:.2f} s")
        drawing.rows(list(parts))
        drawing.axes.set_xlabel("seconds since the request was sent")
        drawing.key({"TTFT": TTFT, "decode": DECODE})
        told = "; ".join(f"on {name} {t:.2f} s of TTFT and {d:.2f} s of decode"
                         for name, (t, d) in parts.items())  # fmt: skip
        # The alt text says what the figure shows, with its numbers.
        return drawing.done(f"The parts of one call: {told}.", "One call, to its last token.")
