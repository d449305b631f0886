"""What sentences and tables call the probes' labels."""

from __future__ import annotations

FORM_LABELS = {"freeform": "freeform", "tool_call": "tool call", "json_schema": "JSON schema"}
FORM_PHRASES = {
    "freeform": "a freeform answer",
    "tool_call": "a tool call",
    "json_schema": "an answer by a JSON schema",
}
REUSE_LABELS = {
    "repeat": "exact repeat",
    "append": "with a turn appended",
    "changed_first": "first word changed",
    "after_pause": "repeat after a pause",
}
REUSE_PHRASES = {
    "repeat": "an exact repeat",
    "append": "an appended turn",
    "changed_first": "a changed first word",
    "after_pause": "a repeat after the pause",
}
