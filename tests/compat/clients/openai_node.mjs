// npm's openai: Chat Completions and Responses, streamed and not, with tools and a schema.
import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "any", maxRetries: 0 });
const messages = [{ role: "user", content: "How is the weather in Oslo?" }];
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const model = "fast";

const chat = await client.chat.completions.create({ model, messages });
assert(chat.choices[0].message.content);
assert(chat.usage.total_tokens > 0);

const chatStream = client.chat.completions.stream({ model, messages });
let text = "";
chatStream.on("content", (delta) => (text += delta));
assert.equal(await chatStream.finalContent(), text);

const runner = client.chat.completions.runTools({
  model,
  messages,
  tools: [{
    type: "function",
    function: { name: "weather", parameters, parse: JSON.parse, function: () => "sunny" },
  }],
});
assert(await runner.finalContent());

const response = await client.responses.create({ model, input: "Hello" });
assert(response.output_text);

const stream = client.responses.stream({ model, input: "Hello" });
text = "";
stream.on("response.output_text.delta", (event) => (text += event.delta));
assert.equal((await stream.finalResponse()).output_text, text);

const tools = [{ type: "function", name: "weather", parameters, strict: true }];
const asked = await client.responses.create({ model, input: "Weather in Oslo?", tools });
const call = asked.output.find((item) => item.type === "function_call");
assert.deepEqual(Object.keys(JSON.parse(call.arguments)), ["city"]);
const output = { type: "function_call_output", call_id: call.call_id, output: "sunny" };
const next = await client.responses.create({
  model, tools, previous_response_id: asked.id, input: [output],
});
assert(next.output_text);

const parsed = await client.responses.parse({
  model,
  input: "Where?",
  text: { format: { type: "json_schema", name: "place", schema: parameters, strict: true } },
});
assert.equal(typeof parsed.output_parsed.city, "string");

await assert.rejects(client.responses.create({ model: "none", input: "x" }), OpenAI.NotFoundError);
