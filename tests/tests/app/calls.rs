//! Calls from pages that are not ours, in a real browser: OpenAI's Agents SDK, and one with nothing but what browsers have.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use vesta_tests::browser::answer;
use vesta_tests::chromium::{Chromium, PHONE, Page};
use vesta_tests::coturn::Coturn;
use vesta_tests::pages::Site;
use vesta_tests::program;
use vesta_tests::server::{Server, Start};
use vesta_tests::speech;
use vesta_tests::transcribe::transcribe;

const LIGHT: &str = "light.kitchen_light";

/// A house that this site's pages may call, and the site.
async fn house_and_site() -> (Server, Site) {
    house_and_site_with(Start::new()).await
}

async fn house_and_site_with(start: Start) -> (Server, Site) {
    let cache = std::env::var_os("VESTA_CACHE").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| std::env::home_dir().expect("a home").join(".cache/vesta"));
    let packages = cache.join("openai-peers/node_modules/@openai");
    let site = Site::of(vec![program::root().join("tests/peers/browser"), packages]).await;
    let server = start.env("VESTA_SERVER__ORIGINS", &format!("[\"{}\"]", site.origin)).start().await;
    server.settled().await;
    (server, site)
}

/// Silence, the sentence, and silence for longer than a test needs.
fn microphone(folder: &Path, text: &str) -> PathBuf {
    let sound = speech::join(&[&speech::silence(3.0), &speech::speak(text), &speech::silence(60.0)]);
    let file = folder.join("microphone.wav");
    let mut out = std::fs::File::create(&file).unwrap();
    vesta_audio::wav::write(&mut out, vesta_audio::SAMPLE_RATE, &sound).unwrap();
    file
}

/// A key for a browser.
async fn client_secret(server: &Server) -> String {
    let session = json!({ "session": { "type": "realtime", "audio": { "input": { "turn_detection": { "type": "semantic_vad" } } } } });
    let secret = answer(server.http().post(format!("{}/v1/realtime/client_secrets", server.url)).json(&session)).await;
    secret["value"].as_str().unwrap().to_owned()
}

async fn done(page: &Page, what: &str, condition: &str) {
    page.until(what, &format!("window.problem || {condition}")).await;
    assert_eq!(page.eval("window.problem ?? null").await, Value::Null, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_sdk_works_unchanged_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let (server, site) = house_and_site().await;
    let chromium = Chromium::start(Some(&microphone(folder.path(), "turn on the kitchen light"))).await;
    let key = client_secret(&server).await;
    let page = chromium.page(&format!("{}/agents.html?house={}&key={key}", site.origin, server.url), PHONE).await;
    done(&page, "everything was said and heard", "window.done").await;
    let results = page.eval("results").await;
    let said = |place: &Value| place.as_str().unwrap().to_lowercase();
    assert!(said(&results["spoken"]).contains("on") && said(&results["spoken"]).contains("kitchen"), "{results:#}");
    assert!(said(&results["typed"]).contains("off"), "{results:#}");
    server.becomes(LIGHT, "off").await;
    assert_eq!(results["tool"]["rung"], json!(["kitchen"]));
    assert!(said(&results["tool"]["said"]).contains("the kitchen bell rang"), "{results:#}");
    assert_eq!(results["interrupted"], "output_audio_buffer.cleared");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_speaks_hears_and_moves_over_udp_and_over_tcp() {
    for way in ["udp", "tcp"] {
        let folder = tempfile::tempdir().unwrap();
        let (server, site) = house_and_site().await;
        let mut lamp = server.watch("vesta-demo/hallway_light/set").await;
        let chromium = Chromium::start(Some(&microphone(folder.path(), "turn on the hallway light"))).await;
        let key = client_secret(&server).await;
        let url = format!("{}/call.html?house={}&key={key}&way={way}", site.origin, server.url);
        let page = chromium.page(&url, PHONE).await;
        lamp.until("the lamp is told", |_, payload| payload == "1").await;
        done(&page, "the reply was heard", "window.stopped").await;
        assert_eq!(page.eval("path()").await, way);
        let heard = page.eval("heard()").await;
        let bytes = base64::engine::general_purpose::STANDARD.decode(heard["samples"].as_str().unwrap()).unwrap();
        let samples: Vec<i16> = bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
        let text = transcribe(&server, &samples, heard["rate"].as_u64().unwrap() as u32).await;
        assert!(text.contains("hallway") || text.contains("light"), "{way}: heard '{text}'");
        page.eval("void move()").await;
        done(&page, "the call has moved", "window.moved && peerIsConnected()").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_through_a_turn_server_with_the_password_that_the_house_made() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "shared by the house and the relay";
    let relay = Coturn::start(secret).await;
    for transport in ["udp", "tcp"] {
        let start = Start::new()
            .env("VESTA_RTC__TURN", &format!("[\"turn:{}?transport={transport}\"]", relay.address))
            .env("VESTA_RTC__TURN_SECRET", secret);
        let (server, site) = house_and_site_with(start).await;
        let mut lamp = server.watch("vesta-demo/hallway_light/set").await;
        let chromium = Chromium::start(Some(&microphone(folder.path(), "turn on the hallway light"))).await;
        let key = client_secret(&server).await;
        let reach = answer(server.http().get(format!("{}/api/rtc", server.url))).await;
        let relays = reach["iceServers"].to_string();
        let query = [("house", server.url.as_str()), ("key", &key), ("way", "udp"), ("relays", &relays)];
        let url = reqwest::Url::parse_with_params(&format!("{}/call.html", site.origin), query).unwrap();
        let page = chromium.page(url.as_str(), PHONE).await;
        lamp.until("the lamp is told", |_, payload| payload == "1").await;
        done(&page, "the reply was heard", "window.stopped").await;
        assert_eq!(page.eval("path()").await, format!("relay over {transport}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_killed_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (server, site) = house_and_site().await;
    let chromium = Chromium::start(Some(&microphone(folder.path(), "turn on the kitchen light"))).await;
    let key = client_secret(&server).await;
    let url = format!("{}/call.html?house={}&key={key}&way=udp", site.origin, server.url);
    let page = chromium.page(&url, PHONE).await;
    done(&page, "somebody speaks", "events.includes('input_audio_buffer.speech_started')").await;
    let killed = Instant::now();
    drop((page, chromium));
    while !server.text("/metrics").await.lines().any(|line| line.starts_with("vesta_clients 0")) {
        assert!(killed.elapsed() < Duration::from_secs(12), "the call is still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
