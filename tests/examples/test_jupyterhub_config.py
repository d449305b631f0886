"""The class's JupyterHub: the file loads as JupyterHub loads it, and does what it says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from labtools import cli

ROOT = Path(__file__).parents[2]
FILE = ROOT / "examples" / "jupyterhub_config.py"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("CLASS_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("CLASS_MOCK", "http://192.0.2.10:8001/v1")
    monkeypatch.delenv("CLASS_PASSWORD", raising=False)
    return PyFileConfigLoader(FILE.name, path=str(FILE.parent)).load_config()


def student(config: Config, name: str) -> SimpleNamespace:
    """What JupyterHub's spawner gives to a hook, as far as the hook looks at it."""
    return SimpleNamespace(
        notebook_dir=config.Spawner.notebook_dir,
        format_string=lambda text: text.format(username=name),
    )


def test_students_start_with_the_labs_and_keep_their_work(config: Config, tmp_path: Path) -> None:
    folder = tmp_path / "work" / "ada"
    config.Spawner.pre_spawn_hook(student(config, "ada"))
    labs = {path.name for path in (ROOT / "labs").glob("*.ipynb")}
    assert {path.name for path in folder.iterdir()} == labs
    (folder / "multiplier.ipynb").write_text("my work", encoding="utf-8")
    config.Spawner.pre_spawn_hook(student(config, "ada"))
    assert (folder / "multiplier.ipynb").read_text(encoding="utf-8") == "my work"
    config.Spawner.pre_spawn_hook(student(config, "alan"))
    assert (tmp_path / "work" / "alan" / "multiplier.ipynb").exists()


def test_labs_run_in_sim_and_reach_the_class_endpoint_where_they_ask_for_it(config: Config) -> None:
    settings = config.Spawner.environment
    assert settings["LABTOOLS_ENDPOINT"] == "sim"
    assert (
        settings["LABTOOLS_OWN_URL"] == settings["OPENAI_BASE_URL"] == "http://192.0.2.10:8001/v1"
    )
    labs = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "labs").glob("*.ipynb"))
    assert [name for name in settings if "LABTOOLS_OWN" in name and name not in labs] == []


def test_without_a_password_nobody_gets_in(config: Config) -> None:
    assert config.JupyterHub.authenticator_class == "shared-password"
    assert config.SharedPasswordAuthenticator.user_password == ""


def test_the_command_of_its_docstring_serves_what_it_points_to(config: Config) -> None:
    (command,) = [line for line in FILE.read_text("utf-8").splitlines() if "labtools serve" in line]
    assert f"--api-key {config.Spawner.environment['OPENAI_API_KEY']}" in command
    assert f"--profile {config.Spawner.environment['LABTOOLS_OWN_MODEL']}" in command


def test_hub_mock_and_engine_find_their_ports_on_one_machine(config: Config) -> None:
    parser = cli._parser()
    taken = [parser.parse_args([command]).port for command in ("serve", "engine")]
    hub = [
        urlsplit(config.JupyterHub.bind_url).port,
        config.JupyterHub.hub_port,
        urlsplit(config.ConfigurableHTTPProxy.api_url).port,
    ]
    ports = [*taken, *hub]
    assert len(set(ports)) == len(ports), f"one port for two programs: {ports}"


def test_what_the_hub_remembers_stays_out_of_the_courses_folder(
    config: Config, tmp_path: Path
) -> None:
    folder = tmp_path / "work" / ".hub"
    assert folder.is_dir()
    assert config.JupyterHub.db_url == f"sqlite:///{folder / 'jupyterhub.sqlite'}"
    for kept in (config.JupyterHub.cookie_secret_file, config.ConfigurableHTTPProxy.pid_file):
        assert Path(kept).parent == folder
