"""What endpoints promise: TTFT against the context, speed against the number of clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

from labtools.model.closed_loop import closed_loop
from labtools.model.profile import LatencyProfile
from labtools.plots.canvas import LabFigure, canvas, plain, require_some
from labtools.plots.colours import DECODE, PAPER, STYLES, TTFT

_SHORTEST, _LONGEST = 100, 128_000
# Those of Oracle's benchmark.
_OUTPUT_TOKENS, _INPUT_TOKENS = 300, 480


def ttft_by_context(profiles: Sequence[LatencyProfile]) -> LabFigure:
    """TTFT of a lone call against its prompt's length, nothing cached. Both axes logarithmic.

    A curve ends at its profile's context limit. Raises NothingMeasured without profiles.
    """
    curves = {}
    for profile in profiles:
        limit = min(_LONGEST, profile.context_limit_tokens)
        lengths = _log_steps(_SHORTEST, max(_SHORTEST, limit))
        curves[profile.name] = {n: profile.ttft_s(n) for n in lengths}
    ends = "; ".join(
        f"{name} " + " and ".join(f"{curve[n]:.2g} s at {n:,}" for n in (min(curve), max(curve)))
        for name, curve in curves.items()
    )
    return _drawn(
        curves,
        TTFT,
        "uncached input tokens (log scale)",
        "TTFT in seconds (log scale)",
        f"TTFT grows with the context, each curve flat first and then in proportion: {ends}.",
        "TTFT against the length of the prompt, for a lone call with nothing cached. "
        "Flat: overhead decides. Rising: prefill does. A curve ends where the context does.",
    )


def speed_by_concurrency(profiles: Sequence[LatencyProfile], most_clients: int = 512) -> LabFigure:
    """One client's speed against the number of clients in a closed loop; logarithmic axes.

    Speed is output tokens over end-to-end time, queueing included. Profiles that say nothing about
    load are left out and named in the caption. Raises NothingMeasured when no profile is left.
    """
    loaded = [p for p in profiles if p.batch_penalty or p.max_batch]
    silent = ", ".join(p.name for p in profiles if p not in loaded)
    curves = {
        profile.name: {
            n: closed_loop(profile, n, _OUTPUT_TOKENS, _INPUT_TOKENS).tokens_per_s
            for n in _log_steps(1, most_clients)
        }
        for profile in loaded
    }
    ends = "; ".join(
        f"{name} {speeds[1]:.3g} alone and {speeds[most_clients]:.2g} among {most_clients}"
        for name, speeds in curves.items()
    )
    omitted = f" Not drawn, since their sources say nothing of load: {silent}." if silent else ""
    return _drawn(
        curves,
        DECODE,
        "clients at once (log scale)",
        "tokens per second and client (log scale)",
        f"Each client's tokens per second fall as clients are added: {ends}.",
        f"One client's speed, {_OUTPUT_TOKENS} tokens over the end-to-end time at "
        f"{_INPUT_TOKENS} input tokens, with that many clients in a closed loop.{omitted}",
    )


def _drawn(
    curves: Mapping[str, Mapping[int, float]],
    colour: str,
    x_label: str,
    y_label: str,
    alt: str,
    caption: str,
) -> LabFigure:
    require_some(curves, "profile that has a curve")
    with canvas(height_in=3.6) as drawing:
        axes = drawing.axes
        axes.set(xscale="log", yscale="log", xlabel=x_label, ylabel=y_label)
        left, right = min(map(min, curves.values())), max(map(max, curves.values()))
        for (name, curve), style in zip(curves.items(), cycle(STYLES), strict=False):
            axes.plot(list(curve), list(curve.values()), color=colour, linestyle=style, linewidth=2)
            x, y = max(curve), curve[max(curve)]
            if x < right:  # amid the other curves
                backing = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}
                drawing.note(x, y, name, 4, 3, fontsize=10, bbox=backing)
            else:
                drawing.label_end(x, y, name, fontsize=10)
        axes.set_xlim(left, right)
        axes.set_xticks([10**n for n in range(9) if left <= 10**n <= right])
        for axis in (axes.xaxis, axes.yaxis):
            plain(axis)
        return drawing.done(alt, caption)


def _log_steps(first: int, last: int) -> list[int]:
    """Whole numbers from the first to the last, each the same factor above the one before."""
    return sorted({round(first * (last / first) ** (step / 120)) for step in range(121)})
