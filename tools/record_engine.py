"""Run labs with the real engine in place of its recordings, and keep what it answers.

    python tools/record_engine.py labs/multiplier.ipynb ...

A lab's own cells are the program, for the recording as for the replay: where a lab says
``connect(recorded("NAME-SIZE"))``, the engine of that size is started and recorded. Run it on a
machine that does nothing else, read the labs' sentences again, and store their outputs.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from store_outputs import CELL_TIMEOUT_S, KERNEL

from labtools.course import FOLDER

_REPLAY = re.compile(r'connect\(recorded\("([a-z_]+)-(\w+)"\)\)')


def recording_source(source: str, folder: Path) -> str:
    """A cell's source with every replay replaced by the engine, recorded into `folder`."""

    def engine(found: re.Match[str]) -> str:
        name, size = found.groups()
        file = str(folder / f"{name}-{size}.jsonl")
        return f'connect("engine", engine="{size}", record={file!r})'

    return _REPLAY.sub(engine, source)


def record(path: Path) -> list[str]:
    """Run a lab on the engine and keep its recordings; why there are none, if there are none.

    They take the old ones' place only when the whole lab has run.
    """
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as temporary:
        changed = 0
        for cell in notebook.cells:
            if cell.cell_type == "code":
                source = recording_source(cell.source, Path(temporary))
                changed += source != cell.source
                cell.source = source
        if not changed:
            return ["has no cell with a recording"]
        place = {"metadata": {"path": str(path.parent)}}
        client = NotebookClient(
            notebook, timeout=CELL_TIMEOUT_S, kernel_name=KERNEL["name"], resources=place
        )
        try:
            client.execute(env={**os.environ, "LABTOOLS_ENDPOINT": "sim"})
        except CellExecutionError as problem:
            return [str(problem)]
        for file in sorted(Path(temporary).glob("*.jsonl")):
            kept = FOLDER / path.stem / "recordings" / file.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(file.read_bytes())
            print(f"{kept}: {file.stat().st_size / 1000:.0f} kB")
    return []


def main() -> int:
    """Record; 1 when a lab could not be run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("labs", nargs="+", type=Path)
    complaints = [(path, said) for path in parser.parse_args().labs for said in record(path)]
    for path, said in complaints:
        print(f"{path}: {said}", file=sys.stderr)
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main())
