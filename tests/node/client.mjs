// The official openai npm SDK as a client: does everything once, prints what it saw as one JSON object.
// Usage: node client.mjs BASE_URL KEY MODEL EMBEDDING_MODEL
import OpenAI from "openai";

const [baseURL, apiKey, model, vectors] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "What is the weather in Paris?" }];
const short = { model, messages, max_tokens: 6, temperature: 0 };
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      parameters: {
        type: "object",
        properties: { city: { type: "string", enum: ["Paris", "Rome"] } },
        required: ["city"],
      },
    },
  },
];

async function streamed(request) {
  const chunks = [];
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
    chunks.push(chunk);
  }
  return chunks;
}

async function refusal(work) {
  try {
    await work();
  } catch (error) {
    return {
      class: error.constructor.name,
      is: Object.keys(OpenAI).filter((name) => name.endsWith("Error") && error instanceof OpenAI[name]),
      status: error.status ?? null,
      code: error.code ?? null,
      type: error.type ?? null,
      param: error.param ?? null,
      id: error.requestID ?? null,
      message: error.message,
    };
  }
  return null;
}

const seen = {};
seen.chat = await client.chat.completions.create(short);
seen.requestId = seen.chat._request_id;
seen.silent = await streamed(short);
seen.asked = await streamed({ ...short, stream_options: { include_usage: true } });
seen.tool = await client.chat.completions.create({ ...short, max_tokens: 60, tools, tool_choice: "required" });
seen.toolStream = await streamed({
  ...short,
  max_tokens: 60,
  tools,
  tool_choice: "required",
  stream_options: { include_usage: true },
});
seen.completion = await client.completions.create({ model, prompt: "One two", max_tokens: 4 });
seen.embeddings = await client.embeddings.create({ model: vectors, input: ["a", "b"] });
seen.floats = await client.embeddings.create({ model: vectors, input: ["a", "b"], encoding_format: "float" });
seen.models = [];
for await (const one of client.models.list()) seen.models.push(one.id);

const stranger = new OpenAI({ baseURL, apiKey: "rw-wrong", maxRetries: 0 });
const impatient = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 1 });
const lost = new OpenAI({ baseURL: "http://127.0.0.1:1/v1", apiKey, maxRetries: 0 });
seen.errors = {
  badRequest: await refusal(() => client.chat.completions.create({ ...short, max_tokens: 0 })),
  authentication: await refusal(() => stranger.chat.completions.create(short)),
  notFound: await refusal(() => client.chat.completions.create({ ...short, model: "gpt-99" })),
  url: await refusal(() => client.post("/nothing", { body: {} })),
  method: await refusal(() => client.get("/chat/completions")),
  connection: await refusal(() => lost.chat.completions.create(short)),
  timeout: await refusal(() => impatient.chat.completions.create(short)),
};
const knobs = { status: 429, retry_after: 7 };
seen.errors.limit = await refusal(() => client.chat.completions.create({ ...short, x_fake: knobs }));
seen.errors.server = await refusal(() => client.chat.completions.create({ ...short, x_fake: { status: 500 } }));
seen.errors.stream = await refusal(() => streamed({ ...short, x_fake: { cut_after_events: 3 } }));
process.stdout.write(JSON.stringify(seen));
