"""A headless Firefox as it is installed, which playwright cannot drive: over WebDriver BiDi."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

COMMANDS = ("firefox-esr", "firefox")
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


def firefox_path() -> str | None:
    """The first one on PATH; None when there is none."""
    return next(filter(None, map(shutil.which, COMMANDS)), None)


class Firefox:
    """One tab of it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._ask("session.new", capabilities={})
        self._tab = self._ask("browsingContext.create", type="tab")["context"]

    def open(self, url: str) -> None:
        self._ask("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited, as JSON has it."""
        target = {"context": self._tab}
        text = f"Promise.resolve({expression}).then(value => JSON.stringify(value))"
        told = self._ask("script.evaluate", expression=text, target=target, awaitPromise=True)
        assert told["type"] == "success", told
        return json.loads(told["result"]["value"])

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return dict(answer["result"])


@contextmanager
def firefox(executable: str, profile: Path) -> Iterator[Firefox]:
    """Start it with nothing in it, and end it."""
    # It has no part in what its makers would have a new profile ask for.
    preferences = {"app.update.enabled": False, "browser.shell.checkDefaultBrowser": False}
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items()]
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    command = [executable, "--headless", "--no-remote", "--profile", str(profile)]
    process = subprocess.Popen(
        [*command, "--remote-debugging-port", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "HOME": str(profile)},
    )
    try:
        assert process.stderr is not None
        found = next(filter(None, map(LISTENING.search, process.stderr)))
        with connect(f"{found[1]}/session", max_size=None) as socket:
            yield Firefox(socket)
    finally:
        process.terminate()
        process.wait()
        process.stderr and process.stderr.close()
