"""A folder of packages as one compressed file, its modules compiled. Runs in Pyodide.

Compiling in the page would take a third of a lab's time.
"""

import marshal
import tarfile
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

from compression.zstd import CompressionParameter

UNCHECKED_HASH = (1).to_bytes(4, "little") + bytes(8)  # PEP 552: the source is not looked at again
WITH_SOURCE = {"anyio", "labtools", "page_kernel"}  # anyio's lazy importer reads its own
OPTIONS = {CompressionParameter.compression_level: 16, CompressionParameter.window_log: 23}


def compile_and_pack(folder: str, pack: str) -> None:
    """Compile each module below the folder, in the place of its source or beside it; pack all."""
    for path in Path(folder).rglob("*.py"):
        name = path.relative_to(folder)
        code = compile(path.read_bytes(), f"/site-packages/{name}", "exec", dont_inherit=True)
        target = path.with_suffix(".pyc")
        if name.parts[0] in WITH_SOURCE:
            target = Path(cache_from_source(str(path)))
            target.parent.mkdir(exist_ok=True)
        else:
            path.unlink()
        target.write_bytes(MAGIC_NUMBER + UNCHECKED_HASH + marshal.dumps(code))
    with tarfile.open(pack, "w:zst", options=OPTIONS, format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                archive.add(path, path.relative_to(folder), filter=_of_no_time)


def _of_no_time(member: tarfile.TarInfo) -> tarfile.TarInfo:
    return member.replace(mtime=0, mode=0o644, uid=0, gid=0, uname="", gname="", deep=False)
