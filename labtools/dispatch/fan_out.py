"""Several independent calls at once, with a limit on how many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from labtools.errors import ConfigurationError

T = TypeVar("T")


async def fan_out(
    calls: Iterable[Callable[[], Awaitable[T]]], *, limit: int | None = None
) -> list[T]:
    """The results of `calls`, in their order, with at most `limit` of them under way.

    Each call is a function without arguments, so that it begins when there is room for it and
    not before: `[lambda: lab.call("read"), ...]`, not `[lab.call("read"), ...]`. A free place
    goes to the call that has waited longest. When one raises, the others are cancelled and
    what it raised is raised. Raises ConfigurationError for a limit below 1 and for what is not
    a function.
    """
    calls = list(calls)
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ConfigurationError(
            f"limit is {limit!r}. Allowed: a whole number of calls, at least 1, or None for all."
        )
    for index, call in enumerate(calls):
        if not callable(call):
            _close(calls)
            raise ConfigurationError(
                f"Call {index} of {len(calls)} is of type {type(call).__name__}. Pass functions "
                "that make the call, such as `lambda: lab.call(...)`, so that it can begin later."
            )
    results: dict[int, T] = {}
    waiting = iter(enumerate(calls))

    async def worker() -> None:
        # One that raises takes no further call, so none is begun in vain.
        for index, call in waiting:
            results[index] = await call()

    workers = [asyncio.ensure_future(worker()) for _ in range(min(limit or len(calls), len(calls)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[index] for index in range(len(calls))]


def _close(calls: Iterable[object]) -> None:
    """Coroutines that will never be awaited would each warn of it."""
    for call in calls:
        if asyncio.iscoroutine(call):
            call.close()
