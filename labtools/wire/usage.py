"""The `usage` of an answer: how many tokens went in, came from a cache, and came out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from labtools.model.profile import Prices


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one answer or of many. Cached tokens are part of the input tokens."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    @property
    def total(self) -> int:
        return self.input_tokens + self.output_tokens

    def cost_usd(self, prices: Prices) -> float:
        return prices.cost_usd(self.input_tokens, self.cached_tokens, self.output_tokens)

    def __add__(self, other: TokenCount) -> TokenCount:
        return TokenCount(
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
        )


def usage_in(body: bytes) -> TokenCount | None:
    """The last usage in a body of either API, streamed or whole. None if there is none."""
    start = body.rfind(b'"usage"')
    while start >= 0:
        brace = body.find(b"{", start)
        if brace >= 0 and body[start + 7 : brace].strip() == b":":
            try:
                text = body[brace:].decode("utf-8", "replace")
                return _count(json.JSONDecoder().raw_decode(text)[0])
            except (ValueError, AttributeError, RecursionError):
                pass  # A property of that name, in a schema that a response repeats.
        start = body.rfind(b'"usage"', 0, start)
    return None


def count_in(usage: object, *path: str) -> int | None:
    """The number of tokens at `path` in a usage object. None if there is no number there."""
    for name in path:
        usage = usage.get(name) if isinstance(usage, dict) else None
    if isinstance(usage, int) and not isinstance(usage, bool) and usage >= 0:
        return usage
    return None


def _count(usage: dict[str, Any]) -> TokenCount:
    """Raises ValueError when it is no usage."""
    names = ("input_tokens", "output_tokens")  # Responses
    if "prompt_tokens" in usage:
        names = ("prompt_tokens", "completion_tokens")  # Chat Completions
    given, made = (count_in(usage, name) for name in names)
    if given is None or made is None:
        raise ValueError("not a usage")
    return TokenCount(given, count_in(usage, f"{names[0]}_details", "cached_tokens") or 0, made)
