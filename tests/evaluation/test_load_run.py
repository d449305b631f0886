"""The load probe on Locust: real processes, a real mock, and whatever may end them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from labtools.evaluation.load_test import LoadPlan, run_locust
from labtools.evaluation.load_test.command import read_load
from labtools.files import read_lines
from labtools.mock.server import ServerProcess
from labtools.model.profile import LatencyProfile

psutil = pytest.importorskip("psutil", reason="Locust, which brings it, is not installed")
pytestmark = pytest.mark.slow

PROFILE = LatencyProfile("p", decode_tokens_per_s=200, rtt_s=0.05, overhead_s=0.1)
TTFT_S = PROFILE.ttft_s(1_000)
KEY = "sk-test-0123456789abcdef"
# Long enough for any machine; a test that gets here has failed.
HANGS_S = 120


@pytest.fixture(scope="module")
def url():
    server = ServerProcess({"p": PROFILE})
    yield server.base_url
    server.stop()


def plan(url, **changes):
    usual = {"model": "p", "output_tokens": 20, "timeout_s": 60.0, "run_time_s": 120}
    return LoadPlan(url, **{**usual, **changes})


def calls_in(folder):
    lines = [one for path in folder.glob("load-*.jsonl") for _, one in read_lines(path)]
    return sum(one["kind"] == "call" for one in lines)


def test_two_workers_share_one_load_and_its_budget(url, tmp_path):
    seen = set()

    def look():
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # It may have ended just now.
                seen.add(" ".join(child.cmdline()))

    notes = run_locust(plan(url, users=6, workers=2, max_requests=41), tmp_path, "1", KEY, look)
    assert notes == []
    found = read_load(tmp_path, "1", users=6)
    calls = found.measured.observations
    # The budget ended it, long before its time, at exactly as many calls as it allowed.
    assert (len(calls), found.processes, found.load.wall_s < 100) == (41, 2, True)
    by_worker = {block: sum(one.block == block for one in calls) for block in ("load/0", "load/1")}
    assert by_worker == {"load/0": 21, "load/1": 20}
    # Records are whole, every call of the plan is there once, and no prompt was sent twice.
    assert len({one.key for one in calls}) == 41
    for one in calls:
        assert one.record.error is None
        assert (one.record.output_tokens, len(one.record.chunks_at) > 0) == (20, True)
        assert one.record.cached_tokens in (None, 0)
    # The mock never sends before its time; a busy machine only ever adds, least to the quickest.
    quickest_s = min(one.record.ttft_s for one in calls)
    assert TTFT_S - 0.002 <= quickest_s < 2 * TTFT_S
    # The key was nowhere to be seen.
    assert any("--worker" in line for line in seen)
    assert KEY not in "".join(seen)
    assert all(KEY not in path.read_text() for path in tmp_path.iterdir())


def test_an_open_loop_sends_whether_or_not_others_have_ended(url, tmp_path):
    slow = plan(url, users=2, request_rate_per_s=20, run_time_s=3)
    assert run_locust(slow, tmp_path, "1", "none") == []
    calls = read_load(tmp_path, "1", users=2).measured.observations
    assert all(one.record.error is None for one in calls)
    # Two clients of a closed loop would never have more than two under way.
    under_way = max(
        sum(a.record.sent_at <= one.record.sent_at < a.record.ended_at for a in calls)
        for one in calls
    )
    assert under_way > 2
    assert all(one.at["late_s"] >= 0 for one in calls)


def test_failures_are_records_and_do_not_come_at_full_speed(url, tmp_path):
    assert run_locust(plan(url, model="x", users=2, run_time_s=3), tmp_path, "a", "none") == []
    refused = plan("http://127.0.0.1:9/v1", users=2, run_time_s=3)
    assert run_locust(refused, tmp_path, "b", "none") == []
    for run, kind in (("a", "status"), ("b", "connection")):
        found = read_load(tmp_path, run)
        assert {one.record.error.kind for one in found.measured.observations} == {kind}
        assert found.load.failed == found.load.calls <= 8


CALLER = """
import sys
from pathlib import Path
from labtools.evaluation.load_test import LoadPlan, run_locust
plan = LoadPlan(sys.argv[1], "p", users=4, workers=2, run_time_s=600)
print(run_locust(plan, Path(sys.argv[2]), "1", "none"))
"""


@pytest.mark.parametrize("killed", ["the caller", "the caller, by Ctrl-C", "the master"])
def test_whoever_is_killed_no_worker_stays_and_no_record_is_lost(url, tmp_path, killed):
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, url, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
    )
    try:
        deadline = time.monotonic() + HANGS_S
        while calls_in(tmp_path) < 8:
            assert caller.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        children = psutil.Process(caller.pid).children(recursive=True)
        assert len(children) == 3
        (master,) = (one for one in children if "--master" in one.cmdline())
        if killed == "the master":
            master.kill()
        else:
            caller.send_signal(signal.SIGINT if "Ctrl-C" in killed else signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=HANGS_S)
        assert alive == []
        said, _ = caller.communicate(timeout=HANGS_S)
    finally:
        caller.kill()
    assert ("The master ended early (signal 9)" in said) == (killed == "the master")
    files = list(tmp_path.glob("load-*.jsonl"))
    assert len(files) == 2
    assert all(path.read_bytes().endswith(b"\n") for path in files), "a torn line"
    found = read_load(tmp_path, "1", users=4)
    assert found.load.calls == calls_in(tmp_path) >= 8
