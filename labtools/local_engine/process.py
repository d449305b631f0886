"""The engine in a process of its own, so that its threads are not the client's."""

from __future__ import annotations

from labtools.local_engine.packages import check_installed
from labtools.local_engine.settings import EngineSettings
from labtools.local_engine.smollm2 import SMOLLM2, smollm2_file
from labtools.server_process import OwnedServer


class EngineProcess(OwnedServer):
    """llama.cpp's server on a free port of this machine. Raises ConfigurationError."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        check_installed()
        settings = settings or EngineSettings()
        if settings.size == SMOLLM2:
            smollm2_file()
        super().__init__("engine", "--port", "0", *settings.as_arguments())
