from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labtools.coding_agent.workspace import LARGEST_FILE_BYTES, ToolError, Workspace

Repository = Callable[[Mapping[str, str]], Path]


def test_it_is_a_copy_and_goes_away(repository: Repository) -> None:
    folder = repository({"a.py": "one\n"})
    with Workspace(folder) as workspace:
        workspace.write("a.py", "two\n")
        assert workspace.read("a.py") == "two\n"
        root = workspace.root
    assert (folder / "a.py").read_text() == "one\n"
    assert not root.exists()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "relative"),
        ("../secret.txt", r"\.\."),
        ("package/../../secret.txt", r"\.\."),
        ("package/../a.py", r"\.\."),
        ("..\\secret.txt", r"\.\."),
        ("C:\\secret.txt", "relative"),
        ("C:secret.txt", "relative"),
        ("\\\\host\\share", r"relative|\\\\"),
        ("", "relative"),
        ("a.py\0", "relative"),
        (".", "no file"),
        ("package", "no file"),
        ("absent.py", "no file"),
        ("a.py/b", "no file|cannot be opened"),
        ("x" * 5000, "no file|cannot be opened"),
        ("~/secret.txt", "no file"),
    ],
)
def test_a_path_out_of_it_is_refused(repository: Repository, path: str, reason: str) -> None:
    folder = repository({"a.py": "", "package/b.py": ""})
    (folder.parent / "secret.txt").write_text("secret")
    with Workspace(folder) as workspace:
        for use in (workspace.read, lambda path: workspace.write(path, "x")):
            with pytest.raises(ToolError, match=reason):
                use(path)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_links_that_leave_it_are_refused_and_not_listed(repository: Repository) -> None:
    folder = repository({"a.py": "inside\n"})
    secret = folder.parent / "secret.txt"
    secret.write_text("secret")
    (folder / "file").symlink_to(secret)
    (folder / "folder").symlink_to(folder.parent)
    (folder / "within.py").symlink_to("a.py")
    with Workspace(folder) as workspace:
        for path in ("file", "folder/secret.txt"):
            with pytest.raises(ToolError, match="links out"):
                workspace.read(path)
            with pytest.raises(ToolError, match="links out"):
                workspace.write(path, "overwritten")
        assert workspace.read("within.py") == "inside\n"
        assert workspace.paths() == ["a.py"]
    assert secret.read_text() == "secret"


def test_a_file_with_a_second_name_is_refused(repository: Repository, tmp_path: Path) -> None:
    with Workspace(repository({"a.py": ""})) as workspace:
        (tmp_path / "elsewhere").write_text("secret")
        os.link(tmp_path / "elsewhere", workspace.root / "b.py")
        with pytest.raises(ToolError, match="second name"):
            workspace.read("b.py")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    path=st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(["..", ".", "a.py", "package", "b.py", "/", "//", "out", "etc", "~"]),
            max_size=6,
        ).map("/".join),
    )
)
def test_no_path_leads_out(workspace: Workspace, path: str) -> None:
    link = workspace.root / "out"
    if not link.is_symlink():
        link.symlink_to("/")
    try:
        file = workspace.file(path)
    except ToolError:
        return
    assert file.resolve().is_relative_to(workspace.root)
    assert file.is_file()


def test_sizes_are_limited(repository: Repository) -> None:
    with Workspace(repository({"a.py": "x" * (LARGEST_FILE_BYTES + 1), "b.py": ""})) as workspace:
        with pytest.raises(ToolError, match=f"{LARGEST_FILE_BYTES + 1} bytes"):
            workspace.read("a.py")
        with pytest.raises(ToolError, match="would have"):
            workspace.write("b.py", "é" * (LARGEST_FILE_BYTES // 2 + 1))
        assert workspace.read("b.py") == ""


def test_what_is_not_text_is_refused_and_skipped(repository: Repository) -> None:
    folder = repository({"a.py": "text\n"})
    (folder / "b.bin").write_bytes(b"\xff\xfe\x00")
    with Workspace(folder) as workspace:
        with pytest.raises(ToolError, match="not text"):
            workspace.read("b.bin")
        assert workspace.texts() == {"a.py": "text\n"}


@pytest.mark.parametrize(
    "path", ["tests/test_a.py", "tests/data.txt", "test_b.py", "conftest.py", "./tests//test_a.py"]
)
def test_tests_cannot_be_written(repository: Repository, path: str) -> None:
    files = dict.fromkeys(("tests/test_a.py", "tests/data.txt", "test_b.py", "conftest.py"), "")
    with Workspace(repository(files)) as workspace, pytest.raises(ToolError, match="is a test"):
        workspace.write(path, "")


def test_restore_takes_every_change_back(repository: Repository) -> None:
    with Workspace(repository({"a.py": "1\n", "p/b.py": "2\n"})) as workspace:
        workspace.write("a.py", "x\n")
        workspace.write("./a.py", "y\n")
        workspace.write("p//b.py", "z\n")
        assert workspace.changed() == {"a.py": "y\n", "p/b.py": "z\n"}
        assert "-2\n+z" in workspace.diff()
        workspace.restore()
        assert workspace.texts() == {"a.py": "1\n", "p/b.py": "2\n"}
        assert workspace.changed() == {}
        assert workspace.diff() == ""


def test_a_write_that_changes_nothing_is_no_change(repository: Repository) -> None:
    with Workspace(repository({"a.py": "1\n"})) as workspace:
        workspace.write("a.py", "1\n")
        assert workspace.changed() == {}


def test_a_copy_is_independent_and_knows_the_original(repository: Repository) -> None:
    with Workspace(repository({"a.py": "1\n", "b.py": "2\n"})) as workspace:
        workspace.write("a.py", "x\n")
        with workspace.copy({"b.py": "y\n"}) as copy:
            assert copy.changed() == {"a.py": "x\n", "b.py": "y\n"}
        assert workspace.texts() == {"a.py": "x\n", "b.py": "2\n"}


def test_a_copy_obeys_the_same_rules(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match="is a test"):
        workspace.copy({"tests/test_pages.py": ""})
