"""One copy of the model: its slots, who waits for them, the prefixes it holds, and its compute."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from labtools.mock.prefix_cache import PrefixStore, SlotStores
from labtools.mock.tokens_due import ARRIVED, TokenTimes, Waited, waited_until
from labtools.model.profile import LatencyProfile

# Of a step: what rounding may put between two ends of one.
_ALMOST = 1e-6


class Replica:
    """What the sequences on one copy of the model share."""

    def __init__(self, profile: LatencyProfile) -> None:
        self.active = 0
        """Slots that are taken."""
        self.version = 0
        """Goes up whenever the length of a step may have changed."""
        self.prompts = (
            PromptQueue(profile, profile.prefill_chunk_tokens, self)
            if profile.prefill_chunk_tokens is not None
            else None
        )
        """None: prompts and streams do not disturb each other."""
        self._profile = profile
        self._streams: dict[TokenTimes, None] = {}
        self._numbers = count()
        self._is_changing = False
        # Without these terms a step is as long whoever else is there, and nothing is an event.
        self._steady = self.prompts is None and not (
            profile.batch_penalty or math.isfinite(profile.decode_context_tokens_per_s)
        )
        self._decoding = 0
        self._context_tokens = 0
        self._paces = 0.0
        self._stepped_at = 0.0  # an end of a step, since which all steps are of one length
        self._capacity = profile.max_batch or math.inf
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        cache = profile.prefix_cache
        self._prefixes = PrefixStore(cache) if cache and not cache.per_slot else None
        self._slots = (
            SlotStores(cache, profile.max_batch)
            if cache and cache.per_slot and profile.max_batch
            else None
        )

    @contextmanager
    def changing(self, waited: Waited = ARRIVED) -> Iterator[None]:
        """An event: what may lengthen or shorten the steps that begin from now on.

        Steps that have begun keep their length. Of the streams that begin one at this instant,
        those that have waited for it longer than the event have decided theirs already.
        """
        if self._steady or self._is_changing:
            yield
            return
        now = asyncio.get_running_loop().time()
        for stream in self._streams:
            stream.advance(now, waited)
        self._is_changing = True
        try:
            yield
        finally:
            self._is_changing = False
            self.version += 1
            for stream in self._streams:
                stream.set_timer()

    def step_s(self, structured: bool, pace: float) -> float:
        """The length of a step that begins now, if no prompt is computed meanwhile."""
        if self.prompts is None:
            return self._profile.step_s(self.active, structured, pace, self._context_tokens)
        return self._shared_step_s(structured)

    def held_s(self) -> float:
        """How long prompts have kept every stream standing still so far."""
        return self.prompts.begun_s if self.prompts else 0.0

    def between_chunks_s(self) -> float:
        """One step of all streams, if there are any."""
        return self._shared_step_s() if self._decoding else 0.0

    def step_ends_at(self, at: float) -> float:
        """When the streams end the step that they are in at `at`; the same, if none runs."""
        if not self._decoding:
            return at
        step_s = self._shared_step_s()
        return self._stepped_at + math.ceil((at - self._stepped_at) / step_s - _ALMOST) * step_s

    def _shared_step_s(self, structured: bool = False) -> float:
        # One machine takes the steps of all streams at once, at the mean of their paces.
        return self._profile.step_s(
            self._decoding, structured, self._paces / self._decoding, self._context_tokens
        )

    def decode(self, change: int, context_tokens: int, pace: float) -> None:
        """Within `changing`: one more sequence with such a prompt decodes, or one fewer."""
        self._decoding += change
        self._context_tokens += change * context_tokens
        self._paces += change * pace
        self._stepped_at = asyncio.get_running_loop().time()

    def next_number(self) -> int:
        """Of the sequence that begins to decode now."""
        return next(self._numbers)

    def follow(self, stream: TokenTimes) -> None:
        """Tell a stream of every change, until it leaves."""
        self._streams[stream] = None

    def prefixes_for(self, prompt: str, now: float) -> PrefixStore | None:
        """The prefixes that a sequence which holds a slot can go on from, until `leave`."""
        return self._slots.take(prompt, now) if self._slots else self._prefixes

    def leave(self, prefixes: PrefixStore | None, stream: TokenTimes | None) -> None:
        """The sequence is over."""
        if stream is not None:
            self._streams.pop(stream, None)
        if self._slots and prefixes is not None:
            self._slots.give_back(prefixes)

    async def acquire(self, slots: int) -> bool:
        """Take slots, in order of arrival. Returns whether that meant waiting."""
        if not self._waiting and self._fits(slots):
            self._take(slots)
            return False
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((slots, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._admit_waiting()
            else:
                self.release(slots)
            raise
        return True

    def release(self, slots: int) -> None:
        """Give slots back, to whoever waits."""
        self._take(-slots)
        self._admit_waiting()

    def _take(self, slots: int) -> None:
        with self.changing():
            self.active += slots

    def _admit_waiting(self) -> None:
        while self._waiting:
            slots, turn = self._waiting[0]
            if turn.cancelled():  # whoever waited has left
                self._waiting.popleft()
            elif self._fits(slots):
                self._waiting.popleft()
                self._take(slots)
                turn.set_result(None)
            else:
                return

    def _fits(self, slots: int) -> bool:
        # A request for more slots than there are gets the replica to itself.
        return self.active + slots <= self._capacity or self.active == 0


@dataclass(eq=False, slots=True)
class _Prompt:
    known_tokens: int
    input_tokens: int
    ready_at: float
    pace: float
    on_computed: Callable[[], None]
    computed: asyncio.Future[float]


class PromptQueue:
    """The prompts that a replica computes: in order of arrival, so many tokens at a time.

    The first chunk begins when the streams that run end the step they are in, so that prompts which
    arrive during one step share it. A chunk takes tokens of several prompts where they fit, and
    those that end in it end together. Between two chunks every running stream takes one step. A
    chunk that has begun is computed to its end, even if the request that it was for is given up; a
    prompt that arrives meanwhile waits for the next.
    """

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
