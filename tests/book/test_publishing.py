"""What surrounds the course: licences, citation, and the environments that others start it in."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from labtools.cli import _TO_RUN_LABS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
CONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def workflow_commands() -> Iterator[str]:
    for job in WORKFLOW["jobs"].values():
        yield from (step["run"] for step in job["steps"] if "run" in step)


def container_commands() -> Iterator[str]:
    yield from (value for name, value in CONTAINER.items() if name.endswith("Command"))


def commands_in_prose() -> Iterator[str]:
    for name in ("README.md", "CONTRIBUTING.md", "index.md", "chapters/teaching.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        yield from re.findall(r"(?:`|^ {4}|^)(make [a-z]+)", text, re.MULTILINE)


def targets(command: str) -> list[str]:
    return re.findall(r"\bmake ([a-z]+)", command)


@pytest.mark.parametrize("source", [workflow_commands, container_commands, commands_in_prose])
def test_what_others_run_are_targets_of_the_makefile(source: Any) -> None:
    asked = [target for command in source() for target in targets(command)]
    assert asked
    assert [name for name in asked if not re.search(rf"^{name}:", MAKEFILE, re.MULTILINE)] == []


def test_the_workflow_tests_before_it_publishes_and_publishes_what_was_tested() -> None:
    jobs = WORKFLOW["jobs"]
    assert "make test" in workflow_commands()
    assert jobs["publish"]["needs"] == "test"
    (upload,) = [s for s in jobs["test"]["steps"] if "upload-pages-artifact" in s.get("uses", "")]
    assert upload["with"]["path"] == "_build/html"
    assert jobs["links"]["continue-on-error"]


def test_all_environments_have_the_python_that_the_course_needs() -> None:
    versions = [
        (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip(),
        CONTAINER["image"],
        *(
            str(step["with"]["python-version"])
            for job in WORKFLOW["jobs"].values()
            for step in job["steps"]
            if "setup-python" in step.get("uses", "")
        ),
    ]
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert [version for version in versions if not version.endswith(lowest)] == []


def test_binder_installs_what_the_labs_need_at_the_courses_versions() -> None:
    lines = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert "-e ." in lines
    (constraints,) = [line.split()[1] for line in lines if line.startswith("-c ")]
    locked = (ROOT / "binder" / constraints).resolve()
    assert locked == ROOT / "requirements.lock"
    pinned = {
        Requirement(line).name for line in locked.read_text("utf-8").splitlines() if "==" in line
    }
    declared = [Requirement(text).name for text in PROJECT["dependencies"]]
    listed = [line for line in lines if line and not line.startswith(("#", "-"))]
    assert {*listed, *declared} >= set(_TO_RUN_LABS)
    assert {*listed, *declared} - pinned == set()


def test_the_citation_is_of_this_version_under_its_licence() -> None:
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"] == "MIT"
    assert CITATION["authors"] == PROJECT["authors"]


def test_both_licences_are_there_in_full() -> None:
    code = (ROOT / "LICENSE").read_text(encoding="utf-8")
    text = (ROOT / "LICENSE-text").read_text(encoding="utf-8")
    assert code.startswith(
        "MIT License\n\nCopyright (c) 2026 The Latency Multiplier contributors\n"
    )
    assert "WITHOUT WARRANTY OF ANY KIND" in code
    assert text.startswith("Creative Commons Attribution 4.0 International\n")
    assert all(f"Section {number} " in text for number in range(1, 9))
