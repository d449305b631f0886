"""Which quantities are compared, and which settings have to be equal for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.probes.structured import FORMS
from labtools.evaluation.summary.counting import tpot_s
from labtools.evaluation.summary.names import FORM_LABELS, REUSE_LABELS
from labtools.records import CallRecord

AXES = (
    AxisName.CHAIN,
    AxisName.CONTEXT,
    AxisName.CONCURRENCY,
    AxisName.OPEN_LOOP,
    AxisName.PREFIX,
    AxisName.STRUCTURED,
    AxisName.COLD_SCHEMA,
)

SHAPING: Mapping[AxisName, tuple[str, ...]] = {
    AxisName.CHAIN: ("chain_steps", "chain_tokens", "chain_growth_tokens", "output_tokens"),
    AxisName.CONTEXT: (),
    AxisName.CONCURRENCY: ("calls_per_client", "output_tokens"),
    AxisName.OPEN_LOOP: ("open_loop_calls", "request_rate_per_s", "output_tokens"),
    AxisName.PREFIX: ("prefix_tokens", "prefix_rounds", "pause_s"),
    AxisName.STRUCTURED: (),
    AxisName.COLD_SCHEMA: (),
}
"""Settings that decide what an axis sends; the others only decide how often."""


BY_TOOLS = (AxisName.CHAIN, AxisName.COLD_SCHEMA)
"""Axes that ask for tool calls where tools are known, and for something else where not."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One quantity: whose calls, and what of them."""

    axis: AxisName
    what: str
    chosen: Callable[[Observation], bool]
    value: Callable[[CallRecord], float | None]
    counts_tokens: bool = False
    independent: bool = True

    def of(self, measured: Measured) -> list[Observation]:
        return [one for one in measured.on(self.axis) if self.chosen(one)]


def ttft_s(record: CallRecord) -> float | None:
    """TTFT of a call that ended well."""
    return None if record.error else record.ttft_s


def e2e_s(record: CallRecord) -> float | None:
    """End-to-end latency of a call that ended well."""
    return record.e2e_latency_s


def asked_of(axis: AxisName, all_measured: Sequence[Measured]) -> Iterator[Asked]:
    """The quantities of one axis that any of the evaluations holds."""
    if axis == AxisName.CHAIN:
        yield Asked(axis, "a step of the chain", _any, e2e_s)
        yield Asked(axis, "TTFT of a step of the chain", _any, ttft_s)
    elif axis == AxisName.CONTEXT:
        for tokens in _values(axis, "input_tokens", all_measured):
            yield Asked(axis, f"TTFT at {tokens:,.0f} tokens", _at("input_tokens", tokens), ttft_s)
    elif axis == AxisName.CONCURRENCY:
        for n in _values(axis, "clients", all_measured):
            chosen, alone = _at("clients", n), n == 1
            yield Asked(axis, f"a call, {n:.0f} at once", chosen, e2e_s, independent=alone)
            what = f"TPOT, {n:.0f} at once"
            yield Asked(axis, what, chosen, tpot_s, counts_tokens=True, independent=alone)
    elif axis == AxisName.OPEN_LOOP:
        yield Asked(axis, "a call, arriving at random", _any, e2e_s, independent=False)
    elif axis == AxisName.PREFIX:
        yield Asked(axis, "TTFT, prompt’s first time", _labelled(Label.COLD), ttft_s)
        for label, name in REUSE_LABELS.items():
            yield Asked(axis, f"TTFT, {name}", _labelled(Label(label)), ttft_s)
    elif axis == AxisName.STRUCTURED:
        for form in FORMS:
            yield Asked(axis, f"a call, {FORM_LABELS[form]}", _labelled(form), e2e_s)
    else:
        yield Asked(axis, "TTFT, new schema", _labelled(Label.COLD_SCHEMA), ttft_s)
        yield Asked(axis, "TTFT, schema’s second call", _labelled(Label.WARM_SCHEMA), ttft_s)


def _values(axis: AxisName, name: str, all_measured: Iterable[Measured]) -> list[float]:
    return sorted({one.at[name] for measured in all_measured for one in measured.on(axis)})


def _any(_: Observation) -> bool:
    return True


def _at(name: str, value: float) -> Callable[[Observation], bool]:
    return lambda one: one.at[name] == value


def _labelled(label: Label) -> Callable[[Observation], bool]:
    return lambda one: one.label == label
