"""Which key an endpoint gets. One endpoint's key is never sent to another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from labtools.errors import ConfigurationError, KeyRefused

USUAL = "OPENAI_API_KEY"


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
