"""``{question} TEXT``: a question whose answers say, when they are opened, whether they are right.

    ```{question} What ends the wait for the first token?
    + The first token. :: Before it nothing comes back.
    - The last token. :: That ends the call.
    ```

"+" marks the right answer. An answer is a fold: nothing is scored, and no script is needed.
"""

from __future__ import annotations

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SAYS = {"+": "Right.", "-": "No."}


class Question(SphinxDirective):
    """Put a question here."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The question and its answers. Anything but one right and some wrong ones is an error."""
        marks, found = [], self._parsed(self.arguments[0])
        for line in filter(None, map(str.strip, self.content)):
            answer, _, why = line[1:].partition("::")
            if line[0] not in SAYS or not why:
                raise self.error(f"no answer: {line!r}; write '+ TEXT :: WHY' or '- TEXT :: WHY'")
            marks.append(line[0])
            found += [
                _raw('<details class="answer"><summary>'),
                *self._parsed(answer.strip()),
                _raw("</summary>"),
                *self._parsed(f"**{SAYS[line[0]]}** {why.strip()}"),
                _raw("</details>"),
            ]
        if marks.count("+") != 1 or len(marks) < 2:
            raise self.error("a question has one right answer and at least one other")
        return [_raw('<div class="question">'), *found, _raw("</div>")]

    def _parsed(self, text: str) -> list[nodes.Node]:
        holder = nodes.container()
        source, _ = self.get_source_info()
        self.state.nested_parse(StringList([text], source), self.content_offset, holder)
        return list(holder.children)


def _raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the directive."""
    app.add_directive("question", Question)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
