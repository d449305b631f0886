"""LangGraph with OpenInference's instrumentation: a graph of a model, streamed, and a tool."""

import sys

from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from openinference.instrumentation.langchain import LangChainInstrumentor
from spans import say, to_file

LangChainInstrumentor().instrument(tracer_provider=to_file(sys.argv[2]))
called: list[str] = []


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    called.append(city)
    return f"sunny in {city}"


chat = ChatOpenAI(
    model="fast", base_url=sys.argv[1], api_key="any", streaming=True, stream_usage=True
).bind_tools([weather])


def think(state: MessagesState) -> MessagesState:
    return {"messages": [chat.invoke(state["messages"])]}


graph = StateGraph(MessagesState)
graph.add_node("think", think)
graph.add_node("tools", ToolNode([weather]))
graph.add_edge(START, "think")
graph.add_conditional_edges("think", tools_condition)
graph.add_edge("tools", "think")
said = graph.compile().invoke({"messages": [("user", "Weather in Oslo?")]})["messages"]
usages = [m.usage_metadata for m in said if isinstance(m, AIMessage)]
say(
    len(usages),
    len(called),
    sum(usage["input_tokens"] for usage in usages),
    sum(usage["output_tokens"] for usage in usages),
)
