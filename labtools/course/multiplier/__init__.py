"""The latency multiplier: an agent waits for its model at every step."""

from labtools.course import recorded
from labtools.course.multiplier import checks as check
from labtools.course.multiplier import figures
from labtools.model.named_profiles import FAST
