"""One figure of the latency model, as far as an evaluation could tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from labtools.errors import one_of

STATUSES = ("measured", "absent", "at_least", "not_probed", "not_identifiable")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A field of LatencyProfile by name ("prefix_cache.ttl_s" within the cache), and its figure.

    `status` is one of: "measured"; "absent" (looked for, and there is no effect beyond the noise:
    `value` is that of no effect); "at_least" (`value` is what was tried, and the limit lies
    beyond); "not_probed" (nothing was measured that could tell); "not_identifiable" (what was
    measured has several explanations).
    """

    name: str
    value: float | None
    """None: there is no figure. For the prefill rate also: TTFT does not depend on the length."""
    status: str
    how: str
    """In one sentence: from what, by which method, and what the profile takes where it is open."""
    low: float | None = None
    high: float | None = None
    """95% interval, or the bounds that the observations leave."""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise one_of("status", self.status, STATUSES)

    def within(self, error: float, factor: float = 1.0) -> Parameter:
        """With its interval times `factor`, and wider by a further share of `error`."""
        low = None if self.low is None else self.low * factor / (1 + error)
        high = None if self.high is None else self.high * factor * (1 + error)
        return replace(self, low=low, high=high)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Parameter:
        return cls(**values)


def not_probed(name: str, needed: str) -> Parameter:
    """For what nothing was measured; `needed` says what would tell."""
    return Parameter(name, None, "not_probed", f"Not measured: it needs {needed}.")
