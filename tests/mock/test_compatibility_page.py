"""What the page says that the mock does not do is so."""

from pathlib import Path

import pytest

from labtools.mock.app import create_app
from labtools.model.profile import LatencyProfile

PAGE = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text(encoding="utf-8")
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def post(sim, path, body):
    async def send():
        async with sim.http(create_app({"m": LatencyProfile("m", 1000)})) as http:
            return await http.post(path, json=body)

    return sim.run(send())


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings"])
def test_what_is_not_there_is_a_404_and_on_the_page(sim, path):
    assert post(sim, path, {"model": "m", "input": "x", "prompt": "x"}).status_code == 404
    assert f"`{path}`" in PAGE


def test_token_probabilities_are_null_and_on_the_page(sim):
    asked = {**HELLO, "logprobs": True, "top_logprobs": 3}
    answer = post(sim, "/v1/chat/completions", asked).json()
    assert answer["choices"][0]["logprobs"] is None
    assert "`logprobs` and `top_logprobs` are taken, and answered with null" in PAGE


@pytest.mark.parametrize("kind", ["web_search", "file_search"])
def test_hosted_tools_are_refused_and_on_the_page(sim, kind):
    body = {"model": "m", "input": "x", "tools": [{"type": kind}]}
    assert post(sim, "/v1/responses", body).status_code == 400
    assert f"`{kind}`" in PAGE


def test_an_image_counts_as_the_page_says(sim):
    part = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
    with_image = {"model": "m", "messages": [{"role": "user", "content": [part]}]}
    used = post(sim, "/v1/chat/completions", with_image).json()["usage"]["prompt_tokens"]
    assert "765 tokens" in PAGE
    assert 765 <= used < 800
