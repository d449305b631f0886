"""The report on a trace: where its time went, what broke the cache, what a change would save.

Seconds end in `_s`, instants in `_at`; None is "not known". `docs/trace-report.schema.json` is made
from these classes and their docstrings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from labtools.lab.trace import Trace
from labtools.lab.waits import Order, shares
from labtools.own_agent.fit import Identity, identity
from labtools.own_agent.levers import Foretelling, Levers, Saving
from labtools.own_agent.prompt_blocks import CacheBreak, breaks
from labtools.plots.colours import DECODE, TOOL, TTFT, WAITING
from labtools.records import Span, Wait, tokens_of
from labtools.wording import count, joined

Format = Literal["labtools-trace-report/1"]
FORMAT: Format = "labtools-trace-report/1"

_OF_CALL = ("ttft_s", "input_tokens", "cached_tokens", "output_tokens")
_SHOWN = 8
_WORDS = {
    "call": "answers whose first token nobody logged",
    "tool": "tools",
    "retry": "retries",
    "human": "a person",
}


@dataclass(frozen=True)
class Step:
    """A step of the run. Instants count from the run's start."""

    id: int
    name: str
    kind: str
    """llm, tool, group, retry or human."""
    started_at: float
    ended_at: float
    on_path_s: float
    """How much of it is on the critical path."""
    slack_s: float
    """How much longer it could take, and the run end no later."""
    waits_for: tuple[Wait, ...]
    """What it waited for; causal where the data shows it, inferred where only instants do."""
    derived: tuple[str, ...]
    """Figures that were worked out from others. The rest was measured, or is not known: null."""
    ttft_s: float | None
    input_tokens: int | None
    """Cached ones included."""
    cached_tokens: int | None
    output_tokens: int | None
    error: str | None


@dataclass(frozen=True)
class Reproduces:
    """Whether the trace, fitted to itself, reproduces itself: only then is anything foretold."""

    holds: bool
    off: float | None
    """How far its calls, each foretold from the others, are from what they took, as a share."""
    sentence: str


@dataclass(frozen=True)
class Report:
    """What a trace says."""

    format: Format
    file: str
    endpoint: str
    clock: str
    duration_s: float
    calls: int
    failures: str
    """How many calls failed, and how the first; empty when none did."""
    remarks: tuple[str, ...]
    """What else is to be known of the answers, such as that a proxy held them back."""
    models: tuple[str, ...]
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    path: dict[str, float]
    """Seconds of the critical path: TTFT, decode, call (not split), tool, retry, human, nothing."""
    steps: tuple[Step, ...]
    cache_breaks: tuple[CacheBreak, ...]
    reproduces: Reproduces
    asked: Saving | None
    """The levers that were asked for, together. Negative: the run would be longer."""
    levers: tuple[Saving, ...]
    """What every trace is tried on, best first."""


def report(
    trace: Trace, file: str, levers: Levers | None = None, found: Identity | None = None
) -> Report:
    """The report on a trace; `levers` are tried together."""
    order = Order(trace.spans, trace.started_at, trace.ended_at)
    found = found or identity(trace)
    path = order.critical_path()
    on_path_s = defaultdict[int, float](float)
    for segment in path:
        if segment.span:
            on_path_s[segment.span.id] += segment.duration_s
    slack_s = order.slack_s()
    foretelling = Foretelling(trace, order, found) if found.holds and trace.spans else None
    calls, spent = trace.calls, tokens_of(trace.calls)
    # A log that was pieced together, or never says why an answer ended, says nothing of the wire.
    wire = not any(span.derived for span in trace.spans if span.call)
    wire = wire and any(call.finish_reason for call in calls)
    return Report(
        FORMAT,
        file,
        trace.endpoint,
        trace.clock,
        trace.duration_s,
        len(calls),
        trace.failures,
        trace.remarks if wire else (),
        tuple(dict.fromkeys(call.model for call in calls)),
        spent.input_tokens,
        spent.cached_tokens,
        spent.output_tokens,
        {kind: round(seconds, 9) for kind, seconds in shares(path).items()},
        tuple(_step(s, trace.started_at, on_path_s[s.id], slack_s[s.id]) for s in order.spans),
        tuple(breaks(trace.spans, found.fits)),
        Reproduces(found.holds, found.off, found.sentence()),
        foretelling.saving(levers) if foretelling and levers else None,
        tuple(foretelling.usual()) if foretelling else (),
    )


def _step(span: Span, zero: float, on_path_s: float, slack_s: float) -> Step:
    return Step(
        span.id,
        span.name,
        span.kind,
        round(span.started_at - zero, 9),
        round(span.ended_at - zero, 9),
        round(on_path_s, 9),
        slack_s,
        span.waits_for,
        span.derived,
        **{name: getattr(span.call, name, None) for name in _OF_CALL},
        error=span.error,
    )


def sentences(report: Report) -> Iterator[str]:
    """The first screen, behind the line that names the run."""
    cached = (
        f" ({report.cached_tokens / report.input_tokens:.0%} cached)" if report.input_tokens else ""
    )
    models = ", ".join(report.models) or "no model"
    yield (
        f"{count(report.calls, 'call')} of {models}; {report.input_tokens:,} tokens in{cached}, "
        f"{report.output_tokens:,} out"
    )
    yield from (f"{remark}." for remark in report.remarks)
    parts = [f"{_WORDS.get(kind, kind)} {seconds:.2f} s" for kind, seconds in report.path.items()]
    if parts:
        yield f"On the critical path: {joined(parts)}."
    longest = sorted(report.steps, key=lambda step: -step.on_path_s)[:_SHOWN]
    for step in longest if len(report.steps) > 1 else ():
        if step.on_path_s:
            share = step.on_path_s / report.duration_s
            began = f"(began at {step.started_at:.2f} s)"
            yield f"  {step.on_path_s:8.2f} s {share:4.0%}  {step.name} {began}"
    yield from _free(report.steps)
    yield from _cache(report)
    yield report.reproduces.sentence
    if report.asked:
        asked = report.asked
        another = f"another {asked.run_low_s:.2f} to {asked.run_high_s:.2f} s nine times in ten"
        yield f"Asked for: the run takes {asked.run_s:.2f} s, {another}. Saved, as often:"
        yield from _each([asked])
    if report.levers:
        yield "Each alone would save, nine times in ten between:"
        yield from _each(report.levers)
    if report.asked or report.levers:
        yield "The same path is foretold: another model would say other things."


def _each(savings: Iterable[Saving]) -> Iterator[str]:
    """A line for each saving."""
    for saving in savings:
        assumed = f"   if {saving.assumes}" if saving.assumes else ""
        yield (
            f"  {saving.saved_s:8.2f} s  ({saving.low_s:.2f} to {saving.high_s:.2f})  "
            f"{saving.levers}{assumed}"
        )


def _free(steps: Sequence[Step]) -> Iterator[str]:
    """The steps that nobody waited for."""
    free = sorted(
        (s for s in steps if s.slack_s > 0.05 and s.kind != "group"), key=lambda s: -s.slack_s
    )
    if free:
        named = joined(f"{step.name} {step.slack_s:.2f} s" for step in free[:3])
        more = f", and {len(free) - 3} more" if len(free) > 3 else ""
        yield f"Slack, by which these could be slower and change nothing: {named}{more}."


def _cache(report: Report) -> Iterator[str]:
    found = report.cache_breaks
    if not found:
        return
    tokens = sum(each.tokens for each in found)
    yield f"The prefix cache was broken or missed {count(len(found), 'time')}, {tokens:,} tokens:"
    worst = sorted(found, key=lambda each: -each.tokens)[:3]
    yield from (f"  {each.sentence}" for each in worst)


_COLOURS = {"llm": DECODE, "tool": TOOL, "human": WAITING, "retry": TTFT}
_MOST = 500  # steps that are drawn


def page(report: Report) -> str:
    """The whole page."""
    loader = PackageLoader("labtools.own_agent", ".")
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return templates.get_template("page.html").render(
        title=f"{report.file}: {report.duration_s:.3f} s on {report.endpoint}",
        sentences=sentences(report),
        steps=[step for step in report.steps if step.kind != "group"],
        duration_s=report.duration_s,
        colours=_COLOURS,
        most=_MOST,
    )
