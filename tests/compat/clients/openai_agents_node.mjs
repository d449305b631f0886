// npm's openai-agents: a tool, a stream, a typed output, a handoff, `mock`, on both APIs.
import assert from "node:assert/strict";
import {
  Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, run, setTracingDisabled, tool,
} from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";

setTracingDisabled(true);
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "any", maxRetries: 0 });
const called = [];
const weather = tool({
  name: "weather",
  description: "The weather in a city.",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => { called.push(city); return `sunny in ${city}`; },
});

for (const Model of [OpenAIResponsesModel, OpenAIChatCompletionsModel]) {
  const model = new Model(client, "fast");
  const plain = new Agent({ name: "plain", instructions: "Be brief.", model });
  assert((await run(plain, "Hello")).finalOutput);

  called.length = 0;
  const agent = new Agent({ name: "forecaster", model, tools: [weather] });
  const result = await run(agent, "Weather in Oslo?");
  assert.equal(called.length, 1);
  assert(result.finalOutput);
  const history = [...result.history, { role: "user", content: "And in Bergen?" }];
  assert((await run(agent, history)).finalOutput);

  const streamed = await run(agent, "Weather in Oslo?", { stream: true });
  const kinds = new Set();
  for await (const event of streamed) kinds.add(event.type);
  await streamed.completed;
  assert(kinds.has("raw_model_stream_event") && kinds.has("run_item_stream_event"));
  assert(streamed.finalOutput);

  const person = z.object({ name: z.string(), age: z.number() });
  const inventor = new Agent({ name: "inventor", model, outputType: person });
  assert.equal(typeof (await run(inventor, "Invent one.")).finalOutput.name, "string");

  const triage = new Agent({ name: "triage", model, handoffs: [plain] });
  assert.equal((await run(triage, "Hello")).lastAgent, plain);

  const modelSettings = { providerData: { mock: { output_tokens: 7 } } };
  const exact = await run(new Agent({ name: "exact", model, modelSettings }), "Hello");
  assert.equal(exact.rawResponses[0].usage.outputTokens, 7);
}
