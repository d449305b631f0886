"""What an endpoint lacks is told apart from what it is slow at."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from labtools.errors import EndpointUnusable
from labtools.evaluation.abilities import find_abilities
from labtools.lab.stopwatch import timed_call
from labtools.mock.app import create_app
from labtools.model.profile import LatencyProfile, PrefixCache

PROFILE = LatencyProfile(
    "p", decode_tokens_per_s=200, overhead_s=0.1, prefix_cache=PrefixCache(minimum_tokens=0)
)


class Lacking:
    """The mock, behind a gateway that changes requests, refuses them, or answers itself."""

    def __init__(self, change):
        self.mock = create_app({"p": PROFILE})
        self.change = change
        self.bodies = []

    async def __call__(self, scope, receive, send):
        if scope["path"] != "/v1/chat/completions":
            return await self.mock(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        self.bodies.append(asked := json.loads(body))
        changed = self.change(asked)
        if not isinstance(changed, dict):
            return await changed(scope, receive, send)
        sent = iter([{"type": "http.request", "body": json.dumps(changed).encode()}])

        async def receive_changed():
            return next(sent, None) or await receive()

        return await self.mock(scope, receive_changed, send)


def refusal(message, status=400):
    return JSONResponse({"error": {"message": message, "type": "invalid_request"}}, status)


def abilities_of(sim, change=lambda asked: asked):
    app = Lacking(change)
    client = sim.client(app)

    async def send(call):
        return await timed_call(client, model="p", **call.request)

    return sim.run(find_abilities(send)), app.bodies


def test_the_mock_lacks_nothing(sim):
    found, _ = abilities_of(sim)
    assert found.limit == "max_completion_tokens"
    assert found.obeys_limit
    assert found.usage
    assert found.cached_tokens
    assert found.tools
    assert found.json_schema
    assert found.notes == ()


@pytest.mark.parametrize(
    ("field", "lacking"), [("tools", "tools"), ("response_format", "json_schema")]
)
@pytest.mark.parametrize("how", ["refuses", "ignores"])
def test_tools_and_schemas_refused_or_ignored(sim, field, lacking, how):
    def change(asked):
        if field not in asked:
            return asked
        if how == "refuses":
            return refusal(f"{field} is not supported")
        return {name: value for name, value in asked.items() if name not in (field, "tool_choice")}

    found, _ = abilities_of(sim, change)
    assert getattr(found, lacking) is False
    assert asdict(found) | {lacking: True, "notes": ()} == {
        **asdict(abilities_of(sim)[0]),
        "notes": (),
    }
    [note] = found.notes
    assert ("not supported" in note) == (how == "refuses")


def test_the_older_name_of_the_limit(sim):
    def change(asked):
        return refusal("Unknown parameter") if "max_completion_tokens" in asked else asked

    found, _ = abilities_of(sim, change)
    assert found.limit == "max_tokens"
    assert found.tools


def test_stream_options_refused(sim):
    def change(asked):
        return refusal("stream_options is unknown") if "stream_options" in asked else asked

    found, bodies = abilities_of(sim, change)
    assert not found.usage
    assert not found.cached_tokens
    assert any("stream_options" not in body for body in bodies)


def test_usage_asked_for_and_not_sent(sim):
    found, _ = abilities_of(sim, lambda asked: {**asked, "stream_options": None})
    assert not found.usage
    assert found.obeys_limit
    assert any("usage" in note for note in found.notes)


def test_a_limit_that_is_ignored(sim):
    limits = ("max_tokens", "max_completion_tokens")
    found, _ = abilities_of(sim, lambda asked: {k: v for k, v in asked.items() if k not in limits})
    assert not found.obeys_limit
    assert "100" in found.notes[0]


def test_an_endpoint_that_does_not_stream(sim):
    with pytest.raises(EndpointUnusable, match="does not stream"):
        abilities_of(sim, lambda asked: {**asked, "stream": False})


def test_an_endpoint_that_is_a_web_site(sim):
    with pytest.raises(EndpointUnusable, match="does not stream"):
        abilities_of(sim, lambda asked: PlainTextResponse("<html>Welcome</html>"))


@pytest.mark.parametrize("status", [401, 403, 500])
def test_what_no_other_way_of_asking_would_change(sim, status):
    with pytest.raises(EndpointUnusable, match="no entry"):
        abilities_of(sim, lambda asked: refusal("no entry", status))
