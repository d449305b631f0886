"""What a program of the lab sent, put into its trace as `record` does for a program of yours."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from labtools.errors import ConfigurationError
from labtools.lab.spans import in_order
from labtools.lab.trace import Trace
from labtools.own_agent.prompt_blocks import prompt_of


def with_blocks(trace: Trace, sent: Sequence[Mapping[str, Any]]) -> Trace:
    """The trace, each of its calls with the blocks of the request that it sent, in their order."""
    calls = [span for span in in_order(trace.spans) if span.call]
    if len(calls) != len(sent):
        raise ConfigurationError(
            f"{len(sent)} requests for {len(calls)} calls: give the request of each call."
        )
    key = secrets.token_bytes(32)
    blocks = {span.id: prompt_of(body, key).blocks for span, body in zip(calls, sent, strict=True)}
    spans = tuple(replace(span, blocks=blocks.get(span.id, ())) for span in trace.spans)
    return replace(trace, spans=spans)
