//! Calls over WebRTC: what is said and heard, clients that move, vanish, flood and send nonsense.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use vesta_tests::phone::{Caller, Do, Kind, Phone, post};
use vesta_tests::relay::{Network, Relay};
use vesta_tests::server::{Server, Start};
use vesta_tests::speech::{silence, speak};
use vesta_tests::transcribe::transcribe;

const LIGHT: &str = "light.kitchen_light";

fn push_to_talk() -> Value {
    json!({ "type": "realtime", "audio": { "input": { "turn_detection": null } } })
}

fn hands_free() -> Value {
    json!({ "type": "realtime", "audio": { "input": { "turn_detection": { "type": "semantic_vad" } } } })
}

async fn calls(server: &Server) -> String {
    server.text("/metrics").await.lines().filter(|line| line.starts_with("vesta_calls_ended")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_command_is_done_and_the_reply_is_heard() {
    let server = Server::with_demo_home().await;
    let mut phone = Phone::call(&server, Kind::default(), &push_to_talk()).await;
    phone.speak(&speak("turn on the kitchen light")).await;
    phone.send(json!({ "type": "input_audio_buffer.commit" })).await;
    phone.send(json!({ "type": "response.create" })).await;
    let (said, response) = phone.answer().await;
    assert_eq!(response["status"], "completed");
    server.becomes(LIGHT, "on").await;
    phone.until("output_audio_buffer.stopped").await;
    let heard = transcribe(&server, &phone.heard, 16_000).await;
    assert!(
        said.to_lowercase().contains("kitchen light") && heard.contains("kitchen"),
        "said '{said}', heard '{heard}'"
    );
    assert!(phone.kinds().contains(&"output_audio_buffer.started"));

    // The ear that finds the end itself, and a call over TCP.
    let mut phone = Phone::call(&server, Kind { tcp: true, ..Kind::default() }, &hands_free()).await;
    phone.speak(&[speak("turn off the kitchen light"), silence(1.0)].concat()).await;
    phone.answer().await;
    server.becomes(LIGHT, "off").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_cut_off_at_once_and_the_house_knows_what_was_heard() {
    let server = Server::with_demo_home().await;
    let mut phone = Phone::call(&server, Kind::default(), &push_to_talk()).await;
    let item =
        json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "what is the date" }] });
    phone.send(json!({ "type": "conversation.item.create", "item": item })).await;
    phone.send(json!({ "type": "response.create" })).await;
    phone.sounds().await;
    phone.send(json!({ "type": "output_audio_buffer.clear" })).await;
    phone.until("output_audio_buffer.cleared").await;
    let frames = phone.arrived.len();
    phone.idle(Duration::from_millis(300)).await;
    assert!(phone.arrived.len() <= frames + 2, "{} frames came after the silence", phone.arrived.len() - frames);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_network_is_understood_and_understandable() {
    let server = Server::with_demo_home().await;
    let probe = Caller::new(Kind::default()).await;
    let answer = post(&server, &probe.offer, &push_to_talk()).await.text().await.unwrap();
    let line = answer.lines().find(|line| line.contains(" udp ") && line.contains("127.0.0.1")).expect("a candidate");
    let fields: Vec<&str> = line.split_whitespace().collect();
    let address = format!("{}:{}", fields[4], fields[5]).parse().unwrap();
    let network = Network { loss: 0.05, delay: Duration::from_millis(200), jitter: Duration::from_millis(100) };
    let relay = Relay::to(address, network, 7).await;
    let kind = Kind { through: Some(relay.address), ..Kind::default() };
    let mut phone = Phone::call(&server, kind, &hands_free()).await;
    phone.speak(&[speak("turn on the kitchen light"), silence(2.0)].concat()).await;
    let (said, _) = phone.answer().await;
    server.becomes(LIGHT, "on").await;
    phone.until("output_audio_buffer.stopped").await;
    phone.idle(Duration::from_secs(1)).await;
    let heard = transcribe(&server, &phone.heard, 16_000).await;
    assert!(heard.contains("kitchen"), "said '{said}', heard '{heard}'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_moves_to_another_network_in_mid_reply() {
    let server = Server::with_demo_home().await;
    let mut phone = Phone::call(&server, Kind::default(), &push_to_talk()).await;
    let item =
        json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "what is the date" }] });
    phone.send(json!({ "type": "conversation.item.create", "item": item })).await;
    phone.send(json!({ "type": "response.create" })).await;
    phone.sounds().await;
    phone.switch(&server).await;
    phone.sounds().await;
    phone.until("output_audio_buffer.stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_calls_are_refused_with_what_to_do() {
    let server = Start::new().start().await;
    let offer = Caller::new(Kind::default()).await.offer;
    let url = format!("{}/v1/realtime/calls", server.url);
    let post =
        |kind: &'static str, body: String| server.http().post(&url).header("content-type", kind).body(body).send();
    for (kind, body, status, told) in [
        ("application/sdp", String::new(), 400, "v=0"),
        ("application/sdp", "v=0\r\nm=audio".to_owned(), 400, "Opus"),
        ("application/sdp", offer.replace("a=fingerprint", "a=finger"), 400, "fingerprint"),
        ("application/sdp", "v=0\r\n".repeat(20_000), 400, "bytes"),
        ("application/sdp", "x".repeat(600_000), 413, ""),
        ("application/json", "{}".to_owned(), 415, "multipart/form-data"),
        ("multipart/form-data; boundary=x", "--x--".to_owned(), 400, "sdp"),
    ] {
        let response = post(kind, body).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{kind}");
        let error: Value = response.json().await.unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(told), "{message}");
    }
    let wrong =
        vesta_tests::phone::post(&server, &offer, &json!({ "type": "realtime", "audio": { "input": 7 } })).await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    for path in ["rtc_0/hangup", "..%2f..%2f/hangup"] {
        let response = server.http().post(format!("{url}/{path}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
    let response =
        server.http().patch(format!("{url}/rtc_0")).header("content-type", "application/sdp").body(offer).send().await;
    assert_eq!(response.unwrap().status(), StatusCode::NOT_FOUND);
    // Nobody calls without being known.
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap().post(&url).body("v=0").send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_offer_is_answered_and_hung_up() {
    let server = Start::new().start().await;
    let caller = Caller::new(Kind::default()).await;
    let url = format!("{}/v1/realtime/calls?model=gpt-realtime", server.url);
    let request = server.http().post(url).header("content-type", "application/sdp").body(caller.offer.clone());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["content-type"], "application/sdp");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let mut client = caller.connect(&response.text().await.unwrap());
    client.opened().await;
    let candidates = server
        .http()
        .patch(format!("{}{location}", server.url))
        .header("content-type", "application/trickle-ice-sdpfrag");
    let trickled = candidates
        .body("a=candidate:1 1 udp 1 192.0.2.7 4000 typ host\r\na=end-of-candidates\r\n")
        .send()
        .await
        .unwrap();
    assert_eq!(trickled.status(), StatusCode::NO_CONTENT);
    let hung_up = server.http().post(format!("{}{location}/hangup", server.url)).send().await.unwrap();
    assert_eq!(hung_up.status(), StatusCode::OK);
    client.wait(|noticed| matches!(noticed, vesta_tests::phone::Noticed::Closed).then_some(())).await;
    assert!(calls(&server).await.contains("hung_up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_and_nonsense_disturb_nobody_else() {
    let server = Server::with_demo_home().await;
    let mut calm = Phone::call(&server, Kind::default(), &push_to_talk()).await;
    let mut loud = Phone::call(&server, Kind::default(), &push_to_talk()).await;
    for number in 0..10_000 {
        loud.client.order(Do::Text(format!("{{\"type\":\"nonsense\",\"event_id\":\"{number}\"}}"))).await;
        loud.client.noticed.try_recv().ok();
    }
    loud.client.order(Do::Binary(vec![0xff; 100_000])).await;
    loud.client.order(Do::Replay).await;
    calm.speak(&speak("turn on the kitchen light")).await;
    calm.send(json!({ "type": "input_audio_buffer.commit" })).await;
    calm.send(json!({ "type": "response.create" })).await;
    calm.answer().await;
    server.becomes(LIGHT, "on").await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
    loud.client.order(Do::Close).await;
    loud.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_killed_is_gone_within_ten_seconds() {
    let server = Server::with_demo_home().await;
    let mut phone = Phone::call(&server, Kind::default(), &hands_free()).await;
    phone.speak(&speak("turn on the")).await;
    let killed = Instant::now();
    drop(phone);
    while !calls(&server).await.contains("silent") {
        assert!(killed.elapsed() < Duration::from_secs(10), "the call is still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
