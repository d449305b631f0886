"""What connect() refuses, and that a key goes only where it was meant to go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labtools import Budget, connect
from labtools.errors import ConfigurationError
from labtools.mock.server import ServerProcess
from labtools.model.profile import LatencyProfile


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("endpoint", 5),
        ("endpoint", Path("sim")),
        ("endpoint", b"sim"),
        ("seed", "a"),
        ("seed", None),
        ("faults", 3),
        ("budget", 0),
        ("budget", "50"),
        ("record", 5),
        ("engine", 5),
        ("engine", []),
    ],
)
def test_an_argument_of_another_type_is_refused_by_name(argument: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^{argument} must be .*; found"):
        connect(**{argument: value})


def test_an_empty_endpoint_is_not_the_simulator() -> None:
    with pytest.raises(ConfigurationError, match="Unknown endpoint: ''"):
        connect("")


def test_a_key_of_another_type_is_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="api_key must be a string; found bytes") as raised:
        connect("http://127.0.0.1:9/v1", model="m", api_key=b"sk-secret")  # type: ignore[arg-type]
    assert "sk-secret" not in str(raised.value)


@pytest.mark.parametrize("limits", [{"requests": "x"}, {"tokens": None}, {"usd": "1"}])
def test_a_budget_of_something_else_than_numbers_is_refused(limits: Any) -> None:
    with pytest.raises(ConfigurationError, match="limits must be 0 or more"):
        Budget(**limits)


@pytest.mark.parametrize("seconds", [-1, float("nan"), "1", None])
def test_a_tool_takes_a_number_of_seconds(seconds: Any) -> None:
    with (
        connect() as lab,
        pytest.raises(ConfigurationError, match="A tool's seconds is"),
    ):
        lab.run(lab.tool("t", seconds))


@pytest.mark.parametrize("tokens", ["ten", None, 1000.5, 10**9])
def test_a_prompt_has_a_whole_number_of_tokens(tokens: Any) -> None:
    with (
        connect() as lab,
        pytest.raises(ConfigurationError, match="to 10,000,000"),
    ):
        lab.run(lab.call(input_tokens=tokens))


@pytest.mark.slow
def test_an_empty_key_is_no_key_and_never_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-meant-for-somebody-else")
    profile = LatencyProfile("p", decode_tokens_per_s=1000)
    server = ServerProcess({"p": profile})
    try:
        for given, sent in ((None, "sk-meant-for-somebody-else"), ("", "none")):
            with connect(server.base_url, model="p", api_key=given) as lab:
                assert lab.client.api_key == sent
    finally:
        server.stop()
