//! The API's own promises.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;
use vesta_tests::browser::Browser;
use vesta_tests::server::{PATIENCE, Server};

/// Server-sent events as they come: id, name, data.
struct Events {
    stream: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    pending: String,
}

impl Events {
    async fn open(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self { stream: Box::pin(response.bytes_stream()), pending: String::new() }
    }

    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((event, rest)) = self.pending.split_once("\n\n") {
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned())
                };
                let told = (field("id:"), field("event:"), field("data:"));
                self.pending = rest.to_owned();
                if let (Some(id), Some(name), Some(data)) = told {
                    return Some((id, name, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let bytes = timeout(PATIENCE, self.stream.next()).await.expect("an event in time")?.ok()?;
            self.pending.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    async fn until(&mut self, what: &str, accept: impl Fn(&str, &Value) -> bool) -> (String, Value) {
        loop {
            let (id, name, data) = self.next().await.unwrap_or_else(|| panic!("the events ended before: {what}"));
            if accept(&name, &data) {
                return (id, data);
            }
        }
    }
}

fn is(entity: &'static str, state: &'static str) -> impl Fn(&str, &Value) -> bool {
    move |name, data| name == "entity" && data["id"] == entity && data["entity"]["state"] == state
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_on_where_a_client_left_off() {
    let server = Server::with_demo_home().await;
    let events = || server.http().get(format!("{}/api/events", server.url));
    let mut first = Events::open(events()).await;
    assert_eq!(first.next().await.unwrap().1, "hello");
    server.ask("turn on the hallway light").await;
    let (last, _) = first.until("the lamp is on", is("light.hallway_light", "on")).await;
    drop(first);
    // What happens while nobody listens is told to whoever comes back.
    server.ask("turn off the hallway light").await;
    server.ask("set a timer for ten minutes").await;
    let mut again = Events::open(events().header("last-event-id", &last)).await;
    assert_eq!(again.next().await.unwrap().1, "hello");
    again.until("the lamp is off", is("light.hallway_light", "off")).await;
    again.until("the timer", |name, data| name == "timers" && data["timers"][0]["length_ms"] == 600_000).await;
    again.until("the turn", |name, data| name == "turn" && data["transcript"] == "set a timer for ten minutes").await;
    for stale in ["other-1", "", "x", "999999999999-1"] {
        let request = server.http().get(format!("{}/api/events?last_event_id={stale}", server.url));
        let mut lost = Events::open(request).await;
        assert_eq!(lost.next().await.unwrap().1, "resync", "{stale:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_end_with_the_device_that_listens() {
    let server = Server::with_demo_home().await;
    let owner = Browser::owner(&server).await;
    let guest = owner.invited(&server, "Gast", "guest").await;
    let mut events = Events::open(guest.request(reqwest::Method::GET, "/api/events")).await;
    assert_eq!(events.next().await.unwrap().1, "hello");
    // A guest hears nothing of doors, and nothing of what others say.
    server.ask("turn on the hallway light").await;
    let (_, data) = events.until("the lamp", |name, _| name != "hello").await;
    assert_eq!(data["id"], "light.hallway_light");
    let person = guest.caller().await["person"].clone();
    let removed = owner.request(reqwest::Method::DELETE, &format!("/api/people/{}", person.as_str().unwrap())).send();
    assert!(removed.await.unwrap().status().is_success());
    while let Some((_, name, data)) = events.next().await {
        assert!(name == "entity" && data["id"] == "light.hallway_light", "{name} {data}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_by_touch_is_done_or_refused_with_a_reason() {
    let server = Server::with_demo_home().await;
    let owner = Browser::owner(&server).await;
    let guest = owner.invited(&server, "Gast", "guest").await;
    let path = |entity: &str| format!("/api/entities/{entity}/actions");
    let act = async |browser: &Browser, entity: &str, body: Value| {
        let response = browser.post(&path(entity), &body).await;
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (status, done) = act(&owner, "light.kitchen_light", json!({ "action": "set_light", "brightness": 40 })).await;
    assert_eq!((status, &done["changed"][0]["after"], &done["confirmed"]), (200, &json!("on"), &json!(true)), "{done}");
    let (status, _) = act(&guest, "light.kitchen_light", json!({ "action": "turn_off" })).await;
    assert_eq!(status, 200);
    for (who, entity, body, expected, code) in [
        (&owner, "light.nothing", json!({ "action": "turn_on" }), 404, "no_such_name"),
        (&owner, "light.kitchen_light", json!({ "action": "set_light", "brightness": 140 }), 422, "invalid_value"),
        (&owner, "light.kitchen_light", json!({ "action": "open" }), 422, "not_supported"),
        (&owner, "light.kitchen_light", json!({ "action": "explode" }), 422, "bad_json"),
        (&guest, "climate.heating", json!({ "action": "set_temperature", "temperature": 25 }), 403, "not_allowed"),
        (&guest, "cover.garage_door", json!({ "action": "open" }), 404, "no_such_name"),
    ] {
        let (status, problem) = act(who, entity, body.clone()).await;
        assert_eq!((status, problem["code"].as_str()), (expected, Some(code)), "{entity} {body}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_by_touch_is_taken_back_once_by_whoever_did_it() {
    let server = Server::with_demo_home().await;
    let owner = Browser::owner(&server).await;
    let guest = owner.invited(&server, "Gast", "guest").await;
    let act = async |body: Value| {
        let done: Value = guest.post("/api/entities/light.kitchen_light/actions", &body).await.json().await.unwrap();
        done["undo"].as_str().unwrap_or_else(|| panic!("no way back: {done}")).to_owned()
    };
    let light = async || server.entity("light.kitchen_light").await;
    let before = light().await;
    let on = act(json!({ "action": "turn_on" })).await;
    server.becomes("light.kitchen_light", "on").await;
    let take_back = async |browser: &Browser, id: &str| {
        let answer = browser.post(&format!("/api/actions/{id}/undo"), &json!({})).await;
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(take_back(&owner, &on).await.0, StatusCode::NOT_FOUND, "it is not the owner's action");
    let (status, done) = take_back(&guest, &on).await;
    assert_eq!(
        (status, &done["changed"][0]["after"], &done["undo"]),
        (StatusCode::OK, &json!("off"), &Value::Null),
        "{done}"
    );
    assert_eq!(light().await["state"], before["state"]);
    let (status, problem) = take_back(&guest, &on).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some("nothing_to_undo")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_done_once_however_often_it_is_sent() {
    let server = Server::with_demo_home().await;
    let owner = Browser::owner(&server).await;
    let mut lamp = server.watch("vesta-demo/hallway_light/set").await;
    let message = json!({ "id": "one", "text": "turn on the hallway light" });
    let send = async || owner.post("/api/messages", &message).await.json::<Value>().await.unwrap();
    let first = send().await;
    assert_eq!(first["outcome"], "done", "{first}");
    assert!(first["html"].as_str().unwrap().starts_with("<p>"), "{first}");
    let (second, third) = tokio::join!(send(), send());
    assert_eq!((&first, &first), (&second, &third));
    lamp.until("the lamp is told", |_, payload| payload == "1").await;
    server.ask("turn off the hallway light").await;
    lamp.until("and told something else", |_, payload| payload == "0").await;
    let turns = server.get("/api/turns?text=hallway").await;
    assert_eq!(turns.as_array().unwrap().len(), 2, "{turns:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_their_own_turns_and_an_owner_all() {
    let server = Server::with_demo_home().await;
    let owner = Browser::owner(&server).await;
    let anna = owner.invited(&server, "Anna", "adult").await;
    let guest = owner.invited(&server, "Gast", "guest").await;
    let write = async |browser: &Browser, text: &str| {
        let reply = browser.post("/api/messages", &json!({ "id": text, "text": text })).await;
        reply.json::<Value>().await.unwrap()["turn"].as_str().unwrap().to_owned()
    };
    let theirs = write(&owner, "what time is it").await;
    let hers = write(&anna, "turn on the hallway light").await;
    let list = async |browser: &Browser| {
        let turns: Value = browser.get("/api/turns").await.json().await.unwrap();
        turns.as_array().unwrap().iter().map(|turn| turn["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(&anna).await, std::slice::from_ref(&hers));
    assert!(list(&owner).await.contains(&hers) && list(&owner).await.contains(&theirs));
    assert_eq!(anna.get(&format!("/api/turns/{theirs}")).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(guest.get("/api/turns").await.status(), StatusCode::FORBIDDEN);
    let undo = anna.post(&format!("/api/turns/{hers}/undo"), &json!({})).await;
    assert_eq!(undo.status(), StatusCode::OK);
    assert_eq!(server.entity("light.hallway_light").await["state"], "off");
    let again = anna.post(&format!("/api/turns/{hers}/undo"), &json!({})).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_compressed_kept_and_strict() {
    let server = Server::with_demo_home().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = http.get(&server.url).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let etag = page.headers()["etag"].clone();
    let html = page.text().await.unwrap();
    let again = http.get(&server.url).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let script = html.split('"').find(|part| part.starts_with("/app/") && part.ends_with("/main.js")).unwrap();
    let file = http.get(format!("{}{script}", server.url)).header("accept-encoding", "br").send().await.unwrap();
    assert_eq!(file.headers()["content-encoding"], "br");
    assert!(file.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let version = script.split('/').nth(2).unwrap();
    for path in [
        "/app/0000000000000000/main.js".to_owned(),
        format!("/app/{version}/../index.html"),
        format!("/app/{version}/nothing.js"),
    ] {
        let status = http.get(format!("{}{path}", server.url)).send().await.unwrap().status();
        assert!(status == StatusCode::NOT_FOUND || status == StatusCode::UNAUTHORIZED, "{path}: {status}");
    }
}

/// What sensors measure is there after a while; the first values are written at the start.
#[tokio::test(flavor = "multi_thread")]
async fn sensors_have_a_history() {
    let server = Server::with_demo_home().await;
    let path = "/api/entities/sensor.kitchen_temperature/history?hours=1&points=10";
    let found = timeout(PATIENCE, async {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        loop {
            ticks.tick().await;
            let history = server.get(path).await;
            if history["samples"].as_array().is_some_and(|samples| !samples.is_empty()) {
                return history;
            }
        }
    });
    let history = found.await.expect("a value is kept");
    assert_eq!(history["unit"], "°C");
    let value = history["samples"][0]["value"].as_f64().unwrap();
    assert!((10.0..35.0).contains(&value), "{history}");
}
