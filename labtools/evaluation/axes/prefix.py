"""The prefix cache: what an endpoint keeps of a prompt, for how long, and what that saves.

Each round sends a prompt that nobody has seen, the same again, the same with more behind it, and
the same with another first word; then, after a pause, prompts that were left alone. The ladder
sends prompts that share ever more of their beginning with one that is known.

Of a prompt's TTFT only the prefill can be saved. The fitted profile tells how long that takes, so a
saving can be read as a share of it and held against the share of the tokens that the endpoint
reports as cached.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes.axis import TTFT, Axis, Compared, Pairing, stat_of
from labtools.evaluation.figures import ttft_after_edits
from labtools.evaluation.observations import Measured
from labtools.evaluation.plan import ASK_TO_ACT, PHRASES, AxisName, Block, Call, Label, conversation
from labtools.evaluation.settings import Settings
from labtools.evaluation.statistics import Difference, Part, Stat, interval, median, median_of
from labtools.model.profile import LatencyProfile
from labtools.model.tokens import filler
from labtools.wording import count, duration, joined

if TYPE_CHECKING:
    from labtools.evaluation.fitting import Fit
    from labtools.evaluation.report import Report


OUTPUT_TOKENS = 16
APPENDED_TOKENS = 300
# Around the edges that endpoints publish: steps of 16 to 128 tokens, a minimum of 1,024.
SHARED_TOKENS = (128, 256, 512, 768, 960, 1_088, 1_280, 1_600, 2_000, 2_400)
# A saving below this share of the prefill time is none that an agent would notice.
NOTICEABLE_SHARE = 0.1
REUSES = (Label.REPEAT, Label.APPEND, Label.CHANGED_FIRST, Label.AFTER_PAUSE)
Saving = Literal["saves", "saves nothing", "unclear", "unknown"]


def _blocks(settings: Settings, abilities: Abilities) -> list[Block]:
    """The rounds, the pause and the ladder; nothing when `prefix_rounds` is 0."""
    limit = abilities.limit
    rounds = [_round(settings, limit, number) for number in range(settings.prefix_rounds)]
    return [*rounds, _pause(settings, limit), _ladder(settings, limit)] if rounds else []


def _round(settings: Settings, limit: str, number: int) -> Block:
    name = f"prefix/{number}"
    text = _text(settings, name)
    rng = random.Random(f"{settings.seed}/{name}/more")
    answered = [
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": filler(APPENDED_TOKENS, rng) + ASK_TO_ACT},
    ]
    return Block.single(
        name,
        AxisName.PREFIX,
        _call(Label.COLD, conversation(text), limit),
        _call(Label.REPEAT, conversation(text), limit),
        _call(Label.APPEND, [*conversation(text), *answered], limit),
        _call(Label.CHANGED_FIRST, conversation("No. " + text[4:]), limit),
    )


def _pause(settings: Settings, limit: str) -> Block:
    """All prompts first, then one pause, then all again: each was left alone for about as long."""
    prompts = [
        conversation(_text(settings, f"prefix/pause/{number}"))
        for number in range(settings.prefix_rounds)
    ]
    before = [_call(Label.BEFORE_PAUSE, prompt, limit) for prompt in prompts]
    after = [
        _call(Label.AFTER_PAUSE, prompt, limit, 0.0 if number else settings.pause_s)
        for number, prompt in enumerate(prompts)
    ]
    return Block.single("prefix/pause", AxisName.PREFIX, *before, *after)


def _ladder(settings: Settings, limit: str) -> Block:
    name = "prefix/ladder"
    text = _text(settings, name)
    calls = [_call(Label.KNOWN, conversation(text), limit)]
    for shared in SHARED_TOKENS:
        if shared < settings.prefix_tokens:
            rng = random.Random(f"{settings.seed}/{name}/{shared}")
            own = filler(settings.prefix_tokens - shared, rng)
            calls.append(
                _call(Label.SHARED, conversation(text[: 4 * shared] + own), limit, shared=shared)
            )
    return Block.single(name, AxisName.PREFIX, *calls)


def _text(settings: Settings, seed: str) -> str:
    return filler(settings.prefix_tokens, random.Random(f"{settings.seed}/{seed}"))


def _call(
    label: Label, messages: list[dict[str, Any]], limit: str, wait_s: float = 0.0, **at: float
) -> Call:
    return Call(label, {"messages": messages, limit: OUTPUT_TOKENS}, wait_s, at)


@dataclass(frozen=True, slots=True)
class Reuse(Part):
    """One way of coming back to a prompt, against its first time."""

    label: str
    """"repeat", "append", "changed_first" or "after_pause"."""
    ttft_s: Stat
    saved_s: Difference
    """TTFT expected of a prompt this long that nobody knows, less the measured one."""
    saved_share: Difference | None
    """The same as a share of the prefill time of the whole prompt, as the fitted profile has it."""
    cached_share: float | None
    """Median of `cached_tokens` / input tokens, as the endpoint reports it."""
    verdict: Saving
    """"saves": more than a tenth of the prefill time; "unknown": no pairs, or no price of them."""
    disagreement: str | None
    """Where the reported share and the saved share cannot both be right."""


@dataclass(frozen=True, slots=True)
class Rung(Part):
    """One call whose prompt shares its beginning with a known one."""

    shared_tokens: int
    cached_tokens: int | None
    ttft_s: float | None


@dataclass(frozen=True, slots=True)
class Prefix(Part):
    """What the endpoint keeps of a prompt."""

    prompt_tokens: int
    pause_s: float
    cold_ttft_s: Stat
    reuses: tuple[Reuse, ...]
    ladder: tuple[Rung, ...]
    """Prompts that share ever more of their beginning: the smallest reuse, and its steps."""
    reason: str | None


def prefix(measured: Measured, fit: Fit) -> Prefix:
    """Each way of coming back against the first time, and the ladder."""
    settings = measured.identity.settings
    rows = [_reuse(label, measured, fit.prefill) for label in REUSES]
    reuses = tuple(row for row in rows if row.ttft_s.samples or row.ttft_s.failed)
    ladder = [
        Rung(int(call.at["shared"]), call.record.cached_tokens, call.ttft_s)
        for call in measured.on(AxisName.PREFIX, Label.SHARED)
    ]
    return Prefix(
        prompt_tokens=settings.prefix_tokens,
        pause_s=settings.pause_s,
        cold_ttft_s=stat_of(measured.on(AxisName.PREFIX, Label.COLD), TTFT),
        reuses=reuses,
        ladder=tuple(sorted(ladder, key=lambda rung: rung.shared_tokens)),
        reason=None if reuses else "Not measured.",
    )


def _reuse(label: Label, measured: Measured, prefill: LatencyProfile) -> Reuse:
    before = Label.BEFORE_PAUSE if label == Label.AFTER_PAUSE else Label.COLD
    pairs = measured.pairs(AxisName.PREFIX, before, label)
    again = [second for _, second in pairs]
    prompt_tokens = measured.identity.settings.prefix_tokens
    appended = APPENDED_TOKENS if label == Label.APPEND else 0
    saved, shares = [], []
    for first, second in pairs:
        if first.ttft_s is None or second.ttft_s is None:
            continue
        length = second.record.input_tokens or prompt_tokens + appended
        longer_s = prefill.compute_s(first.record.input_tokens or prompt_tokens, length)
        saved.append(first.ttft_s + longer_s - second.ttft_s)
        if whole_s := prefill.compute_s(0, length):
            shares.append(saved[-1] / whole_s)
    dropped = len(pairs) - len(saved)
    cached_share = median(call.cached_share for call in again)
    verdict, disagreement = _judged(shares, cached_share)
    return Reuse(
        label=label,
        ttft_s=stat_of(again, TTFT),
        saved_s=median_of(saved, dropped),
        saved_share=median_of(shares, dropped) if shares else None,
        cached_share=cached_share,
        verdict=verdict,
        disagreement=disagreement,
    )


def _judged(shares: Sequence[float], reported: float | None) -> tuple[Saving, str | None]:
    """What the saved share says by itself, and where it and the reported one cannot both be."""
    if not shares:
        return "unknown", None
    saved = interval(shares)
    verdict: Saving = "unclear"
    if saved.low > NOTICEABLE_SHARE:
        verdict = "saves"
    elif saved.high < NOTICEABLE_SHARE:
        verdict = "saves nothing"
    if reported is None:
        return verdict, None
    if reported - saved.high > NOTICEABLE_SHARE:
        how = "reports more than it saves"
    elif saved.low - reported > NOTICEABLE_SHARE:
        how = "saves more than it reports"
    else:
        return verdict, None
    return verdict, (
        f"{how}: {reported:.0%} of the tokens reported as cached, {median(shares):.0%} of the "
        "prefill saved"
    )


def prefix_cache(report: Report) -> str | None:
    """Whether a known prefix saves TTFT, and after which edits."""
    edits = [row for row in report.prefix.reuses if row.label != Label.AFTER_PAUSE]
    judged = [row for row in edits if row.verdict != "unknown"]
    if not judged:
        if edits and report.contexts.reason and report.contexts.rows:
            return (
                "Whether a prefix is kept cannot be told from TTFT: the probes of the context "
                f"give no price of a prompt's token. {report.contexts.reason}"
            )
        return None
    saving, losing, unclear = (
        [row for row in judged if row.verdict == verdict]
        for verdict in ("saves", "saves nothing", "unclear")
    )
    tokens = f"{report.prefix.prompt_tokens:,} tokens"
    parts = []
    if saving:
        phrases = joined(
            f"{PHRASES[row.label]} (TTFT {duration(row.saved_s.median or 0.0)} shorter)"
            for row in saving
        )
        parts.append(f"The prefix cache works at {tokens} for {phrases}.")
        if losing:
            parts.append(f"Nothing is saved on {_named(losing)}.")
    elif losing:
        parts.append(f"No prefix cache shows at {tokens}: nothing is saved on {_named(losing)}.")
    if unclear:
        parts.append(f"For {_named(unclear)} these calls cannot tell whether it saves anything.")
    if few := [row.saved_s for row in judged if row.saved_s.needed]:
        pairs = count(few[0].pairs, "round")
        parts.append(f"That is from {pairs}; an interval needs {few[0].needed}.")
    return " ".join(parts)


def prefix_lifetime(report: Report) -> str | None:
    """Whether a prefix is still kept after the pause."""
    rows = {row.label: row for row in report.prefix.reuses}
    later, repeat = rows.get(Label.AFTER_PAUSE), rows.get(Label.REPEAT)
    if later is None or repeat is None or repeat.verdict != "saves":
        return None
    kept = {"saves": "is still there; longer pauses were not tried", "saves nothing": "is gone"}
    what = kept.get(later.verdict, "may be there or not: these calls cannot tell")
    return f"A prefix left alone for {duration(report.prefix.pause_s)} {what}."


def prefix_disagreement(report: Report) -> str | None:
    """What is reported as cached is not what is saved."""
    found = [row for row in report.prefix.reuses if row.disagreement]
    if not found:
        return None
    phrases = "; ".join(f"for {PHRASES[row.label]} it {row.disagreement}" for row in found)
    return f"cached_tokens and TTFT disagree: {phrases}."


def _named(rows: Iterable[Reuse]) -> str:
    return joined(PHRASES[row.label] for row in rows)


PREFIX = Axis(
    blocks=_blocks,
    summary=lambda measured, fit: {"prefix": prefix(measured, fit)},
    rules=[prefix_cache, prefix_lifetime, prefix_disagreement],
    stats=lambda report: {PHRASES[row.label]: row.ttft_s for row in report.prefix.reuses},
    figures={"prefix": ttft_after_edits},
    section="prefix.html",
    made_for={Label.SHARED: "shared"},
    pairings=[
        Pairing(
            AxisName.PREFIX,
            ("prefix_tokens", "prefix_rounds", "pause_s"),
            [Compared(f"TTFT of {PHRASES[form]}", TTFT, form) for form in (Label.COLD, *REUSES)],
        )
    ],
)
