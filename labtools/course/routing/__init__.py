"""Routing: each step to the model that suffices for it."""

from labtools.coding_agent.essay import STEPS
from labtools.course import recorded
from labtools.course.audit import CODER, MAVERICK, SCOUT
from labtools.course.routing import checks as check
from labtools.course.routing import figures
from labtools.course.routing.router_score import clean_steps_needed, labelled_steps
from labtools.course.verifiers import assumed_verifiers
