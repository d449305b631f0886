"""Which endpoints are measured, from what was typed, and which key each gets.

One endpoint's key is never sent to another.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from labtools.errors import ConfigurationError, KeyRefused
from labtools.lab.budget import Budget
from labtools.lab.connect import connect
from labtools.lab.lab import Lab
from labtools.model.named_profiles import named_profile

USUAL = "OPENAI_API_KEY"
# A file system allows 255 bytes; a letter may take four.
LONGEST_NAME = 100
LONGEST_NAME_BYTES = 250


@dataclass(frozen=True, slots=True)
class Candidate:
    """One endpoint to be measured. Raises ConfigurationError for what cannot be one."""

    name: str
    """Of its results' folder."""
    base_url: str
    model: str
    key_from: str | None = None
    """The variable with its key, if one was named."""

    def __post_init__(self) -> None:
        name = self.name
        if Path(name).name != name or name in ("", ".", ".."):
            raise ConfigurationError(
                f"--name becomes a folder's name, such as acme; {name!r} cannot be one."
            )
        if len(name) > LONGEST_NAME or len(name.encode()) > LONGEST_NAME_BYTES:
            raise ConfigurationError(
                f"--name becomes a folder's name, of {LONGEST_NAME} characters and "
                f"{LONGEST_NAME_BYTES} bytes at most; found {len(name)} characters and "
                f"{len(name.encode())} bytes: {name[:20]!r}... Choose a shorter one."
            )
        # connect() takes no address for "sim", whose times would be filed under a provider's name.
        for option, value in (("--base-url", self.base_url), ("--model", self.model)):
            if not value.strip():
                raise ConfigurationError(
                    f"The {option} of {name} is empty. If it comes from a variable of the shell, "
                    "that is not set. --base-url takes an address that usually ends in /v1, or "
                    "sim or mock."
                )
        if self.base_url in ("sim", "mock"):
            named_profile(self.model)  # refused before a dry run, too
        _ = self.api_key

    @property
    def api_key(self) -> str | None:
        """The key in the variable that was named; else the one in OPENAI_API_KEY, if any.

        A named variable that is missing or empty is a ConfigurationError: going on without it would
        send the key in OPENAI_API_KEY, which is another endpoint's.
        """
        if self.key_from is None:
            return os.environ.get(USUAL)
        key = os.environ.get(self.key_from)
        if key is None or not key.strip():
            found = "has no variable" if key is None else "has an empty variable"
            raise ConfigurationError(
                f"The environment {found} {self.key_from}, which --key-from names. Nothing was "
                "sent. Set it to this endpoint's key; an endpoint that needs none takes any word."
            )
        return key

    def connect(self, budget: Budget) -> Lab:
        """A lab on it. Raises KeyRefused that names the variable to change."""
        key, at = self.api_key, self.base_url
        try:
            return connect(at, profile=self.model, model=self.model, api_key=key, budget=budget)
        except KeyRefused as error:
            if self.key_from is None:
                raise
            raise KeyRefused(
                error.address,
                f"the key in {self.key_from}, which --key-from names. Set {self.key_from} to this "
                "endpoint's key, or name another variable.",
            ) from None


def candidates_of(options: argparse.Namespace) -> list[Candidate]:
    """Raises ConfigurationError unless each endpoint has an address, a model and a name."""
    given = {name: getattr(options, name) or [] for name in ("name", "base_url", "model")}
    names = given["name"]
    if not names or len({len(values) for values in given.values()}) > 1:
        found = ", ".join(f"{len(v)} --{name.replace('_', '-')}" for name, v in given.items())
        raise ConfigurationError(
            f"Each endpoint needs --base-url, --model and --name; found {found}. "
            "For one endpoint: --base-url URL --model NAME --name acme."
        )
    if len(set(names)) < len(names):
        raise ConfigurationError(f"Each --name must be its own; found {', '.join(names)}.")
    variables = options.key_from or [None]
    if len(variables) not in (1, len(names)):
        raise ConfigurationError(
            f"--key-from is given once for all endpoints or once for each; found {len(variables)} "
            f"for {len(names)}."
        )
    variables = variables * len(names) if len(variables) == 1 else variables
    return [Candidate(*parts) for parts in zip(*given.values(), variables, strict=True)]
