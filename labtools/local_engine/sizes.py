"""The engine's models: how large each is. Their weights are random, so size is all they have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of a llama model. `width` is the length of a token's vector."""

    name: str
    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int = 4096

    @property
    def head_width(self) -> int:
        """The length of one head's queries, keys and values."""
        return self.width // self.heads

    @property
    def parameters(self) -> int:
        """How many weights there are, the embeddings counted in and out."""
        keys_and_values = 2 * self.width * self.kv_heads * self.head_width
        attention = 2 * self.width**2 + keys_and_values
        norms = 2 * self.width
        layer = attention + 3 * self.width * self.feed_forward + norms
        return self.layers * layer + 2 * self.vocabulary * self.width + self.width


SIZES = {
    size.name: size
    for size in (
        Size("2M", 128, 4, 4, 2, 384),
        Size("15M", 384, 6, 6, 2, 1280),
        Size("100M", 768, 12, 12, 4, 2560),
    )
}
