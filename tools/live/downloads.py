"""The downloads: what PyPI gives, and nothing whose sum is another than the list's.

`wheels.txt` pins a wheel for a page's Python by the sum of its file. numpy, pandas, matplotlib,
kiwisolver and pillow have none on PyPI: the wheel of open-webui holds Pyodide's own, and the
runtime itself.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

LIST = Path(__file__).with_name("wheels.txt")
PYODIDE = "open_webui/frontend/pyodide/"
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
LOCK = "pyodide-lock.json"
FROM_PYODIDE = ("numpy", "pandas", "matplotlib", "kiwisolver", "pillow")
# A page's tags, and Linux's for markupsafe, which does without its extension. Nothing is installed.
OPTIONS = (
    "--platform=pyemscripten_2026_0_wasm32 --platform=manylinux_2_28_x86_64 --python-version=3.14 "
    "--implementation=cp --abi=cp314 --abi=none --only-binary=:all: --no-deps "
    "--ignore-requires-python --require-hashes --quiet --disable-pip-version-check"
).split()


class DownloadFailed(Exception):
    """Which file is not here, or is another than the one in the list."""


def download(folder: Path) -> list[Path]:
    """The wheels of the list in `folder`, from there or from PyPI.

    Raises DownloadFailed, which names the file.
    """
    wanted = pinned(LIST.read_text(encoding="utf-8"))
    if missing := [name for name in wanted if not _holds(folder, name, wanted[name])]:
        _ask_pip(folder, missing, wanted)
    return [_find(folder, name) for name in wanted]


def pinned(text: str) -> dict[str, str]:
    """From ``name==version`` to the sum of its wheel, as the list gives them."""
    return dict(re.findall(r"^(\S+==\S+) --hash=sha256:([0-9a-f]{64})$", text, re.MULTILINE))


def unpack(wheels: list[Path], packages: Path, runtime: Path) -> None:
    """All packages into one folder, and the runtime into another."""
    runtime.mkdir()
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            if not wheel.name.startswith("open_webui-"):
                archive.extractall(packages)
                continue
            for name in archive.namelist():
                file = name.removeprefix(PYODIDE)
                if name == f"{PYODIDE}{LOCK}":
                    info = json.loads(archive.read(name))["info"]
                    (runtime / LOCK).write_text(json.dumps({"info": info, "packages": {}}))
                elif name.startswith(PYODIDE) and file in RUNTIME:
                    (runtime / file).write_bytes(archive.read(name))
                elif name.startswith(tuple(f"{PYODIDE}{one}-" for one in FROM_PYODIDE)):
                    with archive.open(name) as inner, zipfile.ZipFile(inner) as package:
                        package.extractall(packages)


def _ask_pip(folder: Path, missing: list[str], wanted: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in missing:
        for other in folder.glob(_pattern(name)):
            other.unlink()
    asked = folder / "asked.txt"
    asked.write_text("".join(f"{name} --hash=sha256:{wanted[name]}\n" for name in missing))
    pip = [sys.executable, "-m", "pip", "download", *OPTIONS, "--dest", str(folder)]
    ran = subprocess.run(
        [*pip, "-r", str(asked)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if ran.returncode:
        said = [line for line in ran.stdout.splitlines() if not line.startswith("WARNING")]
        raise DownloadFailed(
            f"pip did not get what {LIST.name} pins:\n"
            + "".join(f"    {line[:200]}\n" for line in said[-20:])
            + "Without a network there are no live labs, and the book is whole without them. "
            "A file with another sum is not the one that was tried: do not use it."
        )


def _holds(folder: Path, name: str, sha256: str) -> bool:
    files = list(folder.glob(_pattern(name)))
    return len(files) == 1 and hashlib.sha256(files[0].read_bytes()).hexdigest() == sha256


def _find(folder: Path, name: str) -> Path:
    (file,) = folder.glob(_pattern(name))
    return file


def _pattern(name: str) -> str:
    package, version = name.replace("-", "_").split("==")
    return f"{package}-{version}-*.whl"
