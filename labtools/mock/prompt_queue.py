"""The prompts that a replica computes: in order of arrival, so many tokens at a time.

The first chunk begins when the streams that run end the step they are in, so that prompts which
arrive during one step share it. A chunk takes tokens of several prompts where they fit, and those
that end in it end together. Between two chunks every running stream takes one step. A chunk that
has begun is computed to its end, even if the request that it was for is given up; a prompt that
arrives meanwhile waits for the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labtools.mock.tokens_due import waited_until
from labtools.model.profile import LatencyProfile

if TYPE_CHECKING:
    from labtools.mock.replica import Replica


@dataclass(eq=False, slots=True)
class _Prompt:
    known_tokens: int
    input_tokens: int
    ready_at: float
    pace: float
    on_computed: Callable[[], None]
    computed: asyncio.Future[float]


class PromptQueue:
    """The prompts of one replica whose profile has `prefill_chunk_tokens`."""

    def __init__(
        self,
        profile: LatencyProfile,
        chunk_tokens: int,
        replica: Replica,
    ) -> None:
        self.begun_s = 0.0
        """How long all chunks take that have begun so far: so long has each stream stood still."""
        self._profile = profile
        self._chunk_tokens = chunk_tokens
        self._replica = replica
        self._prompts: deque[_Prompt] = deque()
        self._computing: asyncio.Task[None] | None = None

    async def compute(
        self,
        cached_tokens: int,
        input_tokens: int,
        ready_at: float,
        pace: float,
        on_computed: Callable[[], None],
    ) -> float:
        """Wait until a prompt that is ready now is computed. Returns when it was due.

        `on_computed` is called for all prompts that end in a chunk before any of them goes on.
        """
        loop = asyncio.get_running_loop()
        computed = loop.create_future()
        prompt = _Prompt(cached_tokens, input_tokens, ready_at, pace, on_computed, computed)
        self._prompts.append(prompt)
        if self._computing is None or self._computing.done():
            self._computing = loop.create_task(self._compute_all())
        try:
            return await prompt.computed
        finally:
            if prompt in self._prompts:
                self._prompts.remove(prompt)

    async def _compute_all(self) -> None:
        while self._prompts:
            await self._compute_without_pause(self._prompts[0].ready_at)

    async def _compute_without_pause(self, at: float) -> None:
        at = self._replica.step_ends_at(at)
        with self._replica.changing(await waited_until(at)):
            chunk = self._next_chunk()
        while chunk:
            seconds, ended = chunk
            at += seconds
            await waited_until(at)
            # Whoever had but one token to wait for has left by now, and takes no part in this step.
            at += self._replica.between_chunks_s()
            with self._replica.changing(await waited_until(at)):
                ended = [prompt for prompt in ended if not prompt.computed.done()]
                for prompt in ended:
                    prompt.on_computed()
                chunk = self._next_chunk()
            for prompt in ended:
                prompt.computed.set_result(at)

    def _next_chunk(self) -> tuple[float, list[_Prompt]] | None:
        """How long it takes, and the prompts that end in it, which leave the queue."""
        seconds, left, ended = 0.0, self._chunk_tokens, list[_Prompt]()
        is_one = bool(self._prompts)
        while left and self._prompts:
            prompt = self._prompts[0]
            start, end = prompt.known_tokens, min(prompt.known_tokens + left, prompt.input_tokens)
            seconds += prompt.pace * self._profile.compute_s(start, end)
            left -= end - start
            prompt.known_tokens = end
            if end == prompt.input_tokens:
                ended.append(self._prompts.popleft())
        self.begun_s += seconds
        return (seconds, ended) if is_one else None
