"""The pinned downloads: from a folder that stands where PyPI does, with no network."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import downloads
import pytest
from downloads import DownloadFailed, download, pinned, unpack


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip knows, and no other place."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def wheel(folder: Path, name: str = "small", content: str = "x = 1\n") -> str:
    """A wheel in the folder; the sum of its file."""
    file = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", content)
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Name: {name}\nVersion: 1.0\n")
        archive.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    file = tmp_path / "wheels.txt"
    file.write_text("# what\n" + "".join(f"{line}\n" for line in lines))
    monkeypatch.setattr(downloads, "LIST", file)


def test_the_list_pins_every_file_by_its_sum() -> None:
    text = downloads.LIST.read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(pinned(text)) == len(lines) > 20
    assert "open-webui==0.12.4" in pinned(text)


def test_what_was_downloaded_is_kept(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(tmp_path, monkeypatch, f"small==1.0 --hash=sha256:{wheel(registry)}")
    (file,) = download(tmp_path / "kept")
    for offered in registry.iterdir():
        offered.unlink()
    assert download(tmp_path / "kept") == [file]


def test_a_wrong_sum_is_an_error_that_names_the_file(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = hashlib.sha256(b"what was tried").hexdigest()
    wheel(registry)
    pin(tmp_path, monkeypatch, f"small==1.0 --hash=sha256:{other}")
    with pytest.raises(DownloadFailed, match=r"(?s)wheels.txt.*small.*do not use it"):
        download(tmp_path / "kept")


def test_a_spoilt_copy_is_loaded_again(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(tmp_path, monkeypatch, f"small==1.0 --hash=sha256:{wheel(registry)}")
    (file,) = download(tmp_path / "kept")
    good = file.read_bytes()
    file.write_bytes(good[:-10])
    assert download(tmp_path / "kept") == [file]
    assert file.read_bytes() == good


def test_what_is_not_there_is_an_error_that_names_it(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sum_ = wheel(registry)
    pin(
        tmp_path, monkeypatch, f"small==1.0 --hash=sha256:{sum_}", f"absent==2 --hash=sha256:{sum_}"
    )
    with pytest.raises(DownloadFailed, match="absent==2"):
        download(tmp_path / "kept")


def test_pyodides_own_packages_and_its_runtime_come_out_of_one_wheel(tmp_path: Path) -> None:
    inner = tmp_path / "numpy-2.4.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("numpy/__init__.py", "")
    outer = tmp_path / "open_webui-1-py3-none-any.whl"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("open_webui/main.py", "")
        archive.writestr(f"{downloads.PYODIDE}{inner.name}", inner.read_bytes())
        archive.writestr(f"{downloads.PYODIDE}scipy-1-any.whl", "")
        archive.writestr(f"{downloads.PYODIDE}pyodide.mjs", "export {}")
        lock = '{"info": {"abi_version": "2026_0"}, "packages": {"scipy": {}}}'
        archive.writestr(f"{downloads.PYODIDE}{downloads.LOCK}", lock)
    unpack([outer], tmp_path / "packages", tmp_path / "runtime")
    names = [path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("[pr]*/**/*.*")]
    assert sorted(names) == [
        "packages/numpy/__init__.py",
        "runtime/pyodide-lock.json",
        "runtime/pyodide.mjs",
    ]
    kept = (tmp_path / "runtime" / downloads.LOCK).read_text()
    assert kept == '{"info": {"abi_version": "2026_0"}, "packages": {}}'
