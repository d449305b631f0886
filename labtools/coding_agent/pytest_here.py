"""pytest in this process, for where there is no other: a browser's page, which is all the jail.

None of a run's limits holds here. The page's own Stop ends what does not end by itself.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from labtools.coding_agent.guarded_pytest import Result


def run_here(
    root: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[bool, str]:
    """Whether the tests in a folder passed, and what pytest printed."""
    import pytest

    counts, output = Result(), io.StringIO()
    own = _as_in_a_process_of_its_own(root, environment)
    with own, redirect_stdout(output), redirect_stderr(output):
        code = pytest.main(list(arguments), plugins=[counts])
    return code == 0 and counts.passed > 0 and counts.others == 0, output.getvalue()


@contextmanager
def _as_in_a_process_of_its_own(root: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """In the folder, its modules first and new to Python; afterwards all is as it was before."""
    names = {path.stem for path in root.rglob("*")}

    def taken_out() -> dict[str, object]:
        return {name: sys.modules.pop(name) for name in list(sys.modules)
                if name.partition(".")[0] in names}  # fmt: skip

    path, environ = list(sys.path), dict(os.environ)
    bytecode, temporary = sys.dont_write_bytecode, tempfile.tempdir
    shadowed = taken_out()
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode, tempfile.tempdir = True, str(root)
    os.environ.clear()
    os.environ.update(environment, COLUMNS="80")
    try:
        with chdir(root):
            yield
    finally:
        os.environ.clear()
        os.environ.update(environ)
        sys.dont_write_bytecode, tempfile.tempdir = bytecode, temporary
        sys.path[:] = path
        taken_out()
        sys.modules.update(shadowed)  # type: ignore[arg-type]
