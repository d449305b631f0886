"""A conversation over the Responses API: continued by id, by reference or by its items."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import openai
import pytest

from labtools.model.named_profiles import NAMED
from labtools.model.profile import PrefixCache

FAST = NAMED["fast"]
WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def result_of(call: Any) -> dict[str, str]:
    return {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}


def test_a_response_is_continued_by_its_id_by_references_and_by_its_items(sim):
    """All three put the same prompt before the model."""

    async def three(client: openai.AsyncOpenAI) -> Any:
        ask = {"model": "m", "tools": [WEATHER], "extra_body": {"mock": {"reasoning_tokens": 2}}}
        first = await client.responses.create(input="Weather?", **ask)
        question = {"role": "user", "content": "Weather?"}
        result = result_of(first.output[1])
        references = [{"type": "item_reference", "id": item.id} for item in first.output]
        return [
            await client.responses.create(previous_response_id=first.id, input=[result], **ask),
            await client.responses.create(input=[question, *references, result], **ask),
            await client.responses.create(input=[question, *first.output, result], **ask),
        ]

    answers = sim.run(three(sim.mock({"m": FAST})))
    assert len({answer.usage.input_tokens for answer in answers}) == 1
    assert all(answer.output_text for answer in answers)


def test_a_long_conversation_by_ids_reads_its_prefix_from_the_cache(sim):
    profile = FAST.but(prefix_cache=PrefixCache(block_tokens=16, minimum_tokens=16))

    async def chain(client: openai.AsyncOpenAI) -> Any:
        answers = [await client.responses.create(model="m", input="x" * 400)]
        for _ in range(5):
            before = answers[-1].id
            answers.append(
                await client.responses.create(model="m", input="y", previous_response_id=before)
            )
        return answers

    answers = sim.run(chain(sim.mock({"m": profile})))
    for earlier, later in pairwise(answers):
        reused = later.usage.input_tokens_details.cached_tokens
        read = earlier.usage.input_tokens  # Rounded up, so that its last block may not be full.
        assert (read - 1) // 16 * 16 <= reused <= read // 16 * 16


def test_instructions_hold_for_one_response(sim):
    async def two(client: openai.AsyncOpenAI) -> Any:
        first = await client.responses.create(model="m", input="a", instructions="x" * 4000)
        return await client.responses.create(model="m", input="b", previous_response_id=first.id)

    assert sim.run(two(sim.mock({"m": FAST}))).usage.input_tokens < 500


def test_a_response_that_was_not_stored_cannot_be_continued(sim):
    async def two(client: openai.AsyncOpenAI) -> Any:
        first = await client.responses.create(model="m", input="a", store=False)
        await client.responses.create(model="m", input="b", previous_response_id=first.id)

    with pytest.raises(openai.BadRequestError) as caught:
        sim.run(two(sim.mock({"m": FAST})))
    assert caught.value.code == "previous_response_not_found"
    assert caught.value.param == "previous_response_id"
