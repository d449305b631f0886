"""Which endpoints are measured, from what was typed, and which key each gets.

One endpoint's key is never sent to another.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labtools.errors import ConfigurationError, KeyRefused
from labtools.model.named_profiles import named_profile

USUAL = "OPENAI_API_KEY"
# A file system allows 255 bytes; a letter may take four.
LONGEST_NAME = 100
LONGEST_NAME_BYTES = 250


@dataclass(frozen=True, slots=True)
class Candidate:
    """One endpoint to be measured."""

    name: str
    base_url: str
    model: str
    key_from: str | None
    """The variable with its key, if one was named."""
    api_key: str | None


def candidates_of(options: argparse.Namespace) -> list[Candidate]:
    """Raises ConfigurationError unless each endpoint has an address, a model and a name."""
    given = {name: getattr(options, name) or [] for name in ("base_url", "model", "name")}
    counts = {len(values) for values in given.values()}
    if counts != {len(given["base_url"])} or not given["base_url"]:
        found = ", ".join(f"{len(v)} --{name.replace('_', '-')}" for name, v in given.items())
        raise ConfigurationError(
            f"Each endpoint needs --base-url, --model and --name; found {found}. "
            "For one endpoint: --base-url URL --model NAME --name acme."
        )
    if len(set(given["name"])) < len(given["name"]):
        raise ConfigurationError(f"Each --name must be its own; found {', '.join(given['name'])}.")
    for name, base_url, model in zip(given["name"], given["base_url"], given["model"], strict=True):
        require_folder_name(name)
        _require_text("--base-url", name, base_url)
        _require_text("--model", name, model)
        if base_url in ("sim", "mock"):
            named_profile(model)  # refused before a dry run, too
    variables = options.key_from or [None]
    if len(variables) == 1:
        variables = variables * len(given["name"])
    if len(variables) != len(given["name"]):
        raise ConfigurationError(
            f"--key-from is given once for all endpoints or once for each; found {len(variables)} "
            f"for {len(given['name'])}."
        )
    parts = zip(given["name"], given["base_url"], given["model"], variables, strict=True)
    return [Candidate(*part, key_in(part[-1])) for part in parts]


def require_folder_name(name: str) -> None:
    """Raises ConfigurationError for a --name that can be no folder's."""
    if Path(name).name != name or name in ("", ".", ".."):
        raise ConfigurationError(f"--name becomes a folder's name; {name!r} cannot be one.")
    if len(name) > LONGEST_NAME or len(name.encode()) > LONGEST_NAME_BYTES:
        raise ConfigurationError(
            f"--name becomes a folder's name, of {LONGEST_NAME} characters and "
            f"{LONGEST_NAME_BYTES} bytes at most; found {len(name)} characters and "
            f"{len(name.encode())} bytes: {name[:20]!r}... Choose a shorter one."
        )


def _require_text(option: str, name: str, value: str) -> None:
    # connect() takes no address for "sim", whose times would be filed under a provider's name.
    if not value.strip():
        raise ConfigurationError(
            f"The {option} of {name} is empty. If it comes from a variable of the shell, that is "
            "not set. --base-url takes an address that usually ends in /v1, or sim or mock."
        )


def key_in(variable: str | None) -> str | None:
    """The key in the variable that --key-from names; in OPENAI_API_KEY, if any, when it does not.

    A named variable that is missing or empty is a ConfigurationError: going on without it would
    send the key in OPENAI_API_KEY, which is another endpoint's.
    """
    if variable is None:
        return os.environ.get(USUAL)
    key = os.environ.get(variable)
    if key is None or not key.strip():
        found = "has no variable" if key is None else "has an empty variable"
        raise ConfigurationError(
            f"The environment {found} {variable}, which --key-from names. Nothing was sent. Set it "
            "to this endpoint's key; an endpoint that needs none takes any word."
        )
    return key


@contextmanager
def refusals_name(variable: str | None) -> Iterator[None]:
    """An endpoint that refuses the key is answered by changing the variable it came from."""
    try:
        yield
    except KeyRefused as error:
        if variable is None:
            raise
        raise KeyRefused(
            error.address,
            f"the key in {variable}, which --key-from names. Set {variable} to this endpoint's "
            "key, or name another variable.",
        ) from None
