"""The packs: what a page downloads to run a lab, made from the pinned wheels and this course.

    runtime-SUM.pack    Pyodide: tar, gzip, which a browser unpacks by itself
    packages-SUM.pack   the labs' packages, compiled: tar, zstd, which Pyodide unpacks
    course-SUM.pack     labtools and the kernel, compiled: likewise

The first two change with the list of wheels only, and a browser keeps each by its name.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from importlib.metadata import distribution
from pathlib import Path

import playwright
from downloads import LIST, download, unpack

HERE = Path(__file__).parent
PAGE = HERE / "page"
LABTOOLS = HERE.parents[1] / "labtools"
NODE = Path(playwright.__file__).parent / "driver" / "node"  # what the site's tests have anyway
# What no lab uses: what was compiled for another Python, and what only compilers, editors,
# documentation and other backends read.
DROPPED = re.compile(
    r"""
    \.(pyi|pyx|pxd|h|c|a|afm|svg|pdf|png|md)$ | linux-gnu\.so$ | -info/(RECORD|WHEEL|licenses/.*)$
  | ^(jsonschema/tests|mpl_toolkits|tqdm/contrib|numpy/(f2py|_core/include))/ | ^pylab\.py$
  | ^matplotlib/(testing|backends/web_backend|mpl-data/(sample_data|fonts/(?!ttf/DejaVuSans)))
  | ^PIL/_(avif|webp|imagingft|imagingcms)\b
  | ^pygments/(lexers/(?!__init__|_mapping|diff|python)|formatters/(?!__init__|_mapping|terminal))
    """,
    re.VERBOSE,
)


def packs_of(cache: Path) -> dict[str, Path]:
    """The packs of the course as it is, by name, whether they have been made or not."""
    recipe = _sum(DROPPED.pattern, LIST, HERE / "compiled.py", HERE / "pack.mjs")
    course = _sum(recipe, *_files(LABTOOLS), *_files(PAGE))
    sums = {"runtime": recipe, "packages": recipe, "course": course}
    return {name: cache / f"{name}-{sum_}.pack" for name, sum_ in sums.items()}


def make_packs(cache: Path) -> None:
    """Make those that have not been made. Raises DownloadFailed."""
    packs = packs_of(cache)
    missing = [name for name, pack in packs.items() if not pack.exists()]
    if not missing:
        return
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name_:
        folder = Path(name_)
        if missing == ["course"]:
            with tarfile.open(packs["runtime"]) as archive:
                archive.extractall(folder / "runtime", filter="data")
        else:
            unpack(download(cache / "downloads"), folder / "packages", folder / "runtime")
            _drop(folder / "packages")
        _gather_course(folder / "course")
        for name in missing:
            made = folder / packs[name].name
            _pack(name, folder, made)
            for old in cache.glob(f"{name}-*.pack"):
                old.unlink()
            made.rename(packs[name])


def put_into(site: Path, cache: Path) -> bool:
    """Whether the packs of the course as it is have been made, and are now in the built site."""
    packs = packs_of(cache)
    folder = site / "_static" / "live"
    for old in folder.glob("*.pack"):
        old.unlink()
    told = None
    if all(pack.exists() for pack in packs.values()):
        for pack in packs.values():
            shutil.copy(pack, folder)
        told = {n: {"file": p.name, "bytes": p.stat().st_size} for n, p in packs.items()}
    (folder / "packs.mjs").write_text(f"export default {json.dumps(told)};\n", encoding="utf-8")
    return told is not None


def _drop(packages: Path) -> None:
    for path in packages.rglob("*"):
        if path.is_file() and DROPPED.search(path.relative_to(packages).as_posix()):
            path.unlink()


def _gather_course(folder: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PAGE, folder, ignore=ignore)
    shutil.copytree(LABTOOLS, folder / "labtools", ignore=ignore)
    labtools = distribution("labtools")
    told = folder / f"labtools-{labtools.version}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(labtools.read_text("METADATA") or "", encoding="utf-8")


def _pack(name: str, folder: Path, pack: Path) -> None:
    if name == "runtime":
        with tarfile.open(pack, "w:gz", format=tarfile.USTAR_FORMAT) as archive:
            for file in sorted((folder / name).iterdir()):
                archive.add(file, file.name)
    else:
        command = [NODE, HERE / "pack.mjs", folder / "runtime", folder / name, pack]
        subprocess.run(command, check=True)


def _files(folder: Path) -> list[Path]:
    """What git would keep of a folder."""
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )


def _sum(*parts: str | Path) -> str:
    """A short sum of words, and of files with their names."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            total.update(f"{part.relative_to(HERE.parents[1])}\n".encode() + part.read_bytes())
        else:
            total.update(part.encode())
    return total.hexdigest()[:12]
