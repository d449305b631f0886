"""What an evaluation amounts to: `summarise` makes a `Report` of plain values."""

from labtools.evaluation.summary.report import Report, from_json, json_schema, schema_text, to_json
from labtools.evaluation.summary.summarise import summarise

__all__ = ["Report", "from_json", "json_schema", "schema_text", "summarise", "to_json"]
