"""Levers: what a change to an agent would save, and how sure that is. The same path, always."""

from __future__ import annotations

import contextlib
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from labtools.errors import ConfigurationError, one_of
from labtools.lab.trace import Trace
from labtools.lab.waits import Order
from labtools.lab.whatif import served_s
from labtools.model.profile import LatencyProfile
from labtools.own_agent.fit import DRAWS, Identity
from labtools.own_agent.prefixes import reusable_tokens
from labtools.records import CallRecord, Span

ALL = "all"
"""Stands for every step."""
_REMEMBERED = 20  # prompts that a cache is asked about
_WITHIN = (0.05, 0.95)


@dataclass(frozen=True)
class Levers:
    """Changes that are made together."""

    on: LatencyProfile | None = None
    route: Mapping[str, LatencyProfile] = field(default_factory=dict)
    """From a step's name to what serves it."""
    cache_ttl_s: float | None = None
    """Prompts stay in the cache so long after their last use. None: the hits stay as they were."""
    parallel: tuple[tuple[str, ...], ...] = ()
    drop: tuple[str, ...] = ()
    output_tokens: Mapping[str, float] = field(default_factory=dict)
    """From a step's name to a factor."""
    tools: Mapping[str, float] = field(default_factory=dict)
    no_retries: bool = False

    def words(self) -> str:
        """As they are written on the command line."""
        parts = [f"--on {self.on.name}"] if self.on else []
        parts += [f"--route {step}={profile.name}" for step, profile in self.route.items()]
        parts += ["--cache"] if self.cache_ttl_s is not None else []
        parts += [f"--parallel {','.join(names)}" for names in self.parallel]
        parts += [f"--drop {name}" for name in self.drop]
        parts += [f"--output-tokens {name}=x{by:g}" for name, by in self.output_tokens.items()]
        parts += [f"--tools {name}=x{by:g}" for name, by in self.tools.items()]
        return " ".join(parts + ["--no-retries"] * self.no_retries)

    def assumes(self, trace: Trace) -> str:
        """What has to be true, beside the path staying the same."""
        blocks = any(span.blocks for span in trace.spans)
        return "; ".join(
            said
            for said, holds in {
                "answers of the same length, no queue there": self.on or self.route,
                "prompts that began alike are reused": self.cache_ttl_s is not None and blocks,
                "each prompt begins with the one before it": self.cache_ttl_s is not None
                and not blocks,
                "you say that neither needs the other": self.parallel,
                "nothing needs what it made": self.drop,
                "shorter answers do as well": self.output_tokens,
                "every attempt succeeds at once": self.no_retries,
            }.items()
            if holds
        )


@dataclass(frozen=True, slots=True)
class Saving:
    """What levers save of a run, and within what that lies nine times in ten."""

    levers: str
    run_s: float
    saved_s: float
    low_s: float
    high_s: float
    assumes: str


class Foretelling:
    """A trace that levers are tried on. Raises ConfigurationError where it does not hold."""

    def __init__(self, trace: Trace, order: Order, identity: Identity) -> None:
        if not identity.holds:
            raise ConfigurationError(identity.sentence())
        self._trace = trace
        self._order = order
        self._identity = identity

    @cached_property
    def _orders(self) -> list[tuple[Order, float]]:
        """The edges as they are; and, where instants showed them, with only the last of each.

        Each with the run's end as it was.
        """
        trace, ends = self._trace, {span.id: span.ended_at for span in self._order.spans}
        thin = []
        for span in self._order.spans:
            waits = span.waits_for
            if len(waits) > 1 and all(wait.basis == "inferred" for wait in waits):
                waits = (max(waits, key=lambda wait: ends[wait.id]),)
            thin.append(span if waits is span.waits_for else replace(span, waits_for=waits))
        orders = [self._order]
        if thin != self._order.spans:
            orders.append(Order(thin, trace.started_at, trace.ended_at))
        return [
            (order, order.times(lambda span, start: start + span.duration_s, 0.0)[-1])
            for order in orders
        ]

    def saving(self, levers: Levers) -> Saving:
        """The run with these levers, against itself without them."""
        self._check(levers)
        dropped = {span.id for span in self._order.spans if self._is_dropped(span, levers)}
        beside = self._beside(levers.parallel)
        cached = self._cached(levers)
        dice = np.random.default_rng(0)
        took = {
            span.id: self._duration_s(span, levers, dropped, cached, dice)
            for span in self._order.spans
        }
        rewired = [order.rewired(beside, dropped) for order, _ in self._orders]
        saved = [
            before_s - order.times(lambda span, start: start + took[span.id][0], 0.0)[-1]
            for order, (_, before_s) in zip(rewired, self._orders, strict=True)
        ]
        before_s = self._orders[0][1]
        drawn = rewired[0].times(lambda span, start: start + took[span.id][1], np.zeros(DRAWS))[-1]
        low_s, high_s = np.quantile(before_s - drawn, _WITHIN)
        return Saving(
            levers.words(),
            round(before_s - saved[0] - self._trace.started_at, 9),
            round(saved[0], 9),
            float(min(low_s, *saved)),
            float(max(high_s, *saved)),
            levers.assumes(self._trace),
        )

    def usual(self) -> list[Saving]:
        """The levers that need nothing from outside the trace, best first."""
        tool_s = defaultdict[str, float](float)
        for span in self._order.spans:
            if span.kind == "tool":
                tool_s[span.name] += span.duration_s
        longest = sorted(tool_s, key=lambda name: -tool_s[name])[:3]
        tried = [Levers(tools={name: 0.5}) for name in longest]
        if any(self._is_retry(span) for span in self._order.spans):
            tried.append(Levers(no_retries=True))
        if self._identity.fits and not self._identity.unfitted:
            tried += [Levers(cache_ttl_s=300.0), Levers(output_tokens={ALL: 0.5})]
        savings = []
        for levers in tried:
            with contextlib.suppress(ConfigurationError):  # the trace does not tell
                savings.append(self.saving(levers))
        return sorted((s for s in savings if s.high_s > 0.0005), key=lambda s: -s.saved_s)

    def _check(self, levers: Levers) -> None:
        calls = {span.name for span in self._order.spans if span.kind == "llm"} | {ALL}
        tools = {span.name for span in self._order.spans if span.kind == "tool"} | {ALL}
        every = {span.name for span in self._order.spans}
        for known, asked in (
            (calls, [*levers.route, *levers.output_tokens]),
            (tools, levers.tools),
            (every, [*levers.drop, *(name for names in levers.parallel for name in names)]),
        ):
            for name in asked:
                if name not in known:
                    raise one_of("step of this trace", name, sorted(known)[:30])

    @staticmethod
    def _is_retry(span: Span) -> bool:
        return span.kind == "retry" or bool(span.call and span.call.error)

    def _is_dropped(self, span: Span, levers: Levers) -> bool:
        return span.name in levers.drop or (levers.no_retries and self._is_retry(span))

    def _beside(self, sets: Iterable[tuple[str, ...]]) -> dict[int, list[int]]:
        """Which steps run beside which, the first of each set first."""
        by_id = {span.id: span for span in self._order.spans}
        found: dict[int, list[int]] = {}
        for names in sets:
            before = len(found)
            for span in self._order.spans:
                for wait in span.waits_for if span.name in names else ():
                    other = by_id.get(wait.id)
                    if other is None or other.name not in names or other is span:
                        continue
                    if wait.basis == "causal":
                        raise ConfigurationError(
                            f"{span.name!r} cannot run beside {other.name!r}: the trace shows that "
                            "it waited for what that gave."
                        )
                    found[span.id] = [*found.get(other.id, []), other.id]
            if len(found) == before:
                raise ConfigurationError(
                    f"--parallel {','.join(names)}: none of these waited for another, so nothing "
                    "changes. What waited for what is in --json."
                )
        return found

    def _cached(self, levers: Levers) -> dict[int, int]:
        """Tokens that each call finds in the cache, where that is more than it found."""
        if levers.cache_ttl_s is None:
            return {}
        recent = defaultdict[str, deque[Span]](lambda: deque(maxlen=_REMEMBERED))
        found: dict[int, int] = {}
        for span in self._order.spans:
            call = span.call
            if call is None or call.error:
                continue
            oldest = span.started_at - levers.cache_ttl_s
            alive = [earlier for earlier in recent[call.model] if earlier.ended_at >= oldest]
            tokens = reusable_tokens(span, alive)
            if tokens and tokens > (call.cached_tokens or 0):
                found[span.id] = tokens
            recent[call.model].append(span)
        return found

    def _duration_s(
        self,
        span: Span,
        levers: Levers,
        dropped: Iterable[int],
        cached: Mapping[int, int],
        dice: np.random.Generator,
    ) -> tuple[float, np.ndarray | float]:
        """What a step takes with the levers: at best knowledge, and in each draw."""
        was_s, call = span.duration_s, span.call
        if span.id in dropped:
            return 0.0, 0.0
        if span.kind == "tool":
            took_s = was_s * levers.tools.get(span.name, levers.tools.get(ALL, 1.0))
            return took_s, took_s
        if call is None or call.error:
            return was_s, was_s
        by = levers.output_tokens.get(span.name, levers.output_tokens.get(ALL, 1.0))
        changed = replace(
            call,
            output_tokens=None if call.output_tokens is None else round(call.output_tokens * by),
            cached_tokens=cached.get(span.id, call.cached_tokens),
        )
        profile = levers.route.get(span.name, levers.route.get(ALL, levers.on))
        if profile is None:
            return self._on_its_own(span, call, changed)
        took_s = was_s - (call.ended_at - call.sent_at) + sum(served_s(changed, profile, span.name))
        return took_s, took_s * self._spread(call, profile, dice)

    def _on_its_own(
        self, span: Span, call: CallRecord, changed: CallRecord
    ) -> tuple[float, np.ndarray | float]:
        """Where it was served, with other tokens: the difference is what the fit says."""
        fewer = np.array(
            [
                0.0,
                (call.cached_tokens or 0) - (changed.cached_tokens or 0),
                (changed.output_tokens or 0) - (call.output_tokens or 0),
            ]
        )
        if not fewer.any():
            return span.duration_s, span.duration_s
        fit = self._identity.fits.get(call.model)
        if fit is None or (fewer.astype(bool) & ~fit.known).any():
            raise ConfigurationError(
                f"What these tokens take on {call.model} cannot be told from this trace: it needs "
                "more calls, of other lengths, or their TTFT."
            )
        took_s = max(0.0, span.duration_s + float(fewer @ fit.coefficients))
        return took_s, np.maximum(0.0, span.duration_s + fit.draws @ fewer)

    def _spread(
        self, call: CallRecord, profile: LatencyProfile, dice: np.random.Generator
    ) -> np.ndarray:
        """Factors: how far this trace's calls are from their formula, and the target's own."""
        fit = self._identity.fits.get(call.model)
        simulated = self._identity.simulated
        factors = dice.choice(fit.ratios, DRAWS) if fit and not simulated else np.ones(DRAWS)
        if profile.jitter_sigma:
            factors = factors * dice.lognormal(0.0, profile.jitter_sigma, DRAWS)
        slow = dice.random(DRAWS) < profile.tail_probability
        return np.where(slow, factors * profile.tail_factor, factors)


def together(savings: Iterable[Saving]) -> Iterator[str]:
    """A line for each saving."""
    for saving in savings:
        assumed = f"   if {saving.assumes}" if saving.assumes else ""
        yield (
            f"  {saving.saved_s:8.2f} s  ({saving.low_s:.2f} to {saving.high_s:.2f})  "
            f"{saving.levers}{assumed}"
        )
