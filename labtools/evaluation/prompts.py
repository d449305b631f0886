"""Prompts and tools that look like an agent's, of known length, and new to any cache."""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from labtools.model.prompts import prompt_of
from labtools.model.tokens import filler

Message = Mapping[str, Any]

SYSTEM = "You are a coding agent. Work step by step and answer briefly."
ASK_TO_ACT = "Do the next step now."


def _function(name: str, description: str, **properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(
        {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
        }
    )


_PATH = {"type": "string", "description": "Path within the repository.", "maxLength": 60}
_LINE = {"type": "integer", "minimum": 1, "maximum": 5000}
FUNCTIONS = (
    _function("read_file", "Read part of a file.", path=_PATH, first_line=_LINE, last_line=_LINE),
    _function(
        "search_code",
        "Search the repository with a regular expression.",
        pattern={"type": "string", "maxLength": 40},
        where={"type": "string", "enum": ["source", "tests", "docs", "everywhere"]},
        case_sensitive={"type": "boolean"},
    ),
    _function(
        "edit_file",
        "Replace lines of a file.",
        path=_PATH,
        first_line=_LINE,
        last_line=_LINE,
        replacement={"type": "string", "maxLength": 120},
    ),
    _function(
        "run_tests",
        "Run tests with pytest.",
        paths={"type": "array", "items": _PATH, "minItems": 1, "maxItems": 2},
        stop_at_first={"type": "boolean"},
        timeout_s={"type": "integer", "minimum": 1, "maximum": 600},
    ),
    _function(
        "report",
        "Say what was found and how sure you are.",
        verdict={"type": "string", "enum": ["fixed", "not_fixed", "cannot_tell"]},
        confidence={"type": "number", "minimum": 0, "maximum": 1},
        reason={"type": "string", "maxLength": 100},
    ),
)
"""What a coding agent's tools look like: closed objects, enums, bounds, an array."""


def tools(*functions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Functions as Chat Completions takes them. `strict` binds the answer to the schema."""
    made = ({**function, "strict": True} for function in functions)
    return [{"type": "function", "function": function} for function in made]


def response_format(function: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema as the form of the answer itself."""
    schema = {"name": function["name"], "strict": True, "schema": function["parameters"]}
    return {"type": "json_schema", "json_schema": schema}


def unseen_schema(function: Mapping[str, Any], rng: random.Random) -> Mapping[str, Any]:
    """The function with a property nobody has asked for before: a schema new to the endpoint."""
    parameters = function["parameters"]
    extra = f"check_{rng.getrandbits(48):012x}"
    properties = {**parameters["properties"], extra: {"type": "boolean"}}
    return {
        **function,
        "parameters": {
            **parameters,
            "properties": properties,
            "required": list(properties),
        },
    }


def unseen_prompt(input_tokens: int, seed: object) -> list[dict[str, Any]]:
    """One message of this length that begins unlike any other seed's."""
    return [dict(message) for message in prompt_of(input_tokens, random.Random(f"{seed}"))]


def conversation(text: str, instruction: str = ASK_TO_ACT) -> list[dict[str, Any]]:
    """What an agent knows, and then what it is told to do."""
    return [
        {"role": "system", "content": text + SYSTEM},
        {"role": "user", "content": instruction},
    ]


def instructed(input_tokens: int, seed: object, instruction: str) -> list[dict[str, Any]]:
    """A fresh context of this length, and then an instruction."""
    return conversation(filler(input_tokens, random.Random(f"{seed}")), instruction)
