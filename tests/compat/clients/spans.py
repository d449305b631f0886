"""Where a framework's own spans go: OpenTelemetry's console exporter, into a file."""

import json
import sys

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor


def to_file(path: str) -> TracerProvider:
    provider = TracerProvider()
    exporter = ConsoleSpanExporter(out=open(path, "w"))  # noqa: SIM115, PTH123
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def say(calls: int, tools: int, input_tokens: int, output_tokens: int) -> None:
    """What the framework itself counted."""
    counted = {"calls": calls, "tools": tools, "input": input_tokens, "output": output_tokens}
    json.dump(counted, sys.stdout)
