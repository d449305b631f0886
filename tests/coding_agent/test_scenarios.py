"""What every folder in scenarios/ must be. A new one is tested by being there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from labtools import Lab, Trace
from labtools.coding_agent import load_scenario, play, scenario_names
from labtools.coding_agent.asking import Asking
from labtools.coding_agent.pytest_run import TestReport, run_tests
from labtools.coding_agent.scenario import FOLDER
from labtools.coding_agent.steps import case_study_rows
from labtools.coding_agent.tools import Edit, proposed_file
from labtools.coding_agent.workspace import is_test
from labtools.errors import ConfigurationError
from labtools.model.tokens import CHARS_PER_TOKEN

Played = Callable[[str], Trace]


def test_the_four_stories_are_there() -> None:
    assert set(scenario_names()) >= {
        "one_shot",
        "second_iteration",
        "silent_failure",
        "wrong_location",
    }


def test_every_folder_is_a_scenario() -> None:
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name[0].isalpha()}
    assert folders == set(scenario_names())


def test_the_bug_is_real(scenario_name: str) -> None:
    scenario = load_scenario(scenario_name)
    with scenario.workspace() as workspace:
        visible = run_tests(workspace)
        assert not visible.passed
        assert "1 failed" in visible.output  # by one test, and others pass
        assert " passed" in visible.output
        assert not scenario.hidden_check(workspace).passed


def test_the_right_fix_passes_visible_and_hidden_tests(scenario_name: str, played: Played) -> None:
    outcome = played(scenario_name).result
    assert outcome.accepted
    assert outcome.tests_passed
    assert outcome.solved
    assert outcome.diff


def test_an_attempt_that_is_not_the_last_is_wrong(scenario_name: str, played: Played) -> None:
    """Neither a test nor a verifier in the script is there for show."""
    scenario = load_scenario(scenario_name)
    for iteration in range(1, played(scenario_name).result.iterations):
        with scenario.workspace() as workspace:
            arguments = _answer(scenario_name, "apply_patch", iteration)["tool_calls"][0]
            Edit(**arguments["arguments"]).use(workspace)
            assert not scenario.hidden_check(workspace).passed


def test_in_a_page_the_tests_say_the_same_to_the_letter(
    scenario_name: str, played: Played, request: pytest.FixtureRequest
) -> None:
    scenario = load_scenario(scenario_name)
    last = _answer(scenario_name, "apply_patch", played(scenario_name).result.iterations)
    with scenario.workspace() as broken, broken.copy() as fixed:
        Edit(**last["tool_calls"][0]["arguments"]).use(fixed)

        def reports() -> list[TestReport]:
            return [test(code) for code in (broken, fixed)
                    for test in (run_tests, scenario.hidden_check)]  # fmt: skip

        in_processes = reports()
        request.getfixturevalue("page")
        assert reports() == in_processes
    assert [report.passed for report in in_processes] == [False, False, True, True]


def test_the_written_file_is_the_patched_file(scenario_name: str, played: Played) -> None:
    """What is proposed and what is applied agree, so that a speculative test run counts."""
    for iteration in range(1, played(scenario_name).result.iterations + 1):
        with load_scenario(scenario_name).workspace() as workspace:
            proposed = proposed_file(_answer(scenario_name, "generate_fix", iteration)["content"])
            edit = Edit(
                **_answer(scenario_name, "apply_patch", iteration)["tool_calls"][0]["arguments"]
            )
            edit.use(workspace)
            assert workspace.changed() == {edit.path: proposed}


def test_every_prompt_has_exactly_the_length_of_its_row(scenario_name: str, played: Played) -> None:
    for row in case_study_rows(played(scenario_name)):
        if row.input_tokens is not None:
            assert row.essay is not None
            assert row.input_tokens == row.essay.input_tokens, row.step


def test_every_answer_fits_its_tokens(scenario_name: str) -> None:
    """A token may hold less than four characters, not more."""
    for answer in load_scenario(scenario_name).answers:
        said = load_scenario(scenario_name).script(
            Asking(answer.step, answer.iteration, 1, (answer.models or ("any",))[0])
        )
        text = said.get("content") or str(said["tool_calls"][0]["arguments"])
        assert len(text) <= said["output_tokens"] * CHARS_PER_TOKEN, (answer.step, answer.iteration)


def test_the_hidden_tests_are_not_in_the_repository(scenario_name: str) -> None:
    scenario = load_scenario(scenario_name)
    hidden = {path.name for path in (scenario.folder / "hidden").iterdir()}
    with scenario.workspace() as workspace:
        assert hidden.isdisjoint(Path(path).name for path in workspace.paths())
        assert any(is_test(path) for path in workspace.paths())


def test_adding_a_scenario_is_adding_a_folder(lab: Lab, tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "one_shot", tmp_path / "mine")
    trace = play(lab, load_scenario(tmp_path / "mine"))
    assert trace.result.solved
    assert load_scenario(tmp_path / "mine").name == "mine"


def test_a_scenario_without_a_bug_is_refused(lab: Lab, tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "one_shot", tmp_path / "mine")
    source = tmp_path / "mine/repository/listing/pages.py"
    source.write_text(source.read_text().replace("items // page_size", "-(-items // page_size)"))
    with pytest.raises(ConfigurationError, match="nothing to repair"):
        play(lab, load_scenario(tmp_path / "mine"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('[[answer]]\nstep = "sleep"\ntext = "x"', "unknown step 'sleep'; known: parse_error"),
        ('[[answer]]\nstep = "plan"', "either a text or a call"),
        ('[[answer]]\nstep = "plan"\ntext = "x"\ncall = "read"', "either a text or a call"),
        ('[[answer]]\nstep = "plan"\ntext = "x"\nspeed = 1', "speed: Extra"),
        ("not toml", "Cannot read"),
    ],
)
def test_a_wrong_script_says_where(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "scenario.toml").write_text(f'title = "t"\nstory = "s"\ntest_s = 1.0\n{line}\n')
    with pytest.raises(ConfigurationError, match=message):
        load_scenario(tmp_path)


def test_an_unknown_scenario_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"Unknown scenario: 'x'\. Allowed: one_shot"):
        load_scenario("x")


def test_a_missing_answer_says_which() -> None:
    with pytest.raises(ConfigurationError, match="no answer for read_both in iteration 1 by fast"):
        load_scenario("one_shot")._answer(Asking("read_both", 1, 1, "fast"), "read_both")


def test_an_answer_holds_until_a_later_one_takes_over() -> None:
    sources = [
        _answer("wrong_location", "read_source", iteration)["tool_calls"][0]["arguments"]["path"]
        for iteration in (1, 2, 3)
    ]
    assert sources == ["ledger/report.py", "ledger/amounts.py", "ledger/amounts.py"]


def _answer(scenario: str, step: str, iteration: int) -> dict:
    return load_scenario(scenario).script(Asking(step, iteration, 1, "fast"))
