// The AI SDK: text and a stream, a tool with its result sent back, an object, `mock`.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, isStepCount, Output, streamText, tool } from "ai";
import { z } from "zod";

const provider = createOpenAICompatible({
  name: "local", baseURL: process.argv[2], apiKey: "any", includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider("fast");
const prompt = "How is the weather in Oslo?";

const answer = await generateText({ model, prompt, maxRetries: 0 });
assert(answer.text);
assert(answer.usage.totalTokens > 0);

const called = [];
const tools = {
  weather: tool({
    description: "The weather in a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => { called.push(city); return `sunny in ${city}`; },
  }),
};
const stopWhen = isStepCount(5);
const agent = await generateText({ model, prompt, tools, stopWhen, maxRetries: 0 });
assert.equal(called.length, 1);
assert.equal(agent.steps.length, 2);
assert(agent.text);

// A streamed call comes without an empty part of text before it.
const stream = streamText({ model, prompt, tools, stopWhen, maxRetries: 0 });
const kinds = [];
for await (const part of stream.fullStream) kinds.push(part.type);
assert.equal(called.length, 2);
assert(!kinds.includes("error"));
assert.equal(kinds.filter((kind) => kind === "text-start").length, 1);
assert(kinds.indexOf("tool-call") < kinds.indexOf("text-start"));

const place = z.object({ city: z.string() });
const object = await generateText({ model, prompt, output: Output.object({ schema: place }) });
assert.equal(typeof object.output.city, "string");

const providerOptions = { local: { mock: { output_tokens: 7 } } };
const exact = await generateText({ model, prompt, providerOptions });
assert.equal(exact.usage.outputTokens, 7);
