"""Records in, figures out."""

from labtools.plots.canvas import LabFigure
from labtools.plots.multiplier import (
    amdahl,
    call_anatomy,
    chance_of_a_slow_call,
    inference_shares,
    race,
    ttft_share,
)
from labtools.plots.timeline import timeline

__all__ = [
    "LabFigure",
    "amdahl",
    "call_anatomy",
    "chance_of_a_slow_call",
    "inference_shares",
    "race",
    "timeline",
    "ttft_share",
]
