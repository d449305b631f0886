"""Model size: why a larger model can answer sooner than a small one."""

from labtools.course import recorded
from labtools.course.model_size import checks as check
from labtools.course.model_size import figures
from labtools.course.model_size.backends import SCHEMA_ENGINES, bound_by
from labtools.model.metrics import TooFewSamples, percentile, percentile_interval
from labtools.model.named_profiles import BATCH_13B, FAST, LATENCY_70B
