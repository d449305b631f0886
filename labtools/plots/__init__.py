"""Records in, figures out: what several rooms draw with."""

from labtools.plots.canvas import LabFigure
from labtools.plots.profiles import speed_by_concurrency, ttft_by_context
from labtools.plots.timeline import timeline

__all__ = ["LabFigure", "speed_by_concurrency", "timeline", "ttft_by_context"]
