"""What a schema costs: three forms of answer to the same questions, and schemas cold and warm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.probes.structured import FORMS
from labtools.evaluation.prompts import FUNCTIONS
from labtools.evaluation.summary.axes import AgainstFreeform, Form, Structured
from labtools.evaluation.summary.counting import output_tokens, tpot_s
from labtools.evaluation.summary.parts import Difference, Stat
from labtools.evaluation.summary.statistics import difference, median, median_of, stat
from labtools.evaluation.validity import is_valid
from labtools.records import CallRecord

Value = Callable[[CallRecord], float | None]


def structured(measured: Measured, prefill_tokens_per_s: float | None) -> Structured:
    """The forms, each against freeform, and the first call with a schema against the second."""
    rounds = _by_block(measured.on(AxisName.STRUCTURED))
    forms = [form for form in FORMS if any(form in calls for calls in rounds.values())]
    schemas = _by_block(measured.on(AxisName.COLD_SCHEMA)).values()
    pairs = [
        (calls[Label.COLD_SCHEMA].record, calls[Label.WARM_SCHEMA].record)
        for calls in schemas
        if {Label.COLD_SCHEMA, Label.WARM_SCHEMA} <= calls.keys()
    ]
    return Structured(
        forms=tuple(_form(form, rounds) for form in forms),
        against_freeform=tuple(
            _against_freeform(form, list(rounds.values()), prefill_tokens_per_s)
            for form in forms
            if form != Label.FREEFORM and Label.FREEFORM in forms
        ),
        cold_schema_ttft_s=_stat([cold for cold, _ in pairs], _ttft_s),
        warm_schema_ttft_s=_stat([warm for _, warm in pairs], _ttft_s),
        compiling_s=difference((_ttft_s(cold), _ttft_s(warm)) for cold, warm in pairs),
        reason=None if rounds or pairs else "Not measured.",
    )


def _by_block(calls: Iterable[Observation]) -> Mapping[str, Mapping[Label, Observation]]:
    """A block's calls by label: each label stands once in a block."""
    blocks: dict[str, dict[Label, Observation]] = defaultdict(dict)
    for one in calls:
        blocks[one.block][one.label] = one
    return blocks


def _form(form: Label, rounds: Mapping[str, Mapping[Label, Observation]]) -> Form:
    answers = [calls[form] for calls in rounds.values() if form in calls]
    records = [one.record for one in answers]
    # A block's number says which function it asked for.
    valid = sum(
        is_valid(one.record, form, FUNCTIONS[one.number % len(FUNCTIONS)]) for one in answers
    )
    return Form(
        form=form,
        ttft_s=_stat(records, _ttft_s),
        tpot_s=_stat(records, tpot_s),
        e2e_latency_s=_stat(records, lambda record: record.e2e_latency_s),
        output_tokens=median(output_tokens(record) for record in records),
        answered=sum(record.error is None for record in records),
        valid=None if form == Label.FREEFORM else valid,
    )


def _against_freeform(
    form: Label,
    rounds: Sequence[Mapping[Label, Observation]],
    prefill_tokens_per_s: float | None,
) -> AgainstFreeform:
    pairs = [
        (calls[form].record, calls[Label.FREEFORM].record)
        for calls in rounds
        if {form, Label.FREEFORM} <= calls.keys()
    ]

    def less(value: Value) -> Difference:
        return difference((value(bound), value(free)) for bound, free in pairs)

    return AgainstFreeform(
        form=form,
        ttft_s=less(_ttft_s),
        ttft_beyond_length_s=_beyond_length(pairs, prefill_tokens_per_s),
        tpot_s=less(tpot_s),
        e2e_latency_s=less(lambda record: record.e2e_latency_s),
    )


def _beyond_length(
    pairs: Sequence[tuple[CallRecord, CallRecord]], prefill_tokens_per_s: float | None
) -> Difference | None:
    """The schema is part of the prompt; what its tokens take to read is left out."""
    if not prefill_tokens_per_s:
        return None
    values = []
    for bound, free in pairs:
        bound_s, free_s = _ttft_s(bound), _ttft_s(free)
        if bound.input_tokens is None or free.input_tokens is None:
            continue
        if bound_s is not None and free_s is not None:
            added = bound.input_tokens - free.input_tokens
            values.append(bound_s - free_s - added / prefill_tokens_per_s)
    return median_of(values, dropped=len(pairs) - len(values)) if values else None


def _stat(records: Sequence[CallRecord], value: Value) -> Stat:
    failed = sum(record.error is not None for record in records)
    return stat(map(value, records), failed)


def _ttft_s(record: CallRecord) -> float | None:
    return None if record.error else record.ttft_s
