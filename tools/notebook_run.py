"""Run a notebook that somebody else wrote, whatever is in it, and leave the outputs in it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

import labtools
from labtools.coding_agent.pytest_run import bubblewrap, walls

MOST_BAD_CELLS = 5
# What a kernel needs to start and to find its files. All else stays here: any name may hold a key.
PASSED_ON = frozenset(
    """
    PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP
    VIRTUAL_ENV CONDA_PREFIX LD_LIBRARY_PATH DYLD_LIBRARY_PATH
    PYTHONPATH PYTHONHOME PYTHONUTF8 PYTHONIOENCODING PYTHONHASHSEED PYTHONNOUSERSITE
    PYTHONUSERBASE PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX
    JUPYTER_PATH JUPYTER_CONFIG_DIR JUPYTER_CONFIG_PATH JUPYTER_DATA_DIR JUPYTER_RUNTIME_DIR
    JUPYTER_PLATFORM_DIRS JUPYTER_PREFER_ENV_PATH IPYTHONDIR MPLCONFIGDIR
    XDG_CACHE_HOME XDG_CONFIG_HOME XDG_CONFIG_DIRS XDG_DATA_HOME XDG_DATA_DIRS XDG_RUNTIME_DIR
    XDG_STATE_HOME
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERPROFILE USERNAME HOMEDRIVE HOMEPATH
    APPDATA LOCALAPPDATA PROGRAMDATA NUMBER_OF_PROCESSORS PROCESSOR_ARCHITECTURE
    """.split()
)

HOME = "/home/student"  # in a jail
_DISK_BYTES = 2**28
Notebook = Any  # nbformat's NotebookNode, a dictionary with attributes


class DoesNotEnd(Exception):
    """Why a notebook was given up."""


def run(notebook: Notebook, limit_s: int) -> None:
    """Run all cells on a fresh kernel, whatever goes wrong in them, and leave the outputs in them.

    Where bubblewrap works, the kernel is in a jail: it sees Python, labtools and its own folder.
    A cell that does not end in time, or ends the kernel, is replaced by one that says so, and all
    begins anew: it costs its own exercise and no other. Raises DoesNotEnd after five such cells.
    """
    environment = kernel_environment(os.environ)
    begun: list[Any] = []
    for _ in range(MOST_BAD_CELLS):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = []  # what is handed in is not what counts
        with tempfile.TemporaryDirectory() as folder:
            client = _Client(
                notebook,
                timeout=limit_s,
                kernel_name="python3",
                allow_errors=True,
                shutdown_kernel="immediate",
                resources={"metadata": {"path": folder}},
                extra_arguments=["--log-level=CRITICAL"],
                on_cell_start=lambda cell, cell_index: begun.append(cell),
            )
            client.log.disabled = True
            try:
                client.execute(env=environment)
            except (DeadKernelError, asyncio.CancelledError):
                if client.interrupted:
                    raise KeyboardInterrupt from None
                begun[-1].source = 'raise RuntimeError("ended the kernel")'
            except CellTimeoutError:
                begun[-1].source = f'raise TimeoutError("did not end within {limit_s} s")'
            else:
                return
    raise DoesNotEnd(f"{MOST_BAD_CELLS} of its cells do not end, or end the kernel")


def kernel_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What of our environment the kernel gets, and the endpoint: no key, and no server."""
    passed = {name: value for name, value in ours.items() if _is_passed_on(name.upper())}
    return {**passed, "LABTOOLS_ENDPOINT": "sim"}


def _is_passed_on(name: str) -> bool:
    return name in PASSED_ON or name.startswith("LC_")


def _in_a_jail(arguments: list[str], sockets: Path) -> list[str]:
    """The command of a kernel with walls around it, and a door: the folder of its sockets."""
    package = str(Path(labtools.__file__).parent)
    doors = ["--ro-bind", package, package, "--ro-bind-try", "/etc/fonts", "/etc/fonts"]
    doors += ["--bind", str(sockets), str(sockets)]
    # Of its namespace's processes, the kernel is a child of the first: its parent is not ours.
    home = ["--setenv", "HOME", HOME, "--unsetenv", "JPY_PARENT_PID"]
    home += ["--unsetenv", "JUPYTER_RUNTIME_DIR", "--unsetenv", "IPYTHONDIR"]
    return [str(bubblewrap()), *walls(HOME, _DISK_BYTES), *doors, *home, sys.executable, *arguments]


class _Client(NotebookClient):
    """At Ctrl-C, nbclient ends the kernel and waits for the cell. This one stops."""

    interrupted = False

    def create_kernel_manager(self) -> KernelManager:
        """A manager whose kernel is in a jail where there is one; they talk through files."""
        manager = super().create_kernel_manager()
        spec = manager.kernel_spec
        if spec and bubblewrap():
            sockets = Path(self.resources["metadata"]["path"])
            manager.transport, manager.ip = "ipc", str(sockets / "kernel")
            manager.connection_file = str(sockets / "kernel.json")
            spec.argv = _in_a_jail(spec.argv[1:], sockets)
        return manager

    async def async_start_new_kernel(self, **options: Any) -> None:
        """Start the kernel, after nbclient has set its answer to Ctrl-C."""
        running = asyncio.current_task()

        def stop() -> None:
            self.interrupted = True
            if running:
                running.cancel()

        with suppress(RuntimeError):  # on Windows and in threads, where nbclient sets none either
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)
        await super().async_start_new_kernel(**options)
