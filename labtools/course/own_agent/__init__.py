"""Your own agent: a session of somebody's read, a broken cache found, a change foretold and run.

`SESSION` is the example session of Codex in TraceLab (uw-syfi/TraceLab, Apache-2.0, whose text is
in LICENSE-Apache-2.0). Changed here: TraceLab's letters in place of each text are one "x" now.
"""

from labtools.course import FOLDER
from labtools.course.own_agent import checks as check
from labtools.course.own_agent import figures
from labtools.lab.spans import covered_s
from labtools.lab.waits import Order
from labtools.lab.whatif import what_if
from labtools.model.named_profiles import FAST
from labtools.model.profile import PrefixCache
from labtools.own_agent.fit import identity
from labtools.own_agent.levers import Foretelling, Levers
from labtools.own_agent.prompt_blocks import with_blocks
from labtools.own_agent.readers import read_trace
from labtools.own_agent.report import report, sentences

SESSION = FOLDER / "own_agent" / "codex_session.jsonl"
