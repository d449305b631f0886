"""The coding agent: eight steps that fix a failing test, and every lever on them."""

from labtools.course import recorded
from labtools.course.audit import ESSAY_MODELS, sped_up
from labtools.course.coding_agent import checks as check
from labtools.course.coding_agent import figures
from labtools.model.named_profiles import FAST
from labtools.model.profile import PrefixCache, Prices
