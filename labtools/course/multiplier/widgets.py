"""Things to feel or to explore in a notebook. What has to be learnt is never here alone."""

from __future__ import annotations

import asyncio
import html
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labtools.lab.connect import connect
from labtools.lab.lab import Lab
from labtools.lab.prompts import prompt_of
from labtools.model.profile import DEFAULT_INPUT_TOKENS

if TYPE_CHECKING:
    import ipywidgets

REFRESH_S = 0.1
_SHOWN_CHARS = 400


def race(profiles: Sequence[str] = ("slow", "fast"), calls: int = 5) -> ipywidgets.VBox:
    """The same calls on several profiles at once, streaming in real time.

    A button starts the mock over HTTP, on the wall clock; `calls` is where the slider stands.
    """
    import ipywidgets as widgets

    count = widgets.IntSlider(calls, 1, 20, description="calls")
    button = widgets.Button(description="Start", button_style="primary")
    panes = {name: widgets.HTML(_pane(name, 0, count.value, 0.0, "")) for name in profiles}

    def start(_: object) -> None:
        button.disabled = True
        try:
            with connect("mock", profile={name: name for name in profiles}) as lab:
                lab.run(_run_all(lab, panes, count.value))
        finally:
            button.disabled = False

    button.on_click(start)
    boxes = [
        widgets.Box([pane], layout={"width": f"{100 // len(panes)}%"}) for pane in panes.values()
    ]
    return widgets.VBox([widgets.HBox([count, button]), widgets.HBox(boxes)])


async def _run_all(lab: Lab, panes: dict[str, ipywidgets.HTML], calls: int) -> None:
    await asyncio.gather(*(_run_one(lab, name, pane, calls) for name, pane in panes.items()))


async def _run_one(lab: Lab, name: str, pane: ipywidgets.HTML, calls: int) -> None:
    loop = asyncio.get_running_loop()
    started_at = shown_at = loop.time()
    text = ""
    for done in range(calls):
        create: Any = lab.client.chat.completions.create
        stream = await create(
            model=name,
            messages=prompt_of(DEFAULT_INPUT_TOKENS, random.Random(done)),
            extra_body={"mock": {"output_tokens": 100}},
            stream=True,
        )
        async for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            if loop.time() - shown_at > REFRESH_S:
                shown_at = loop.time()
                pane.value = _pane(name, done, calls, shown_at - started_at, text)
        text += " ¶ "
        pane.value = _pane(name, done + 1, calls, loop.time() - started_at, text)


def _pane(name: str, done: int, calls: int, seconds: float, text: str) -> str:
    shown = html.escape(text[-_SHOWN_CHARS:])
    return (
        f"<b>{html.escape(name)}</b>: {done} of {calls} calls, {seconds:.1f} s"
        f"<div style='height:9em; overflow:hidden; font-family:monospace; font-size:0.85em; "
        f"line-height:1.3; margin-right:1em'>{shown}</div>"
    )
