"""The fit: what an endpoint's latency model must be, for it to have answered as it did.

Read in this order: `result` (what is said of each figure, and the test on the chains), `evidence`
(which calls it stands on), `robust` (the estimators), `terms` (all at once), `lone_call` (a call
with the endpoint to itself), `prefix_cache`, `chunked_prefill` and `queueing` (what others do to
it), and `fit`, all of it.
"""

from __future__ import annotations

import math
from dataclasses import replace

from labtools.evaluation.fitting.chunked_prefill import fit_chunk
from labtools.evaluation.fitting.lone_call import fit_compile, fit_lone_calls
from labtools.evaluation.fitting.prefix_cache import fit_per_slot, fit_prefix_cache
from labtools.evaluation.fitting.queueing import fit_queue
from labtools.evaluation.fitting.result import (
    Fit,
    Parameter,
    Prediction,
    Status,
    not_probed,
    predictions,
)
from labtools.evaluation.observations import Measured

__all__ = ["Fit", "Parameter", "Prediction", "Status", "fit"]


def fit(measured: Measured) -> Fit:
    """The latency model's figures from the observations alone.

    What was not measured stays as a lone call has it: no limit, no effect. Whatever failed is left
    out; nothing raises.
    """
    draft = fit_lone_calls(measured)
    for then in (fit_prefix_cache, fit_compile, fit_chunk, fit_queue, fit_per_slot):
        draft = then(draft, measured)
    parameters = (*draft.parameters.values(), _context_limit(measured), *_UNPROBED)
    if math.isinf(draft.profile.decode_tokens_per_s):
        return Fit(None, parameters)
    profile = replace(draft.profile, source=_source(measured, parameters))
    return Fit(profile, parameters, predictions(profile, measured))


_UNPROBED = (
    Parameter(
        "replicas",
        None,
        "not_identifiable",
        "Several replicas look like one with a smaller penalty; the profile has one.",
    ),
    Parameter("sticky", None, "not_identifiable", "It differs only between several replicas."),
    not_probed("rate_limits", "a burst beyond them; the profile has none"),
    not_probed("prices", "the provider's price list; the profile has none"),
)


def _context_limit(measured: Measured) -> Parameter:
    """The longest prompt and answer that went through."""
    lengths = [
        (record.input_tokens or 0) + (record.output_tokens or 0)
        for observation in measured.observations
        if (record := observation.record).error is None
    ]
    if not (longest := max(lengths, default=0)):
        return not_probed("context_limit_tokens", "an answer that says how many tokens it took")
    how = "The longest prompt with its answer that went through; the profile has a million."
    return Parameter("context_limit_tokens", longest, "at_least", how, low=longest)


def _source(measured: Measured, parameters: tuple[Parameter, ...]) -> str:
    identity = measured.identity
    unknown = [
        parameter.name
        for parameter in parameters
        if parameter.status in ("not_probed", "not_identifiable")
    ]
    return (
        f"Fitted to {len(measured.observations)} calls of {identity.model} at {identity.endpoint}, "
        f"measured on the {identity.clock} clock with labtools {identity.labtools_version}, "
        f"seed {identity.settings.seed}. Not known: {', '.join(unknown)}."
    )
