"""Parallel calls: what does not wait for another is sent together."""

from labtools.course import recorded
from labtools.course.parallel_calls import checks as check
from labtools.course.parallel_calls import figures
from labtools.model.metrics import percentile
from labtools.model.named_profiles import FAST
from labtools.model.profile import RateLimits
