// OpenAI's own npm package against a house: only the base URL and the key are ours.
//
//   node openai_client.mjs BASE_URL KEY COMMAND.wav COMMAND.pcm
//
// The package speaks to Realtime over TLS only. Prints what came of everything as one JSON object; the test judges it.
import { createReadStream, readFileSync } from "node:fs";
import OpenAI, { toFile } from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const [baseURL, apiKey, wav, pcm] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 60_000 });
const results = {};

const realtime = new OpenAIRealtimeWS({ model: "gpt-realtime" }, client);
const failed = [];
realtime.on("error", (error) => failed.push(error.message));
const next = (kind) => new Promise((resolve) => realtime.once(kind, resolve));
const said = (event) => event.response.output.flatMap((item) => item.content ?? []).map((part) => part.transcript ?? part.text).join("");

await next("session.created");
let event = next("session.updated");
realtime.send({
  type: "session.update",
  session: { type: "realtime", audio: { input: { turn_detection: null, transcription: { model: "whisper-1" } } } },
});
await event;

// A spoken command, push to talk.
const heard = next("conversation.item.input_audio_transcription.completed");
let done = next("response.done");
const command = readFileSync(pcm);
for (let at = 0; at < command.length; at += 4_800) {
  realtime.send({ type: "input_audio_buffer.append", audio: command.subarray(at, at + 4_800).toString("base64") });
}
realtime.send({ type: "input_audio_buffer.commit" });
realtime.send({ type: "response.create" });
results.spoken = { heard: (await heard).transcript, said: said(await done) };

// A typed turn, answered in writing.
done = next("response.done");
realtime.send({
  type: "conversation.item.create",
  item: { type: "message", role: "user", content: [{ type: "input_text", text: "turn off the kitchen light" }] },
});
realtime.send({ type: "response.create", response: { output_modalities: ["text"] } });
results.typed = { said: said(await done) };
results.failed = failed;
realtime.close();

// Transcription and speech.
const transcript = await client.audio.transcriptions.create({ model: "whisper-1", file: createReadStream(wav) });
results.transcription = transcript.text;
const stream = await client.audio.transcriptions.create({
  model: "gpt-4o-mini-transcribe", file: createReadStream(wav), stream: true,
});
results.streamed = "";
for await (const part of stream) if (part.type === "transcript.text.delta") results.streamed += part.delta;
const speech = await client.audio.speech.create({ model: "tts-1", voice: "nova", input: "Turn on the kitchen light." });
const file = await toFile(Buffer.from(await speech.arrayBuffer()), "speech.mp3");
results.speech = (await client.audio.transcriptions.create({ model: "whisper-1", file })).text;

console.log(JSON.stringify(results));
process.exit(0);
