//! A spoken command through Chromium's fake microphone.

use vesta_tests::chromium::{Chromium, PHONE, PLAY_PAUSE, Page, SPACE};
use vesta_tests::server::Server;

use crate::microphone::Microphone;
use crate::{sign_in, signed_in};

/// Notes every state that the view shows, every event that comes over the data channel, and who holds the screen awake.
const WATCH: &str = "
  window.states = []; window.told = []; window.loudest = 0; window.awake = [];
  addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
    const talk = document.querySelector('.talk'); if (!talk) return;
    if (talk.dataset.state !== states.at(-1)) states.push(talk.dataset.state);
    loudest = Math.max(loudest, Number(talk.style.getPropertyValue('--level')));
  }).observe(document, { subtree: true, childList: true, attributes: true }));
  const make = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (...given) {
    const channel = make.apply(this, given);
    channel.addEventListener('message', ({ data }) => told.push(JSON.parse(data).type));
    return channel;
  };
  const request = WakeLock.prototype.request;
  WakeLock.prototype.request = function (kind) { awake.push(kind); return request.call(this, kind); };
  window.buttons = {};
  const handle = MediaSession.prototype.setActionHandler;
  MediaSession.prototype.setActionHandler = function (name, work) { buttons[name] = work; return handle.call(this, name, work); };
";

pub(crate) async fn is(page: &Page, state: &str) {
    page.until(state, &format!("document.querySelector('.talk').dataset.state === {state:?}")).await;
}

/// A browser whose microphone says this, in front of the app that is ready for it.
async fn before_the_app(server: &Server, microphone: &Microphone) -> (Chromium, Page) {
    let chromium = Chromium::start(Some(&microphone.file)).await;
    let page = chromium.blank(PHONE).await;
    page.before(WATCH).await;
    sign_in(server, &page, "/").await;
    is(&page, "ready").await;
    (chromium, page)
}

/// Whether these states were shown one right after the other.
fn in_turn(states: &[&str]) -> String {
    format!("states.join(' ').includes({:?})", states.join(" "))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_spoken_into_the_app_and_the_lamp_obeys() {
    let folder = tempfile::tempdir().unwrap();
    let microphone = Microphone::says(folder.path(), &[(0.6, "turn on the hallway light")]);
    let server = Server::with_demo_home().await;
    let mut lamp = server.watch("vesta-demo/hallway_light/set").await;
    let (_chromium, page) = before_the_app(&server, &microphone).await;

    page.press(".orb").await;
    is(&page, "listening").await;
    microphone.until_said(0).await;
    assert_eq!(page.eval("awake.join()").await, "screen", "the screen stays on while somebody speaks");
    page.release(".orb").await;
    lamp.until("the lamp is told", |_, payload| payload == "1").await;
    page.until(
        "what was heard is shown",
        "document.querySelector('.heard').textContent.toLowerCase().includes('hallway')",
    )
    .await;
    page.until("the answer is shown", "document.querySelector('.answer').textContent.length > 3").await;
    page.shows(".deeds .chip").await;
    page.until("every state was shown in its turn", &in_turn(&["listening", "thinking", "speaking", "ready"])).await;
    let turns = server.get("/api/turns?limit=1").await;
    assert!(turns[0]["person"].is_string() && turns[0]["mode"] == "push_to_talk", "{turns:#}");

    page.click(".deeds .chip").await;
    lamp.until("it is taken back", |_, payload| payload == "0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_space_bar_is_a_button_to_speak() {
    let folder = tempfile::tempdir().unwrap();
    let microphone = Microphone::says(folder.path(), &[(0.6, "turn on the garage light")]);
    let server = Server::with_demo_home().await;
    let mut lamp = server.watch("vesta-demo/garage_light/set").await;
    let chromium = Chromium::start(Some(&microphone.file)).await;
    let page = signed_in(&server, &chromium, PHONE, "/").await;
    is(&page, "ready").await;
    page.key(SPACE, true).await;
    is(&page, "listening").await;
    microphone.until_said(0).await;
    page.key(SPACE, false).await;
    lamp.until("the lamp is told", |_, payload| payload == "1").await;
}

/// The page has no WebRTC: within two seconds it speaks over a WebSocket.
#[tokio::test(flavor = "multi_thread")]
async fn without_webrtc_a_websocket_carries_the_voice() {
    let folder = tempfile::tempdir().unwrap();
    let microphone = Microphone::says(folder.path(), &[(0.6, "turn on the hallway light")]);
    let server = Server::with_demo_home().await;
    let mut lamp = server.watch("vesta-demo/hallway_light/set").await;
    let chromium = Chromium::start(Some(&microphone.file)).await;
    let page = chromium.blank(PHONE).await;
    page.before("delete window.RTCPeerConnection").await;
    sign_in(&server, &page, "/").await;
    is(&page, "ready").await;
    assert_eq!(page.eval("document.querySelector('.way').textContent").await, "WebSocket");
    page.press(".orb").await;
    is(&page, "listening").await;
    microphone.until_said(0).await;
    page.release(".orb").await;
    lamp.until("the lamp is told", |_, payload| payload == "1").await;
    page.until("the answer is shown", "document.querySelector('.answer').textContent.length > 3").await;
}

/// A house with so much on its shopping list that reading it out takes a while.
async fn talkative() -> Server {
    let server = Server::with_demo_home().await;
    for item in [
        "brown bread",
        "butter",
        "tomatoes",
        "olive oil",
        "coffee",
        "apples",
        "potatoes",
        "onions",
        "rice",
        "cheese",
        "orange juice",
        "mineral water",
        "washing powder",
        "toilet paper",
        "chocolate",
        "bananas",
        "carrots",
        "yoghurt",
    ] {
        server.ask(&format!("add {item} to the shopping list")).await;
    }
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_touch_makes_the_house_quiet_and_no_more_than_that() {
    let folder = tempfile::tempdir().unwrap();
    let microphone = Microphone::says(folder.path(), &[(0.6, "what is on the shopping list")]);
    let server = talkative().await;
    let (_chromium, page) = before_the_app(&server, &microphone).await;
    // A tap begins, and a tap ends.
    page.click(".orb").await;
    is(&page, "listening").await;
    microphone.until_said(0).await;
    page.click(".orb").await;
    is(&page, "speaking").await;
    let answer = page.eval("document.querySelector('.answer').textContent").await;
    page.click(".orb").await;
    page.until("the sound is stopped", "told.includes('output_audio_buffer.cleared')").await;
    is(&page, "ready").await;
    assert_eq!(
        page.eval("document.querySelector('.answer').textContent").await,
        answer,
        "what it said can still be read"
    );
    assert_eq!(page.eval("document.querySelector('.orb').getAttribute('aria-pressed')").await, "false");
}

#[tokio::test(flavor = "multi_thread")]
async fn hands_free_the_house_listens_and_falls_silent_when_somebody_speaks() {
    let folder = tempfile::tempdir().unwrap();
    let sentences = [(1.0, "what is on the shopping list"), (4.0, "turn on the hallway light")];
    let microphone = Microphone::says(folder.path(), &sentences);
    let server = talkative().await;
    let mut lamp = server.watch("vesta-demo/hallway_light/set").await;
    let (_chromium, page) = before_the_app(&server, &microphone).await;
    page.click(".toggle").await;
    page.shows(".toggle[aria-pressed=true]").await;
    lamp.until("the lamp is told", |_, payload| payload == "1").await;
    page.until("it spoke, and fell silent when it was spoken to", "told.includes('output_audio_buffer.cleared')").await;
    page.until("it has answered", "document.querySelector('.answer').textContent.includes('allway')").await;
    assert!(page.eval("loudest").await.as_f64().unwrap() > 0.3, "the meter shows the voice");
    assert_eq!(page.eval("getComputedStyle(document.querySelector('.meter')).opacity").await, "1");
    assert_eq!(page.eval("awake.join()").await, "screen");
    is(&page, "ready").await;
    page.says("Just speak").await;
    page.click(".toggle").await;
    page.says("Hold and speak").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_of_a_headset_begins_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let microphone = Microphone::says(folder.path(), &[(0.6, "turn on the hallway light")]);
    let server = Server::with_demo_home().await;
    let mut lamp = server.watch("vesta-demo/hallway_light/set").await;
    let (_chromium, page) = before_the_app(&server, &microphone).await;
    // As the browser hands it on to the page that plays something …
    page.eval("buttons.play()").await;
    is(&page, "listening").await;
    microphone.until_said(0).await;
    page.eval("buttons.pause()").await;
    lamp.until("the lamp is told", |_, payload| payload == "1").await;
    page.until("it is answered", &in_turn(&["speaking", "ready"])).await;
    // … and as a key.
    page.stroke(PLAY_PAUSE).await;
    is(&page, "listening").await;
    page.stroke(PLAY_PAUSE).await;
    page.until("it ends", "document.querySelector('.talk').dataset.state !== 'listening'").await;
    page.eval("document.querySelector('nav a[data-view=home]').click()").await;
    page.until("other views leave the button to others", "buttons.play === null").await;
}
