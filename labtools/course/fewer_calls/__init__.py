"""The calls you do not make: what code does instead, and what shorter answers and fewer save."""

from labtools.coding_agent.tools import IN_CODE
from labtools.course.audit import ESSAY_MODELS, MAVERICK
from labtools.course.fewer_calls import checks as check
from labtools.course.fewer_calls import figures
from labtools.course.fewer_calls.edit_formats import measured_files, tokens_by_format
from labtools.model.named_profiles import FAST, SLOW
from labtools.model.tokens import count_tokens

PREDICTING = MAVERICK.but(name="predicting", prediction_tokens_per_step=16)
"""The big model on an endpoint that takes predictions; the 16 are this course's assumption."""
