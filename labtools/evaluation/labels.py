"""The names that results files hold: of axes, and of a call's part in one. Strings in the files."""

from __future__ import annotations

from enum import StrEnum


class AxisName(StrEnum):
    """What a block of calls was made for."""

    ABILITIES = "abilities"
    WARM_UP = "warm_up"
    CHAIN = "chain"
    CONTEXT = "context"
    CONCURRENCY = "concurrency"
    OPEN_LOOP = "open_loop"
    INTERFERENCE = "interference"
    PREFIX = "prefix"
    SHARED_PREFIX = "shared_prefix"
    STRUCTURED = "structured"
    COLD_SCHEMA = "cold_schema"


class Label(StrEnum):
    """What a call is within its axis."""

    PLAIN = "plain"
    WARM_UP = "warm_up"
    STEP = "step"
    CALL = "call"
    STREAM = "stream"
    PROMPT = "prompt"
    COLD = "cold"
    REPEAT = "repeat"
    APPEND = "append"
    CHANGED_FIRST = "changed_first"
    BEFORE_PAUSE = "before_pause"
    AFTER_PAUSE = "after_pause"
    KNOWN = "known"
    SHARED = "shared"
    FIRST_WAVE = "first_wave"
    SECOND_WAVE = "second_wave"
    FREEFORM = "freeform"
    TOOL_CALL = "tool_call"
    JSON_SCHEMA = "json_schema"
    COLD_SCHEMA = "cold_schema"
    WARM_SCHEMA = "warm_schema"
