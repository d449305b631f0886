import argparse
import os

import pytest

from labtools.errors import ConfigurationError
from labtools.local_engine.serving import add_command, settings_of
from labtools.local_engine.settings import EngineSettings


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (8, 7)])
def test_one_core_is_left_to_the_client(cores, threads, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    assert EngineSettings().threads == threads
    assert EngineSettings(threads=3).threads == 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"size": "7B"}, "Unknown engine size: '7B'. Allowed: 100M, 15M, 2M, smollm2."),
        ({"slots": 0}, "slots is 0. Allowed: a whole number from 1 to 64"),
        ({"slots": "4"}, "slots is '4'"),
        ({"slots": 4.0}, "slots is 4.0"),
        ({"slots": True}, "slots is True"),
        ({"threads": -1}, "threads is -1"),
        ({"context": 10**9}, "context is 1000000000"),
        ({"cache_mib": -1}, "cache_mib is -1"),
        ({"batch": 256}, "ubatch is 512, its batch 256"),
    ],
)
def test_what_cannot_work_is_refused_with_what_can(settings, says):
    with pytest.raises(ConfigurationError) as caught:
        EngineSettings(**settings)
    assert says in str(caught.value)


def test_every_setting_is_an_option_of_the_command_and_comes_back_the_same():
    parser = argparse.ArgumentParser()
    add_command(parser.add_subparsers())
    asked = EngineSettings("100M", 2, 3, 4096, 1024, 256, 64)
    assert settings_of(parser.parse_args(["engine", *asked.as_arguments()])) == asked
    assert settings_of(parser.parse_args(["engine"])) == EngineSettings()
