"""What sentences and tables call the probes' labels."""

from __future__ import annotations

from collections.abc import Mapping

from labtools.evaluation.labels import Label

FORM_LABELS: Mapping[str, str] = {
    Label.FREEFORM: "freeform",
    Label.TOOL_CALL: "tool call",
    Label.JSON_SCHEMA: "JSON schema",
}
FORM_PHRASES: Mapping[str, str] = {
    Label.FREEFORM: "a freeform answer",
    Label.TOOL_CALL: "a tool call",
    Label.JSON_SCHEMA: "an answer by a JSON schema",
}
REUSE_LABELS: Mapping[str, str] = {
    Label.REPEAT: "exact repeat",
    Label.APPEND: "with a turn appended",
    Label.CHANGED_FIRST: "first word changed",
    Label.AFTER_PAUSE: "repeat after a pause",
}
REUSE_PHRASES: Mapping[str, str] = {
    Label.REPEAT: "an exact repeat",
    Label.APPEND: "an appended turn",
    Label.CHANGED_FIRST: "a changed first word",
    Label.AFTER_PAUSE: "a repeat after the pause",
}
