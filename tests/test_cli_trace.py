"""`python -m labtools trace`: a run from a file, as a reader sees it."""

import json

import pytest

from labtools import Trace, connect
from labtools.cli import main


@pytest.fixture
def saved(tmp_path):
    """Two calls, the second inside a group, on `fast`; and one of them on `slow`."""

    async def agent(lab, steps):
        await lab.call("plan", output_tokens=100)
        if steps > 1:
            with lab.group("fixing"):
                await lab.call("fix", output_tokens=100)

    paths = []
    for profile, steps in (("fast", 2), ("slow", 1)):
        with connect("sim", profile=profile) as lab:
            trace = lab.run(agent(lab, steps))
        paths.append(str(trace.save(tmp_path / f"{profile}.json")))
    return paths


def lines(capsys):
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_trace_is_shown_as_a_table(capsys, saved):
    main(["trace", saved[0]])
    head, calls, path, *said = lines(capsys)
    assert head == f"{saved[0]}: 1.300 s on the embedded mock (fast), on the simulated clock"
    assert calls == "2 calls of fast; 2,000 tokens in (0% cached), 200 out"
    assert path == "On the critical path: TTFT 0.30 s and decode 1.00 s."
    columns, *rows = said[-4:]
    assert columns.split()[:3] == ["step", "kind", "start_s"]
    assert [row.split()[0] for row in rows] == ["plan", "fixing", "fix"]
    assert rows[2].startswith("  fix ")
    assert "NaN" not in "".join(rows)
    assert rows[0].split()[-1] == "0.65"


def test_two_traces_are_compared(capsys, saved):
    main(["trace", *saved])
    _, other, columns, *rows = lines(capsys)
    assert other == "other: 2.267 s on the embedded mock (slow), on the simulated clock"
    assert columns.split() == ["step", "total_s", "other_s", "difference_s", "only_in"]
    told = [row.split() for row in rows]
    assert told[0] == ["plan", "0.65", "2.267", "1.617"]
    assert told[2] == ["fix", "0.65", "this"]
    assert told[-1] == ["the", "run", "1.30", "2.267", "0.967"]


def test_a_trace_is_compared_with_what_another_profile_would_take(capsys, saved):
    main(["trace", saved[0], "--on", "slow"])
    *_, other, _, plan, fixing, fix, whole = lines(capsys)
    rows = [plan, fixing, fix, whole]
    assert other.startswith("other: 4.533 s on a what-if on slow, of a run on the embedded mock")
    assert rows[-1].split() == ["the", "run", "1.30", "4.533", "3.233"]


def test_a_trace_is_written_for_perfetto(capsys, saved, tmp_path):
    out = tmp_path / "perfetto.json"
    main(["trace", saved[0], "--perfetto", str(out)])
    assert lines(capsys)[-1] == f"{out}: open it at https://ui.perfetto.dev"
    assert json.loads(out.read_text())["traceEvents"] == Trace.load(saved[0]).chrome_events()


def test_a_trace_is_never_overwritten_by_its_export(capsys, saved, tmp_path):
    kept = [(tmp_path / name).read_bytes() for name in ("fast.json", "slow.json")]
    for arguments in (
        [saved[0], "--perfetto", saved[0]],
        [*saved, "--perfetto", saved[1]],
        [saved[0], "--perfetto", str(tmp_path / "x" / ".." / "fast.json")],
    ):
        with pytest.raises(SystemExit, match="would overwrite the trace itself"):
            main(["trace", *arguments])
    assert capsys.readouterr().out == ""
    assert [(tmp_path / name).read_bytes() for name in ("fast.json", "slow.json")] == kept


def test_a_run_without_steps_says_so(capsys, tmp_path):
    path = Trace((), 0.0, 1.0, "e", "wall").save(tmp_path / "empty.json")
    main(["trace", str(path)])
    assert lines(capsys)[-1] == "It has no steps."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.json"], r"Cannot read nowhere\.json"),
        (["{tmp}"], "Cannot read"),
        (["{notes}"], r"notes\.txt is no trace that is known"),
        (["{trace}", "{notes}"], "is no trace that is known"),
        (["{trace}", "--on", "warp"], "Unknown profile: 'warp'. Allowed: "),
        (["{trace}", "--perfetto", "{tmp}"], "Cannot write"),
    ],
)
def test_what_goes_wrong_is_one_line(saved, tmp_path, arguments, said):
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    names = {"tmp": tmp_path, "notes": notes, "trace": saved[0]}
    with pytest.raises(SystemExit, match=f"^labtools: .*{said}") as caught:
        main(["trace", *(argument.format(**names) for argument in arguments)])
    assert "\n" not in caught.value.code


def test_another_trace_and_a_profile_at_once_are_too_much(capsys, saved):
    with pytest.raises(SystemExit) as caught:
        main(["trace", *saved, "--on", "slow"])
    assert caught.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_a_trace_of_failed_calls_says_so_beside_its_seconds(capsys, tmp_path):
    with connect("sim") as lab:
        path = str(lab.run(lab.call("c", output_tokens=-1)).save(tmp_path / "bad.json"))
    main(["trace", path, "--on", "slow"])
    said = [line for line in lines(capsys) if "; 1 of 1 calls failed: status 400: " in line]
    assert len(said) == 2
