"""Whether a kept prefix belongs to the slot that computed it, and to no other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from labtools.evaluation.axes.shared_prefix import WAVES
from labtools.evaluation.fitting.alone import Alone
from labtools.evaluation.fitting.cache import TTL
from labtools.evaluation.fitting.evidence import TimedCall
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.labels import Label
from labtools.model.profile import PrefixCache

PER_SLOT = "prefix_cache.per_slot"
# A call has found the prefix when this much of its prompt was cached.
_FOUND = 0.5


def fit_shared_prefix(alone: Alone, calls: Sequence[TimedCall]) -> Alone:
    """With a prefix cache per slot, from waves of calls that go on from one prefix."""
    cache, slots = alone.profile.prefix_cache, alone.profile.max_batch
    found = _per_slot(alone, calls)
    parameters = (*alone.parameters, found)
    if not cache or not found.value:
        return replace(alone, parameters=parameters)
    if slots is None:
        how = f"{found.how} The profile's cache is shared, for it does not know how many slots."
        return replace(alone, parameters=(*alone.parameters, replace(found, how=how)))
    # Prompts that were left alone lost their slots to each other: that is no time to live.
    default_s = PrefixCache().ttl_s
    how = f"A prefix is lost with its slot, whatever its age; the profile takes {default_s:g} s."
    ttl = Parameter(TTL, None, "not_identifiable", how)
    parameters = tuple(ttl if one.name == TTL else one for one in parameters)
    cache = replace(cache, per_slot=True, ttl_s=default_s)
    return replace(alone, profile=alone.profile.but(prefix_cache=cache), parameters=parameters)


def _per_slot(alone: Alone, calls: Sequence[TimedCall]) -> Parameter:
    waves: dict[Label, list[bool]] = defaultdict(list)
    silent = False
    for call in calls:
        if call.label in WAVES:
            silent |= call.one.record.cached_tokens is None
            waves[call.label].append(call.cached_tokens > _FOUND * (call.input_tokens or 1))
    first, second = (waves[wave] for wave in WAVES)
    if not first or not second:
        return not_probed(PER_SLOT, "several calls at once that go on from one kept prefix")
    if alone.profile.prefix_cache is None:
        return Parameter(PER_SLOT, 0.0, "absent", "No prefix is kept at all.")
    if silent:
        how = "cached_tokens are not reported; of calls at once TTFT cannot tell who found it."
        return Parameter(PER_SLOT, None, "not_identifiable", how)
    how = (
        f"Of {len(first)} calls that went on from one prefix, four at once, {sum(first)} found it; "
        f"of the next {len(second)}, {sum(second)}."
    )
    if sum(first) == len(first) or sum(second) / len(second) <= sum(first) / len(first):
        return Parameter(PER_SLOT, 0.0, "absent", how)
    return Parameter(PER_SLOT, 1.0, "measured", how)
