//! A spoken command through Chromium's fake microphone.

use std::path::Path;

use vesta_tests::chromium::{Chromium, PHONE, Page, SPACE};
use vesta_tests::server::Server;
use vesta_tests::speech;

use crate::signed_in;

/// A sound file for the fake microphone: silence, the sentence, and silence for longer than the test needs.
fn spoken(folder: &Path, text: &str) -> std::path::PathBuf {
    let sentence = speech::speak(text);
    let sound = speech::join(&[&speech::silence(0.6), &sentence, &speech::silence(20.0)]);
    let file = folder.join("microphone.wav");
    let mut out = std::fs::File::create(&file).unwrap();
    vesta_audio::wav::write(&mut out, vesta_audio::SAMPLE_RATE, &sound).unwrap();
    file
}

async fn ready(page: &Page) {
    page.until("it is connected", "document.querySelector('.talk').dataset.state === 'ready'").await;
}

/// Holds down what `hold` presses until the sentence was heard, then lets it go.
async fn command(page: &Page, seconds: f64) {
    page.until("it listens", "document.querySelector('.talk').dataset.state === 'listening'").await;
    // The sound itself lasts so long: nothing else tells the test that it is over.
    tokio::time::sleep(std::time::Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_spoken_into_the_app_and_the_lamp_obeys() {
    let folder = tempfile::tempdir().unwrap();
    let text = "turn on the hallway light";
    let sound = spoken(folder.path(), text);
    let seconds = speech::speak(text).len() as f64 / speech::RATE as f64 + 1.2;
    let server = Server::with_demo_home().await;
    let mut lamp = server.watch("vesta-demo/hallway_light/set").await;
    let chromium = Chromium::start(Some(&sound)).await;
    let page = signed_in(&server, &chromium, PHONE, "/").await;
    ready(&page).await;

    page.press(".orb").await;
    command(&page, seconds).await;
    page.release(".orb").await;
    lamp.until("the lamp is told", |_, payload| payload == "1").await;
    page.until(
        "what was heard is shown",
        "document.querySelector('.heard').textContent.toLowerCase().includes('hallway')",
    )
    .await;
    page.until("the answer is shown", "document.querySelector('.answer').textContent.length > 3").await;
    page.shows(".deeds .chip").await;
    let turns = server.get("/api/turns?limit=1").await;
    assert!(turns[0]["person"].is_string() && turns[0]["mode"] == "push_to_talk", "{turns:#}");

    page.click(".deeds .chip").await;
    lamp.until("it is taken back", |_, payload| payload == "0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_space_bar_is_a_button_to_speak() {
    let folder = tempfile::tempdir().unwrap();
    let text = "turn on the garage light";
    let sound = spoken(folder.path(), text);
    let seconds = speech::speak(text).len() as f64 / speech::RATE as f64 + 1.2;
    let server = Server::with_demo_home().await;
    let mut lamp = server.watch("vesta-demo/garage_light/set").await;
    let chromium = Chromium::start(Some(&sound)).await;
    let page = signed_in(&server, &chromium, PHONE, "/").await;
    ready(&page).await;
    page.key(SPACE, true).await;
    command(&page, seconds).await;
    page.key(SPACE, false).await;
    lamp.until("the lamp is told", |_, payload| payload == "1").await;
}

/// The page has no WebRTC: within two seconds it speaks over a WebSocket.
#[tokio::test(flavor = "multi_thread")]
async fn without_webrtc_a_websocket_carries_the_voice() {
    let folder = tempfile::tempdir().unwrap();
    let text = "turn on the hallway light";
    let sound = spoken(folder.path(), text);
    let seconds = speech::speak(text).len() as f64 / speech::RATE as f64 + 1.2;
    let server = Server::with_demo_home().await;
    let mut lamp = server.watch("vesta-demo/hallway_light/set").await;
    let chromium = Chromium::start(Some(&sound)).await;
    let page = signed_in(&server, &chromium, PHONE, "/home").await;
    // As where UDP and TCP are blocked: no candidate ever answers.
    page.eval("RTCPeerConnection.prototype.setRemoteDescription = () => new Promise(() => {})").await;
    page.eval("document.querySelector('nav a[data-view=talk]').click()").await;
    ready(&page).await;
    assert_eq!(page.eval("document.querySelector('.way').textContent").await, "WebSocket");
    page.press(".orb").await;
    command(&page, seconds).await;
    page.release(".orb").await;
    lamp.until("the lamp is told", |_, payload| payload == "1").await;
    page.until("the answer is shown", "document.querySelector('.answer').textContent.length > 3").await;
}
