"""Levers: what a change to an agent would save, and how sure that is. The same path, always."""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from labtools.errors import ConfigurationError, one_of
from labtools.lab.trace import Trace
from labtools.lab.waits import Order
from labtools.lab.whatif import served_s
from labtools.model.profile import LatencyProfile
from labtools.own_agent.fit import DRAWS, Identity, tokens_row
from labtools.own_agent.prompt_blocks import reusable_tokens
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

    def profile_for(self, step: str) -> LatencyProfile | None:
        """What serves a step's calls; None: what did."""
        return self.route.get(step, self.route.get(ALL, self.on))

    def served_by(self, step: str, model: str) -> str:
        """The name of what serves a step's calls of a model."""
        profile = self.profile_for(step)
        return profile.name if profile else model

    def assumes(self, trace: Trace) -> str:
        """What has to be true, beside the path staying the same."""
        blocks = any(span.blocks for span in trace.spans)
        return "; ".join(
            said
            for said, holds in {
                "answers of the same length, no queue there": self.on or self.route,
                "each model has cached only what it was sent": self.route,
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
    run_low_s: float
    """Nine in ten further runs take from this to `run_high_s`: no two are alike."""
    run_high_s: float
    assumes: str


@dataclass(frozen=True, slots=True)
class _Duration:
    """What a step takes with levers: at best knowledge, and in draws."""

    best_s: float
    changed_s: np.ndarray | float
    """Of this run, had only what the levers touch been otherwise."""
    again_s: np.ndarray | float
    """Of another run."""


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
        thin = self._order.thinned()
        orders = [self._order] if thin is None else [self._order, thin]
        return [
            (order, order.times(lambda span, start: start + span.duration_s, 0.0)[-1])
            for order in orders
        ]

    def saving(self, levers: Levers) -> Saving:
        """The run with these levers, against itself without them."""
        self._check(levers)
        dropped = {span.id for span in self._order.spans if self._is_dropped(span, levers)}
        beside = self._order.beside(levers.parallel)
        cached = self._cached(levers)
        dice = np.random.default_rng(0)
        took = {
            span.id: self._duration(span, levers, dropped, cached, dice)
            for span in self._order.spans
        }
        rewired = [order.rewired(beside, dropped) for order, _ in self._orders]
        saved = [
            before_s - order.times(lambda span, start: start + took[span.id].best_s, 0.0)[-1]
            for order, (_, before_s) in zip(rewired, self._orders, strict=True)
        ]
        before_s = self._orders[0][1]
        zero, started_at = np.zeros(DRAWS), self._trace.started_at
        drawn = rewired[0].times(lambda span, start: start + took[span.id].changed_s, zero)[-1]
        again = rewired[0].times(lambda span, start: start + took[span.id].again_s, zero)[-1]
        low_s, high_s = np.quantile(before_s - drawn, _WITHIN)
        runs_s = [before_s - each - started_at for each in saved]
        run_low_s, run_high_s = np.quantile(again - started_at, _WITHIN)
        return Saving(
            levers.words(),
            round(runs_s[0], 9),
            round(saved[0], 9),
            float(min(low_s, *saved)),
            float(max(high_s, *saved)),
            float(min(run_low_s, *runs_s)),
            float(max(run_high_s, *runs_s)),
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

    def _cached(self, levers: Levers) -> dict[int, int]:
        """Tokens that each call finds in the cache, where that is not what it found.

        A model that was not sent the prompts before finds less; a cache that is on finds all.
        """
        if levers.cache_ttl_s is None and not levers.route:
            return {}
        ttl_s = math.inf if levers.cache_ttl_s is None else levers.cache_ttl_s
        sent = defaultdict[tuple[str, bool], deque[Span]](lambda: deque(maxlen=_REMEMBERED))
        found: dict[int, int] = {}
        for span in self._order.spans:
            call = span.call
            if call is None or call.error:
                continue
            here = sent[call.model, False], sent[levers.served_by(span.name, call.model), True]
            oldest = span.started_at - ttl_s
            before, now = (
                reusable_tokens(span, [each for each in prompts if each.ended_at >= oldest]) or 0
                for prompts in here
            )
            was = call.cached_tokens or 0
            hits = min(was, now) if now < before else was
            hits = hits if levers.cache_ttl_s is None else max(hits, now)
            if hits != was:
                found[span.id] = hits
            for prompts in here:
                prompts.append(span)
        return found

    def _duration(
        self,
        span: Span,
        levers: Levers,
        dropped: Iterable[int],
        cached: Mapping[int, int],
        dice: np.random.Generator,
    ) -> _Duration:
        """What a step takes with the levers."""
        was_s, call = span.duration_s, span.call
        if span.id in dropped:
            return _Duration(0.0, 0.0, 0.0)
        if span.kind == "tool":
            took_s = was_s * levers.tools.get(span.name, levers.tools.get(ALL, 1.0))
            return _Duration(took_s, took_s, took_s)
        if call is None or call.error:
            return _Duration(was_s, was_s, was_s)
        by = levers.output_tokens.get(span.name, levers.output_tokens.get(ALL, 1.0))
        changed = replace(
            call,
            output_tokens=None if call.output_tokens is None else round(call.output_tokens * by),
            cached_tokens=cached.get(span.id, call.cached_tokens),
        )
        profile = levers.profile_for(span.name)
        if profile is None:
            return self._on_its_own(span, call, changed, dice)
        beside_s = was_s - (call.ended_at - call.sent_at)
        took_s = beside_s + sum(served_s(changed, profile, span.name))
        drawn_s = took_s * self._spread(call, profile, dice)
        return _Duration(took_s, drawn_s, drawn_s)

    def _on_its_own(
        self, span: Span, call: CallRecord, changed: CallRecord, dice: np.random.Generator
    ) -> _Duration:
        """Where it was served: a difference in tokens takes what the fit says."""
        was_s, fit = span.duration_s, self._identity.fits.get(call.model)
        fewer = np.array(tokens_row(changed)) - np.array(tokens_row(call))
        if fewer.any() and (fit is None or (fewer.astype(bool) & ~fit.known).any()):
            raise ConfigurationError(
                f"What these tokens take on {call.model} cannot be told from this trace: it needs "
                "more calls, of other lengths, or their TTFT."
            )
        if fit is None or (self._identity.simulated and not fewer.any()):
            return _Duration(was_s, was_s, was_s)
        again_s: np.ndarray | float = fit.draws @ np.array(tokens_row(changed))
        if not self._identity.simulated:
            again_s = again_s * dice.choice(fit.ratios, DRAWS)
        return _Duration(
            max(0.0, was_s + float(fewer @ fit.coefficients)),
            np.maximum(0.0, was_s + fit.draws @ fewer),
            again_s,
        )

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
