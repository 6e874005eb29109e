//! Every event that is told, and every event that a client may send, against the schema that OpenAI publishes.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use vesta_tests::phone::{Kind, Phone};
use vesta_tests::program;
use vesta_tests::realtime::{Realtime, append, resampled};
use vesta_tests::server::Server;
use vesta_tests::speech::{silence, speak};

use crate::openai::cache;

/// What the schema has and a house does not say: `docs/protocols.md` says why.
const NEVER_TOLD: [&str; 12] = [
    "conversation.created",
    "conversation.item.created",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.dtmf_event_received",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "mcp_list_tools.in_progress",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_call.in_progress",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
];

/// What the schema says of events: `kinds`, `known` and `wrong`.
async fn judged(side: &str, events: &[Value]) -> Value {
    let python = cache().join("python-peers/bin/python");
    let script = program::root().join("tests/peers/realtime_schema.py");
    let mut command = Command::new(python);
    command.arg(script).arg(side).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    let mut input = child.stdin.take().unwrap();
    let writing = tokio::spawn(async move { input.write_all(lines.as_bytes()).await });
    let output = child.wait_with_output().await.unwrap();
    writing.await.unwrap().unwrap();
    assert!(output.status.success(), "the schema could not be asked");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A client that keeps what it sent.
struct Client {
    session: Realtime,
    sent: Vec<Value>,
}

impl Client {
    async fn send(&mut self, event: Value) {
        self.sent.push(event.clone());
        self.session.send(event).await;
    }

    async fn update(&mut self, session: Value) -> Value {
        self.send(json!({ "type": "session.update", "event_id": "update", "session": session })).await;
        self.session.until("session.updated").await
    }

    async fn item(&mut self, item: Value) -> Value {
        self.send(json!({ "type": "conversation.item.create", "item": item })).await;
        self.session.until("conversation.item.done").await["item"].clone()
    }

    async fn type_in(&mut self, text: &str) -> Value {
        self.item(json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] }))
            .await
    }

    async fn respond(&mut self, response: Value) -> Value {
        self.send(json!({ "type": "response.create", "response": response })).await;
        self.session.answer().await.1
    }
}

fn bell() -> Value {
    json!({
        "type": "function", "name": "ring_bell", "description": "\"ring the bell [in the] {room}\"",
        "parameters": { "type": "object", "properties": { "room": { "type": "string", "enum": ["kitchen"] } }, "required": ["room"] },
    })
}

/// Everything that a client may set, at once.
fn everything() -> Value {
    json!({
        "type": "realtime", "model": "gpt-realtime", "output_modalities": ["audio"], "instructions": "Be brief.",
        "max_output_tokens": 4096, "parallel_tool_calls": true, "prompt": { "id": "p", "version": "1", "variables": { "a": "b" } },
        "reasoning": { "effort": "low" }, "tool_choice": "auto", "tools": [bell()],
        "tracing": { "workflow_name": "w", "group_id": "g", "metadata": { "a": "b" } },
        "truncation": { "type": "retention_ratio", "retention_ratio": 0.8, "token_limits": { "post_instructions": 1000 } },
        "include": ["item.input_audio_transcription.logprobs"],
        "audio": {
            "input": {
                "format": { "type": "audio/pcm", "rate": 24_000 }, "noise_reduction": { "type": "near_field" },
                "transcription": { "model": "whisper-1", "language": "en", "prompt": "lights" }, "turn_detection": null,
            },
            "output": { "format": { "type": "audio/pcm", "rate": 24_000 }, "voice": "marin", "speed": 1.0 },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_of_the_published_schema() {
    let server = Server::with_demo_home().await;
    let mut client = Client { session: Realtime::connect(&server).await, sent: Vec::new() };
    let command = resampled(&speak("turn on the kitchen light"), 24_000);

    // Push to talk, with everything set; what is set is given back.
    let updated = client.update(everything()).await["session"].clone();
    let asked = everything();
    for field in
        ["instructions", "max_output_tokens", "prompt", "reasoning", "tools", "tracing", "truncation", "include"]
    {
        assert_eq!(updated[field], asked[field], "{field}");
    }
    for piece in command.chunks(2_400) {
        client.send(append(piece)).await;
    }
    client.send(json!({ "type": "input_audio_buffer.commit", "event_id": "commit" })).await;
    assert_eq!(client.respond(json!({})).await["status"], "completed");
    client.send(append(&command[..24_000])).await;
    client.send(json!({ "type": "input_audio_buffer.clear" })).await;
    client.session.until("input_audio_buffer.cleared").await;

    // Every kind of item.
    let typed = client.type_in("ring the bell in the kitchen").await;
    let called = client.respond(json!({})).await;
    assert_eq!(called["output"][0]["name"], "ring_bell", "{called:#}");
    client
        .item(
            json!({ "type": "function_call_output", "call_id": called["output"][0]["call_id"], "output": "It rang." }),
        )
        .await;
    client
        .item(json!({ "type": "message", "role": "system", "content": [{ "type": "input_text", "text": "Be kind." }] }))
        .await;
    client
        .item(
            json!({ "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "Hello." }] }),
        )
        .await;
    client.item(json!({ "type": "function_call", "call_id": "c", "name": "other", "arguments": "{}" })).await;
    client.send(json!({ "type": "conversation.item.retrieve", "item_id": typed["id"] })).await;
    client.session.until("conversation.item.retrieved").await;
    client.send(json!({ "type": "conversation.item.delete", "item_id": typed["id"] })).await;
    client.session.until("conversation.item.deleted").await;

    // A response of its own, beside the conversation.
    let aside = client
        .respond(json!({
            "conversation": "none", "output_modalities": ["text"], "instructions": "Shout.", "max_output_tokens": "inf",
            "metadata": { "mine": "1" }, "tool_choice": "none", "tools": [], "prompt": { "id": "p" }, "parallel_tool_calls": false,
            "input": [{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "what time is it" }] }],
            "audio": { "output": { "format": { "type": "audio/pcmu" }, "voice": "cedar" } },
        }))
        .await;
    assert_eq!((&aside["metadata"]["mine"], &aside["conversation_id"]), (&json!("1"), &Value::Null));
    assert_eq!(aside["output"][0]["content"][0]["type"], "output_text");

    // An answer that is cut off.
    let long = "And then they went on and on. ".repeat(200);
    client.item(json!({ "type": "function_call_output", "call_id": "long", "output": long })).await;
    client.send(json!({ "type": "response.create" })).await;
    let heard = client.session.until("response.output_audio.delta").await;
    client.send(json!({ "type": "response.cancel", "response_id": heard["response_id"] })).await;
    client.session.answer().await;
    client
        .send(json!({
            "type": "conversation.item.truncate", "item_id": heard["item_id"], "content_index": 0, "audio_end_ms": 20,
        }))
        .await;
    client.session.until("conversation.item.truncated").await;

    // Over a WebSocket the client plays the audio itself: a documented error.
    client.send(json!({ "type": "output_audio_buffer.clear", "event_id": "mine" })).await;
    let error = client.session.until("error").await["error"].clone();
    assert_eq!((&error["code"], &error["event_id"]), (&json!("invalid_value"), &json!("mine")));

    // The ear that finds the end itself; then nobody speaks.
    let detection = json!({ "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
        "idle_timeout_ms": 1_000, "create_response": true, "interrupt_response": true });
    client.update(json!({ "type": "realtime", "audio": { "input": { "turn_detection": detection } } })).await;
    for piece in [command, resampled(&silence(2.0), 24_000)].concat().chunks(2_400) {
        client.send(append(piece)).await;
    }
    client.session.until("input_audio_buffer.speech_stopped").await;
    client.session.answer().await;
    client.session.until("input_audio_buffer.timeout_triggered").await;
    client.session.answer().await;
    for eagerness in ["low", "medium", "high", "auto"] {
        let detection = json!({ "type": "semantic_vad", "eagerness": eagerness });
        client.update(json!({ "type": "realtime", "audio": { "input": { "turn_detection": detection } } })).await;
    }

    let mut told = client.session.told.clone();
    told.extend(transcription(&server, &mut client.sent).await);
    told.extend(call(&server).await);

    let verdict = judged("server", &told).await;
    assert_eq!(verdict["wrong"], json!([]), "{verdict:#}");
    let told: Vec<&str> = verdict["kinds"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let missing = verdict["known"].as_array().unwrap().iter().filter_map(Value::as_str);
    let missing: Vec<&str> = missing.filter(|kind| !told.contains(kind)).collect();
    assert_eq!(missing, NEVER_TOLD, "what the schema has is told here, or documented as never told");

    let verdict = judged("client", &client.sent).await;
    assert_eq!(verdict["wrong"], json!([]), "{verdict:#}");
    assert_eq!(verdict["kinds"], verdict["known"], "every client event is sent here");
}

/// What a session tells that only writes down.
async fn transcription(server: &Server, sent: &mut Vec<Value>) -> Vec<Value> {
    let session = Realtime::with(server, &server.token, "intent=transcription").await;
    let mut client = Client { session, sent: Vec::new() };
    let input = |language: &str| {
        json!({
            "format": { "type": "audio/pcm", "rate": 24_000 }, "noise_reduction": { "type": "far_field" },
            "transcription": { "model": "whisper-1", "language": language }, "turn_detection": null,
        })
    };
    for (language, kind) in [("en", "completed"), ("tlh", "failed")] {
        client.update(json!({ "type": "transcription", "include": null, "audio": { "input": input(language) } })).await;
        for piece in resampled(&speak("turn on the kitchen light"), 24_000).chunks(2_400) {
            client.send(append(piece)).await;
        }
        client.send(json!({ "type": "input_audio_buffer.commit" })).await;
        client.session.until(&format!("conversation.item.input_audio_transcription.{kind}")).await;
    }
    sent.extend(client.sent);
    client.session.told
}

/// What a call tells.
async fn call(server: &Server) -> Vec<Value> {
    let session = json!({ "type": "realtime", "audio": { "input": { "turn_detection": null } } });
    let mut phone = Phone::call(server, Kind::default(), &session).await;
    for end in ["stopped", "cleared"] {
        let content = json!([{ "type": "input_text", "text": "what is the date" }]);
        phone
            .send(json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "user", "content": content } }))
            .await;
        phone.send(json!({ "type": "response.create" })).await;
        phone.until("output_audio_buffer.started").await;
        if end == "cleared" {
            phone.send(json!({ "type": "output_audio_buffer.clear" })).await;
        }
        phone.until(&format!("output_audio_buffer.{end}")).await;
    }
    phone.told
}
