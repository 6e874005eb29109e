//! Who may come in, and what each may do.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::header::SET_COOKIE;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use vesta_tests::browser::Browser;
use vesta_tests::client::with_token;
use vesta_tests::program::{self, Output};
use vesta_tests::realtime::{Realtime, resampled};
use vesta_tests::server::{PATIENCE, Server, Start};
use vesta_tests::speech::speak;

async fn vesta(server: &Server, arguments: &[&str]) -> Output {
    program::run(program::vesta(server.data()).args(arguments)).await
}

async fn vesta_json(server: &Server, arguments: &[&str]) -> Value {
    let output = vesta(server, arguments).await;
    assert_eq!(output.code, Some(0), "{arguments:?}: {output:#?}");
    serde_json::from_str(output.stdout.trim()).unwrap()
}

async fn house() -> Server {
    Start::new().no_demo().start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_but_signing_in_and_health_needs_a_caller() {
    let server = house().await;
    let stranger = Client::builder().no_proxy().build().unwrap();
    for (method, path) in [
        (Method::GET, "/metrics"),
        (Method::GET, "/api/status"),
        (Method::GET, "/api/home"),
        (Method::GET, "/api/home/changes"),
        (Method::GET, "/api/listen"),
        (Method::POST, "/api/ask"),
        (Method::POST, "/api/say"),
        (Method::GET, "/api/people"),
        (Method::GET, "/api/devices"),
        (Method::GET, "/api/tokens"),
        (Method::GET, "/api/invites"),
        (Method::GET, "/api/audit"),
        (Method::POST, "/api/welcome"),
        (Method::POST, "/api/auth/pair"),
        (Method::POST, "/api/auth/sign-out"),
        (Method::POST, "/api/passkeys/options"),
    ] {
        let response = stranger.request(method.clone(), format!("{}{path}", server.url)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(response.json::<Value>().await.unwrap()["code"], "no_caller", "{method} {path}");
        let wrong = stranger.request(method.clone(), format!("{}{path}", server.url)).bearer_auth("vm_wrong");
        assert_eq!(wrong.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    let openai =
        stranger.post(format!("{}/v1/realtime/client_secrets", server.url)).json(&json!({})).send().await.unwrap();
    assert_eq!(openai.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(openai.json::<Value>().await.unwrap()["error"]["code"], "invalid_api_key");
    for open in ["/healthz", "/api/auth"] {
        assert_eq!(
            stranger.get(format!("{}{open}", server.url)).send().await.unwrap().status(),
            StatusCode::OK,
            "{open}"
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for file in ["local-token", "people.db"] {
            let mode = std::fs::metadata(server.data().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_in_and_the_log_tells_no_secret() {
    let server = house().await;
    let owner = Browser::owner(&server).await;
    let caller = owner.caller().await;
    assert_eq!(
        (&caller["name"], &caller["role"], &caller["method"]),
        (&json!("Ida"), &json!("owner"), &json!("device"))
    );
    let again = server.http().post(format!("{}/api/welcome", server.url)).json(&json!({})).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::CONFLICT, "there is an owner now");

    let tom = owner.invited(&server, "Tom", "child").await;
    for path in ["/api/people", "/api/invites", "/api/audit", "/api/tokens", "/metrics", "/api/devices?person=all"] {
        assert_eq!(tom.get(path).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let promoted =
        tom.request(Method::PATCH, &format!("/api/people/{}", tom.caller().await["person"].as_str().unwrap()));
    let promoted = promoted.json(&json!({ "role": "owner" })).send().await.unwrap();
    assert_eq!(promoted.status(), StatusCode::FORBIDDEN, "nobody promotes themselves");
    let owner_device = owner.caller().await["session"].as_str().unwrap().to_owned();
    let stolen = tom.request(Method::DELETE, &format!("/api/devices/{owner_device}")).send().await.unwrap();
    assert_eq!(stolen.status(), StatusCode::NOT_FOUND, "another's device is not there for him");

    let last =
        owner.request(Method::DELETE, &format!("/api/people/{}", owner.caller().await["person"].as_str().unwrap()));
    let last: Value = last.send().await.unwrap().json().await.unwrap();
    assert_eq!(last["code"], "last_owner");

    let pairing: Value = tom.post("/api/auth/pair", &json!({})).await.json().await.unwrap();
    let mut tablet = Browser::new(&server);
    let signed_in = tablet.post("/api/auth/code", &json!({ "code": pairing["code"], "device": "Tablet" })).await;
    tablet.cookie = Some(signed_in.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned());
    assert_eq!(tablet.caller().await["name"], "Tom");
    let signed_out = tablet.post("/api/auth/sign-out", &json!({})).await;
    assert_eq!(signed_out.status(), StatusCode::NO_CONTENT);
    assert_eq!(tablet.caller().await, Value::Null);

    let secrets = [owner.cookie.as_deref(), tom.cookie.as_deref(), pairing["path"].as_str(), pairing["code"].as_str()];
    let log = server.log();
    for secret in secrets.into_iter().flatten().chain([server.token.as_str()]) {
        let secret = secret.rsplit(['=', '#']).next().unwrap();
        assert!(!log.contains(secret), "the log has {secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_attempts_are_slowed_down_and_nobody_else_notices() {
    let server = house().await;
    let owner = Browser::owner(&server).await;
    let stranger = Browser::new(&server);
    let (mut slowed, mut wrong) = (0, 0);
    for attempt in 0..1_000 {
        let response =
            stranger.post("/api/auth/code", &json!({ "code": format!("K7Q-9M2-XP{}", attempt % 8 + 2) })).await;
        match response.status() {
            StatusCode::TOO_MANY_REQUESTS => {
                let after = response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
                assert!((1..=901).contains(&after), "{after}");
                slowed += 1;
            }
            StatusCode::FORBIDDEN => wrong += 1,
            other => panic!("{other}"),
        }
    }
    assert!(slowed > 950, "{slowed} were slowed down, {wrong} were compared");
    assert_eq!(owner.caller().await["name"], "Ida");
    assert_eq!(owner.get("/api/home").await.status(), StatusCode::OK);
    let audit: Value = owner.get("/api/audit?limit=500").await.json().await.unwrap();
    let failures = audit.as_array().unwrap().iter().filter(|line| line["action"] == "sign_in_failed").count();
    assert!((1..=50).contains(&failures), "{failures}");
}

/// Waits until the server closes the socket.
async fn closed(
    mut socket: impl StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
) -> Duration {
    let began = std::time::Instant::now();
    let end = async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
    };
    timeout(PATIENCE, end).await.expect("the server closes the socket");
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_or_expires_closes_what_it_has_open() {
    let server = house().await;
    let owner = Browser::owner(&server).await;
    let listen = format!("{}/api/listen?mode=hands_free", server.url.replacen("http", "ws", 1));
    let token = async |seconds: u64| {
        let body = json!({ "name": "test", "scopes": ["talk"], "expires_in_s": seconds });
        owner.post("/api/tokens", &body).await.json::<Value>().await.unwrap()
    };

    let long = token(3_600).await;
    let (mut socket, _) = connect_async(with_token(&listen, long["secret"].as_str().unwrap())).await.unwrap();
    socket.send(Message::Binary(vec![0; 640].into())).await.unwrap();
    let revoked = owner.request(Method::DELETE, &format!("/api/tokens/{}", long["token"]["id"].as_str().unwrap()));
    assert_eq!(revoked.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert!(closed(socket).await < Duration::from_secs(5));
    assert!(connect_async(with_token(&listen, long["secret"].as_str().unwrap())).await.is_err());

    let short = token(1).await;
    let (socket, _) = connect_async(with_token(&listen, short["secret"].as_str().unwrap())).await.unwrap();
    assert!(closed(socket).await < Duration::from_secs(6), "it lived for a second");

    // A role that changes ends what is open; server-sent events as well.
    let tom = owner.invited(&server, "Tom", "adult").await;
    let events = tom.get("/api/home/changes").await;
    assert_eq!(events.status(), StatusCode::OK);
    let mut events = events.bytes_stream();
    let id = tom.caller().await["person"].as_str().unwrap().to_owned();
    let changed = owner.request(Method::PATCH, &format!("/api/people/{id}")).json(&json!({ "role": "guest" }));
    assert_eq!(changed.send().await.unwrap().status(), StatusCode::OK);
    let ended = async { while let Some(Ok(_)) = events.next().await {} };
    timeout(Duration::from_secs(5), ended).await.expect("the events end");
    assert_eq!(tom.caller().await["role"], "guest", "and the device comes back as what it is now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_has_light_and_no_key() {
    let server = Server::with_demo_home().await;
    let owner = Browser::owner(&server).await;
    let guest = owner.invited(&server, "Gus", "guest").await;
    let ask = async |browser: &Browser, text: &str| {
        browser.post("/api/ask", &json!({ "text": text })).await.json::<Value>().await.unwrap()
    };
    assert_eq!(ask(&guest, "turn on the kitchen light").await["outcome"], "done");
    server.becomes("light.kitchen_light", "on").await;
    let before = server.get("/api/home").await;
    for refused in
        ["close the bedroom blinds", "add milk to the shopping list", "close the bedroom blinds in 5 minutes"]
    {
        let answer = ask(&guest, refused).await;
        assert_eq!(
            (&answer["outcome"], &answer["error"]["code"]),
            (&json!("refused"), &json!("not_allowed")),
            "{refused}: {answer}"
        );
        assert!(!answer["said"].as_str().unwrap().is_empty(), "it is told why");
    }
    let blinds = |home: &Value| home["entities"]["cover.bedroom_blinds"].clone();
    assert!(blinds(&before).is_object());
    assert_eq!(blinds(&server.get("/api/home").await), blinds(&before), "and nothing was done");
    assert_eq!(ask(&owner, "close the bedroom blinds").await["outcome"], "done");
}

/// The household speaks English, and so does its recogniser; Anna speaks German.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_answered_in_their_own_language() {
    let server = Server::with_demo_home().await;
    let owner = Browser::owner(&server).await;
    let anna = owner.invited(&server, "Anna", "adult").await;
    let path = format!("/api/people/{}", anna.caller().await["person"].as_str().unwrap());
    let changed = owner.request(Method::PATCH, &path).json(&json!({ "language": "de" })).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    let ask = async |browser: &Browser, text: &str| {
        browser.post("/api/ask", &json!({ "text": text })).await.json::<Value>().await.unwrap()
    };
    let english = ask(&owner, "turn on the kitchen light").await;
    let german = ask(&anna, "schalte Kitchen Light aus").await;
    assert_eq!((&english["outcome"], &german["outcome"]), (&json!("done"), &json!("done")), "{english} {german}");
    server.becomes("light.kitchen_light", "off").await;
    let said = |answer: &Value| answer["said"].as_str().unwrap().to_owned();
    assert!(said(&english).starts_with("Turned on") && said(&german).ends_with(" aus."), "{english} {german}");
    let written = anna.post("/api/messages", &json!({ "id": "1", "text": "quibble frotz" })).await;
    let written: Value = written.json().await.unwrap();
    assert_ne!(written["text"].as_str().unwrap(), said(&ask(&owner, "quibble frotz").await), "errors as well");

    // What is spoken is heard in what the recogniser understands, and answered by a German voice.
    let token =
        anna.post("/api/tokens", &json!({ "name": "phone", "scopes": ["talk", "read_home", "control_home"] })).await;
    let token: Value = token.json().await.unwrap();
    let mut session = Realtime::with(&server, token["secret"].as_str().unwrap(), "model=x").await;
    session.update(json!({ "type": "realtime", "audio": { "input": { "turn_detection": null } } })).await;
    session.speak(&resampled(&speak("turn on the kitchen light"), 24_000), false).await;
    session.send(json!({ "type": "input_audio_buffer.commit" })).await;
    let (said, response) = session.respond().await;
    assert_eq!(response["status"], "completed", "{response}");
    assert!(said.ends_with(" an."), "{said}");
    server.becomes("light.kitchen_light", "on").await;
    server.logged("voice=\"espeak-ng/de\"", 1).await;
    let turns = server.get("/api/turns?limit=1").await;
    assert_eq!(turns[0]["language"], "de", "{turns}");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_secrets_are_as_openai_has_them() {
    let server = house().await;
    let owner = Browser::owner(&server).await;
    let body = json!({ "expires_after": { "anchor": "created_at", "seconds": 60 }, "session": { "type": "realtime", "instructions": "Be brief." } });
    let secret: Value = owner.post("/v1/realtime/client_secrets", &body).await.json().await.unwrap();
    assert!(secret["value"].as_str().unwrap().starts_with("ek_") && secret["expires_at"].is_i64());
    assert_eq!(secret["session"]["instructions"], "Be brief.");
    let stranger = Client::builder().no_proxy().build().unwrap();
    let with =
        |path: &str| stranger.get(format!("{}{path}", server.url)).bearer_auth(secret["value"].as_str().unwrap());
    assert_eq!(with("/api/home").send().await.unwrap().status(), StatusCode::OK);
    for path in ["/api/people", "/api/tokens", "/metrics", "/api/devices"] {
        assert_eq!(with(path).send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
    }
    for wrong in [
        json!({ "expires_after": { "seconds": 5 } }),
        json!({ "expires_after": { "anchor": "now" } }),
        json!({ "session": 7 }),
    ] {
        let refused = owner.post("/v1/realtime/client_secrets", &wrong).await;
        assert!(refused.status().is_client_error(), "{wrong}");
        assert!(refused.json::<Value>().await.unwrap()["error"]["message"].is_string(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_invites_pairs_and_revokes() {
    let server = house().await;
    let pairing = vesta_json(&server, &["pair", "--json"]).await;
    let path = pairing["path"].as_str().unwrap();
    assert!(
        pairing["link"].as_str().unwrap().ends_with(path) && pairing["code"].is_null(),
        "the first owner's link: {pairing}"
    );
    let owner = Browser::enter(&server, path, Some("Ida")).await;

    let shown = vesta(&server, &["pair"]).await;
    assert!(shown.stdout.contains("/welcome#") && shown.stdout.contains('█'), "a QR code and a link: {shown:#?}");
    let invited =
        vesta_json(&server, &["invite", "--role", "guest", "--name", "Gus", "--language", "de", "--json"]).await;
    let gus = Browser::enter(&server, invited["path"].as_str().unwrap(), None).await;
    assert_eq!((&gus.caller().await["name"], &gus.caller().await["language"]), (&json!("Gus"), &json!("de")));

    let code = vesta_json(&server, &["users", "code", "gus", "--json"]).await;
    let signed_in = Browser::new(&server).post("/api/auth/code", &json!({ "code": code["code"] })).await;
    assert_eq!(signed_in.status(), StatusCode::OK);

    let listed = vesta(&server, &["users", "list", "--json"]).await;
    let people: Vec<Value> = listed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(people.iter().map(|person| person["name"].as_str().unwrap()).collect::<Vec<_>>(), ["Ida", "Gus"]);
    assert_eq!(people[1]["devices"], 2);
    let changed = vesta_json(&server, &["users", "change", "Gus", "--role", "child", "--json"]).await;
    assert_eq!(changed["role"], "child");
    let refused = vesta(&server, &["users", "remove", "Ida"]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("last owner"), "{refused:#?}");

    let devices = vesta(&server, &["users", "devices", "Gus", "--json"]).await;
    let device: Value = serde_json::from_str(devices.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(vesta(&server, &["users", "revoke", device["id"].as_str().unwrap()]).await.code, Some(0));
    assert_eq!(gus.caller().await, Value::Null);

    let created =
        vesta_json(&server, &["tokens", "create", "display", "--scope", "talk", "--scope", "read_home", "--json"])
            .await;
    let display = Client::builder().no_proxy().build().unwrap();
    let status = async |path: &str| {
        display
            .get(format!("{}{path}", server.url))
            .bearer_auth(created["secret"].as_str().unwrap())
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!((status("/api/home").await, status("/metrics").await), (StatusCode::OK, StatusCode::FORBIDDEN));
    assert_eq!(vesta(&server, &["tokens", "revoke", created["token"]["id"].as_str().unwrap()]).await.code, Some(0));
    assert_eq!(status("/api/home").await, StatusCode::UNAUTHORIZED);
    let wrong = vesta(&server, &["tokens", "create", "x", "--scope", "everything"]).await;
    assert!(wrong.code == Some(2) && wrong.stderr.contains("read_home"), "it names the scopes: {wrong:#?}");

    let audit = vesta(&server, &["users", "audit", "--json"]).await;
    let actions: Vec<String> = audit
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["action"].as_str().unwrap().to_owned())
        .collect();
    for action in
        ["signed_in", "invited", "code_made", "person_changed", "device_revoked", "token_created", "token_revoked"]
    {
        assert!(actions.iter().any(|known| known == action), "{action}: {actions:?}");
    }
    assert_eq!(owner.caller().await["role"], "owner");
}
