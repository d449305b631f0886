"""A long trace is read, explained and moved while one waits."""

from agent_logs import lines, stamp

from labtools.clock import cpu_time_s
from labtools.model.named_profiles import FAST
from labtools.own_agent.levers import Levers
from labtools.own_agent.readers import read_trace
from labtools.own_agent.report import report
from labtools.read_back import to_json


def turn(n):
    events = [("tool_result", 0, n - 1), ("tool_call", 2 + n % 7 / 10, n), ("tool_result", 3, n)]
    return {
        "session_id": f"s{n // 10}",
        "round_index": n,
        "model": "opus",
        "input_tokens_total": 1000 + 17 * (n % 10),
        "prefix_tokens": 900,
        "output_tokens": 40 + n % 7,
        "timing_events": [
            {"event_type": kind, "timestamp": stamp(at), "tool_call_id": f"{id}"}
            for kind, at, id in events
        ],
    }


def test_ten_thousand_calls_in_ten_seconds(tmp_path):
    log = tmp_path / "rounds.jsonl"
    log.write_text(lines(*map(turn, range(10_000))))
    began_s = cpu_time_s()
    said = report(read_trace(log), "rounds.jsonl", Levers(on=FAST))
    to_json(said)
    assert said.calls == 10_000
    assert said.asked is not None
    assert cpu_time_s() - began_s < 10
