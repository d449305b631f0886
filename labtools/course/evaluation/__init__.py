"""Evaluating a provider: what a leaderboard does not tell about an endpoint."""

from labtools.course import recorded
from labtools.course.engine import fitted_profile
from labtools.course.evaluation import checks as check
from labtools.course.evaluation import figures
from labtools.model.closed_loop import JUNIPER, LARCH, SPRUCE
from labtools.model.tokens import filler
