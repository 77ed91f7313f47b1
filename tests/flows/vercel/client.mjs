// The Vercel AI SDK as a client: does everything once, prints what it saw as one JSON object.
// Usage: node client.mjs URL KEY MODEL...
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [url, apiKey, ...models] = process.argv.slice(2);
const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey });
const anthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey });
const dialects = {
  chat: (model) => openai.chat(model),
  responses: (model) => openai.responses(model),
  messages: (model) => anthropic(model),
};
const tools = {
  get_weather: tool({
    description: "Weather of a city",
    inputSchema: z.object({ city: z.enum(["Paris", "Rome"]) }),
    execute: async ({ city }) => `18 C in ${city}`,
  }),
};
const schema = z.object({ mood: z.enum(["good", "bad"]), stars: z.number() });
const common = { maxRetries: 0, maxOutputTokens: 100 };
const prompt = "What is the weather in Paris?";

function seen(answer) {
  return {
    text: answer.text,
    finish: answer.finishReason,
    usage: answer.steps.map((step) => step.usage),
    calls: answer.steps.flatMap((step) => step.toolCalls.map((call) => [call.toolName, call.input])),
    results: answer.steps.flatMap((step) => step.toolResults.map((result) => result.output)),
  };
}

async function streamed(request) {
  const result = streamText({ ...request, onError: () => {} });
  const kinds = [];
  for await (const part of result.fullStream) kinds.push(part.type);
  const answer = { text: await result.text, finishReason: await result.finishReason, steps: await result.steps };
  return { ...seen(answer), deltas: kinds.filter((kind) => kind === "text-delta").length, kinds: [...new Set(kinds)] };
}

async function refusal(work) {
  try {
    await work();
  } catch (error) {
    return { name: error.name, status: error.statusCode ?? null, message: error.message };
  }
  return null;
}

// To models that it does not know as Anthropic's it offers a tool, and forbids a second call of it.
async function made(request) {
  const found = {};
  found.refused = await refusal(async () => {
    found.object = (await generateObject(request)).object;
  });
  return found;
}

const found = {};
for (const name of models) {
  for (const [dialect, make] of Object.entries(dialects)) {
    const model = make(name);
    const two = { ...common, model, prompt, tools, stopWhen: stepCountIs(2) };
    found[`${dialect} ${name}`] = {
      text: seen(await generateText({ ...common, model, prompt, system: "Be brief." })),
      stream: await streamed({ ...common, model, prompt }),
      tool: seen(await generateText(two)),
      toolStream: await streamed(two),
      object: await made({ ...common, model, prompt, schema }),
    };
  }
}
const nobody = Object.entries(dialects).map(async ([dialect, make]) => [
  dialect,
  await refusal(() => generateText({ ...common, model: make("gpt-99"), prompt })),
]);
console.log(JSON.stringify({ found, refused: Object.fromEntries(await Promise.all(nobody)) }));
