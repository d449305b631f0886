"""Prefix caching: what a prompt shares with the one before is not read again."""

from labtools.coding_agent.essay import STEPS
from labtools.course import recorded
from labtools.course.prefix_caching import checks as check
from labtools.course.prefix_caching import figures
from labtools.model.named_profiles import FAST
from labtools.model.profile import PrefixCache
from labtools.model.tokens import filler
