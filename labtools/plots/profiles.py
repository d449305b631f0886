"""What endpoints promise: TTFT against the context, speed against the number of clients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle

from labtools.errors import NothingMeasured
from labtools.model.closed_loop import closed_loop
from labtools.model.profile import LatencyProfile
from labtools.plots.canvas import LabFigure, canvas, plain
from labtools.plots.colours import DECODE, PAPER, STYLES, TTFT


def ttft_by_context(
    profiles: Sequence[LatencyProfile], shortest: int = 100, longest: int = 128_000
) -> LabFigure:
    """TTFT of a lone call against its prompt's length, nothing cached. Both axes logarithmic.

    A curve ends at its profile's context limit. Raises NothingMeasured without profiles.
    """
    curves = {}
    for profile in profiles:
        limit = min(longest, profile.context_limit_tokens)
        lengths = _log_steps(shortest, max(shortest, limit))
        curves[profile.name] = (lengths, [profile.ttft_s(round(n)) for n in lengths])
    ends = "; ".join(
        f"{name} {times[0]:.2g} s at {lengths[0]:,.0f} and {times[-1]:.2g} s at {lengths[-1]:,.0f}"
        for name, (lengths, times) in curves.items()
    )
    return _drawn(
        curves,
        colour=TTFT,
        x_label="uncached input tokens (log scale)",
        y_label="TTFT in seconds (log scale)",
        alt=f"TTFT grows with the context, each curve flat first and then in proportion: {ends}.",
        caption="TTFT against the length of the prompt, for a lone call with nothing cached. "
        "Flat: overhead decides. Rising: prefill does. A curve ends where the context does.",
    )


def speed_by_concurrency(
    profiles: Sequence[LatencyProfile],
    most_clients: int = 512,
    output_tokens: int = 300,
    input_tokens: int = 480,
) -> LabFigure:
    """One client's speed against the number of clients in a closed loop; logarithmic axes.

    Speed is output tokens over end-to-end time, queueing included. The default lengths are those
    of Oracle's benchmark. Profiles that say nothing about load are left out and named in the
    caption. Raises NothingMeasured when no profile is left.
    """
    loaded = [p for p in profiles if p.batch_penalty or p.max_batch]
    silent = ", ".join(p.name for p in profiles if p not in loaded)
    clients = sorted({round(n) for n in _log_steps(1, most_clients)})
    curves = {}
    for profile in loaded:
        calls = [closed_loop(profile, n, output_tokens, input_tokens) for n in clients]
        curves[profile.name] = ([float(n) for n in clients], [c.tokens_per_s for c in calls])
    ends = "; ".join(
        f"{name} {speeds[0]:.3g} alone and {speeds[-1]:.2g} among {most_clients}"
        for name, (_, speeds) in curves.items()
    )
    omitted = f" Not drawn, since their sources say nothing of load: {silent}." if silent else ""
    return _drawn(
        curves,
        colour=DECODE,
        x_label="clients at once (log scale)",
        y_label="tokens per second and client (log scale)",
        alt=f"Each client's tokens per second fall as clients are added: {ends}.",
        caption=f"One client's speed, {output_tokens} tokens over the end-to-end time at "
        f"{input_tokens} input tokens, with that many clients in a closed loop." + omitted,
    )


def _drawn(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    colour: str,
    x_label: str,
    y_label: str,
    alt: str,
    caption: str,
) -> LabFigure:
    if not curves:
        raise NothingMeasured("There is no curve to draw: pass profiles that have one.")
    with canvas(height_in=3.6) as drawing:
        axes = drawing.axes
        axes.set(xscale="log", yscale="log")
        right = max(xs[-1] for xs, _ in curves.values())
        for (name, (xs, ys)), style in zip(curves.items(), cycle(STYLES), strict=False):
            axes.plot(xs, ys, color=colour, linestyle=style, linewidth=2)
            if xs[-1] < right:  # amid the other curves
                backing = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}
                drawing.note(xs[-1], ys[-1], name, 4, 3, fontsize=10, bbox=backing)
            else:
                drawing.label_end(xs[-1], ys[-1], name, fontsize=10)
        left = min(xs[0] for xs, _ in curves.values())
        axes.set_xlim(left, right)
        axes.set_xticks([10**n for n in range(9) if left <= 10**n <= right])
        for axis in (axes.xaxis, axes.yaxis):
            plain(axis)
        axes.set(xlabel=x_label, ylabel=y_label)
        return drawing.done(alt, caption)


def _log_steps(first: float, last: float, steps: int = 120) -> list[float]:
    ratio = math.log(last / first)
    return [first * math.exp(ratio * step / steps) for step in range(steps + 1)]
