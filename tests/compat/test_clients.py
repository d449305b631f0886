"""Other people's clients, unchanged, against the mock over HTTP: each in an environment of its own.

Off by default, since it installs them from the package registries. `make compat` runs it, and
leaves the versions that it found in `_build/compat/versions.txt`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labtools.mock.server import ServerProcess
from labtools.model.named_profiles import FAST, NAMED
from labtools.own_agent.readers import read_trace

CLIENTS = Path(__file__).parent / "clients"
BUILD = Path(__file__).parents[2] / "_build" / "compat"
PYTHON_CLIENTS = {
    "openai_sdk": ["openai"],
    "langchain_openai_client": ["langchain-openai"],
    # LiteLLM imports mcp for a completion with tools, and does not require it.
    "litellm_client": ["litellm", "mcp"],
    "instructor_client": ["instructor"],
    "pydantic_ai_client": ["pydantic-ai-slim[openai]"],
    "openai_agents_client": ["openai-agents"],
    "smolagents_client": ["smolagents[openai]"],
    "llm_client": ["llm"],
    "inspect_ai_client": ["inspect-ai", "openai"],
    "mini_swe_agent_client": ["mini-swe-agent"],
    "llama_benchy_client": ["llama-benchy"],
}
# Agents with exporters of their own or of OpenInference.
SPANS = {
    "pydantic_ai_spans": ["pydantic-ai-slim[openai]", "opentelemetry-sdk"],
    "openai_agents_spans": ["openai-agents", "openinference-instrumentation-openai-agents"],
    "langgraph_spans": [
        "langgraph",
        "langchain",
        "langchain-openai",
        "openinference-instrumentation-langchain",
    ],
}
NODE_CLIENTS = {
    "openai_node": ["openai"],
    "ai_sdk_node": ["ai", "@ai-sdk/openai-compatible", "zod"],
    "openai_agents_node": ["@openai/agents", "openai", "zod"],
    "langchain_node": ["@langchain/openai", "@langchain/core", "zod"],
}

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "versions.txt").unlink(missing_ok=True)
    server = ServerProcess(NAMED)
    yield server.base_url
    server.stop()


@pytest.mark.parametrize("client", PYTHON_CLIENTS)
def test_python_client(client: str, base_url: str) -> None:
    python = _environment(client)
    _run(str(python), str(CLIENTS / f"{client}.py"), base_url)


@pytest.mark.parametrize(
    "client",
    [
        "openai_agents_client",
        "pydantic_ai_client",
        "langchain_openai_client",
        "mini_swe_agent_client",
    ],
)
def test_a_framework_through_the_proxy(client: str, base_url: str, tmp_path: Path) -> None:
    """The same program, recorded: calls, their tokens, tools, and TTFT as the mock has it."""
    program = f'exec "{_environment(client)}" "{CLIENTS / client}.py" "$OPENAI_BASE_URL"'
    out = tmp_path / "run.jsonl"
    record = (sys.executable, "-m", "labtools", "record", "--upstream", base_url)
    _run(*record, "--out", str(out), "--", "sh", "-c", program)
    trace = read_trace(out)
    assert all(call.error is None for call in trace.calls)
    assert any(span.kind == "tool" for span in trace.spans)
    # Some ask for no usage when they stream, and then nobody knows the tokens.
    known = [call for call in trace.calls if call.input_tokens is not None]
    assert len(known) > len(trace.calls) / 2
    assert all(call.output_tokens for call in known)
    for call in known:
        if call.ttft_s is not None:
            assert call.input_tokens is not None
            foretold_s = FAST.ttft_s(call.input_tokens, call.cached_tokens or 0)
            assert abs(call.ttft_s - foretold_s) < 0.05


@pytest.mark.parametrize("client", SPANS)
def test_a_framework_with_its_own_spans(client: str, base_url: str, tmp_path: Path) -> None:
    """Calls, tokens and tools as the framework counted them; TTFT is the mock's, or not known."""
    out = tmp_path / "spans.json"
    program = (str(_environment(client)), str(CLIENTS / f"{client}.py"), base_url, str(out))
    counted = json.loads(_run(*program))
    trace = read_trace(out)
    assert counted["tools"] == 1
    assert {
        "calls": len(trace.calls),
        "tools": sum(span.kind == "tool" for span in trace.spans),
        "input": sum(call.input_tokens or 0 for call in trace.calls),
        "output": sum(call.output_tokens or 0 for call in trace.calls),
    } == counted
    for call in trace.calls:
        if call.ttft_s is not None:
            foretold_s = FAST.ttft_s(call.input_tokens or 0, call.cached_tokens or 0)
            assert abs(call.ttft_s - foretold_s) < 0.05


def _environment(client: str) -> Path:
    """The Python of the client's own environment, with its newest packages."""
    folder = BUILD / client
    python = folder / "bin" / "python"
    if not python.exists():
        _run(sys.executable, "-m", "venv", str(folder))
    pip = (str(python), "-m", "pip", "--disable-pip-version-check")
    _run(*pip, "install", "--quiet", "--upgrade", *(PYTHON_CLIENTS | SPANS)[client])
    _record(client, _run(*pip, "freeze"))
    return python


@pytest.mark.parametrize("client", NODE_CLIENTS)
def test_node_client(client: str, base_url: str) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("no npm: install Node.js to try the clients of npm")
    folder = BUILD / client
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    packages = [f"{package}@latest" for package in NODE_CLIENTS[client]]
    _run(npm, "install", "--silent", *packages, cwd=folder)
    _record(client, _run(npm, "list", cwd=folder) + "node " + _run(node, "--version"))
    script = shutil.copy(CLIENTS / f"{client}.mjs", folder)
    _run(node, str(script), base_url, cwd=folder)


def _run(*command: str, cwd: Path = BUILD) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-4000:]
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{said}", pytrace=False)
    return done.stdout


def _record(client: str, versions: str) -> None:
    with (BUILD / "versions.txt").open("a") as file:
        file.write(f"# {client}\n{versions}\n")
