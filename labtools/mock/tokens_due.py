"""The token times of one answer: when each is due, known without waiting for any of them.

A step's length is decided when it begins, by what the replica does then. So between two changes of
the replica (a sequence joins or leaves, a chunk of a prompt begins) all instants follow from the
model, and only the changes are events: before each, `advance` takes the steps that have begun.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from labtools.clock import sleep, whole_ns

if TYPE_CHECKING:
    from labtools.mock.replica import Replica


Waited = tuple[float, ...]
"""Since when something waits for an instant, since when it had waited for that one, and so on. Of
what is due at one instant, the least comes first."""
ARRIVED: Waited = (math.inf,)


class TokenTimes:
    """The instants of `total` tokens, of which the first is there at `first_at`.

    `waited` is since when it had been waited for. `stall_s` is spent half-way.
    """

    def __init__(
        self,
        replica: Replica,
        first_at: float,
        waited: Waited,
        total: int,
        *,
        structured: bool,
        pace: float,
        held_s: float,
        stall_s: float = 0.0,
    ) -> None:
        self.instants = [whole_ns(first_at) / 1e9]
        """Of the tokens that have been reached, in seconds of the loop's clock."""
        self.due_at = math.inf
        """When the next one is due; infinite after the last."""
        self._replica = replica
        self._waited_for_first = waited
        self._total = total
        self._structured = structured
        self._pace = pace
        self._stall_s = stall_s
        self._stalls_after = max(1, total // 2) if stall_s else 0
        # Token n is due n - anchor steps after the anchor's instant.
        self._anchor_at, self._anchor = first_at, 1
        self._step_s, self._held_s = 0.0, held_s
        self._ended: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._dues = self._due_in_turn()
        self.due_at = next(self._dues, math.inf)

    @property
    def over(self) -> bool:
        """Whether the last token has been reached."""
        return len(self.instants) == self._total

    def waited(self) -> Waited:
        """Since when the next token is waited for, or was the last."""
        instants = self.instants[:-1] if self.over else self.instants
        return *reversed(instants), *self._waited_for_first

    def advance(self, now: float, event: Waited = ARRIVED) -> None:
        """Reach the tokens due before `now`, and those due at it that come before the event."""
        due_at, reach, dues = self.due_at, self.instants.append, self._dues
        while due_at < now or (due_at == now and (event is ARRIVED or self.waited() <= event)):
            reach(due_at)
            due_at = next(dues, math.inf)
        self.due_at = due_at

    async def ended(self) -> None:
        """Wait until the last token is due."""
        if not self.over:
            self._ended = asyncio.get_running_loop().create_future()
            self.set_timer()
            try:
                await self._ended
            finally:
                if self._timer:
                    self._timer.cancel()

    def set_timer(self) -> None:
        """Wake whoever waits for the end, at the end that the replica's state now gives."""
        if self._ended is None or self._ended.done():
            return
        end_at = self._end_at()
        if self._timer and end_at != self._rings_at:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._rings_at = end_at
            self._timer = self._ended.get_loop().call_at(end_at, self._ring)

    def _ring(self) -> None:
        assert self._ended
        self._timer = None
        self.advance(self._ended.get_loop().time())
        if not self.over:
            self.set_timer()
        elif not self._ended.done():
            self._ended.set_result(None)

    def _due_in_turn(self) -> Iterator[float]:
        """When each token after the first is due, by the state that the one before it meets."""
        replica, version, due_at = self._replica, -1, self.instants[0]
        due_ns = round(due_at * 1e9)
        for reached in range(1, self._total):
            if replica.version != version:
                version = replica.version
                self._anchor_at, self._anchor, self._step_s, self._held_s = self._seen_from(reached)
                anchor_at, steps_before, step_s = self._anchor_at, self._anchor - 1, self._step_s
            if reached == self._stalls_after:
                anchor_at = self._anchor_at = anchor_at + self._stall_s
            after_s = anchor_at + (reached - steps_before) * step_s - due_at
            if after_s > 0:
                due_ns += whole_ns(after_s)
                due_at = due_ns / 1e9
            yield due_at

    def _seen_from(self, reached: int) -> tuple[float, int, float, float]:
        """Anchor, step and what prompts took, if the step after `reached` begins as things are."""
        anchor_at, anchor, step_s = self._anchor_at, self._anchor, self._step_s
        current_s = self._replica.step_s(self._structured, self._pace)
        if current_s != step_s:
            anchor_at += (reached - anchor) * step_s
            anchor, step_s = reached, current_s
        held_s = self._replica.held_s()
        if held_s != self._held_s:
            anchor_at += held_s - self._held_s
        return anchor_at, anchor, step_s, held_s

    def _end_at(self) -> float:
        """When the last token is due, if nothing changes until then, or was."""
        if self.over:
            return self.instants[-1]
        deciding = len(self.instants) + 1
        if deciding >= self._total:
            return self.due_at
        anchor_at, anchor, step_s, _ = self._seen_from(deciding)
        if self._stalls_after >= deciding:
            anchor_at += self._stall_s
        return anchor_at + (self._total - anchor) * step_s


async def waited_until(at: float) -> Waited:
    """Wait until an instant. Returns since when."""
    now = asyncio.get_running_loop().time()
    await sleep(at - now)
    return now, math.inf
