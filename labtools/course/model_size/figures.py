"""The figures on model size: the roofline, load, what a schema adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from labtools.course.model_size.backends import crossover_clients
from labtools.evaluation.statistics import stat
from labtools.model.closed_loop import closed_loop
from labtools.model.profile import DEFAULT_INPUT_TOKENS, LatencyProfile
from labtools.plots.canvas import LabFigure, canvas, plain, require_some
from labtools.plots.colours import DECODE, HIGHLIGHT, INK, MUTED, REST, STYLES, TTFT, WAITING
from labtools.plots.intervals import band

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def log_log(axes: Axes, x_label: str, y_label: str, base: int = 2) -> None:
    """Both axes logarithmic, with plain numbers, and labels that say so."""
    axes.set_xscale("log", base=base)
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        plain(axis)
    axes.set(xlabel=f"{x_label} (log scale)", ylabel=f"{y_label} (log scale)")


def decode_bounds(bounds: Mapping[str, float], reached: Mapping[str, float]) -> LabFigure:
    """The roofline's tokens per second by set-up, and what was reached, in the filled part."""
    require_some(bounds, "bound")
    with canvas(height_in=0.9 + 0.5 * len(bounds)) as drawing:
        told = []
        for row, (name, bound) in enumerate(bounds.items()):
            got = reached.get(name, 0)
            parts = (got, DECODE, f"{got:.0f}"), (bound - got, REST, "")
            drawing.bar(-row, *parts, end=f"{bound:.0f}")
            told.append(f"{name}: {bound:.0f}" + (f", reached {got:.0f}" if got else ""))
        drawing.rows(list(bounds))
        drawing.axes.set_xlabel("tokens per second of one stream")
        return drawing.done(
            f"The most tokens per second that memory allows one stream: {'; '.join(told)}.",
            "Grey: the bound from reading every weight once for each token. Blue: the rate of a "
            "backend's profile for that set-up, with one stream.",
        )


def call_by_clients(
    profiles: Sequence[LatencyProfile],
    output_tokens: int,
    measured: Mapping[str, Mapping[int, float]] | None = None,
    most_clients: int = 256,
) -> LabFigure:
    """End-to-end time of a call against the clients of a closed loop; logarithmic axes.

    `measured` holds seconds by profile name and number of clients, drawn as dots. Where the
    first profile stops being faster than the second, the figure says so.
    """
    clients = sorted({round(most_clients ** (step / 120)) for step in range(121)})
    with canvas(height_in=3.6) as drawing:
        axes = drawing.axes
        log_log(axes, "clients at once", "seconds for a call")
        told = []
        for profile, style in zip(profiles, STYLES, strict=False):
            calls = [closed_loop(profile, n, output_tokens).e2e_latency_s for n in clients]
            axes.plot(clients, calls, color=DECODE, linestyle=style, linewidth=2)
            dots = (measured or {}).get(profile.name, {})
            axes.plot(list(dots), list(dots.values()), "o", color=DECODE, markersize=5)
            axes.text(
                clients[-1] * 1.06, calls[-1], profile.name, va="center", fontsize=10, color=INK
            )
            told.append(
                f"{profile.name} {calls[0]:.2f} s alone, {calls[-1]:.2f} s at {clients[-1]}"
            )
        flip = crossover_clients(profiles[0], profiles[1], output_tokens, most_clients=most_clients)
        if flip is not None:
            at_s = closed_loop(profiles[1], flip, output_tokens).e2e_latency_s
            axes.plot([flip], [at_s], "o", color=HIGHLIGHT, markersize=8)
            drawing.note(flip, at_s, f"flips at {flip}", -8, 10, ha="right")
        axes.set_xlim(1, clients[-1])
        where = f" The first is slower from {flip} clients on." if flip else ""
        return drawing.done(
            f"A call of {output_tokens} tokens takes longer as clients are added: "
            f"{'; '.join(told)}.{where}",
            f"A call of {output_tokens} output and {DEFAULT_INPUT_TOKENS:,} input tokens. Lines: "
            "the formula. Dots: simulated clients.",
        )


def faster_by_load_and_length(
    first: LatencyProfile, second: LatencyProfile, most_clients: int = 256, most_tokens: int = 2000
) -> LabFigure:
    """Which endpoint is faster at each number of clients and length of answer."""
    lengths = sorted({round(most_tokens ** (step / 60)) for step in range(61)})
    flips = [crossover_clients(first, second, n, most_clients=most_clients) for n in lengths]
    edge = [most_clients if flip is None else flip for flip in flips]
    with canvas(height_in=3.3) as drawing:
        axes = drawing.axes
        log_log(axes, "clients at once", "output tokens")
        axes.fill_betweenx(lengths, 1, edge, color=DECODE, alpha=0.22, linewidth=0)
        axes.fill_betweenx(lengths, edge, most_clients, color=REST, linewidth=0)
        axes.plot(edge, lengths, color=INK, linewidth=2)
        middle = most_tokens**0.5
        for x, name in (
            (edge[0] ** 0.5, first.name),
            ((edge[0] * most_clients) ** 0.5, second.name),
        ):
            axes.text(x, middle, f"{name}\nfaster", ha="center", va="center")
        axes.set(xlim=(1, most_clients), ylim=(1, most_tokens))
        return drawing.done(
            f"{first.name} is the faster one on the left, {second.name} on the right. The line "
            f"between them stands at {edge[0]} clients for answers of {lengths[0]} token and at "
            f"{edge[-1]} for answers of {lengths[-1]:,}.",
            "The line is where a call takes as long on both. It is nearly upright: the load "
            "decides, the answer's length hardly does.",
        )


def schema_cost(calls: Mapping[str, tuple[float, float, float]]) -> LabFigure:
    """What a call is made of, by engine: seconds of compiling, of TTFT without it, of decode."""
    require_some(calls, "call")
    with canvas(height_in=1.1 + 0.42 * len(calls)) as drawing:
        for row, (compiling_s, ttft_s, decode_s) in enumerate(calls.values()):
            parts = ((compiling_s, WAITING, ""), (ttft_s, TTFT, ""), (decode_s, DECODE, ""))
            drawing.bar(-row, *parts, end=f"{compiling_s + ttft_s + decode_s:.2f} s")
        drawing.rows(list(calls))
        drawing.axes.set_xlabel("seconds for the first call with a schema")
        drawing.key({"compiling": WAITING, "rest of TTFT": TTFT, "decode": DECODE})
        told = "; ".join(
            f"{name} {sum(parts):.2f} s, of which {parts[0]:.3g} s compiling"
            for name, parts in calls.items()
        )
        return drawing.done(
            f"The first call that is bound to a schema, by engine: {told}.",
            "The first call with a new schema. Later calls have no grey part.",
        )


def percentiles_of_calls(latencies_s: Mapping[str, Sequence[float]]) -> LabFigure:
    """Every call as a dot, with p50 and p95 and the interval of each, where the sample has one."""
    require_some(latencies_s, "sample")
    longest_s = max(max(sample) for sample in latencies_s.values())
    with canvas(height_in=1.1 + 0.72 * len(latencies_s)) as drawing:
        axes = drawing.axes
        told = []
        for row, (name, sample) in enumerate(latencies_s.items()):
            axes.plot(sample, [-row - 0.22] * len(sample), "|", color=MUTED, markersize=6)
            words = []
            found = stat(sample)
            looks = (("p50", found.p50, INK, "right"), ("p95", found.p95, HIGHLIGHT, "left"))
            for label, percentile, colour, side in looks:
                assert percentile  # the sample is not empty
                value, ends = percentile.spread
                axes.plot([value], [-row], "o", color=colour, markersize=6)
                band(axes, -row, ends, colour, across=True)
                needed = f"no interval: {percentile.needed} calls needed"
                said = f"{ends[0]:.2f} to {ends[1]:.2f}" if ends else needed
                words.append(f"{label} {value:.2f} s ({said})")
                drawing.note(value, -row, label, 0, 6, ha=side, fontsize=10)
            told.append(f"{name}: {', '.join(words)}")
        drawing.rows(list(latencies_s))
        axes.set(
            ylim=(-len(latencies_s) + 0.55, 0.5),
            xlim=(0, longest_s * 1.05),
            xlabel="seconds for a call",
        )
        calls = len(next(iter(latencies_s.values())))
        return drawing.done(
            f"p50 and p95 of {calls} calls each: {'; '.join(told)}.",
            f"{calls} calls each, a tick for every one. The band around p50 holds the true median "
            "with at least 95% confidence. A p95 without a band has no interval.",
        )
