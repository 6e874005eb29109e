//! Requests that cannot be served: each is answered by a problem that a program can read (RFC 9457).

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use vesta_tests::server::{Server, Start};

/// The code of a problem, once it is one.
async fn code(response: Response) -> (StatusCode, String) {
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{status}");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16());
    assert!(!problem["detail"].as_str().unwrap().is_empty(), "{problem}");
    (status, problem["code"].as_str().unwrap().to_owned())
}

async fn server() -> (Server, Client) {
    let server = Start::new().no_demo().start().await;
    let client = server.http().clone();
    (server, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_answered_by_problems() {
    let (server, client) = server().await;
    let at = |path: &str| format!("{}{path}", server.url);

    let response = client.get(at("/api/ask")).send().await.unwrap();
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(code(response).await, (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed".to_owned()));
    let response = client.request(Method::DELETE, at("/healthz")).send().await.unwrap();
    assert_eq!(code(response).await.1, "method_not_allowed");

    let response = client.get(at("/api/listen")).send().await.unwrap();
    let (status, problem) = code(response).await;
    assert!(status.is_client_error() && problem == "not_a_websocket", "{status} {problem}");

    let response = client.get(at("/nothing")).send().await.unwrap();
    assert_eq!(code(response).await, (StatusCode::NOT_FOUND, "not_found".to_owned()));

    let response = client.post(at("/api/ask")).body("{\"text\": \"hello\"}").send().await.unwrap();
    assert_eq!(code(response).await, (StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad_json".to_owned()));
    let response = client.post(at("/api/ask")).json(&json!({"text": "hello", "voice": 3})).send().await.unwrap();
    assert_eq!(code(response).await.1, "bad_json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_without_words_is_not_a_silent_file() {
    let (server, client) = server().await;
    for text in ["...", "!? -", "🙂"] {
        let response =
            client.post(format!("{}/api/say", server.url)).json(&json!({"text": text})).send().await.unwrap();
        assert_eq!(code(response).await, (StatusCode::BAD_REQUEST, "nothing_to_say".to_owned()), "{text}");
    }
    let fast = json!({"text": "hello", "speed": -3});
    let response = client.post(format!("{}/api/say", server.url)).json(&fast).send().await.unwrap();
    assert_eq!(code(response).await.1, "bad_speed");
    let response = client.post(format!("{}/api/say", server.url)).json(&json!({"text": "12"})).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "audio/wav");
}

/// A WAV file is held in memory as a whole: ten thousand digits, spoken slowly, would be hours of it.
#[tokio::test(flavor = "multi_thread")]
async fn speech_without_end_is_refused() {
    let (server, client) = server().await;
    let say = json!({"text": "0".repeat(10_000), "speed": 0.25});
    let response = client.post(format!("{}/api/say", server.url)).json(&say).send().await.unwrap();
    assert_eq!(code(response).await, (StatusCode::BAD_REQUEST, "too_long_to_say".to_owned()));
    let speech =
        json!({"input": "0".repeat(4_096), "model": "x", "voice": "x", "speed": 0.25, "response_format": "wav"});
    let response = client.post(format!("{}/v1/audio/speech", server.url)).json(&speech).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let error: Value = response.json().await.unwrap();
    assert_eq!(error["error"]["param"], "input");
    assert!(error["error"]["message"].as_str().unwrap().contains("in pieces"), "{error}");
    // What is streamed needs no room, however long it is; and whoever goes away stops the voice.
    let speech =
        json!({"input": "0".repeat(4_096), "model": "x", "voice": "x", "speed": 0.25, "response_format": "pcm"});
    let mut response = client.post(format!("{}/v1/audio/speech", server.url)).json(&speech).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.chunk().await.unwrap().is_some_and(|piece| !piece.is_empty()));
}
