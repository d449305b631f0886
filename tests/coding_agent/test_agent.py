"""The loop and its limits, and a model that does what it should not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labtools import Budget, CallRecord, Lab, LatencyProfile, Trace, connect
from labtools.coding_agent import CodingAgent, Limits, Outcome, Switches, load_scenario, play
from labtools.coding_agent.asking import Script
from labtools.coding_agent.workspace import Workspace
from labtools.errors import ConfigurationError
from labtools.mock.faults import Fault, FaultPlan
from labtools.model.named_profiles import FAST
from labtools.model.profile import Prices

pytestmark = pytest.mark.usefixtures("remembered_test_runs")

Played = Callable[[str], Trace]
Says = Callable[..., Script]
Call = Callable[..., dict[str, Any]]

SOURCE = "listing/pages.py"
BAD_CALLS: dict[str, tuple[str, dict[str, Any], str]] = {
    "absolute path": ("read_source", {"path": "/etc/passwd"}, "relative"),
    "dots": ("read_source", {"path": "../../etc/passwd"}, '".."'),
    "link out": ("read_test", {"path": "out/etc/passwd"}, "links out"),
    "edit outside": ("apply_patch", {"path": "/tmp/x", "old": "a", "new": "b"}, "relative"),
    "edit a test": (
        "apply_patch",
        {"path": "tests/test_pages.py", "old": '"g"', "new": '""'},
        "is a test",
    ),
    "patch that does not apply": (
        "apply_patch",
        {"path": SOURCE, "old": "absent", "new": "b"},
        "occurs 0 times",
    ),
    "location that is not there": (
        "locate_file",
        {"source": "src/pages.py", "test": "tests/test_pages.py"},
        "no file",
    ),
}


def agent(lab: Lab, workspace: Workspace, script: Script | None, **settings: Any) -> Outcome:
    """Run the agent; only the trace's `lab.last_trace` and the outcome matter."""
    scripted = CodingAgent(lab, workspace, "a failing test", script=script, test_s=3.0, **settings)
    outcome = lab.run(scripted.run()).result
    assert isinstance(outcome, Outcome)
    return outcome


def errors(lab: Lab) -> list[tuple[str, str]]:
    assert lab.last_trace is not None
    return [(span.name, span.error) for span in lab.last_trace.spans if span.error]


@pytest.mark.parametrize("case", BAD_CALLS)
def test_a_bad_call_goes_back_to_the_model_and_is_in_the_trace(
    lab: Lab, workspace: Workspace, says: Says, call: Call, case: str
) -> None:
    (workspace.root / "out").symlink_to("/")
    step, arguments, reason = BAD_CALLS[case]
    tool = {"apply_patch": "edit", "locate_file": "locate"}.get(step, "read")
    outcome = agent(lab, workspace, says({step: [call(tool, arguments), "as scripted"]}))
    assert outcome.accepted
    assert outcome.tests_passed
    ((where, error),) = errors(lab)
    assert where == tool
    assert reason in error
    assert outcome.calls == 9  # one more than the table has


@pytest.mark.parametrize(
    ("said", "where", "reason"),
    [
        ({"tool_calls": [{"name": "rm_rf", "arguments": {}}]}, "rm_rf", "no tool 'rm_rf'"),
        ({"tool_calls": [{"name": "read", "arguments": '{"path": '}]}, "read", "JSON"),
        ({"tool_calls": [{"name": "search", "arguments": {}}]}, "search", "needs read"),
        ({"tool_calls": [{"name": "read", "arguments": {"path": SOURCE}}] * 2}, "read", "found 2"),
        ({"content": "It is in listing/pages.py, I think."}, "read", "found 0"),
    ],
)
def test_a_call_that_is_not_one_goes_back_as_the_tools_result(
    lab: Lab, workspace: Workspace, says: Says, said: dict[str, Any], where: str, reason: str
) -> None:
    outcome = agent(lab, workspace, says({"read_source": [said, "as scripted"]}))
    assert outcome.accepted
    ((name, error),) = errors(lab)
    assert name == where
    assert reason in error


@pytest.mark.parametrize(
    "content", ["no code", "```python\n```\n```python\n```", "```python\nabc", ""]
)
def test_a_fix_without_a_file_goes_back(
    lab: Lab, workspace: Workspace, says: Says, content: str
) -> None:
    outcome = agent(lab, workspace, says({"generate_fix": [{"content": content}, "as scripted"]}))
    assert outcome.accepted
    ((name, error),) = errors(lab)
    assert name == "propose"
    assert "blocks of code" in error


def test_a_fix_that_changes_nothing_goes_back(lab: Lab, workspace: Workspace, says: Says) -> None:
    same = f"```python\n{workspace.read(SOURCE)}```"
    outcome = agent(lab, workspace, says({"generate_fix": [{"content": same}, "as scripted"]}))
    assert outcome.accepted
    assert errors(lab)[0][0] == "propose"


@pytest.mark.parametrize("step", ["parse_error", "plan", "generate_fix", "apply_patch", "verify"])
def test_a_step_without_a_usable_answer_is_given_up(
    lab: Lab, workspace: Workspace, says: Says, step: str
) -> None:
    before = workspace.texts()
    outcome = agent(lab, workspace, says({step: {"content": " "}}))
    assert outcome.stopped == "stuck"
    assert outcome.reason.startswith(f"{step}: 3 answers, none usable.")
    assert not outcome.diff
    assert len(errors(lab)) == 3
    assert workspace.texts() == before
    assert len([call for call in lab.last_trace.calls if call.model]) == outcome.calls


def test_an_endless_loop_ends_at_the_iterations(
    lab: Lab, workspace: Workspace, says: Says, call: Call
) -> None:
    before = workspace.texts()
    never = call("verdict", {"accepted": False, "reason": "I would rather go on."})
    outcome = agent(lab, workspace, says({"verify": never}), limits=Limits(iterations=2))
    assert (outcome.stopped, outcome.iterations) == ("iterations", 2)
    assert outcome.tests_passed  # and yet it was not accepted, so it is taken back
    assert workspace.texts() == before
    names = [span.name for span in lab.last_trace.spans if span.call]
    assert names.count("plan") == names.count("verify") == 2
    assert names.count("read_source") == 1


def test_it_goes_back_to_locate_when_the_verdict_says_so(played: Played) -> None:
    names = [span.name for span in played("wrong_location").spans if span.call]
    assert names.count("parse_error") == 1
    assert names.count("locate_file") == names.count("read_source") == names.count("plan") == 2


def test_a_verdict_does_not_outvote_the_tests(
    lab: Lab, workspace: Workspace, says: Says, call: Call
) -> None:
    """The second scenario's first fix fails the test; here the verifier accepts it all the same."""
    yes = call("verdict", {"accepted": True, "reason": "Looks good to me."})
    with load_scenario("second_iteration").workspace() as other:
        script = says({"verify": yes}, "second_iteration")
        outcome = agent(lab, other, script, limits=Limits(iterations=1))
    assert (outcome.stopped, outcome.tests_passed) == ("iterations", False)


def test_the_second_plan_is_told_what_was_tried(lab: Lab, played: Played) -> None:
    seen: list[Any] = []
    send = lab.call

    async def call(step: str = "call", **request: Any) -> CallRecord:
        seen.append((step, request["messages"][-1]["content"]))
        return await send(step, **request)

    lab.call = call  # type: ignore[method-assign]
    play(lab, "second_iteration")
    first, second = [text for step, text in seen if step == "plan"]
    assert "# What was tried" not in first
    for told in (
        "+    return start.replace(year=year, month=month, day=min(",
        "leap years",
        "failed",
    ):
        assert told in second


def test_the_time_limit_stops_it_where_it_is(lab: Lab, workspace: Workspace, says: Says) -> None:
    outcome = agent(lab, workspace, says({}), limits=Limits(time_s=2.0))
    assert outcome.stopped == "time"
    assert lab.last_trace.duration_s == 2.0
    assert [name for name, _ in errors(lab)] == ["plan"]


def test_a_test_run_under_way_is_stopped_with_it(
    lab: Lab, workspace: Workspace, says: Says
) -> None:
    before = workspace.texts()
    outcome = agent(lab, workspace, says({}), limits=Limits(time_s=6.0))
    assert (outcome.stopped, lab.last_trace.duration_s) == ("time", 6.0)
    assert [name for name, _ in errors(lab)] == ["run_tests"]
    assert workspace.texts() == before


def test_the_token_limit_lets_no_further_call_begin(
    lab: Lab, workspace: Workspace, says: Says
) -> None:
    outcome = agent(lab, workspace, says({}), limits=Limits(tokens=3_000))
    assert (outcome.stopped, outcome.calls) == ("tokens", 3)
    assert (outcome.input_tokens, outcome.output_tokens) == (3_000, 130)


def test_the_dollar_limit(lab: Lab, workspace: Workspace, says: Says) -> None:
    prices = {"fast": Prices(1.0, 0.1, 10.0)}
    outcome = agent(lab, workspace, says({}), limits=Limits(usd=0.0035), prices=prices)
    assert (outcome.stopped, outcome.calls) == ("usd", 3)
    assert outcome.cost_usd == pytest.approx((1000 * 1 + 60 * 10 + 1000 + 400 + 1000 + 300) / 1e6)
    with pytest.raises(ConfigurationError, match="prices"):
        CodingAgent(lab, workspace, "", limits=Limits(usd=1.0))


def test_the_labs_own_budget(workspace: Workspace, says: Says) -> None:
    with connect("sim", budget=Budget(requests=4)) as lab:
        outcome = agent(lab, workspace, says({}))
    assert (outcome.stopped, outcome.calls) == ("budget", 4)


@pytest.mark.parametrize("field", ["iterations", "attempts", "output_tokens"])
def test_limits_are_checked(field: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{field} is 0"):
        Limits(**{field: 0})


def test_a_failed_call_is_asked_again(workspace: Workspace, says: Says) -> None:
    with connect("sim", faults=FaultPlan(script={2: Fault("503")})) as lab:
        outcome = agent(lab, workspace, says({}))
        assert outcome.accepted
        ((name, error),) = errors(lab)
    assert name == "locate_file"
    assert "503" in error


def test_a_refused_call_waits_as_long_as_it_is_told(workspace: Workspace, says: Says) -> None:
    with connect("sim", faults=FaultPlan(script={2: Fault("429", seconds=2.0)})) as lab:
        assert agent(lab, workspace, says({})).accepted
        assert lab.last_trace.duration_s == 8.9 + 2.0


def test_a_wrong_guess_is_thrown_away(lab: Lab, workspace: Workspace, says: Says) -> None:
    """The patch is not what was proposed: the early result, a failure, must not count."""
    wrong = f"```python\n{workspace.read(SOURCE)}\n# nothing mended\n```"
    script = says({"generate_fix": {"content": wrong, "output_tokens": 400}})
    outcome = agent(lab, workspace, script, switches=Switches(speculative_tests=True))
    assert outcome.accepted
    assert "nothing mended" not in outcome.diff
    runs = [span for span in lab.last_trace.spans if span.name == "run_tests"]
    assert [bool(run.error) for run in runs] == [True, False]
    assert [run.duration_s for run in runs] == [0.45, 3.0]
    assert lab.last_trace.duration_s == 8.9  # the guess cost nothing but the work


def test_a_speculative_run_is_stopped_when_the_patch_fails(
    lab: Lab, workspace: Workspace, says: Says
) -> None:
    script = says({"apply_patch": {"content": "no"}})
    outcome = agent(lab, workspace, script, switches=Switches(speculative_tests=True))
    assert outcome.stopped == "stuck"
    assert [name for name, error in errors(lab) if error.startswith("Cancelled")] == ["run_tests"]


@pytest.mark.parametrize("seed", range(8))
def test_a_model_that_talks_nonsense_never_breaks_it(workspace: Workspace, seed: int) -> None:
    """Without a script the mock makes calls that fit the schemas and mean nothing."""
    before = workspace.texts()
    with connect("sim", seed=seed) as lab:
        outcome = agent(lab, workspace, None, limits=Limits(output_tokens=200))
    assert outcome.stopped == "stuck"
    assert workspace.texts() == before


def test_parallel_reads_fail_together(lab: Lab, workspace: Workspace, says: Says) -> None:
    script = says({"read_test": {"content": "no"}})
    outcome = agent(lab, workspace, script, switches=Switches(parallel_reads=True))
    assert outcome.stopped == "stuck"
    assert outcome.reason.startswith("read_test")


def test_outcome_counts_what_the_records_say(played: Played) -> None:
    trace = played("second_iteration")
    assert trace.result.calls == len(trace.calls) == 12
    assert trace.result.input_tokens == sum(call.input_tokens or 0 for call in trace.calls)
    assert trace.result.cost_usd is None


def test_the_cost_is_the_models_prices_times_the_tokens() -> None:
    prices = {"fast": Prices(1.0, 0.25, 4.0)}
    with connect("sim") as lab:
        outcome = play(lab, "one_shot", prices=prices).result
    assert outcome.cost_usd == pytest.approx((10_000 * 1.0 + 920 * 4.0) / 1e6)


def test_jitter_changes_times_and_nothing_else(played: Played) -> None:
    profile: LatencyProfile = FAST.but(jitter_sigma=0.5)
    with connect("sim", profile=profile, seed=3) as lab:
        trace = play(lab, "one_shot")
    assert trace.duration_s != 8.9
    assert trace.result == played("one_shot").result


@pytest.mark.slow
def test_a_url_gets_no_script(says: Says) -> None:
    """The mock behind a URL stands in for a real endpoint: nobody tells it what to say."""
    with connect("mock") as server:
        base_url = str(server.client.base_url)
        with connect(base_url, model="fast") as lab:
            trace = play(lab, "one_shot", limits=Limits(output_tokens=60))
    assert trace.result.stopped == "stuck"
    assert trace.result.solved is False
    assert all(call.output_tokens and call.output_tokens <= 60 for call in trace.calls)
