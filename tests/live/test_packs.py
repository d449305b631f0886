"""What is packed, and when it is made anew."""

from __future__ import annotations

from pathlib import Path

import packs
import pytest


@pytest.mark.parametrize(
    ("path", "dropped"),
    [
        ("numpy/_core/include/numpy/arrayobject.h", True),
        ("numpy/_core/multiarray.py", False),
        ("pandas/core/frame.pyi", True),
        ("markupsafe/_speedups.cpython-314-x86_64-linux-gnu.so", True),
        ("pandas/_libs/lib.cpython-314-wasm32-emscripten.so", False),
        ("matplotlib/mpl-data/fonts/ttf/DejaVuSans-Bold.ttf", False),
        ("matplotlib/mpl-data/fonts/ttf/STIXGeneral.ttf", True),
        ("matplotlib/mpl-data/matplotlibrc", False),
        ("pygments/lexers/javascript.py", True),
        ("pygments/lexers/python.py", False),
        ("openai-3.54.0.dist-info/METADATA", False),
        ("openai-3.54.0.dist-info/RECORD", True),
    ],
)
def test_what_no_lab_uses_stays_behind(path: str, dropped: bool) -> None:
    assert bool(packs.DROPPED.search(path)) is dropped


def test_a_change_of_the_course_makes_one_pack_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = packs.packs_of(tmp_path)
    assert packs.packs_of(tmp_path) == before
    monkeypatch.setattr(packs, "LABTOOLS", packs.LABTOOLS / "wire")
    after = packs.packs_of(tmp_path)
    assert [name for name in before if before[name] != after[name]] == ["course"]


def test_a_site_offers_labs_in_the_page_once_all_packs_are_there(tmp_path: Path) -> None:
    site, cache = tmp_path / "html", tmp_path / "live"
    folder = site / "_static" / "live"
    folder.mkdir(parents=True)
    cache.mkdir()
    assert not packs.put_into(site, cache)
    assert (folder / "packs.mjs").read_text() == "export default null;\n"
    for pack in packs.packs_of(cache).values():
        pack.write_bytes(b"packed")
    assert packs.put_into(site, cache)
    assert len(list(folder.glob("*.pack"))) == 3
    assert '"bytes": 6' in (folder / "packs.mjs").read_text()


def test_what_is_made_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "download", None)
    for pack in packs.packs_of(tmp_path).values():
        pack.write_bytes(b"packed")
    packs.make_packs(tmp_path)
