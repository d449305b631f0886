"""Rules on what an endpoint keeps of a prompt."""

from __future__ import annotations

from collections.abc import Iterable

from labtools.evaluation.labels import Label
from labtools.evaluation.summary.axes import Reuse
from labtools.evaluation.summary.names import REUSE_PHRASES
from labtools.evaluation.summary.report import Report
from labtools.wording import count, duration, joined


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
    saving = [row for row in judged if row.verdict == "saves"]
    losing = [row for row in judged if row.verdict == "saves nothing"]
    unclear = [row for row in judged if row.verdict == "unclear"]
    tokens = f"{report.prefix.prompt_tokens:,}"
    parts = []
    if saving:
        told = joined(f"{REUSE_PHRASES[row.label]} (TTFT {_saved(row)} shorter)" for row in saving)
        parts.append(f"The prefix cache works at {tokens} tokens for {told}.")
        if losing:
            parts.append(f"Nothing is saved on {_named(losing)}.")
    elif losing:
        parts.append(
            f"No prefix cache shows at {tokens} tokens: nothing is saved on {_named(losing)}."
        )
    if unclear:
        parts.append(f"For {_named(unclear)} these calls cannot tell whether it saves anything.")
    few = [row for row in judged if row.saved_s.needed]
    if few:
        pairs = count(few[0].saved_s.pairs, "round")
        parts.append(f"That is from {pairs}; an interval needs {few[0].saved_s.needed}.")
    return " ".join(parts)


def prefix_lifetime(report: Report) -> str | None:
    """Whether a prefix is still kept after the pause."""
    rows = {row.label: row for row in report.prefix.reuses}
    later, repeat = rows.get(Label.AFTER_PAUSE), rows.get(Label.REPEAT)
    if later is None or repeat is None or repeat.verdict != "saves":
        return None
    pause = duration(report.prefix.pause_s)
    if later.verdict == "saves":
        return f"A prefix left alone for {pause} is still there; longer pauses were not tried."
    if later.verdict == "saves nothing":
        return f"A prefix left alone for {pause} is gone."
    return f"Whether a prefix outlasts a pause of {pause} is not clear."


def prefix_disagreement(report: Report) -> str | None:
    """What is reported as cached is not what is saved."""
    found = [row for row in report.prefix.reuses if row.disagreement]
    if not found:
        return None
    told = "; ".join(f"for {REUSE_PHRASES[row.label]} it {row.disagreement}" for row in found)
    return f"cached_tokens and TTFT disagree: {told}."


def _saved(row: Reuse) -> str:
    return duration(row.saved_s.median or 0.0)


def _named(rows: Iterable[Reuse]) -> str:
    return joined(REUSE_PHRASES[row.label] for row in rows)
