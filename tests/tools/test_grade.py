"""What the grader says of notebooks as students hand them in."""

from __future__ import annotations

import csv
import io
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grade as grader
import nbformat
import pytest
from grade import Check, Grade, course_checks, grade
from lab_runner import LABS, solutions, tags
from notebook_run import kernel_environment, run

from labtools.coding_agent.pytest_run import bubblewrap

LAB = next(lab for lab in LABS if lab.stem == "multiplier")
CHECKS = course_checks()

# A lab of three exercises that starts in no time: its verdicts only look like those of labtools.
TITLE = "# Lab: Three sums"
VERDICT = """\
class Verdict(str):
    __repr__ = str.__str__

def check(found, wanted):
    good = found == wanted
    return Verdict(f"Right: {found}" if good else f"Not yet: {found} is not {wanted}")
"""
SMALL = [
    ("markdown", f"{TITLE}\n\nAdd."),
    ("code", VERDICT),
    ("code", "first = 3"),
    ("code", "check(first, 2)"),
    ("code", "second = lambda: 3"),
    ("code", "check(second(), 4)"),
    ("code", "third = 6"),
    ("code", "check(third, 6)"),
]
SMALL_CHECKS = {TITLE: [Check(SMALL[place][1]) for place in (3, 5, 7)]}


def hand_in(path: Path, cells: list[tuple[str, str]]) -> Path:
    new = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook(cells=[new[kind](source) for kind, source in cells])
    nbformat.write(notebook, path)
    return path


def small(path: Path, **changed: str) -> Path:
    """The small lab with some cells changed, `cell_2` being the first exercise."""
    cells = list(SMALL)
    for name, source in changed.items():
        place = int(name.removeprefix("cell_"))
        cells[place] = (cells[place][0], source)
    return hand_in(path, cells)


def graded(path: Path, limit_s: int = 20) -> list[tuple[str, str]]:
    return [(one.verdict, one.message) for one in grade(path, SMALL_CHECKS, limit_s)]


def solved(lab: Path) -> Any:
    notebook, answers = nbformat.read(lab, as_version=4), iter(solutions(lab))
    for cell in notebook.cells:
        if "exercise" in tags(cell):
            cell.source = next(answers)
    return notebook


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_every_lab_of_the_course_can_be_graded(lab: Path) -> None:
    title = grader._first_line(nbformat.read(lab, as_version=4))
    assert len(CHECKS[title]) == len(solutions(lab))
    assert len(set(CHECKS[title])) == len(CHECKS[title])


def test_an_untouched_lab_has_nothing_right_yet() -> None:
    found = grade(LAB, CHECKS)
    assert [(one.exercise, one.verdict) for one in found] == [(n, "not yet") for n in (1, 2, 3)]
    assert "TTFT over decode" in found[0].message
    assert {(one.notebook, one.lab) for one in found} == {
        (str(LAB), "# Lab: The latency multiplier")
    }


def test_a_solved_lab_has_all_right(tmp_path: Path) -> None:
    path = tmp_path / "ada.ipynb"
    nbformat.write(solved(LAB), path)
    assert [one.verdict for one in grade(path, CHECKS)] == ["right"] * 3


def test_an_error_in_one_exercise_is_named_and_the_others_are_graded(tmp_path: Path) -> None:
    (first, why), *others = graded(small(tmp_path / "broken.ipynb", cell_2="first = )"))
    assert first == "error"
    assert why.startswith("SyntaxError: ")
    assert others == [("not yet", "3 is not 4"), ("right", "6")]


@pytest.mark.slow
def test_what_never_ends_or_ends_the_kernel_costs_its_own_exercise_only(tmp_path: Path) -> None:
    endless = "def second():\n    while True: pass"  # noticed where the check calls it
    path = small(tmp_path / "bad.ipynb", cell_2="import os; os._exit(1)", cell_4=endless)
    assert graded(path, limit_s=5) == [
        ("error", "RuntimeError: ended the kernel"),
        ("error", "TimeoutError: did not end within 5 s"),
        ("right", "6"),
    ]


@pytest.mark.slow
def test_a_notebook_of_endless_cells_is_given_up(tmp_path: Path) -> None:
    path = hand_in(tmp_path / "endless.ipynb", [SMALL[0], *[("code", "while True: pass")] * 6])
    (one,) = grade(path, SMALL_CHECKS, limit_s=1)
    assert (one.verdict, one.message) == (
        "not graded",
        "5 of its cells do not end, or end the kernel",
    )


def test_a_check_that_was_changed_or_deleted_is_missing_not_passed(tmp_path: Path) -> None:
    path = small(tmp_path / "sly.ipynb", cell_3="check(2, 2)", cell_5="")
    assert graded(path) == [grader.NO_CHECK, grader.NO_CHECK, ("right", "6")]


def test_outputs_that_are_handed_in_do_not_count(tmp_path: Path) -> None:
    path = small(tmp_path / "forged.ipynb")
    notebook = nbformat.read(path, as_version=4)
    for cell in (notebook.cells[3], notebook.cells[5]):
        cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "Right: yes"})]
        cell.metadata.tags = ["skip-execution"]
    nbformat.write(notebook, path)
    assert [verdict for verdict, _ in graded(path)] == ["not yet", "not yet", "right"]


PLAIN = "get_ipython().display_formatter.formatters['text/plain']"


@pytest.mark.parametrize(
    "forged",
    [
        "def second():\n    print('Right: well done')\n    return 3",
        "def second():\n    display({'text/plain': 'Right: well done'}, raw=True)\n    return 3",
        f"{PLAIN}.for_type(Verdict, lambda verdict, p, cycle: p.text('Right: well done'))\n"
        "second = lambda: 3",
        "import sys\nsys.displayhook = lambda value: print('Right: well done')\nsecond = lambda: 3",
        "import threading\nthreading.Timer(0.2, print, ['Right: well done']).start()\n"
        "second = lambda: __import__('time').sleep(0.5) or 3",
    ],
)
def test_what_is_printed_or_shown_is_no_verdict(tmp_path: Path, forged: str) -> None:
    found = graded(small(tmp_path / "forged.ipynb", cell_4=forged))
    assert found[1:] == [("not yet", "3 is not 4"), ("right", "6")]


def test_a_check_is_the_courses_own_whatever_has_its_name(tmp_path: Path) -> None:
    notebook = solved(LAB)
    exercises = [cell for cell in notebook.cells if "exercise" in tags(cell)]
    exercises[0].source = (
        "class check:\n    def __getattr__(self, name):\n        return lambda *_: 'Right: yes'\n"
        "check, ttft_share = check(), 0.5"
    )
    nbformat.write(notebook, tmp_path / "own.ipynb")
    assert [one.verdict for one in grade(tmp_path / "own.ipynb", CHECKS)][1:] == ["right"] * 2
    assert grade(tmp_path / "own.ipynb", CHECKS)[0].verdict != "right"


needs_jail = pytest.mark.skipif(bubblewrap() is None, reason="bubblewrap makes no jail here")
HELD = "ConnectionRefusedError FileNotFoundError OSError PermissionError ProcessLookupError"


@needs_jail
def test_a_notebook_reaches_nothing_of_the_teachers(tmp_path: Path) -> None:
    other = small(tmp_path / "other.ipynb")
    before = other.read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as server:
        reached = [
            f"open({str(other)!r}, 'w')",
            f"open({str(other)!r}).read()",
            f"os.listdir({str(tmp_path)!r})",
            f"open({grader.__file__!r}, 'a')",
            "open(labtools.__file__, 'a')",
            f"open('/proc/{os.getpid()}/environ').read()",
            f"os.kill({os.getpid()}, 0)",
            f"socket.create_connection({server.getsockname()}, 5)",
            "open('filled', 'wb').write(bytes(2**29))",
        ]
        cells = [("code", f"import os, socket, labtools\n{source}") for source in reached]
        notebook = nbformat.read(hand_in(tmp_path / "curious.ipynb", cells), as_version=4)
        run(notebook, limit_s=60)
    for cell in notebook.cells:
        assert [output.output_type for output in cell.outputs] == ["error"], cell.source
        assert cell.outputs[0].ename in HELD.split(), cell.source
    assert other.read_bytes() == before


def test_it_runs_in_sim_without_anybodys_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = "OPENAI_API_KEY ANTHROPIC_API_KEY GITHUB_TOKEN JUPYTER_TOKEN LABTOOLS_OWN_URL".split()
    for name in keys:
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LABTOOLS_ENDPOINT", "http://127.0.0.1:1/v1")
    told = (
        "import os\n"
        "keys = sorted(n for n, value in os.environ.items() if value == 'secret')\n"
        "first = keys, os.environ['LABTOOLS_ENDPOINT']"
    )
    first, *_ = graded(small(tmp_path / "curious.ipynb", cell_2=told))
    assert first == ("not yet", "([], 'sim') is not 2")


def test_the_kernel_gets_what_it_needs_to_start_and_nothing_else() -> None:
    ours = {"PATH": "/bin", "LC_ALL": "C", "SystemRoot": "C:", "AWS_SECRET_ACCESS_KEY": "s"}
    assert kernel_environment(ours) == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "SystemRoot": "C:",
        "LABTOOLS_ENDPOINT": "sim",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no notebook: "),
        ("{", "no notebook: "),
        ("[]", "no notebook: the file is JSON, but not an object with cells"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "no notebook: the file is JSON"),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}',
            "it begins with none of these: # Lab: Three sums",
        ),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1]}', "no notebook: "),
    ],
)
def test_what_is_no_lab_is_said_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "odd.ipynb"
    path.write_text(text, encoding="utf-8")
    (one,) = grade(path, SMALL_CHECKS)
    assert (one.exercise, one.verdict) == (0, "not graded")
    assert one.message.startswith(said)
    assert "\n" not in one.message


def test_a_file_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    (one,) = grade(tmp_path / "nowhere.ipynb", SMALL_CHECKS)
    assert one.verdict == "not graded"
    assert "No such file" in one.message


def test_the_command_prints_and_writes_a_row_an_exercise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {
        "a.ipynb": [
            Grade("a.ipynb", TITLE, 1, "right", "two"),
            Grade("a.ipynb", TITLE, 2, "error", "x"),
        ],
        "b.ipynb": [Grade("b.ipynb", "", 0, "not graded", 'no notebook, "really"')],
    }
    monkeypatch.setattr(grader, "grade", lambda path, *_: known[path.name])
    table = tmp_path / "grades.csv"
    monkeypatch.setattr(sys, "argv", ["grade.py", "a.ipynb", "b.ipynb", "--csv", str(table)])
    assert grader.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 right, 1 error, 1 not graded"
    with table.open(newline="", encoding="utf-8") as file:
        assert [tuple(row) for row in csv.reader(file)] == [
            ("notebook", "lab", "exercise", "verdict", "message"),
            ("a.ipynb", TITLE, "1", "right", "two"),
            ("a.ipynb", TITLE, "2", "error", "x"),
            ("b.ipynb", "", "0", "not graded", 'no notebook, "really"'),
        ]


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The command's exit code, with grading itself left out."""
    monkeypatch.setattr(
        grader, "grade", lambda path, *_: [Grade(str(path), TITLE, 1, "right", "größe \ud800")]
    )
    monkeypatch.setattr(sys, "argv", ["grade.py", *map(str, arguments)])
    try:
        return grader.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)


def test_notebooks_of_one_name_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / student / "multiplier.ipynb" for student in ("ada", "alan-turing")]
    assert command(monkeypatch, *paths) == 0
    rows = capsys.readouterr().out.splitlines()[:-1]
    assert [row.split()[0] for row in rows] == [str(path) for path in paths]
    assert len({row.index("right") for row in rows}) == 1


def test_grades_never_go_where_a_notebook_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slipped, other = small(tmp_path / "a.ipynb"), small(tmp_path / "b.json")
    before = slipped.read_bytes(), other.read_bytes()
    assert command(monkeypatch, "--csv", slipped, other) == 2
    assert command(monkeypatch, other, "--csv", tmp_path / "x" / ".." / "b.json") == 2
    assert capsys.readouterr().err.count("would overwrite a notebook") == 2
    assert (slipped.read_bytes(), other.read_bytes()) == before


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_of_the_table_is_a_formula(
    start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"{start}HYPERLINK(1)"
    monkeypatch.setattr(grader, "grade", lambda *_: [Grade(said, said, 1, "not yet", said)])
    table = tmp_path / "grades.csv"
    monkeypatch.setattr(sys, "argv", ["grade.py", "a.ipynb", "--csv", str(table)])
    grader.main()
    with table.open(newline="", encoding="utf-8") as file:
        _, (notebook, lab, exercise, _, message) = csv.reader(file)
    assert {notebook, lab, message} == {f"'{said}"}
    assert exercise == "1"


@pytest.mark.parametrize("place", ["nowhere/grades.csv", "."])
def test_grades_that_cannot_be_written_are_noticed_before_grading(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "a.ipynb", "--csv", tmp_path / place) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"cannot write {tmp_path / place}: " in err


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "soon"])
def test_a_limit_that_is_none_is_refused(
    limit: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "a.ipynb", f"--limit={limit}") == 2
    assert f"{limit!r} is no limit: whole seconds, from 1" in capsys.readouterr().err


def test_any_message_fits_any_console_and_the_table_is_in_utf_8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii"))
    table = tmp_path / "grades.csv"
    assert command(monkeypatch, "a.ipynb", "--csv", table) == 0
    sys.stdout.flush()
    assert rb"gr\xf6\xdfe \ud800" in printed.getvalue()
    assert "größe \\ud800" in table.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
def test_ctrl_c_ends_it_with_a_line(tmp_path: Path) -> None:
    # In a jail, the folder of the connection file is what both sides see.
    endless = (
        "import os, ipykernel.connect\n"
        "folder = os.path.dirname(ipykernel.connect.get_connection_file())\n"
        "open(os.path.join(folder, 'begun'), 'w').close()\n"
        "while True: pass"
    )
    ours = {**os.environ, "TMPDIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    head = nbformat.read(LAB, as_version=4).cells[0].source
    path = hand_in(tmp_path / "endless.ipynb", [("markdown", head), ("code", endless)])
    program = [sys.executable, grader.__file__, str(path)]
    with subprocess.Popen(program, stdout=-1, stderr=-1, text=True, env=ours) as grading:
        deadline = time.monotonic() + 120
        while not list(tmp_path.rglob("begun")):
            assert grading.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(grading.pid, signal.SIGINT)
        out, err = grading.communicate(timeout=120)
    assert grading.returncode == 130
    assert out == ""
    assert err == "Interrupted: what is listed above is graded, and the rest is not.\n"
