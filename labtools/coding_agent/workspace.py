"""The only files the agent can touch: a copy of a small repository in a temporary folder.

Every path that a model names passes `Workspace.file`. It must be relative, without "..", and
lead to a regular file inside the folder by no link that leaves it. Tests are off limits for
writing: they say what is right, and a model that may edit them passes by deleting them.
"""

from __future__ import annotations

import difflib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

LARGEST_FILE_BYTES = 64 * 1024
_MOST_FILES = 500


class ToolError(Exception):
    """A tool could not do what the model asked. The message goes back to the model."""


class Workspace:
    """A repository's copy. `with Workspace(folder) as workspace:` removes it at the end."""

    def __init__(self, repository: Path) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="workspace-")
        # Resolved, because on macOS the temporary folder is itself behind a link.
        self.root = Path(self._temporary.name).resolve() / "repository"
        try:
            shutil.copytree(
                repository, self.root, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        except BaseException:
            self.close()
            raise
        self._originals: dict[str, str] = {}

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the copy. A second call does nothing."""
        self._temporary.cleanup()

    def file(self, path: str) -> Path:
        """The file that a relative path names. Raises ToolError if it is not one in here."""
        shown = repr(path[:100])
        pure = PurePosixPath(path)
        if not path or "\0" in path or pure.is_absolute() or PureWindowsPath(path).drive:
            raise ToolError(f"{shown} is not allowed: give a path relative to the repository.")
        if "\\" in path or ".." in pure.parts:
            raise ToolError(f'{shown} is not allowed: no ".." and no "\\", please.')
        try:
            found = (self.root / pure).resolve()
            regular = found.is_file()
        except OSError as error:
            raise ToolError(f"{shown} cannot be opened: {error.strerror}.") from None
        if not found.is_relative_to(self.root):
            raise ToolError(f"{shown} is not allowed: it links out of the repository.")
        if not regular:
            raise ToolError(f"There is no file {shown}. Files here: {', '.join(self.paths())}.")
        if found.stat().st_nlink > 1:
            raise ToolError(f"{shown} is not allowed: the file has a second name elsewhere.")
        return found

    def read(self, path: str) -> str:
        file = self.file(path)
        size = file.stat().st_size
        if size > LARGEST_FILE_BYTES:
            raise ToolError(f"{path} has {size} bytes; at most {LARGEST_FILE_BYTES} are read.")
        try:
            return file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ToolError(f"{path} is not text.") from None

    def write(self, path: str, text: str) -> None:
        """Replace a file's text. No new files, and no tests."""
        original = self.read(path)
        file = self.file(path)
        path = file.relative_to(self.root).as_posix()
        if is_test(path):
            raise ToolError(f"{path} is a test and says what is right. Edit the source instead.")
        size = len(text.encode("utf-8", "replace"))
        if size > LARGEST_FILE_BYTES:
            raise ToolError(f"{path} would have {size} bytes; at most {LARGEST_FILE_BYTES}.")
        self._originals.setdefault(path, original)
        file.write_text(text, encoding="utf-8", newline="")

    def restore(self) -> None:
        """Take back every change, so that the next attempt starts where the first did."""
        for path, text in self._originals.items():
            self.file(path).write_text(text, encoding="utf-8", newline="")
        self._originals.clear()

    def paths(self) -> list[str]:
        """The regular files in here, relative, in order; links are left out."""
        files = (path for path in sorted(self.root.rglob("*")) if not path.is_symlink())
        relative = [path.relative_to(self.root) for path in files if path.is_file()]
        shown = [path.as_posix() for path in relative if "__pycache__" not in path.parts]
        return shown[:_MOST_FILES]

    def texts(self) -> dict[str, str]:
        """From path to text: every file that can be read."""
        texts = {}
        for path in self.paths():
            try:
                texts[path] = self.read(path)
            except ToolError:
                continue
        return texts

    def changed(self) -> dict[str, str]:
        """From path to text: the files that differ from the original now."""
        now = {path: self.read(path) for path in self._originals}
        return {path: text for path, text in now.items() if text != self._originals[path]}

    def diff(self) -> str:
        lines: list[str] = []
        for path, text in self.changed().items():
            before, after = self._originals[path].splitlines(), text.splitlines()
            lines += difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm="", n=1)
        return "\n".join(lines)

    def copy(self, changes: Mapping[str, str] | None = None) -> Workspace:
        """Another workspace with the same files, and some of them changed."""
        other = Workspace(self.root)
        other._originals = dict(self._originals)
        try:
            for path, text in (changes or {}).items():
                other.write(path, text)
        except ToolError:
            other.close()
            raise
        return other


def is_test(path: str) -> bool:
    """Whether a file is part of the tests, by pytest's names for them."""
    *folders, name = path.lower().split("/")
    return "tests" in folders or name.startswith("test_") or name == "conftest.py"
