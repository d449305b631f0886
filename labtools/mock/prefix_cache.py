"""Reuse of earlier prefill, by hashed full blocks.

A block's key is the hash of its parent's key and its own text, so a key stands for the whole
prefix up to it: one changed character early on changes every key after it. This is how vLLM's
automatic prefix caching names its blocks (https://docs.vllm.ai/en/latest/design/prefix_caching).

What it leaves out: the tokens that were generated. A follow-up request pays the prefill of the
previous answer once, as part of its own prompt.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Iterator

from labtools.model.profile import PrefixCache
from labtools.model.tokens import CHARS_PER_TOKEN, count_tokens


def block_keys(prompt: str, block_tokens: int) -> Iterator[bytes]:
    """The keys of the prompt's full blocks, from its start."""
    width = block_tokens * CHARS_PER_TOKEN
    key = b""
    for start in range(0, len(prompt) - width + 1, width):
        text = prompt[start : start + width].encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(text, digest_size=16, key=key).digest()
        yield key


class PrefixStore:
    """The blocks that one replica holds, or one slot of it; least recently used first."""

    def __init__(self, settings: PrefixCache) -> None:
        self._settings = settings
        self._used_at: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used_at)

    def cached_tokens(self, prompt: str, now: float) -> int:
        """Tokens at the prompt's start that need no prefill; refreshes the blocks they are in.

        At least one token is always computed, since the first output comes from it.
        """
        block_tokens = self._settings.block_tokens
        reusable = (count_tokens(prompt) - 1) // block_tokens
        hits = list[bytes]()
        for key in block_keys(prompt, block_tokens):
            if len(hits) == reusable or not self._holds(key, now):
                break
            hits.append(key)
        tokens = len(hits) * block_tokens
        if tokens < self._settings.minimum_tokens:
            return 0
        # From the end: a prefix must outlive what continues it.
        for key in reversed(hits):
            self._use(key, now)
        return tokens

    def remember(self, prompt: str, now: float) -> None:
        """Keep the prompt's full blocks, at the cost of those used longest ago.

        A slot keeps nothing else.
        """
        if self._settings.per_slot:
            self._used_at.clear()
        for key in reversed(list(block_keys(prompt, self._settings.block_tokens))):
            self._use(key, now)
        while len(self._used_at) * self._settings.block_tokens > self._settings.capacity_tokens:
            self._used_at.popitem(last=False)

    @property
    def last_used_at(self) -> float:
        """When any of it was used last."""
        return max(self._used_at.values(), default=-math.inf)

    def _holds(self, key: bytes, now: float) -> bool:
        used_at = self._used_at.get(key)
        if used_at is None:
            return False
        if now - used_at > self._settings.ttl_s:
            del self._used_at[key]
            return False
        return True

    def _use(self, key: bytes, now: float) -> None:
        self._used_at[key] = now
        self._used_at.move_to_end(key)


class SlotStores:
    """A store for each slot of a replica: a prefix can only be gone on with where it was left."""

    def __init__(self, settings: PrefixCache, slots: int) -> None:
        self._free = [PrefixStore(settings) for _ in range(slots)]

    def take(self, prompt: str, now: float) -> PrefixStore:
        """The free slot that knows most of the prompt; among equals the one unused for longest."""
        self._free.sort(key=lambda store: store.last_used_at)
        store = max(self._free, key=lambda store: store.cached_tokens(prompt, now))
        self._free.remove(store)
        return store

    def give_back(self, store: PrefixStore) -> None:
        self._free.append(store)
