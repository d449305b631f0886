"""Tools to see, measure and cut the latency of AI agents. Start with `connect()`."""

from labtools.errors import LabtoolsError
from labtools.lab import Lab
from labtools.latency_model import LatencyProfile
from labtools.modes import connect
from labtools.records import CallRecord
from labtools.timing.budget import Budget
from labtools.timing.trace import Trace

__all__ = [
    "Budget",
    "CallRecord",
    "Lab",
    "LabtoolsError",
    "LatencyProfile",
    "Trace",
    "connect",
]
