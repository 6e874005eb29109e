//! OpenAI's Realtime protocol over a WebSocket: what is said, in what order, and clients that misbehave.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use vesta_tests::browser::Browser;
use vesta_tests::client::with_token;
use vesta_tests::realtime::{Realtime, append, base64, resampled};
use vesta_tests::server::{Server, Start};
use vesta_tests::speech::{silence, speak};

const LIGHT: &str = "light.kitchen_light";

/// A spoken command at 24 kHz.
fn command(text: &str) -> Vec<i16> {
    resampled(&speak(text), 24_000)
}

fn push_to_talk() -> Value {
    json!({ "type": "realtime", "audio": { "input": {
        "turn_detection": null, "transcription": { "model": "whisper-1" },
    } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_command_is_done_and_answered_aloud() {
    let server = Server::with_demo_home().await;
    let mut session = Realtime::connect(&server).await;
    session.update(push_to_talk()).await;
    session.speak(&command("turn on the kitchen light"), false).await;
    session.send(json!({ "type": "input_audio_buffer.commit" })).await;
    let (said, response) = session.respond().await;
    assert!(said.contains("kitchen light"), "{said}");
    assert_eq!(response["status"], "completed");
    server.becomes(LIGHT, "on").await;
    let heard = session.told.iter().find(|event| event["type"].as_str().unwrap().ends_with("transcription.completed"));
    assert_eq!(heard.unwrap()["transcript"], "turn on the kitchen light");
    let audio: usize = session
        .told
        .iter()
        .filter(|event| event["type"] == "response.output_audio.delta")
        .map(|event| event["delta"].as_str().unwrap().len() * 3 / 4)
        .sum();
    assert!(audio > 24_000, "more than half a second of speech: {audio} bytes");

    // Other formats, and the ear that finds the end itself.
    for (format, rate) in [("audio/pcmu", 8_000), ("audio/pcma", 8_000)] {
        let state = if format == "audio/pcmu" { "off" } else { "on" };
        let format = json!({ "type": format });
        let session_of = json!({ "type": "realtime", "audio": {
            "input": { "format": format, "turn_detection": { "type": "semantic_vad" } }, "output": { "format": format },
        } });
        session.update(session_of).await;
        let mut samples = resampled(&speak(&format!("turn {state} the kitchen light")), rate);
        samples.extend(vec![0; rate as usize * 3]);
        let encode =
            if format["type"] == "audio/pcmu" { vesta_realtime::g711::to_ulaw } else { vesta_realtime::g711::to_alaw };
        let bytes: Vec<u8> = samples.iter().map(|sample| encode(*sample)).collect();
        for piece in bytes.chunks(800) {
            session.send(json!({ "type": "input_audio_buffer.append", "audio": base64(piece) })).await;
        }
        session.until("input_audio_buffer.speech_started").await;
        session.until("input_audio_buffer.speech_stopped").await;
        session.answer().await;
        server.becomes(LIGHT, state).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn speaking_over_an_answer_cancels_it() {
    let server = Server::with_demo_home().await;
    let mut session = Realtime::connect(&server).await;
    // An answer of some minutes is still being made when it is cancelled.
    let output = "And then they went on and on. ".repeat(200);
    let item = json!({ "type": "function_call_output", "call_id": "call_1", "output": output });
    session.send(json!({ "type": "conversation.item.create", "item": item })).await;
    session.send(json!({ "type": "response.create" })).await;
    let heard = session.until("response.output_audio.delta").await;
    session.send(json!({ "type": "response.cancel" })).await;
    let (_, response) = session.answer().await;
    assert_eq!(response["status_details"], json!({ "type": "cancelled", "reason": "client_cancelled" }));
    let truncate = json!({
        "type": "conversation.item.truncate", "item_id": heard["item_id"], "content_index": 0, "audio_end_ms": 20,
    });
    session.send(truncate).await;
    session.until("conversation.item.truncated").await;

    // The ear hears somebody: that is told at once, and the next answer is to what they said.
    session
        .update(json!({ "type": "realtime", "audio": { "input": { "turn_detection": { "type": "server_vad" } } } }))
        .await;
    let mut spoken = command("turn on the kitchen light");
    spoken.extend(resampled(&silence(2.0), 24_000));
    session.speak(&spoken, true).await;
    session.until("input_audio_buffer.speech_started").await;
    let (said, _) = session.answer().await;
    assert!(said.contains("kitchen light"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_and_the_session_goes_on() {
    let server = Start::new().no_demo().start().await;
    let mut session = Realtime::connect(&server).await;
    let error = async |session: &mut Realtime, event: String| {
        session.text(event).await;
        session.until("error").await["error"].clone()
    };
    assert_eq!(error(&mut session, "{".to_owned()).await["code"], "invalid_json");
    let unknown = error(&mut session, json!({ "type": "response.invent", "event_id": "e" }).to_string()).await;
    assert_eq!((&unknown["param"], &unknown["event_id"]), (&json!("type"), &json!("e")));
    assert_eq!(error(&mut session, "[".repeat(200_000)).await["code"], "invalid_json");
    let large = json!({ "type": "input_audio_buffer.append", "audio": "A".repeat(10 * 1024 * 1024) }).to_string();
    assert_eq!(error(&mut session, large).await["code"], "event_too_large");
    assert_eq!(
        error(&mut session, json!({ "type": "input_audio_buffer.append", "audio": "?" }).to_string()).await["param"],
        "audio"
    );
    let other = json!({ "type": "session.update", "session": { "type": "realtime", "unheard_of": { "a": 1 } } });
    session.send(other).await;
    session.until("session.updated").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_at_once_are_all_answered() {
    let server = Start::new().no_demo().start().await;
    let url = format!("{}/v1/realtime?model=x", server.url.replacen("http", "ws", 1));
    let (socket, _) = connect_async(with_token(&url, &server.token)).await.unwrap();
    let (mut sink, mut stream) = socket.split();
    let sending = async {
        for number in 0..10_000 {
            let event = match number % 4 {
                0 => json!({ "type": "nothing", "event_id": number.to_string() }),
                1 => json!({ "type": "response.cancel" }),
                2 => json!({ "type": "conversation.item.delete", "item_id": "none" }),
                _ => json!({ "type": "input_audio_buffer.commit" }),
            };
            sink.feed(Message::text(event.to_string())).await.unwrap();
        }
        sink.flush().await.unwrap();
    };
    let reading = async {
        let mut errors = 0;
        while errors < 10_000 {
            let message = stream.next().await.unwrap().unwrap();
            errors += usize::from(message.to_text().is_ok_and(|text| text.contains("\"error\"")));
        }
    };
    tokio::time::timeout(vesta_tests::server::PATIENCE, async { tokio::join!(sending, reading) }).await.unwrap();
    assert_eq!(server.get("/healthz").await["status"].as_str().map(|_| ()), Some(()), "the server still answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_let_go() {
    let server = Start::new().no_demo().start().await;
    let clients = async |server: &Server| {
        let metrics = server.text("/metrics").await;
        let line = metrics.lines().find(|line| line.starts_with("vesta_clients ")).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let session = Realtime::connect(&server).await;
    assert_eq!(clients(&server).await, 1);
    // It asks for ever more and takes nothing of it.
    let mut session = session;
    let flooding = tokio::spawn(async move {
        let event =
            json!({ "type": "session.update", "session": { "type": "realtime", "instructions": "x".repeat(100_000) } });
        loop {
            if session.try_send(&event).await.is_err() {
                return;
            }
        }
    });
    tokio::time::timeout(Duration::from_secs(120), flooding).await.expect("it is let go").unwrap();
    let gone = async {
        while clients(&server).await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(vesta_tests::server::PATIENCE, gone).await.expect("its session is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_a_token_is_refused() {
    let server = Start::new().no_demo().start().await;
    let url = format!("{}/v1/realtime?model=x", server.url.replacen("http", "ws", 1));
    assert!(connect_async(&url).await.is_err());
    assert!(connect_async(with_token(&url, "wrong")).await.is_err());
    let answer = reqwest::get(format!("{}/v1/models", server.url)).await.unwrap();
    assert_eq!(answer.status(), 401);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], "invalid_api_key");
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_that_was_cleared_is_not_answered() {
    let server = Server::with_demo_home().await;
    let mut session = Realtime::connect(&server).await;
    session.update(push_to_talk()).await;
    session.speak(&command("turn on the kitchen light"), false).await;
    session.send(json!({ "type": "input_audio_buffer.clear" })).await;
    session.until("input_audio_buffer.cleared").await;
    session.send(json!({ "type": "input_audio_buffer.commit" })).await;
    assert_eq!(session.until("error").await["error"]["code"], "input_audio_buffer_commit_empty");
    session.send(append(&command("turn on the bedroom light"))).await;
    session.send(json!({ "type": "input_audio_buffer.commit" })).await;
    let (said, _) = session.respond().await;
    assert!(said.contains("bedroom light"), "{said}");
    assert_eq!(server.entity(LIGHT).await["state"], "off");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_closes_its_session_at_once() {
    let server = Start::new().no_demo().start().await;
    let owner = Browser::owner(&server).await;
    let made = owner.post("/api/tokens", &json!({ "name": "phone", "scopes": ["talk"] })).await;
    let made: Value = made.json().await.unwrap();
    let mut session = Realtime::with(&server, made["secret"].as_str().unwrap(), "model=x").await;
    let token = format!("/api/tokens/{}", made["token"]["id"].as_str().unwrap());
    assert!(owner.request(reqwest::Method::DELETE, &token).send().await.unwrap().status().is_success());
    session.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_begins_the_session_it_was_made_for() {
    let server = Start::new().no_demo().start().await;
    let wanted =
        json!({ "session": { "type": "realtime", "output_modalities": ["text"], "instructions": "be brief" } });
    let url = format!("{}/v1/realtime/client_secrets", server.url);
    let made: Value = server.http().post(url).json(&wanted).send().await.unwrap().json().await.unwrap();
    let session = Realtime::with(&server, made["value"].as_str().unwrap(), "model=x").await;
    let created = &session.told[0]["session"];
    assert_eq!(created["output_modalities"], json!(["text"]));
    assert_eq!(created["instructions"], "be brief");
}

/// A phone whose connection broke does not know whether the house has done what it said, and says it again under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn speech_that_is_sent_again_is_done_once_even_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let server = Start::new().data(folder.path()).start().await;
        server.settled().await;
        server
    };
    let say = async |server: &Server, id: &str| {
        let mut session = Realtime::connect(server).await;
        session.update(push_to_talk()).await;
        session.speak(&command("turn on the kitchen light"), false).await;
        session.send(json!({ "type": "input_audio_buffer.commit", "vesta_request_id": id })).await;
        session.respond().await
    };
    let server = start().await;
    let (said, first) = say(&server, "one").await;
    server.becomes(LIGHT, "on").await;
    assert_eq!(first["metadata"]["vesta_outcome"], "done", "{first}");
    server.ask("turn off the kitchen light").await;
    server.becomes(LIGHT, "off").await;
    assert_eq!(server.stop().await, Some(0));

    let server = start().await;
    let before = server.get("/api/turns").await.as_array().unwrap().len();
    let state = server.entity(LIGHT).await["state"].clone();
    let (again, repeated) = say(&server, "one").await;
    assert_eq!((&again, &repeated["metadata"]), (&said, &first["metadata"]), "the same words, of the same turn");
    assert_eq!(server.entity(LIGHT).await["state"], state, "nothing is done");
    assert_eq!(server.get("/api/turns").await.as_array().unwrap().len(), before, "and it is no turn of its own");
    // Under another id it is another command.
    let (_, other) = say(&server, "two").await;
    assert_ne!(other["metadata"]["vesta_turn"], first["metadata"]["vesta_turn"]);
    server.becomes(LIGHT, "on").await;
}
