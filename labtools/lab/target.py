"""Where a lab's calls go: which mode, which address, which model for which step."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2

from labtools.errors import ConfigurationError, one_of, require_one_of
from labtools.local_engine.settings import MODEL_NAME
from labtools.model.named_profiles import named_profile
from labtools.model.profile import LatencyProfile
from labtools.records import CallRecord
from labtools.redaction import without_credentials

_TAKE_THE_NEWER_LIMIT = ("api.openai.com",)

Profiles = str | LatencyProfile | Mapping[str, str | LatencyProfile]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a lab's calls go."""

    mode: str
    """"sim", "mock", "engine" or "url": who answers. In a replay, who answered."""
    base_url: str
    models: Mapping[str, str]
    """From step to model; "default" is for every other step."""
    seed: int
    recording: Path | None = None
    """Where the answers come from, in a replay."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Parameters that every request of a URL carries."""
    as_told: Callable[[CallRecord, Mapping[str, Any]], CallRecord] = lambda record, request: record
    """A call's record, as the instructions in its request would have it."""

    def __str__(self) -> str:
        models = ", ".join(dict.fromkeys(self.models.values()))
        if self.recording:
            return f"the recording {self.recording} ({models}), on the simulated clock"
        if self.mode == "sim":
            return f"the embedded mock ({models}), on the simulated clock"
        if self.mode == "mock":
            return f"the mock ({models}) at {self.address}, on the wall clock"
        if self.mode == "engine":
            return f"the engine ({models}) at {self.address}, on the wall clock"
        return f"{self.address} ({models}), on the wall clock"

    @property
    def thinks(self) -> bool:
        """Whether a real model answers, and says what it likes."""
        return self.mode == "url" or (self.mode == "engine" and MODEL_NAME in self.models.values())

    @property
    def limit_name(self) -> str:
        """What a limit on the output is called. OpenAI's newer models refuse the old name; other
        servers may not know the new one."""
        newer = httpx2.URL(self.base_url).host in _TAKE_THE_NEWER_LIMIT
        return "max_completion_tokens" if newer else "max_tokens"

    def key_headers(self, key: str | None) -> dict[str, str]:
        """In which header the key goes out, beside the usual one: Azure has its own."""
        return {"api-key": key} if key and "api-version" in self.query else {}

    @property
    def url(self) -> str:
        """The whole address, credentials and parameters included. Not to be shown."""
        return f"{self.base_url}?{urlencode(self.query)}"

    @property
    def address(self) -> str:
        """The base URL as it may be shown."""
        return without_credentials(self.base_url)

    def model_for(self, step: str) -> str:
        if step in self.models:
            return self.models[step]
        if "default" not in self.models:
            raise one_of("step", step, self.models)
        return self.models["default"]


def profiles_of(profile: Profiles) -> dict[str, LatencyProfile]:
    """What the mock serves, by model name. Raises ConfigurationError."""
    if isinstance(profile, LatencyProfile):
        return {profile.name: profile}
    if isinstance(profile, str):
        return {profile: named_profile(profile)}
    if not isinstance(profile, Mapping) or not profile:
        raise ConfigurationError(
            f"profile must be a name, a LatencyProfile or a mapping from model name to either; "
            f"found {profile!r}."
        )
    return {name: next(iter(profiles_of(one).values())) for name, one in profile.items()}


def models_of(
    model: str | Mapping[str, str] | None, profiles: Mapping[str, LatencyProfile] | None
) -> dict[str, str]:
    """From step to model; without a mapping every step gets the one model.

    With `profiles`, only their names will do. Raises ConfigurationError.
    """
    if isinstance(model, Mapping):
        models = dict(model)
    elif model is None and profiles:
        models = {"default": next(iter(profiles))}
    else:
        models = {"default": model} if isinstance(model, str) else {}
    if not models or not all(
        isinstance(name, str) and name and name.isprintable() for name in models.values()
    ):
        raise ConfigurationError(
            f"model must be a name or a mapping from step to name; found {model!r}."
        )
    if profiles is not None:
        for name in models.values():
            require_one_of("model", name, profiles)
    return models


def checked_key(key: str | None) -> str | None:
    """The API key, blanks around it taken off.

    Raises ConfigurationError, which does not show it, for what no HTTP header can hold.
    """
    key = (key or "").strip()
    for place, character in enumerate(key, start=1):
        if not "!" <= character <= "~":
            raise ConfigurationError(
                f"The API key holds {unicodedata.name(character, 'a control character')} at place "
                f"{place} of {len(key)}; keys are made of ASCII letters, digits and signs. Copy it "
                "again."
            )
    return key or None


def checked_address(url: str) -> tuple[str, dict[str, str]]:
    """A base URL as a client takes it, and the parameters behind its question mark.

    Raises ConfigurationError, which shows no credentials.
    """
    try:
        address = httpx2.URL(url.strip())
        if not address.host:
            raise ValueError("it names no host")
    except (httpx2.InvalidURL, ValueError) as error:
        shown = without_credentials(url.strip())
        raise ConfigurationError(f"{shown} is not an address: {error}.") from None
    return str(address.copy_with(query=None, fragment=None)), dict(address.params)


def checked_credentials(url: str, key: str | None) -> None:
    """Raises ConfigurationError when both a key and a password would have to be sent."""
    if key and httpx2.URL(url).userinfo:
        raise ConfigurationError(
            f"The address of {without_credentials(url)} holds a user's name or password, and there "
            "is a key too: a request has room for one of them. Take the name and password out of "
            'the address, or go without a key: api_key="", and no OPENAI_API_KEY.'
        )
