//! Devices, tokens and people that are revoked or expire while they have something open, and callers that may less than their role.

use futures_util::StreamExt;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use vesta_tests::browser::{Browser, answer};
use vesta_tests::client::with_token;
use vesta_tests::phone::{Kind, Phone};
use vesta_tests::realtime::Realtime;
use vesta_tests::server::{PATIENCE, Server, Start};

async fn house() -> Server {
    Start::new().no_demo().start().await
}

/// A client of the house that brings a secret and nothing else.
struct Program<'a> {
    server: &'a Server,
    http: reqwest::Client,
    secret: String,
}

impl<'a> Program<'a> {
    fn new(server: &'a Server, secret: &str) -> Self {
        Self { server, http: reqwest::Client::builder().no_proxy().build().unwrap(), secret: secret.to_owned() }
    }

    /// With what a browser keeps in its cookie.
    fn of(server: &'a Server, browser: &Browser) -> Self {
        Self::new(server, browser.cookie.as_deref().unwrap().split_once('=').unwrap().1)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.server.url)).bearer_auth(&self.secret)
    }

    async fn status(&self, method: Method, path: &str, body: &Value) -> StatusCode {
        self.request(method, path).json(body).send().await.unwrap().status()
    }
}

/// Everything that a client can have open.
struct Open {
    events: reqwest::Response,
    conversation: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>,
    realtime: Realtime,
    call: Phone,
}

impl Open {
    async fn by(program: &Program<'_>) -> Self {
        let events = program.request(Method::GET, "/api/events").send().await.unwrap();
        assert_eq!(events.status(), StatusCode::OK);
        let listen = format!("{}/api/listen?mode=hands_free", program.server.url.replacen("http", "ws", 1));
        let (conversation, _) = connect_async(with_token(&listen, &program.secret)).await.unwrap();
        let realtime = Realtime::with(program.server, &program.secret, "model=x").await;
        let request = program.request(Method::POST, "/v1/realtime/calls");
        let call = Phone::call_by(request, Kind::default(), &json!({ "type": "realtime" })).await;
        Self { events, conversation, realtime, call }
    }

    /// Waits until the server has closed all of it. The client of each is there and well, so nothing else ends them.
    async fn closed(mut self) {
        let mut events = self.events.bytes_stream();
        let events = async { while let Some(Ok(_)) = events.next().await {} };
        timeout(PATIENCE, events).await.expect("the events end");
        let conversation = async {
            while let Some(Ok(message)) = self.conversation.next().await {
                if message.is_close() {
                    break;
                }
            }
        };
        timeout(PATIENCE, conversation).await.expect("the conversation ends");
        self.realtime.closed().await;
        self.call.closed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_has_open_ends_with_it() {
    let server = house().await;
    let owner = Browser::owner(&server).await;
    let tom = owner.invited(&server, "Tom", "adult").await;
    let open = Open::by(&Program::of(&server, &tom)).await;
    let others = Open::by(&Program::of(&server, &owner)).await;
    let device = format!("/api/devices/{}", tom.caller().await["session"].as_str().unwrap());
    assert_eq!(owner.request(Method::DELETE, &device).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    open.closed().await;
    let Open { mut realtime, mut call, .. } = others;
    realtime.update(json!({ "type": "realtime" })).await;
    call.update(json!({ "type": "realtime" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_has_open_ends_with_it() {
    let server = house().await;
    let owner = Browser::owner(&server).await;
    let token = json!({ "name": "display", "scopes": ["talk", "read_home"] });
    let made = answer(owner.request(Method::POST, "/api/tokens").json(&token)).await;
    let open = Open::by(&Program::new(&server, made["secret"].as_str().unwrap())).await;
    let token = format!("/api/tokens/{}", made["token"]["id"].as_str().unwrap());
    assert_eq!(owner.request(Method::DELETE, &token).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    open.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_has_open_ends_when_it_expires() {
    let server = house().await;
    let owner = Browser::owner(&server).await;
    let token = json!({ "name": "visit", "scopes": ["talk", "read_home"], "expires_in_s": 8 });
    let made = answer(owner.request(Method::POST, "/api/tokens").json(&token)).await;
    let program = Program::new(&server, made["secret"].as_str().unwrap());
    Open::by(&program).await.closed().await;
    assert_eq!(program.status(Method::GET, "/api/home", &Value::Null).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_has_open_ends_when_they_are_removed_or_become_somebody_else() {
    let server = house().await;
    let owner = Browser::owner(&server).await;
    let tom = owner.invited(&server, "Tom", "adult").await;
    let program = Program::of(&server, &tom);
    let path = format!("/api/people/{}", tom.caller().await["person"].as_str().unwrap());

    let open = Open::by(&program).await;
    let changed = owner.request(Method::PATCH, &path).json(&json!({ "role": "child" })).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    open.closed().await;

    // The device is as good as before, as what Tom is now.
    let open = Open::by(&program).await;
    // What he made for another program goes with him.
    let secret = answer(program.request(Method::POST, "/v1/realtime/client_secrets").json(&json!({}))).await;
    let browser_of_his = Open::by(&Program::new(&server, secret["value"].as_str().unwrap())).await;
    let removed = owner.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    open.closed().await;
    browser_of_his.closed().await;
    assert_eq!(program.status(Method::GET, "/api/home", &Value::Null).await, StatusCode::UNAUTHORIZED);
}

/// A body can be on its way for as long as its sender likes; what counts is who they are when it has come.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_still_on_its_way_is_not_done_for_somebody_who_is_revoked() {
    let server = Start::new().start().await;
    server.demo_home_answers().await;
    let owner = Browser::owner(&server).await;
    let tom = owner.invited(&server, "Tom", "adult").await;
    let secret = Program::of(&server, &tom).secret;
    let host = server.url.strip_prefix("http://").unwrap();
    let body = json!({ "text": "turn on the kitchen light" }).to_string();
    let head = format!(
        "POST /api/ask HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body once it has found out whose request it is.
    let mut told = [0; 25];
    timeout(PATIENCE, stream.read_exact(&mut told)).await.unwrap().unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    let device = format!("/api/devices/{}", tom.caller().await["session"].as_str().unwrap());
    assert_eq!(owner.request(Method::DELETE, &device).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("no_caller"), "{answer}");
    assert_eq!(server.entity("light.kitchen_light").await["state"], "off");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gains_by_making_ways_in() {
    let server = house().await;
    let owner = Browser::owner(&server).await;
    let tom = owner.invited(&server, "Tom", "child").await;
    let id = async |browser: &Browser| browser.caller().await["person"].as_str().unwrap().to_owned();
    let (ida, tom_id) = (id(&owner).await, id(&tom).await);
    let pair = "/api/auth/pair";

    // A further device for oneself; for others only by an owner.
    let toms = Program::of(&server, &tom);
    assert_eq!(toms.status(Method::POST, pair, &json!({})).await, StatusCode::OK);
    assert_eq!(toms.status(Method::POST, pair, &json!({ "person": ida })).await, StatusCode::FORBIDDEN);
    let owners = Program::of(&server, &owner);
    assert_eq!(owners.status(Method::POST, pair, &json!({ "person": tom_id })).await, StatusCode::OK);

    // A token of an owner's that may do a part of it does not become a device that may do all.
    let few = json!({ "name": "few", "scopes": ["talk", "manage_people", "manage_devices"] });
    let made = answer(owner.request(Method::POST, "/api/tokens").json(&few)).await;
    let few = Program::new(&server, made["secret"].as_str().unwrap());
    let promote = format!("/api/people/{tom_id}");
    for (method, path, body) in [
        (Method::POST, pair, json!({})),
        (Method::POST, pair, json!({ "person": tom_id })),
        (Method::POST, "/api/invites", json!({ "role": "owner" })),
        (Method::POST, "/api/passkeys/options", json!({})),
        (Method::PATCH, promote.as_str(), json!({ "role": "owner" })),
    ] {
        assert_eq!(few.status(method, path, &body).await, StatusCode::FORBIDDEN, "{path} {body}");
    }
    // What it may do, it does.
    assert_eq!(few.status(Method::GET, "/api/people", &Value::Null).await, StatusCode::OK);
    assert_eq!(few.status(Method::PATCH, &promote, &json!({ "language": "de" })).await, StatusCode::OK);
    let beyond = json!({ "name": "more", "scopes": ["unlock_doors"] });
    assert_eq!(few.status(Method::POST, "/api/tokens", &beyond).await, StatusCode::FORBIDDEN);

    // Nor does a client secret, whoever made it.
    let secret = answer(owner.request(Method::POST, "/v1/realtime/client_secrets").json(&json!({}))).await;
    let secret = Program::new(&server, secret["value"].as_str().unwrap());
    for path in [pair, "/api/invites", "/api/passkeys/options", "/v1/realtime/client_secrets"] {
        assert_eq!(
            secret.status(Method::POST, path, &json!({ "role": "guest" })).await,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
}

/// A name that a program gives itself is its person's own: nobody goes on in another's conversation by using the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_its_persons_own() {
    let server = Start::new().start().await;
    server.demo_home_answers().await;
    let owner = Browser::owner(&server).await;
    let anna = owner.invited(&server, "Anna", "adult").await;
    let ask = async |browser: &Browser, text: &str| {
        browser.post("/api/ask", &json!({ "text": text, "client": "kitchen" })).await.json::<Value>().await.unwrap()
    };
    assert_eq!(ask(&anna, "turn on the kitchen light").await["outcome"], "done");
    let others = ask(&owner, "turn it off").await;
    assert_ne!(others["outcome"], "done", "whose 'it' would that be: {others}");
    assert_eq!(server.entity("light.kitchen_light").await["state"], "on");
    assert_eq!(ask(&anna, "turn it off").await["outcome"], "done");
    server.becomes("light.kitchen_light", "off").await;
}

/// The name of the timer that a session is told of next.
async fn rung(session: &mut Realtime) -> String {
    loop {
        let (said, response) = session.answer().await;
        if response["metadata"]["vesta_announcement"].is_string() {
            return said;
        }
    }
}

/// Whichever way a person speaks to the house, their timers ring for them, wherever they are, and not for others who are there.
#[tokio::test(flavor = "multi_thread")]
async fn timers_that_were_made_by_speaking_are_the_same_persons_as_typed_ones() {
    let server = house().await;
    let owner = Browser::owner(&server).await;
    let anna = Program::of(&server, &owner.invited(&server, "Anna", "adult").await);
    let written = json!({ "type": "realtime", "output_modalities": ["text"] });
    let connect = async |secret: &str| {
        let mut session = Realtime::with(&server, secret, "model=x").await;
        session.update(written.clone()).await;
        session
    };
    let mut makes = connect(&anna.secret).await;
    let mut hears = connect(&anna.secret).await;
    let mut others = connect(&Program::of(&server, &owner).secret).await;

    makes.type_in("set a pasta timer for one second").await;
    makes.respond().await;
    makes.close().await;
    assert!(rung(&mut hears).await.contains("pasta"));
    let message = json!({ "id": "1", "text": "set a tea timer for one second" });
    assert_eq!(answer(anna.request(Method::POST, "/api/messages").json(&message)).await["outcome"], "done");
    assert!(rung(&mut hears).await.contains("tea"));

    others.type_in("set an egg timer for one second").await;
    others.respond().await;
    let rang = rung(&mut others).await;
    assert!(rang.contains("egg"), "the first that rings for the owner is the owner's: {rang}");
}
