"""Measuring: what ended is kept, and a run that was killed goes on to the same result."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_evaluation import EVERYTHING, SMALL, comparable

from labtools import Budget, connect, progress
from labtools.errors import (
    BudgetExceeded,
    ConfigurationError,
    EndpointUnreachable,
    EndpointUnusable,
)
from labtools.evaluation import axes
from labtools.evaluation.report import summarise
from labtools.evaluation.results_folder import ResultsFolder
from labtools.evaluation.session import evaluate
from labtools.lab.stopwatch import timed_call
from labtools.mock.faults import Fault, FaultPlan
from labtools.model.profile import LatencyProfile, RateLimits
from labtools.records import CallError, CallRecord

# Long enough for any machine; a test that gets here has failed.
HANGS_S = 300


def measure(out, plan=SMALL, profile=EVERYTHING, name="a", **options):
    with connect("sim", profile=profile, **options) as lab:
        return evaluate({name: lab}, out, plan, progress=False)[name]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted evaluation: its folder and what it holds."""
    out = tmp_path_factory.mktemp("whole")
    return out / "a", measure(out)


def test_every_call_of_the_plan_is_made_once(whole):
    _, measured = whole
    planned = [
        (block.name, lane, place)
        for block in axes.plan(SMALL, measured.abilities)
        for lane, calls in enumerate(block.lanes)
        for place, _ in enumerate(calls)
    ]
    warm_up = [one.key for one in measured.on("warm_up")]
    assert sorted(one.key for one in measured.observations) == sorted(planned + warm_up)
    assert {one.attempt for one in measured.observations} == {1}
    assert not [one for one in measured.observations if one.record.error]


def test_what_is_returned_is_what_is_on_disk(whole):
    folder, measured = whole
    assert ResultsFolder(folder).read() == measured


def test_a_call_alone_takes_what_the_formula_says(tmp_path):
    profile = replace(EVERYTHING, jitter_sigma=0, tail_probability=0)
    for one in measure(tmp_path, profile=profile).on("context"):
        assert one.record.input_tokens == one.at["input_tokens"]
        assert one.record.ttft_s == pytest.approx(profile.ttft_s(one.record.input_tokens), abs=1e-9)


def test_round_trips_are_the_profiles(whole):
    _, measured = whole
    assert set(measured.round_trips_s) == {EVERYTHING.rtt_s}


def test_on_simulated_time_the_machine_adds_nothing_and_is_not_measured(whole):
    _, measured = whole
    assert measured.overheads == ()


def test_a_closed_loop_has_as_many_calls_under_way_as_clients(whole):
    _, measured = whole
    calls = [one.record for one in measured.on("concurrency") if one.at["clients"] == 3]
    edges = sorted([(c.sent_at, 1) for c in calls] + [(c.ended_at, -1) for c in calls])
    under_way = peak = 0
    for _, change in edges:
        under_way += change
        peak = max(peak, under_way)
    assert peak == 3


def test_an_open_loop_sends_whatever_has_ended(tmp_path):
    slow = LatencyProfile("slow", decode_tokens_per_s=1, max_batch=1)
    plan = SMALL.but(open_loop_calls=5, request_rate_per_s=10, output_tokens=8)
    calls = [one.record for one in measure(tmp_path, plan, slow).on("open_loop")]
    last_sent_at = max(call.sent_at for call in calls)
    assert last_sent_at < min(call.ended_at for call in calls)


def test_a_log_gets_whole_lines_of_how_far_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY_S", {False: 0.0})
    with connect("sim") as lab:
        measured = evaluate({"a": lab}, tmp_path, SMALL, progress=True)["a"]
    planned = len(measured.observations) - len(measured.on("warm_up"))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in lines] == [str(n + 1) for n in range(planned)]
    assert all(f" of {planned} calls, " in line for line in lines)


def test_simulated_it_says_nothing_in_a_log(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY_S", {False: 0.0})
    with connect("sim") as lab:
        evaluate({"a": lab}, tmp_path, SMALL)
    assert capsys.readouterr().err == ""


# killed and begun again


@given(share=st.floats(0, 1))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cut_off_at_any_byte_nothing_that_ended_is_lost_and_the_rest_is_the_same(
    share, whole, tmp_path
):
    folder, measured = whole
    content = (folder / "records.jsonl").read_bytes()
    kept = content[: round(share * len(content))]
    out = tmp_path / str(len(kept))
    shutil.copytree(folder, out / "a", dirs_exist_ok=True)
    (out / "a" / "records.jsonl").write_bytes(kept)
    resumed = measure(out)
    assert comparable(resumed.observations) == comparable(measured.observations)
    whole_lines = kept[: kept.rfind(b"\n") + 1]
    assert (out / "a" / "records.jsonl").read_bytes().startswith(whole_lines)


def test_what_is_finished_is_not_measured_again(whole, tmp_path):
    folder, measured = whole
    shutil.copytree(folder, tmp_path / "a")
    before = len(measured.made)
    again = measure(tmp_path)
    assert len(again.made) == before
    assert comparable(again.observations) == comparable(measured.observations)


@pytest.mark.slow
def test_killed_by_the_system_it_goes_on(tmp_path):
    arguments = [
        *("--base-url", "mock", "--model", "fast", "--name", "a", "--out", str(tmp_path)),
        *("--size", "quick", "--pause-s", "0", "--structured-calls", "3", "--chain-steps", "3"),
        *("--output-tokens", "8", "--request-rate-per-s", "20"),
    ]
    command = [sys.executable, "-m", "labtools", "evaluate", *arguments]
    records = tmp_path / "a" / "records.jsonl"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + HANGS_S
        while not records.exists() or records.read_bytes().count(b'"call"') <= 15:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    before = records.read_bytes()
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_S)
    assert done.returncode == 0, done.stderr
    whole_lines = before[: before.rfind(b"\n") + 1]
    assert records.read_bytes().startswith(whole_lines)
    measured = ResultsFolder(tmp_path / "a").read()
    planned = {block.name for block in axes.plan(measured.identity.settings, measured.abilities)}
    assert planned <= measured.finished


def test_a_folder_of_another_run_is_refused_and_left_alone(whole, tmp_path):
    folder, _ = whole
    shutil.copytree(folder, tmp_path / "a")
    before = (tmp_path / "a" / "records.jsonl").read_bytes()
    with pytest.raises(ConfigurationError) as refused:
        measure(tmp_path, SMALL.but(seed=1, contexts=(500,)))
    differing = "holds another run: seed: found 0, asked 1; contexts: found 500,1000, asked 500."
    assert differing in str(refused.value)
    with pytest.raises(ConfigurationError, match="model: found 'everything', asked 'fast'"):
        measure(tmp_path, profile="fast")
    assert (tmp_path / "a" / "records.jsonl").read_bytes() == before


def test_a_folder_in_which_nothing_was_measured_is_taken_over(whole, tmp_path, monkeypatch):
    with connect("sim", profile="fast") as lab:
        monkeypatch.setattr(lab, "model_for", lambda step: "no-such-model")
        with pytest.raises(EndpointUnusable):
            evaluate({"a": lab}, tmp_path, SMALL.but(seed=1), progress=False)
    assert ResultsFolder(tmp_path / "a").read().made
    measured = measure(tmp_path)
    assert measured.identity.model == "everything"
    assert comparable(measured.observations) == comparable(whole[1].observations)
    assert not [one for one in measured.made if one.error]


def test_a_folder_that_another_run_is_writing_is_refused_and_left_alone(whole, tmp_path):
    folder, measured = whole
    shutil.copytree(folder, tmp_path / "a")
    before = (tmp_path / "a" / "records.jsonl").read_bytes()
    with ResultsFolder(tmp_path / "a").writing(measured.identity):
        with pytest.raises(ConfigurationError, match="a is being written by another run"):
            measure(tmp_path)
        assert (tmp_path / "a" / "records.jsonl").read_bytes() == before
    assert measure(tmp_path).made == measured.made


HOLDER = """
import sys, time
from labtools.evaluation.results_folder import ResultsFolder
folder = ResultsFolder(sys.argv[1])
with folder.writing(folder.identity()):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_run_that_was_killed_holds_no_folder(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "a")
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "a")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(ConfigurationError, match="another run"):
                measure(tmp_path)
        finally:
            holder.kill()
    measure(tmp_path)


def test_a_line_that_is_not_json_is_named(whole, tmp_path):
    folder, _ = whole
    shutil.copytree(folder, tmp_path / "a")
    lines = (tmp_path / "a" / "records.jsonl").read_text().splitlines()
    lines[7] = lines[7][:20]
    (tmp_path / "a" / "records.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(ConfigurationError, match="line 8"):
        ResultsFolder(tmp_path / "a").read()


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "5",
        "null",
        '"text"',
        "{}",
        '{"kind":"call"}',
        '{"kind":"call","record":{}}',
        '{"kind":"call","record":5}',
        '{"kind":"finished"}',
        '{"kind":"overhead","block":"a","lateness_s":5}',
        '{"kind":"abilities"}',
        '{"kind":"abilities","notes":5}',
        '{"kind":"round_trip","seconds":"soon"}',
        '{"kind":"somebody else\'s"}',
        '{"kind":[]}',
    ],
)
def test_a_line_that_is_json_and_no_line_of_an_evaluation_is_named(line, whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "a")
    lines = (tmp_path / "a" / "records.jsonl").read_text().splitlines()
    lines[7] = line
    (tmp_path / "a" / "records.jsonl").write_text("\n".join(lines) + "\n")
    folder = ResultsFolder(tmp_path / "a")
    with pytest.raises(ConfigurationError, match=r"records\.jsonl, line 8: .* delete that line"):
        folder.read()


def with_a_call_of(field, value, folder):
    """The folder, one call's field changed, and that call's line."""
    path = folder / "records.jsonl"
    lines = path.read_text().splitlines()
    number = next(n for n, line in enumerate(lines) if '"kind":"call"' in line)
    lines[number] = json.dumps({**json.loads(lines[number]), field: value})
    path.write_text("\n".join(lines) + "\n")
    return ResultsFolder(folder), number + 1


# What a field of a call may hold as well as what it held.
HELD = {"block": "text", "at": {}}


@pytest.mark.parametrize("field", ["axis", "block", "lane", "at", "attempt", "record"])
@pytest.mark.parametrize("value", [None, "text", [], {}], ids=repr)
def test_a_call_that_holds_something_else_is_named_or_read(field, value, whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "a")
    folder, number = with_a_call_of(field, value, tmp_path / "a")
    if HELD.get(field, ...) == value:
        assert len(folder.read().made) == len(whole[1].made)
    else:
        with pytest.raises(ConfigurationError, match=rf"records\.jsonl, line {number}: "):
            folder.read()


# several endpoints


def test_endpoints_are_measured_in_turn_and_agree_with_being_measured_alone(whole, tmp_path):
    _, alone = whole
    with connect("sim", profile=EVERYTHING) as one, connect("sim", profile="fast") as other:
        both = evaluate({"a": one, "b": other}, tmp_path, SMALL, progress=False)
    assert comparable(both["a"].observations) == comparable(alone.observations)
    names = defaultdict(list)
    for name in ("a", "b"):
        for line in (tmp_path / name / "records.jsonl").read_text().splitlines():
            if (values := json.loads(line))["kind"] == "finished":
                names[name].append(values["block"])
    began = [block for block in names["a"] if not block.startswith("warm_up")]
    assert began == [block for block in names["b"] if not block.startswith("warm_up")]
    assert began != sorted(began)


# what goes wrong


def test_the_budget_stops_it_and_what_was_paid_for_is_kept(tmp_path):
    with pytest.raises(BudgetExceeded):
        measure(tmp_path, budget=Budget(requests=45, tokens=10**9))
    kept = ResultsFolder(tmp_path / "a").read()
    assert len(kept.made) == 45
    resumed = measure(tmp_path)
    assert not [one for one in resumed.observations if one.record.error]


def test_failures_are_observations(tmp_path):
    script = {25: Fault("500"), 30: Fault("cut"), 40: Fault("429", seconds=2)}
    measured = measure(tmp_path, faults=FaultPlan(script))
    errors = [one.record.error for one in measured.observations if one.record.error]
    assert sorted((error.kind, error.status or 0) for error in errors) == [
        ("cut_off", 0),
        ("status", 429),
        ("status", 500),
    ]


def test_an_endpoint_that_does_not_know_the_model_is_unusable(tmp_path, monkeypatch):
    with connect("sim", profile="fast") as lab:
        monkeypatch.setattr(lab, "model_for", lambda step: "no-such-model")
        with pytest.raises(EndpointUnusable, match="does not exist") as unusable:
            evaluate({"a": lab}, tmp_path, SMALL, progress=False)
    assert ".." not in str(unusable.value)


def test_an_endpoint_that_goes_away_stops_the_run_and_what_it_said_before_counts(
    tmp_path, monkeypatch
):
    def gone(client, **request):
        calls.append(request)
        if len(calls) > 45:
            return refused(CallError("connection", "refused"))
        return timed_call(client, **request)

    async def refused(error):
        return CallRecord("everything", 0.0, 0.0, error=error)

    calls = []
    monkeypatch.setattr("labtools.evaluation.session.timed_call", gone)
    with pytest.raises(EndpointUnreachable, match="goes on from there"):
        measure(tmp_path)
    assert len(calls) < 70
    monkeypatch.undo()
    resumed = measure(tmp_path)
    assert not [one for one in resumed.observations if one.record.error]


@pytest.mark.parametrize(
    "error",
    [
        CallError("protocol", "the request exceeds the available context size"),
        CallError("protocol", "slot died", 503),
        CallError("protocol", "not a stream of server-sent events: '<html>'"),
        CallError("status", "overloaded", 500),
    ],
    ids=str,
)
def test_an_endpoint_that_answers_with_errors_alone_has_not_gone(tmp_path, monkeypatch, error):
    async def failing(client, **request):
        calls.append(request)
        if len(calls) > 3:  # what it can do is known
            return CallRecord("everything", 0.0, 0.0, error=error)
        return await timed_call(client, **request)

    calls = []
    monkeypatch.setattr("labtools.evaluation.session.timed_call", failing)
    report = summarise(measure(tmp_path))
    assert not report.completeness.unfinished
    assert {row.failed for row in report.closed_loop} == {2, 6}
    assert {row.goodput_share for row in report.closed_loop} == {0.0}


def test_a_block_without_an_answer_counts_as_failed_when_the_endpoint_answers_again(
    tmp_path, monkeypatch
):
    async def once_silent(client, **request):
        calls.append(request)
        if 40 <= len(calls) < 43:
            return CallRecord("everything", 0.0, 0.0, error=CallError("connection", "refused"))
        return await timed_call(client, **request)

    calls = []
    monkeypatch.setattr("labtools.evaluation.session.timed_call", once_silent)
    failed = [one for one in measure(tmp_path).observations if one.record.error]
    assert len(failed) == 3


def test_rate_limits_are_met_waited_for_and_recorded(tmp_path):
    limited = replace(EVERYTHING, name="limited", rate_limits=RateLimits(requests_per_minute=20))
    measured = measure(tmp_path, profile=limited)
    refused = [one for one in measured.observations if one.record.error]
    assert {one.record.error.status for one in refused} == {429}
    assert len(refused) < len(measured.observations) / 2
