"""As much of ipywidgets as a lab uses, for a page: a slider, a button, HTML, and boxes of them.

The page draws a widget from its traits, hears of those that change, and reports what the reader
does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

MIME = "application/vnd.live-labs.widget+json"
_numbers = count(1)
_all: dict[int, Widget] = {}
tell: Callable[[str], object] = print  # how the page hears of a change; the page sets it


class Widget:
    """Traits by name. To set one is to show it."""

    _number: int
    _heard: list[Callable[[Any], object]]

    def __init__(self, **traits: Any) -> None:
        self.__dict__.update(traits, _number=next(_numbers), _heard=[])
        _all[self._number] = self

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value
        tell(json.dumps({"number": self._number, "traits": {name: value}}))

    def _described(self) -> dict[str, Any]:
        traits = {name: value for name, value in self.__dict__.items() if name[0] != "_"}
        if "children" in traits:
            traits["children"] = [child._described() for child in traits["children"]]
        return {"kind": type(self).__name__, "number": self._number, "traits": traits}

    def _repr_mimebundle_(self) -> dict[str, str]:
        return {MIME: json.dumps(self._described())}


class IntSlider(Widget):
    """A whole number between two others."""

    value: int

    def __init__(self, value: int = 0, min: int = 0, max: int = 100, **traits: Any) -> None:
        super().__init__(value=value, min=min, max=max, **traits)


class HTML(Widget):
    """A piece of HTML that can be replaced."""

    def __init__(self, value: str = "", **traits: Any) -> None:
        super().__init__(value=value, **traits)


class Button(Widget):
    """Something to press."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**{"disabled": False, **traits})

    def on_click(self, heard: Callable[[Button], object]) -> None:
        """Call this when the reader presses the button."""
        self._heard.append(heard)


class Box(Widget):
    """Other widgets in a row."""

    def __init__(
        self, children: Sequence[Widget] = (), layout: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(children=list(children), layout=dict(layout or {}))


class HBox(Box):
    """Other widgets in a row."""


class VBox(Box):
    """Other widgets in a column."""


async def hear(number: int, name: str, value: Any = None) -> None:
    """The reader has set a value, or pressed a button."""
    widget = _all[number]
    if name == "click":
        for heard in widget._heard:
            heard(widget)
    else:
        widget.__dict__[name] = value
