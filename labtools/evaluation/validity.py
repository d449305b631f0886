"""Whether an answer is what was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labtools.evaluation.labels import Label
from labtools.records import CallRecord


def is_valid(record: CallRecord, form: Label, function: Mapping[str, Any]) -> bool:
    """Whether the answer is the call, or the JSON object, that `function` describes."""
    if record.error:
        return False
    if form == Label.TOOL_CALL:
        return any(
            call.name == function["name"] and has_keys(call.arguments, function)
            for call in record.tool_calls
        )
    return has_keys(record.content, function)


def has_keys(text: str, function: Mapping[str, Any]) -> bool:
    """Whether the text is an object with the keys that the schema requires, and no others."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.keys() == set(function["parameters"]["required"])
