"""llm: a prompt, a stream and a conversation, with a model from its list of other models."""

import os
import sys
import tempfile
from pathlib import Path

home = tempfile.mkdtemp()
os.environ["LLM_USER_PATH"] = home
(Path(home) / "extra-openai-models.yaml").write_text(
    f"- model_id: mock\n  model_name: fast\n  api_base: {sys.argv[1]}\n  supports_tools: true\n"
)

import llm  # noqa: E402  it reads the list when it is imported

model = llm.get_model("mock")
model.key = "any"
assert model.prompt("Hello", stream=False).text()
assert "".join(model.prompt("Hello", stream=True))

conversation = model.conversation()
assert conversation.prompt("Hello").text()
assert conversation.prompt("And again?").text()


def weather(city: str) -> str:
    """The weather in a city."""
    called.append(city)
    return f"sunny in {city}"


called: list[str] = []
assert model.chain("Weather in Oslo?", tools=[weather]).text()
assert len(called) == 1
