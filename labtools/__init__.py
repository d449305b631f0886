"""Tools to see, measure and cut the latency of AI agents. Start with `connect()`."""

from labtools.errors import LabtoolsError
from labtools.lab.budget import Budget
from labtools.lab.connect import connect
from labtools.lab.lab import Lab
from labtools.lab.trace import Trace
from labtools.model.profile import LatencyProfile
from labtools.records import CallRecord

__all__ = [
    "Budget",
    "CallRecord",
    "Lab",
    "LabtoolsError",
    "LatencyProfile",
    "Trace",
    "connect",
]
