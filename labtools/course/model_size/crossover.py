"""Where one endpoint stops being the faster one: by clients, and by the answer's length.

Both compare the closed loop's end-to-end time (`closed_loop`), so they hold for alike requests in
the long run, without jitter.
"""

from __future__ import annotations

from labtools.errors import ConfigurationError
from labtools.model.closed_loop import closed_loop
from labtools.model.profile import DEFAULT_INPUT_TOKENS, LatencyProfile


def crossover_clients(
    first: LatencyProfile,
    second: LatencyProfile,
    output_tokens: int,
    input_tokens: int = DEFAULT_INPUT_TOKENS,
    most_clients: int = 10_000,
) -> int | None:
    """The smallest number of clients at which a call takes longer on `first` than on `second`.

    1 if it does for a lone client; None if it never does up to `most_clients`.
    """
    if most_clients < 1:
        raise ConfigurationError(f"most_clients must be at least 1; found {most_clients!r}.")
    for clients in range(1, most_clients + 1):
        calls = [closed_loop(p, clients, output_tokens, input_tokens) for p in (first, second)]
        if calls[0].e2e_latency_s > calls[1].e2e_latency_s:
            return clients
    return None


def crossover_tokens(
    first: LatencyProfile,
    second: LatencyProfile,
    concurrency: int = 1,
    input_tokens: int = DEFAULT_INPUT_TOKENS,
) -> float | None:
    """The answer's length at which a call takes as long on one endpoint as on the other.

    At a set concurrency the time is a + b * tokens on each, so the lines meet once, at
    (a2 - a1) / (b1 - b2). None if they meet at no length above 0: one endpoint is then the
    faster for every answer.
    """
    (fixed_1, step_1), (fixed_2, step_2) = (
        _line(profile, concurrency, input_tokens) for profile in (first, second)
    )
    if step_1 == step_2:
        return None
    tokens = (fixed_2 - fixed_1) / (step_1 - step_2)
    return tokens if tokens > 0 else None


def _line(profile: LatencyProfile, concurrency: int, input_tokens: int) -> tuple[float, float]:
    """Seconds of a call without output, and for each output token."""
    one, two = (
        closed_loop(profile, concurrency, tokens, input_tokens).e2e_latency_s for tokens in (1, 2)
    )
    return one - (two - one), two - one
