"""``{explorable} NAME``: a figure that a reader can change, without a kernel.

A page carries a table of the essay's numbers, and beside it, hidden, the controls. The scripts in
``_static/explorables`` show the controls in the table's place; without them the table stays.
What each explorable offers, and every number in it, is in `explorable_catalogue`.

In a notebook it is a comment, ``<!-- explorable NAME -->``: Jupyter, where it would not run, shows
nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

SCRIPT = "explorables/explorable.mjs"
IN_NOTEBOOK = re.compile(r"<!-- explorable (\w+) -->")
NOTE = "The page's address keeps what you set: copy it to send it."
PLAY = (
    '<button type="button" class="explorable-play" data-start="Play again" data-stop="Stop">'
    "Play again</button>"
)


@dataclass(frozen=True)
class Slider:
    """A number to choose. `unit` says how it is shown: see ``words.mjs``."""

    name: str
    label: str
    unit: str
    low: float
    high: float
    step: float
    value: float

    def markup(self, owner: str) -> str:
        """A label with the value in it, and the slider."""
        id_ = f"{owner}-{self.name}"
        numbers = {"min": self.low, "max": self.high, "step": self.step, "value": self.value}
        attributes = " ".join(f'{name}="{number:g}"' for name, number in numbers.items())
        return (
            f'<div class="explorable-slider"><label for="{id_}"><span>{escape(self.label)}</span> '
            f'<output for="{id_}" aria-live="off"></output></label>'
            f'<input type="range" id="{id_}" name="{self.name}" data-unit="{self.unit}" '
            f"{attributes}></div>"
        )


@dataclass(frozen=True)
class Choices:
    """Things to choose from, any of them or, with `one`, exactly one; `chosen` at the start."""

    name: str
    label: str
    options: Mapping[str, str]
    """From the value to what the reader sees."""
    chosen: tuple[str, ...] = ()
    one: bool = False

    def markup(self, owner: str) -> str:
        """A group of labelled boxes."""
        kind = "radio" if self.one else "checkbox"
        boxes = "".join(
            f'<label><input type="{kind}" name="{self.name}" value="{escape(value, quote=True)}"'
            f"{' checked' * (value in self.chosen)}> {escape(label)}</label>"
            for value, label in self.options.items()
        )
        return (
            f'<fieldset class="explorable-choices"><legend>{escape(self.label)}</legend>'
            f"{boxes}</fieldset>"
        )


@dataclass(frozen=True)
class Table:
    """What a reader without JavaScript sees. The last cell of row `start` is what the script's
    first sentence says too.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    start: int = 0

    def markup(self, caption: str) -> str:
        """The table."""
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in self.head)
        body = "".join(
            f"<tr{' data-start' * (number == self.start)}>"
            + "".join(f"<td>{escape(cell)}</td>" for cell in row)
            + "</tr>"
            for number, row in enumerate(self.rows)
        )
        return (
            f'<div class="explorable-table"><table class="table"><caption>{escape(caption)}'
            f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )


@dataclass(frozen=True)
class Explorable:
    """One of them, as its page carries it."""

    legend: str
    controls: tuple[Slider | Choices, ...]
    table: Table
    caption: str
    colours: Mapping[str, tuple[str, str]]
    """From the script's name for a colour to the colour and what it means."""
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """From a button's text to the values that it sets."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """What else the script needs to know."""
    hint: str = ""
    """What to know before the controls are moved."""
    moves: bool = False
    """Whether the picture plays in real time. Then it stands above its controls."""

    def markup(self, name: str) -> str:
        """The whole, with the table shown and the form hidden."""
        given = escape(json.dumps(self.given), quote=True)
        style = ";".join(f"--{word}:{colour}" for word, (colour, _) in self.colours.items())
        key = "".join(
            f'<span><i class="{word}"></i>{escape(meaning)}</span>'
            for word, (_, meaning) in self.colours.items()
        )
        hint = f'<div class="explorable-note">{escape(self.hint)}</div>' if self.hint else ""
        controls = (
            f"{hint}{_buttons(self.presets)}"
            f'<div class="explorable-sliders">{_all(self.controls, Slider, name)}</div>'
            f"{_all(self.controls, Choices, name)}"
        )
        shown = (
            '<div class="explorable-sentence"></div>'
            f'<div class="explorable-key" aria-hidden="true">{key}</div>'
            '<div class="explorable-picture"><svg role="img" aria-label=""></svg></div>'
        )
        return (
            f'<div class="explorable" id="explorable-{name}" data-explorable="{name}" '
            f'data-given="{given}" style="{style}">{self.table.markup(self.caption)}'
            f'<form hidden autocomplete="off"><fieldset><legend>{escape(self.legend)}</legend>'
            f"{shown + PLAY + controls if self.moves else controls + shown}"
            f'<div class="explorable-note">{NOTE}</div>'
            '<div class="explorable-status" role="status"></div>'
            "</fieldset></form></div>"
        )


def _all(controls: Iterable[Slider | Choices], kind: type, owner: str) -> str:
    return "".join(control.markup(owner) for control in controls if isinstance(control, kind))


def _buttons(presets: Mapping[str, Mapping[str, Any]]) -> str:
    if not presets:
        return ""
    buttons = "".join(
        f'<button type="button" data-values="{escape(json.dumps(values), quote=True)}">'
        f"{escape(text)}</button>"
        for text, values in presets.items()
    )
    return f'<div class="explorable-presets">{buttons}</div>'


class explorable(nodes.raw):
    """An explorable's markup; its presence brings the script to the page."""


class ExplorableDirective(Directive):
    """Put an explorable here."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Its markup. An unknown name is an error that lists the known ones."""
        from explorable_catalogue import EXPLORABLES

        (name,) = self.arguments
        if name not in EXPLORABLES:
            raise self.error(f"no explorable {name!r}; known: {', '.join(EXPLORABLES)}")
        return [explorable("", EXPLORABLES[name].markup(name), format="html")]


def in_notebooks(app: Sphinx, docname: str, source: list[str]) -> None:
    """Make a notebook's comments directives. Its source is JSON."""
    if app.env.doc2path(docname).endswith(".ipynb"):
        source[0] = IN_NOTEBOOK.sub(r"```{explorable} \1\\n```", source[0])


def add_script(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Load the script where it has something to do."""
    if doctree is not None and next(doctree.findall(explorable), None) is not None:
        app.add_js_file(SCRIPT, type="module")


def _visit(translator: Any, node: explorable) -> None:
    translator.body.append(node.astext())
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the directive, and the comment."""
    app.add_node(explorable, html=(_visit, None))
    app.add_directive("explorable", ExplorableDirective)
    app.connect("source-read", in_notebooks)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
