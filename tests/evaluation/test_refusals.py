"""A refusal is no verdict: it is waited for and asked again, or what was asked is "not known"."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from email.utils import formatdate

import pytest
from made_up import a_failure, a_record, measured
from small_evaluation import EVERYTHING, SMALL

from labtools import connect
from labtools.errors import EndpointUnusable, LabtoolsError
from labtools.evaluation.abilities import MOST_CALLS, find_abilities, is_passing
from labtools.evaluation.axes import everything
from labtools.evaluation.plan import Call, Label, estimate
from labtools.evaluation.report import summarise
from labtools.evaluation.results_folder import ResultsFolder
from labtools.evaluation.session import evaluate
from labtools.lab.stopwatch import retry_after_s, timed_call
from labtools.mock.faults import Fault, FaultPlan
from labtools.records import CallError, ToolCall

PASSING = {
    "429 that says how long": a_failure(retry_after_s=7.0).error,
    "429": a_failure().error,
    "503": a_failure(status=503, message="overloaded").error,
    "timeout": CallError("timeout", "no byte in time"),
    "cut off": CallError("cut_off", "the peer closed the connection"),
}
TOOL = ToolCall("1", "read_file", '{"path":"a","first_line":1,"last_line":2}')


def good_answer(call):
    if call.label == Label.TOOL_CALL:
        return a_record(output_tokens=5, tool_calls=(TOOL,))
    if call.label == Label.JSON_SCHEMA:
        schema = call.request["response_format"]["json_schema"]["schema"]
        content = json.dumps(dict.fromkeys(schema["required"], 1))
        return a_record(output_tokens=5, content=content)
    return a_record(output_tokens=16)


class Endpoint:
    """Answers each question, except where `refuse` has an error for its label and number."""

    def __init__(self, refuse):
        self.refuse = refuse
        self.asked = []

    async def __call__(self, call: Call):
        number = sum(label == call.label for label, _ in self.asked)
        now = asyncio.get_running_loop().time()
        self.asked.append((call.label, now))
        error = self.refuse(call, number)
        return a_record(error=error) if error else good_answer(call)


@pytest.mark.parametrize("name", PASSING)
@pytest.mark.parametrize("label", [Label.PLAIN, Label.TOOL_CALL, Label.JSON_SCHEMA])
@pytest.mark.parametrize("times", [1, 3])
def test_what_is_refused_for_now_is_asked_again(sim, name, label, times):
    endpoint = Endpoint(
        lambda call, number: PASSING[name] if call.label == label and number < times else None
    )
    found = sim.run(find_abilities(endpoint))
    assert found.tools
    assert found.json_schema
    assert found.not_known == ()
    waits = [at for asked, at in endpoint.asked if asked == label]
    if wait_s := PASSING[name].retry_after_s:
        assert waits == [n * wait_s for n in range(times + 1)]
    assert waits == sorted(set(waits)), "a refusal is not asked again at once"


@pytest.mark.parametrize("name", PASSING)
@pytest.mark.parametrize("label", [Label.TOOL_CALL, Label.JSON_SCHEMA])
def test_what_stays_refused_is_not_known(sim, name, label):
    endpoint = Endpoint(lambda call, number: PASSING[name] if call.label == label else None)
    found = sim.run(find_abilities(endpoint))
    field = "tools" if label == Label.TOOL_CALL else "json_schema"
    assert found.not_known == (field,)
    report = summarise(measured(abilities=found))
    assert report.lacks == ()
    [said] = [one.text for one in report.verdict if one.rule == "not_known"]
    assert "refused to be asked" in said


@pytest.mark.parametrize("name", PASSING)
def test_refused_from_the_first_call_on_it_is_not_the_keys_fault(sim, name):
    with pytest.raises(EndpointUnusable) as unusable:
        sim.run(find_abilities(Endpoint(lambda call, number: PASSING[name])))
    assert PASSING[name].message in str(unusable.value)
    assert "Check the model's name and the key" not in str(unusable.value)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refusal_of_the_question_is_a_verdict(sim, status):
    error = a_failure(status=status, message="tools are not supported").error
    endpoint = Endpoint(lambda call, number: error if call.label == Label.TOOL_CALL else None)
    found = sim.run(find_abilities(endpoint))
    assert not found.tools
    assert found.not_known == ()
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize(
    "refuse",
    [
        lambda call, number: PASSING["429"],
        lambda call, number: PASSING["503"] if number % 3 else None,
        lambda call, number: PASSING["timeout"] if number % 4 < 3 else a_failure(status=400).error,
        lambda call, number: a_failure(status=400).error,
    ],
)
def test_no_endpoint_gets_more_calls_than_are_announced(sim, refuse):
    endpoint = Endpoint(refuse)
    with suppress(EndpointUnusable):
        sim.run(find_abilities(endpoint))
    assert len(endpoint.asked) <= MOST_CALLS


def test_a_run_sends_no_more_than_it_announces(tmp_path):
    with connect("sim", profile=EVERYTHING) as lab:
        evaluate({"a": lab}, tmp_path, SMALL, progress=False)
        assert lab.meter.requests <= estimate(everything(SMALL)).requests


# Which limit is obeyed.


def limited(obeyed, least=0):
    """An endpoint that obeys one name of the limit, and refuses less room than it needs."""

    def answer(call):
        limit = call.request.get(obeyed)
        return a_record(output_tokens=min(400, limit or 400))

    class Limited(Endpoint):
        async def __call__(self, call):
            record = await super().__call__(call)
            return record if record.error or call.label != Label.PLAIN else answer(call)

    words = "Could not finish the message because max_tokens was reached"

    def refuse(call, number):
        limit = next(call.request[n] for n in call.request if n.startswith("max_"))
        return a_failure(status=400, message=words).error if limit < least else None

    return Limited(refuse)


@pytest.mark.parametrize(
    ("obeyed", "limit"),
    [("max_completion_tokens",) * 2, ("max_tokens",) * 2, ("neither", "max_completion_tokens")],
)
def test_the_limit_that_is_obeyed_is_taken_and_not_the_first_that_is_accepted(sim, obeyed, limit):
    found = sim.run(find_abilities(limited(obeyed)))
    assert found.limit == limit
    assert found.obeys_limit == (obeyed != "neither")


@pytest.mark.parametrize(("least", "room"), [(0, 1), (100, 256), (256, 256), (2_000, 2_048)])
def test_a_model_that_needs_room_gets_it(sim, least, room):
    found = sim.run(find_abilities(limited("max_completion_tokens", least)))
    assert found.least_limit == room
    call = Call(Label.COLD, {"messages": [], "max_completion_tokens": 16})
    assert found.request(call)["max_completion_tokens"] == max(16, room)


def test_the_first_refusal_is_shown_in_the_endpoints_words(sim):
    messages = iter(f"refusal number {n}" for n in range(100))
    endpoint = Endpoint(lambda call, number: a_failure(status=400, message=next(messages)).error)
    with pytest.raises(EndpointUnusable, match="refusal number 0"):
        sim.run(find_abilities(endpoint))


# Retry-After.


@pytest.mark.parametrize(
    "form",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "7",
        " 7.0 ",
    ],
)
def test_retry_after_is_read_in_all_its_forms(form, monkeypatch):
    monkeypatch.setattr("labtools.lab.stopwatch.unix_time_s", lambda: 784_111_770.0)
    assert retry_after_s(form) == 7.0


@pytest.mark.parametrize("text", [None, "", "soon", "-5", "nan", "inf", "1e999", "Sun, 99 Nov"])
def test_what_is_no_length_of_time_is_none(text):
    assert retry_after_s(text) is None


def test_a_date_that_has_passed_asks_for_no_wait():
    assert retry_after_s(formatdate(0, usegmt=True)) == 0.0


@pytest.mark.parametrize("refused", [[30], [36, 37], [30, 45, 60]])
def test_no_lane_sends_before_the_endpoint_said(tmp_path, refused):
    faults = FaultPlan({number: Fault("429", seconds=7) for number in refused})
    with connect("sim", profile=EVERYTHING, faults=faults) as lab:
        made = evaluate({"a": lab}, tmp_path, SMALL, progress=False)["a"].made
    told = [record for record in made if record.error]
    assert len(told) == len(refused)
    for refusal in told:
        until = refusal.ended_at + refusal.error.retry_after_s
        early = [one for one in made if refusal.ended_at + 1e-6 < one.sent_at < until - 1e-6]
        assert early == []


# A run that goes on.


def test_what_could_not_be_asked_is_asked_again_by_the_next_run(tmp_path):
    faults = FaultPlan({number: Fault("429", seconds=1) for number in (2, 3, 4, 5)})
    with connect("sim", profile=EVERYTHING, faults=faults) as lab:
        first = evaluate({"a": lab}, tmp_path, SMALL, progress=False)["a"]
    assert first.abilities.not_known == ("tools",)
    with connect("sim", profile=EVERYTHING) as lab:
        second = evaluate({"a": lab}, tmp_path, SMALL, progress=False)["a"]
    assert second.abilities.tools
    assert second.abilities.not_known == ()
    assert summarise(second).completeness.complete


@pytest.mark.parametrize("fault", [Fault("429", seconds=1), Fault("503"), Fault("500")])
def test_a_lone_call_that_was_refused_is_made_by_the_next_run(tmp_path, fault):
    faults = FaultPlan(dict.fromkeys((20, 40, 60), fault))
    with connect("sim", profile=EVERYTHING, faults=faults) as lab:
        first = evaluate({"a": lab}, tmp_path, SMALL, progress=False)["a"]
    blocks = {one.block for one in first.observations if one.failed}
    together = {"concurrency/3", "open_loop", "interference/0", "warm_up/connections"}
    assert blocks - together
    with connect("sim", profile=EVERYTHING) as lab:
        second = evaluate({"a": lab}, tmp_path, SMALL, progress=False)["a"]
    assert {one.block for one in second.observations if one.failed} <= blocks & together


def test_a_finished_run_sends_nothing_more(tmp_path):
    for sent in (True, False, False):
        with connect("sim", profile=EVERYTHING) as lab:
            evaluate({"a": lab}, tmp_path, SMALL, progress=False)
            assert bool(lab.meter.requests) == sent


@pytest.mark.parametrize("after", [0, 20, 60])
def test_a_byte_now_and_then_holds_no_run(tmp_path, monkeypatch, after):
    calls = 0

    async def dribbling(client, **request):
        nonlocal calls
        calls += 1
        if calls <= after:
            return await timed_call(client, **request)
        await asyncio.sleep(1e6)  # whatever comes meanwhile, it is not whole

    monkeypatch.setattr("labtools.evaluation.session.timed_call", dribbling)
    with connect("sim", profile=EVERYTHING) as lab, pytest.raises(LabtoolsError):
        evaluate({"a": lab}, tmp_path, SMALL.but(timeout_s=10.0), progress=False)
    made = ResultsFolder(tmp_path / "a").read().made
    assert {one.error.message for one in made if one.error} == {
        "the answer was not whole after 10 s"
    }


@pytest.mark.parametrize(
    ("error", "passes"),
    [(CallError("protocol", "slow down", 429), True), (CallError("protocol", "too long"), False)],
)
def test_a_refusal_in_the_stream_is_one_as_well(error, passes):
    assert is_passing(error) == passes
