"""The `usage` of an answer: how many tokens went in, came from a cache, and came out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labtools.read_back import from_json
from labtools.records import TokenCount
from labtools.wire import sse


@dataclass(slots=True)
class ReportedUsage:
    """What an answer's chunks say about its tokens, wherever they say it. None: they do not."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None

    def take(self, chunk: Mapping[str, Any]) -> None:
        """Add what one chunk, or a whole answer, says. A count never gets smaller."""
        choices = chunk.get("choices")
        choices = choices if isinstance(choices, list) else []
        holders = [chunk, chunk.get("x_groq"), chunk.get("response"), *choices]
        for holder in holders:
            usage = holder.get("usage") if isinstance(holder, dict) else None
            if isinstance(usage, dict):
                self._take_counts(usage)
        timings = chunk.get("timings")  # llama.cpp's: what usage leaves out
        if isinstance(timings, dict):
            self._take_timings(timings)

    def _take_timings(self, timings: Mapping[str, Any]) -> None:
        given, cached = count_in(timings, "prompt_n"), count_in(timings, "cache_n")
        if self.cached_tokens is None:
            self.cached_tokens = cached
        if self.input_tokens is None and given is not None:
            self.input_tokens = given + (cached or 0)
        if self.output_tokens is None:
            self.output_tokens = count_in(timings, "predicted_n")

    def _take_counts(self, usage: Mapping[str, Any]) -> None:
        for name, paths in _PLACES.items():
            counts = [getattr(self, name), *(count_in(usage, *path) for path in paths)]
            known = [count for count in counts if count is not None]
            setattr(self, name, max(known, default=None))
        missed = count_in(usage, "prompt_cache_miss_tokens")
        if self.input_tokens is None and missed is not None:
            self.input_tokens = missed + (self.cached_tokens or 0)

    @property
    def counted(self) -> TokenCount | None:
        """For a budget; None where it is not known how many went in and came out."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return TokenCount(self.input_tokens, self.cached_tokens or 0, self.output_tokens)


_PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    "input_tokens": (("prompt_tokens",), ("input_tokens",), ("inputTokens",)),
    "output_tokens": (("completion_tokens",), ("output_tokens",), ("outputTokens",)),
    "cached_tokens": (
        ("prompt_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cached_tokens"),
        ("cached_tokens",),
        ("prompt_cache_hit_tokens",),  # DeepSeek
        ("cache_read_input_tokens",),  # Anthropic's name, which gateways pass on
        ("num_cached_tokens",),
    ),
    "reasoning_tokens": (
        ("completion_tokens_details", "reasoning_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
        ("reasoning_tokens",),
    ),
}
_MOST = 10**12
_COUNTING = re.compile(r'"(?:usage|timings)"\s*:\s*\{')


def usage_in(body: bytes) -> TokenCount | None:
    """The usage in a body of either API, streamed or whole. None if there is none."""
    usage, whole = ReportedUsage(), body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    events = (event.data for event in sse.events([(0.0, body)]))
    for data in [whole] if whole.startswith("{") else events:
        if _COUNTING.search(data):
            chunk = from_json(data)
            if isinstance(chunk, dict):
                usage.take(chunk)
    return usage.counted


def count_in(usage: object, *path: str) -> int | None:
    """The number of tokens at `path` in a usage object. None if there is no number there."""
    for name in path:
        usage = usage.get(name) if isinstance(usage, dict) else None
    if isinstance(usage, float) and usage.is_integer():
        usage = int(usage)
    if isinstance(usage, int) and not isinstance(usage, bool) and 0 <= usage <= _MOST:
        return usage
    return None
