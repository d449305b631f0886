"""LiteLLM as a library: completion and responses, sync and async, streamed and not."""

import asyncio
import json
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches one from the network

import litellm

TARGET = {"model": "openai/fast", "api_base": sys.argv[1], "api_key": "any", "num_retries": 0}
QUESTION = [{"role": "user", "content": "How is the weather in Oslo?"}]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}

answer = litellm.completion(messages=QUESTION, **TARGET)
assert answer.choices[0].message.content
assert answer.usage.total_tokens > 0

chunks = list(litellm.completion(messages=QUESTION, stream=True, **TARGET))
whole = litellm.stream_chunk_builder(chunks, messages=QUESTION)
assert whole.choices[0].message.content

answer = litellm.completion(messages=QUESTION, tools=[TOOL], **TARGET)
call = answer.choices[0].message.tool_calls[0]
assert json.loads(call.function.arguments).keys() == {"city"}
told = [
    *QUESTION,
    answer.choices[0].message,
    {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
]
assert litellm.completion(messages=told, tools=[TOOL], **TARGET).choices[0].message.content

answer = litellm.responses(input="Hello", **TARGET)
assert answer.output[0].content[0].text
events = list(litellm.responses(input="Hello", stream=True, **TARGET))
assert events[-1].type == "response.completed"
assert "".join(e.delta for e in events if e.type == "response.output_text.delta")


async def asynchronously() -> None:
    assert (await litellm.acompletion(messages=QUESTION, **TARGET)).choices[0].message.content
    stream = await litellm.acompletion(messages=QUESTION, stream=True, **TARGET)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text
    assert (await litellm.aresponses(input="Hello", **TARGET)).output[0].content[0].text


asyncio.run(asynchronously())
