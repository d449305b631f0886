"""Every stacking of transports: each kind of endpoint, recorded or not, metered, and replayed."""

import pytest

from labtools import Budget, LatencyProfile, connect
from labtools.errors import BudgetExceeded
from labtools.local_engine import serving
from labtools.mock import server

PROFILE = LatencyProfile("p", 2000)
HELLO = [{"role": "user", "content": "hello"}]
REFUSED = {"mock": {"output_tokens": 0}}


@pytest.fixture(scope="module")
def mock_url():
    process = server.ServerProcess({"p": PROFILE}, 0)
    yield process.base_url
    process.stop()


@pytest.fixture
def endpoint(request, mock_url, monkeypatch):
    """What `connect` takes for a mode, with one server for all that need one."""

    class Server:
        base_url = mock_url

        def __init__(self, *_):
            pass

        def stop(self):
            pass

    monkeypatch.setattr(server, "ServerProcess", Server)
    monkeypatch.setattr(serving, "EngineProcess", Server)
    profile = {"profile": PROFILE} if request.param in ("sim", "mock") else {"model": "p"}
    key = {"api_key": ""} if request.param == "url" else {}
    return {"endpoint": mock_url if request.param == "url" else request.param, **profile, **key}


async def three_calls(lab):
    """One that is answered, one that is refused, and one for which the budget has no room."""
    good = await lab.call("good", messages=HELLO, output_tokens=3)
    refused = await lab.call("refused", messages=HELLO, extra_body=REFUSED)
    with pytest.raises(BudgetExceeded, match="budget of 2 requests"):
        await lab.call("too much", messages=HELLO)
    return good, refused


@pytest.mark.parametrize("endpoint", ["sim", "mock", "engine", "url"], indirect=True)
@pytest.mark.parametrize("recorded", [False, True], ids=["", "recorded"])
def test_every_stacking_answers_refuses_and_stops(endpoint, recorded, tmp_path):
    file = tmp_path / "run.jsonl" if recorded else None
    budget = Budget(requests=2)
    with connect(**endpoint, record=file, budget=budget) as lab:
        good, refused = lab.run(three_calls(lab)).result
        assert (lab.meter.requests, lab.meter.spent.output_tokens) == (2, good.output_tokens)
    assert (good.error, good.output_tokens) == (None, 3)
    assert (refused.error.kind, refused.error.status) == ("status", 400)
    assert "mock.output_tokens" in refused.error.message
    if recorded:
        with connect(f"replay:{file}", budget=budget) as lab:
            again, refused_again = lab.run(three_calls(lab)).result
        assert (again.content, again.output_tokens) == (good.content, 3)
        assert again.ttft_s == pytest.approx(good.ttft_s, abs=1e-6)
        assert refused_again.error == refused.error
