// LangChain: ChatOpenAI on both APIs, whole and streamed, a tool's result sent back, `mock`.
import assert from "node:assert/strict";
import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";

const city = z.object({ city: z.string() });
const weather = tool(async (found) => `sunny in ${found.city}`, {
  name: "weather", description: "The weather in a city.", schema: city,
});

for (const useResponsesApi of [false, true]) {
  const fields = {
    model: "fast", apiKey: "any", maxRetries: 0, useResponsesApi,
    configuration: { baseURL: process.argv[2] },
  };
  const model = new ChatOpenAI(fields);
  const answer = await model.invoke("Hello");
  assert(answer.text);
  assert(answer.usage_metadata.output_tokens > 0);

  let text = "";
  for await (const chunk of await model.stream("Hello")) text += chunk.text;
  assert(text);

  const able = model.bindTools([weather]);
  const messages = [new HumanMessage("Weather in Oslo?")];
  const asked = await able.invoke(messages);
  assert.equal(asked.tool_calls.length, 1);
  const result = await weather.invoke(asked.tool_calls[0]);
  const end = await able.invoke([...messages, asked, result]);
  assert.equal(end.tool_calls.length, 0);
  assert(end.text);

  let streamed;
  for await (const chunk of await able.stream(messages)) {
    streamed = streamed === undefined ? chunk : streamed.concat(chunk);
  }
  assert.equal(streamed.tool_calls.length, 1);
  assert.equal(typeof streamed.tool_calls[0].args.city, "string");

  for (const method of ["jsonSchema", "functionCalling"]) {
    const found = await model.withStructuredOutput(city, { method }).invoke("Where?");
    assert.equal(typeof found.city, "string");
  }

  const exact = new ChatOpenAI({ ...fields, modelKwargs: { mock: { output_tokens: 7 } } });
  assert.equal((await exact.invoke("Hello")).usage_metadata.output_tokens, 7);
}
