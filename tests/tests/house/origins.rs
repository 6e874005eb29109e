//! What other sites' pages get: nothing. And requests that no client library would send.

use reqwest::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use vesta_tests::browser::Browser;
use vesta_tests::client::with_token;
use vesta_tests::server::{PATIENCE, Server, Start};

async fn house() -> Server {
    Start::new().no_demo().start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_gets_nothing() {
    let server = Start::new().no_demo().config("[server]\norigins = [\"https://studio.example\"]\n").start().await;
    let owner = Browser::owner(&server).await;
    let cookie = owner.cookie.clone().unwrap();
    let plain = Client::builder().no_proxy().build().unwrap();
    let ask = |origin: Option<&str>| {
        let request =
            plain.post(format!("{}/api/say", server.url)).header(COOKIE, &cookie).json(&json!({ "text": "..." }));
        match origin {
            Some(origin) => request.header(ORIGIN, origin),
            None => request,
        }
    };
    for origin in
        [Some("https://evil.example"), Some("null"), Some("http://localhost:1"), Some("https://studio.example"), None]
    {
        let response = ask(origin).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin:?}");
        assert_eq!(response.json::<Value>().await.unwrap()["code"], "cross_origin", "{origin:?}");
    }
    // A listed page may come with a token, and read the answer.
    let listed = plain
        .get(format!("{}/api/status", server.url))
        .header(ORIGIN, "https://studio.example")
        .bearer_auth(&server.token);
    let listed = listed.send().await.unwrap();
    assert_eq!(listed.status(), StatusCode::OK);
    assert_eq!(listed.headers()["access-control-allow-origin"], "https://studio.example");
    assert!(listed.headers().get("access-control-allow-credentials").is_none());
    let other = plain
        .get(format!("{}/api/status", server.url))
        .header(ORIGIN, "https://evil.example")
        .bearer_auth(&server.token);
    assert!(other.send().await.unwrap().headers().get("access-control-allow-origin").is_none());

    // Reading by an image or a script of another site, and by a name that was made to point here.
    let image = plain
        .get(format!("{}/api/home", server.url))
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "no-cors");
    assert_eq!(image.header(COOKIE, &cookie).send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let rebound = plain.get(format!("{}/api/home", server.url)).header(HOST, "evil.example").header(COOKIE, &cookie);
    let rebound = rebound.send().await.unwrap();
    assert_eq!(rebound.status(), StatusCode::MISDIRECTED_REQUEST);
    assert!(!rebound.text().await.unwrap().contains("entities"));

    // A WebSocket, which browsers open across origins and with cookies.
    let mut request = with_token(&format!("{}/api/listen", server.url.replacen("http", "ws", 1)), "");
    request.headers_mut().remove("authorization");
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    request.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    assert!(connect_async(request.clone()).await.is_err());
    request.headers_mut().insert("origin", server.url.parse().unwrap());
    assert!(connect_async(request).await.is_ok(), "our own page may");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_may_load_nothing_from_elsewhere() {
    let server = house().await;
    let response = Browser::new(&server).get("/healthz").await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"), "{policy}");
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")]
    {
        assert_eq!(response.headers()[name], value);
    }
}

/// Bytes as no client library would send them.
async fn raw(server: &Server, request: &str) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_cannot_be_injected_or_doubled() {
    let server = house().await;
    let host = server.url.strip_prefix("http://").unwrap();
    let get = |headers: &str| format!("GET /healthz HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    for headers in [
        format!("Host: {host}\r\nHost: evil.example\r\n"),
        format!("Host: {host};script-src *\r\n"),
        "Host: evil.example\r\n".to_owned(),
        "Host: \r\n".to_owned(),
        String::new(),
    ] {
        let answer = raw(&server, &get(&headers)).await;
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(status.starts_with('4'), "{headers:?}: {answer}");
        let head = answer.split("\r\n\r\n").next().unwrap_or_default();
        assert!(!head.contains("script-src *"), "{answer}");
    }
    assert!(raw(&server, &get(&format!("Host: {host}\r\n"))).await.starts_with("HTTP/1.1 200"));
    let owner = Browser::owner(&server).await;
    for name in ["a\r\nSet-Cookie: x=y", "a\nb", "\u{0}"] {
        let refused = owner.post("/api/invites", &json!({ "role": "guest", "name": name })).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name:?}");
        let refused = owner.post("/api/tokens", &json!({ "name": name, "scopes": ["talk"] })).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name:?}");
    }
    for path in ["/api/people/..%2f..%2fetc", "/api/devices/%0d%0aSet-Cookie:%20x=y", "/api/tokens/%00"] {
        let response = owner.request(Method::DELETE, path).send().await.unwrap();
        assert!(response.status().is_client_error(), "{path}: {}", response.status());
        assert!(response.headers().get(SET_COOKIE).is_none(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_no_client_would_send_end_their_own_connection() {
    let server = house().await;
    let address = server.url.strip_prefix("http://").unwrap();
    let mask = [0; 4];
    let long = |opcode: u8, claimed: u64| [&[opcode, 0xff][..], &claimed.to_be_bytes(), &mask].concat();
    for path in ["/v1/realtime?model=x", "/api/listen"] {
        for (what, frame) in [
            ("no mask", vec![0x81, 0x02, b'{', b'}']),
            ("more than there is memory", long(0x82, u64::MAX >> 1)),
            ("more than a message may have", long(0x82, 17 << 20)),
            ("an unknown kind", [&[0x83, 0x80][..], &mask].concat()),
            ("a bit without a meaning", [&[0xf1, 0x80][..], &mask].concat()),
            ("a ping that is too long", [&[0x89, 0xfe, 0, 200][..], &mask, &[0; 200]].concat()),
            ("text that is none", [&[0x81, 0x82][..], &mask, &[0xff, 0xfe]].concat()),
            ("a rest without a beginning", [&[0x80, 0x80][..], &mask].concat()),
        ] {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                server.token
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&frame).await.unwrap();
            let mut answer = Vec::new();
            // Closed with a goodbye or without: what counts is that it is, long before a silent client would be given up.
            let _ =
                timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap_or_else(|_| panic!("{path}: {what}"));
            assert!(answer.starts_with(b"HTTP/1.1 101"), "{path}: {what}: {}", String::from_utf8_lossy(&answer));
        }
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.get("/api/home").await;
}
