"""How much load, as data; and the same as Locust's options, here or typed on another machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from labtools.errors import ConfigurationError
from labtools.evaluation.settings import Settings

LOCUSTFILE = Path(__file__).with_name("locustfile.py")


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One load test of one endpoint. Raises ConfigurationError for what cannot be run."""

    base_url: str
    model: str
    users: int = 8
    """Closed loop: clients, each with one call at a time. Open loop: sources of arrivals."""
    request_rate_per_s: float | None = None
    """Of the open loop, all sources together; None for a closed loop."""
    run_time_s: int = 30
    workers: int = 0
    """Worker processes on this machine; 0 is one process without a master."""
    max_requests: int = 2_000
    max_tokens: int = 2_500_000
    limit: str = "max_tokens"
    """What the endpoint calls the limit on the answer."""
    usage: bool = True
    """Whether a stream may be asked for its usage."""
    settings: Settings = field(default_factory=Settings)
    """`seed`, `output_tokens`, `timeout_s` and `slo_s` of it."""

    def __post_init__(self) -> None:
        for name, least in (("users", 1), ("run_time_s", 1), ("workers", 0)):
            if getattr(self, name) < least:
                raise ConfigurationError(
                    f"{name} must be {least} or more; found {getattr(self, name)}."
                )
        for name in ("max_requests", "max_tokens"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} must be 0 or more; found {getattr(self, name)}.")
        if self.workers > self.users:
            raise ConfigurationError(
                f"{self.workers} workers for {self.users} users would leave some without any. "
                "Take at most as many workers as users; a worker serves hundreds."
            )
        rate = self.request_rate_per_s
        if rate is not None and not (0 < rate < math.inf):
            raise ConfigurationError(f"request_rate_per_s must be above 0; found {rate}.")
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                "A load test needs an address, such as https://api.example.com/v1; "
                f"found {parts.scheme or self.base_url!r}."
            )
        if parts.username or parts.password or parts.query:
            # The address is among a process's arguments, where everybody on the machine sees it.
            raise ConfigurationError(
                "The address must hold no user, password or query. Give a key as OPENAI_API_KEY."
            )

    def options(self, records: Path, run: str) -> list[str]:
        """Locust's options for whichever process decides: the master, or the only one. No key."""
        rate = self.request_rate_per_s or 0.0
        values = {
            "--host": self.base_url,
            "--users": self.users,
            "--spawn-rate": self.users,
            "--run-time": self.run_time_s,
            # Calls under way are waited for; to cut off the slow ones would flatter the endpoint.
            "--stop-timeout": math.ceil(self.settings.timeout_s) + 10,
            "--exit-code-on-error": 0,
            "--model": self.model,
            "--arrivals-per-user-per-s": repr(rate / self.users),
            "--max-requests": self.max_requests,
            "--max-tokens": self.max_tokens,
            "--limit-name": self.limit,
            "--ask-for-usage": int(self.usage),
            "--seed": self.settings.seed,
            "--output-tokens": self.settings.output_tokens,
            "--timeout-s": self.settings.timeout_s,
            "--records": records,
            "--run-label": run,
        }
        return ["--headless", "--only-summary", *(f"{k}={v}" for k, v in values.items())]
