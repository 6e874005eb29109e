// OpenAI's Agents SDK against a house: a RealtimeSession over a WebSocket, with only the URL and the key changed.
//
//   node agents.mjs WS_URL KEY COMMAND.pcm
//
// COMMAND.pcm is a spoken command, raw 24 kHz 16-bit mono. Prints what came of everything as one JSON object; the test judges it.
import { readFileSync } from "node:fs";
import { RealtimeAgent, RealtimeSession, tool } from "@openai/agents/realtime";
import { z } from "zod";

const [url, apiKey, path] = process.argv.slice(2);
const command = readFileSync(path);
const rung = [];
const ringBell = tool({
  name: "ring_bell",
  description: 'Rings the bell of a room. Sentences: "ring the bell [in the] {room}"',
  parameters: z.object({ room: z.enum(["kitchen", "bedroom"]) }),
  execute: async ({ room }) => {
    rung.push(room);
    return `The ${room} bell rang.`;
  },
});
// An answer of some minutes, so that it is still being made when it is interrupted.
const tellStory = tool({
  name: "tell_story",
  description: 'Tells a story. Sentences: "tell [me] a story"',
  parameters: z.object({}),
  execute: async () => "And then they went on and on. ".repeat(200),
});

const failed = [];
const agent = new RealtimeAgent({ name: "House", instructions: "Be brief.", tools: [ringBell, tellStory] });
const session = new RealtimeSession(agent, {
  transport: "websocket",
  config: { audio: { input: { turnDetection: { type: "semantic_vad", eagerness: "high" } } } },
});
session.on("error", (error) => failed.push(JSON.stringify(error.error?.error ?? error.error ?? String(error))));
let audio = 0;
session.on("audio", (event) => (audio += event.data.byteLength));

const transport = (kind, holds = () => true) =>
  new Promise((resolve) => {
    const listen = (event) => {
      if (event.type === kind && holds(event)) {
        session.off("transport_event", listen);
        resolve(event);
      }
    };
    session.on("transport_event", listen);
  });
const said = (event) =>
  event.response.output.flatMap((item) => item.content ?? []).map((part) => part.transcript ?? part.text ?? "").join("");
const spoken = () => transport("response.done", (event) => said(event) !== "");

await session.connect({ apiKey, url, model: "gpt-realtime" });
const results = {};

// A typed turn.
let answer = spoken();
session.sendMessage("turn off the kitchen light");
results.typed = { said: said(await answer), audio_bytes: audio };

// A spoken command: as it is spoken, with the silence after it.
answer = spoken();
const whole = Buffer.concat([command, Buffer.alloc(48_000 * 3)]);
let done = false;
answer.then(() => (done = true));
for (let at = 0; at < whole.length && !done; at += 4_800) {
  const piece = whole.subarray(at, at + 4_800);
  session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.byteLength));
  await new Promise((resolve) => setTimeout(resolve, 100));
}
results.spoken = { said: said(await answer) };

// A tool of the client, which the SDK runs and answers by itself.
answer = transport("response.done", (event) => said(event).includes("bell"));
session.sendMessage("ring the bell in the kitchen");
results.tool = { rung, said: said(await answer) };

// An interruption: the answer is cut off, and so is the history.
const interrupted = new Promise((resolve) => session.once("audio_interrupted", () => resolve(true)));
const first = new Promise((resolve) => session.once("audio", () => resolve(true)));
const truncated = transport("conversation.item.truncated");
session.sendMessage("tell me a story");
await first;
session.interrupt();
results.interrupted = { told: await interrupted, audio_end_ms: (await truncated).audio_end_ms };

results.history = session.history.map((item) => item.type + (item.role ? `:${item.role}` : ""));
results.failed = failed;
session.close();
console.log(JSON.stringify(results));
process.exit(0);
