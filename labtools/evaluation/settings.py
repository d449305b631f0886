"""What an evaluation sends: how many calls of which kind. Part of the results, to repeat them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from labtools.errors import ConfigurationError, one_of, require

# Few models read more, and each prompt of the plan is written out in full.
LONGEST_PROMPT = 2_000_000


# What else must be above 0, and what is the length of a prompt.
_POSITIVE = ("request_rate_per_s", "slo_s", "timeout_s", "output_tokens")
_PROMPTS = ("contexts", "prefix_tokens", "chain_tokens", "chain_growth_tokens")


def _require(name: str, number: object, *, whole: bool) -> None:
    positive, is_prompt = name in _POSITIVE, name in _PROMPTS
    least = 1 if name in ("contexts", "concurrency") else 0
    require(
        name,
        number,
        at_least=None if positive else least,
        above=0 if positive else None,
        at_most=LONGEST_PROMPT if is_prompt else None,
        whole=whole,
        hint="Take what fits into the model's context." if is_prompt else "",
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """One evaluation's plan in numbers. Counts of 0 leave a probe out."""

    seed: int = 0
    """Decides every prompt and the order of the probes."""
    contexts: tuple[int, ...] = (2_000, 4_000, 8_000)
    """Input tokens of the calls that measure TTFT."""
    context_calls: int = 8
    """Calls at each context, cold."""
    concurrency: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Clients of the closed loop: each sends its next call when its last has ended."""
    calls_per_client: int = 6
    """At one client a median has an interval from six on."""
    request_rate_per_s: float = 2.0
    """Of the open loop, whose calls are sent whether or not others have ended."""
    open_loop_calls: int = 20
    interference_runs: int = 2
    """Long streams that long prompts are sent beside."""
    prefix_tokens: int = 3_000
    """Length of the prompts that the prefix cache is tried with."""
    prefix_rounds: int = 8
    shared_prefix_runs: int = 0
    """Prompts that four calls at once go on from: whether a kept prefix belongs to a slot."""
    pause_s: float = 10.0
    """How long a prefix is left alone before it is asked for again."""
    structured_calls: int = 60
    """Calls of each form; p95 has an interval from 59 on."""
    cold_schemas: int = 8
    chain_steps: int = 20
    chain_runs: int = 2
    chain_tokens: int = 2_000
    """Input tokens of the chain's first step."""
    chain_growth_tokens: int = 300
    """What each step adds to the next one's input: a tool call and its result."""
    output_tokens: int = 64
    """The limit on a freeform answer."""
    slo_s: float = 2.0
    """Goodput counts the calls that end within this."""
    timeout_s: float = 120.0
    """The longest that a call may take, from sent to the end of its stream."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, value := tuple(value))
            for number in value if isinstance(value, tuple) else (value,):
                _require(field.name, number, whole="float" not in str(field.type))

    def but(self, **changes: Any) -> Settings:
        """These settings with some changed. An unknown name lists the known ones."""
        for name in changes.keys() - set(SETTING_NAMES):
            raise one_of("setting", name, SETTING_NAMES)
        return replace(self, **changes)


SETTING_NAMES = tuple(field.name for field in fields(Settings))


def differing(given: Sequence[object], names: Iterable[str]) -> dict[str, tuple[object, ...]]:
    """What each of these has under the names under which not all have the same."""
    values = {name: tuple(getattr(each, name) for each in given) for name in names}
    return {name: found for name, found in values.items() if len(set(found)) > 1}


SIZES: Mapping[str, Settings] = MappingProxyType(
    {
        "quick": Settings(
            contexts=(2_000, 8_000),
            context_calls=4,
            concurrency=(1, 4),
            calls_per_client=3,
            open_loop_calls=8,
            interference_runs=1,
            prefix_rounds=3,
            pause_s=2.0,
            structured_calls=12,
            cold_schemas=3,
            chain_runs=1,
        ),
        "default": Settings(),
        "thorough": Settings(
            contexts=(2_000, 4_000, 8_000, 32_000, 100_000),
            context_calls=20,
            concurrency=(1, 2, 4, 8, 16, 32),
            calls_per_client=10,
            open_loop_calls=100,
            interference_runs=10,
            prefix_rounds=20,
            shared_prefix_runs=3,
            pause_s=60.0,
            structured_calls=200,
            cold_schemas=20,
            chain_runs=5,
        ),
    }
)


def as_typed(value: object) -> str:
    """A setting as the command takes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else repr(value)


def from_typed(name: str, text: str) -> Any:
    """The setting of that name, from what was typed. Raises ConfigurationError for what is none."""
    usual = getattr(SIZES["default"], name)
    number = float if isinstance(usual, float) else int
    try:
        if isinstance(usual, tuple):
            return tuple(number(part) for part in text.split(",") if part)
        return number(text)
    except ValueError:
        what = "whole numbers with commas between" if isinstance(usual, tuple) else "a number"
        raise ConfigurationError(
            f"--{name.replace('_', '-')} takes {what}; found {text!r}."
        ) from None


def size(name: str) -> Settings:
    """The settings of that size. Raises ConfigurationError that lists the sizes."""
    if name not in SIZES:
        raise one_of("size", name, SIZES)
    return SIZES[name]
