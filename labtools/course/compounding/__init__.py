"""The compounding effect: what steps, checks and retries buy within a budget of seconds."""

from labtools.course import recorded
from labtools.course.compounding import checks as check
from labtools.course.compounding import figures
from labtools.course.engine import fitted_profile
from labtools.course.verifiers import NO_CHECK, chain_outcomes, chance_within, checker
from labtools.errors import BudgetExceeded
from labtools.model.tokens import filler
