"""smolagents: a tool-calling agent that ends by its own tool, a plain answer, a stream."""

import sys

from smolagents import OpenAIModel, ToolCallingAgent, tool

model = OpenAIModel(model_id="fast", api_base=sys.argv[1], api_key="any")


@tool
def weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: Its name.
    """
    return f"sunny in {city}"


# The agent ends when `final_answer` is called: with "required", after the other tool.
agent = ToolCallingAgent(tools=[weather], model=model, verbosity_level=0)
result = agent.run("What is the weather in Oslo?", max_steps=4, return_full_result=True)
assert result.state == "success", result.state
assert result.output

question = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
assert model.generate(question).content
assert "".join(delta.content or "" for delta in model.generate_stream(question))

exact = OpenAIModel(
    model_id="fast",
    api_base=sys.argv[1],
    api_key="any",
    extra_body={"mock": {"output_tokens": 7}},
)
assert exact.generate(question).token_usage.output_tokens == 7
