"""The report: what an evaluation amounts to, as plain values, and in sentences.

Seconds end in `_s`, rates in `_per_s`; None is "there is no such value", and a reason says why.
`docs/evaluation-report.schema.json` is made from these classes and their docstrings.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

from labtools.evaluation import outcome
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes import AXES
from labtools.evaluation.axes.chain import Chain
from labtools.evaluation.axes.context import Contexts
from labtools.evaluation.axes.interference import Interference
from labtools.evaluation.axes.load import Load
from labtools.evaluation.axes.prefix import Prefix
from labtools.evaluation.axes.structured import Structured
from labtools.evaluation.fitting import Fit
from labtools.evaluation.fitting import fit as fitted
from labtools.evaluation.fitting.result import Parameter, Prediction
from labtools.evaluation.observations import Endpoint, Identity, Measured, Observation
from labtools.evaluation.outcome import Completeness, Failure, Lack, Overhead, Spent
from labtools.evaluation.settings import SETTING_NAMES, SIZES, Settings, as_typed, differing
from labtools.evaluation.statistics import Part, Stat, stat
from labtools.model.metrics import samples_needed
from labtools.model.profile import Prices
from labtools.wording import count, joined, signed_share

Format = Literal["labtools-evaluation-report/1"]
FORMAT: Format = "labtools-evaluation-report/1"
Source = Literal["usage", "chunks", "both", "nothing"]


@dataclass(frozen=True, slots=True)
class Fitted(Part):
    """The latency model that explains the measurements best."""

    parameters: tuple[Parameter, ...]
    held_out: tuple[Prediction, ...]
    """How well it predicts the chains, which it was not fitted to."""


@dataclass(frozen=True, slots=True)
class Sentence(Part):
    """One sentence of the verdict, and the rule that it follows from."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Report(Part):
    """All of one endpoint's evaluation."""

    format: Format
    endpoint: Endpoint
    settings: Settings
    repeat: str
    """The command that measures the same again."""
    abilities: Abilities | None
    tokens_counted_as: Source
    """Where the numbers of output tokens come from. "chunks": the endpoint tells no usage."""
    completeness: Completeness
    spent: Spent
    round_trip_s: Stat
    """An exchange without inference: GET /models/NAME."""
    contexts: Contexts
    closed_loop: tuple[Load, ...]
    open_loop: Load | None
    interference: Interference
    prefix: Prefix
    structured: Structured
    chain: Chain
    failures: tuple[Failure, ...]
    overhead: Overhead | None
    overhead_reason: str | None
    """Why no overhead is given."""
    lacks: tuple[Lack, ...]
    fit: Fitted
    verdict: tuple[Sentence, ...] = ()
    in_one_piece: int = 0
    """Calls whose stream came all at once. When their first token came is not known."""
    without_finish_reason: int = 0
    """Answers that ended with [DONE] and did not say why."""

    @property
    def loads(self) -> tuple[Load, ...]:
        """Everything in which calls were under way together."""
        return (*self.closed_loop, *([self.open_loop] if self.open_loop else []))


def in_one_piece(report: Report) -> str | None:
    """Streams that something held back."""
    if not report.in_one_piece:
        return None
    return (
        f"{count(report.in_one_piece, 'stream')} came in one piece, as from a proxy or a server "
        "that holds a stream back: TTFT and TPOT of these calls are not known, and are in no "
        "figure here. End-to-end latencies stand."
    )


def without_finish_reason(report: Report) -> str | None:
    """Answers of which nobody knows whether they are whole."""
    if not report.without_finish_reason:
        return None
    return (
        f"{count(report.without_finish_reason, 'answer')} ended with [DONE] and without a finish "
        "reason: they count as answered, and nothing says whether they are whole."
    )


def too_few(report: Report) -> str | None:
    """Where p95 has no interval."""
    stats = {name: stat for axis in AXES for name, stat in axis.stats(report).items()}
    short = [name for name, stat in stats.items() if stat.p95 and stat.p95.needed]
    if not short:
        return None
    enough = [name for name, stat in stats.items() if stat.p95 and stat.p95.interval]
    but = f" Only these have one: {joined(enough)}." if enough else ""
    return (
        f"p95 has an interval from {samples_needed(0.95)} samples on, and "
        f"{count(len(short), 'group')} of {len(short) + len(enough)} had fewer: no p95 of theirs "
        f"can be held against another endpoint's.{but}"
    )


def prediction(report: Report) -> str | None:
    """How well the fitted profile predicts chains that it has not seen."""
    if not report.fit.held_out:
        return None
    found = report.fit.held_out[0]
    return (
        f"The fitted profile predicts {count(found.chains, 'chain')} that it was not fitted to "
        f"with an error of {signed_share(found.sum_error, 1)} in sum; a step's median error is "
        f"{found.median_step_error:.1%}."
    )


RULES: Mapping[str, Callable[[Report], str | None]] = {
    rule.__name__: rule
    for rule in (
        outcome.incomplete,
        *(rule for axis in AXES for rule in axis.rules),
        outcome.failed,
        outcome.lacking,
        outcome.not_known,
        in_one_piece,
        without_finish_reason,
        outcome.blurred,
        too_few,
        prediction,
    )
}
"""From a report to a sentence, or to None where a rule has nothing to say; in their order."""


def summarise(measured: Measured, fit: Fit | None = None, prices: Prices | None = None) -> Report:
    """The report of one endpoint's evaluation, whole or interrupted.

    `fit` is the latency model fitted to it; left out, it is fitted here. `prices` turn its tokens
    into dollars.
    """
    identity = measured.identity
    fit = fit or fitted(measured)
    by_axis = {name: part for axis in AXES for name, part in axis.summary(measured, fit).items()}
    said = {each.name: outcome.readable(getattr(identity, each.name)) for each in fields(Endpoint)}
    overhead, overhead_reason = outcome.overhead(measured)
    report = Report(
        format=FORMAT,
        endpoint=Endpoint(**said),
        settings=identity.settings,
        repeat=outcome.readable(command_line(identity), longest=2_000),
        abilities=_readable(measured.abilities),
        tokens_counted_as=_counted_as(measured.observations),
        completeness=outcome.completeness(measured),
        spent=outcome.spent(measured, prices),
        round_trip_s=stat(measured.round_trips_s),
        failures=outcome.failures(measured),
        overhead=overhead,
        overhead_reason=overhead_reason,
        lacks=outcome.lacks(measured.abilities),
        fit=Fitted(fit.parameters, fit.held_out),
        in_one_piece=sum(call.in_one_piece for call in measured.observations),
        without_finish_reason=sum(
            not (call.failed or call.record.finish_reason) for call in measured.observations
        ),
        **by_axis,
    )
    sentences = ((name, rule(report)) for name, rule in RULES.items())
    return replace(report, verdict=tuple(Sentence(name, text) for name, text in sentences if text))


def _readable(abilities: Abilities | None) -> Abilities | None:
    if abilities is None:
        return None
    return replace(abilities, notes=tuple(map(outcome.readable, abilities.notes)))


def _counted_as(calls: Iterable[Observation]) -> Source:
    """Where the lengths of the answers come from."""
    told = {call.record.output_tokens is not None for call in calls if not call.failed}
    if len(told) == 2:
        return "both"
    return "nothing" if not told else "usage" if True in told else "chunks"


def command_line(*identities: Identity) -> str:
    """The endpoints, the size that is nearest, and whatever differs from it. Endpoints named in
    one command are measured in turn, call by call.
    """
    settings = identities[0].settings
    others = {name: differing((size, settings), SETTING_NAMES) for name, size in SIZES.items()}
    nearest = min(others, key=lambda name: (len(others[name]), name != "default"))
    words = ["python", "-m", "labtools", "evaluate"]
    for identity in identities:
        words += ["--base-url", identity.endpoint, "--model", identity.model]
        words += ["--name", identity.name]
    if nearest != "default":
        words += ["--size", nearest]
    for name in others[nearest]:
        words += [f"--{name.replace('_', '-')}", as_typed(getattr(settings, name))]
    return shlex.join(words)
