//! Networks that change, break, and let nothing through; a house that is started again.

use std::net::SocketAddr;

use vesta_tests::chromium::{Chromium, ENTER, PHONE, Page};
use vesta_tests::phone;
use vesta_tests::relay::{Network, Relay};
use vesta_tests::server::{Server, Start};

use crate::microphone::Microphone;
use crate::talk::is;
use crate::{sign_in, signed_in};

/// The page's calls go where `window.relay` says and nowhere else; requests about calls are noted.
fn through(relay: SocketAddr) -> String {
    let port = relay.port();
    format!(
        "window.relay = {port}; window.requests = [];
         const take = RTCPeerConnection.prototype.setRemoteDescription;
         RTCPeerConnection.prototype.setRemoteDescription = function ({{ type, sdp }}) {{
           const lines = sdp.split('\\r\\n').filter((line) => !line.startsWith('a=candidate:'));
           const at = lines.findIndex((line) => line.startsWith('a=ice-ufrag'));
           lines.splice(at, 0, `a=candidate:1 1 udp 2130706431 127.0.0.1 ${{relay}} typ host`);
           return take.call(this, {{ type, sdp: lines.join('\\r\\n') }});
         }};
         const ask = window.fetch;
         window.fetch = (path, options) => {{
           if (String(path).includes('/v1/realtime/calls')) requests.push(`${{options.method}}`);
           return ask(path, options);
         }};"
    )
}

async fn way(page: &Page, name: &str) {
    page.until(name, &format!("document.querySelector('.way').textContent === {name:?}")).await;
}

/// What a phone does when it finds another network.
async fn network_changes(page: &Page) {
    page.eval("dispatchEvent(new Event('online'))").await;
}

/// Holds the button until what the microphone says is said.
async fn speak(page: &Page, microphone: &Microphone) {
    page.press(".orb").await;
    is(page, "listening").await;
    microphone.until_said(0).await;
    page.release(".orb").await;
}

async fn said_once(server: &Server, text: &str) {
    let turns = server.get(&format!("/api/turns?text={text}")).await;
    assert_eq!(turns.as_array().unwrap().len(), 1, "{turns:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_udp_does_not_get_through_a_websocket_is_taken_until_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let microphone = Microphone::says(folder.path(), &[(0.6, "turn on the hallway light")]);
    let server = Server::with_demo_home().await;
    let relay = Relay::to(phone::address(&server).await, Network::default(), 1).await;
    relay.open(false);
    let chromium = Chromium::start(Some(&microphone.file)).await;
    let page = chromium.blank(PHONE).await;
    page.before(&through(relay.address)).await;
    sign_in(&server, &page, "/").await;
    is(&page, "ready").await;
    way(&page, "WebSocket").await;
    relay.open(true);
    network_changes(&page).await;
    way(&page, "direct").await;
    speak(&page, &microphone).await;
    server.becomes("light.hallway_light", "on").await;
    said_once(&server, "hallway").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_carries_the_same_call_on() {
    let folder = tempfile::tempdir().unwrap();
    let microphone = Microphone::says(folder.path(), &[(0.6, "turn on the hallway light")]);
    let server = Server::with_demo_home().await;
    let address = phone::address(&server).await;
    let (home, away) =
        (Relay::to(address, Network::default(), 1).await, Relay::to(address, Network::default(), 2).await);
    let chromium = Chromium::start(Some(&microphone.file)).await;
    let page = chromium.blank(PHONE).await;
    page.before(&through(home.address)).await;
    sign_in(&server, &page, "/").await;
    way(&page, "direct").await;
    let calls = page.eval("requests.filter((one) => one === 'POST').length").await;
    // The old network is gone without a word; the browser tells that there is another.
    page.eval(&format!("relay = {}", away.address.port())).await;
    home.open(false);
    network_changes(&page).await;
    page.until("ICE was restarted", "requests.includes('PATCH')").await;
    speak(&page, &microphone).await;
    server.becomes("light.hallway_light", "on").await;
    way(&page, "direct").await;
    assert_eq!(page.eval("requests.filter((one) => one === 'POST').length").await, calls, "it is the same call");
    said_once(&server, "hallway").await;
}

/// Nobody tells the page: it notices by itself, and finds the way that is left.
#[tokio::test(flavor = "multi_thread")]
async fn speech_into_a_call_that_is_dead_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let microphone = Microphone::says(folder.path(), &[(0.6, "turn on the hallway light")]);
    let server = Server::with_demo_home().await;
    let relay = Relay::to(phone::address(&server).await, Network::default(), 1).await;
    let chromium = Chromium::start(Some(&microphone.file)).await;
    let page = chromium.blank(PHONE).await;
    page.before(&through(relay.address)).await;
    sign_in(&server, &page, "/").await;
    way(&page, "direct").await;
    page.press(".orb").await;
    is(&page, "listening").await;
    relay.open(false);
    microphone.until_said(0).await;
    page.release(".orb").await;
    server.becomes("light.hallway_light", "on").await;
    way(&page, "WebSocket").await;
    page.until("nothing waits any more", "!document.querySelector('.why').textContent.includes('kept')").await;
    said_once(&server, "hallway").await;
}

/// A house in a folder that stays, so that it can be started again at the same address.
async fn house(folder: &std::path::Path, listen: Option<&str>) -> Server {
    let start = Start::new().data(folder);
    let server = match listen {
        Some(address) => start.env("VESTA_SERVER__LISTEN", address),
        None => start,
    };
    let server = server.start().await;
    server.settled().await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_the_house_is_away_is_done_once_when_it_is_back() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let microphone = Microphone::says(folder.path(), &[(0.6, "turn on the hallway light")]);
    let server = house(data.path(), None).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let chromium = Chromium::start(Some(&microphone.file)).await;
    let page = signed_in(&server, &chromium, PHONE, "/").await;
    is(&page, "ready").await;
    page.press(".orb").await;
    is(&page, "listening").await;
    server.kill().await;
    microphone.until_said(0).await;
    page.release(".orb").await;
    page.says("What you said is kept").await;
    is(&page, "offline").await;
    let server = house(data.path(), Some(&address)).await;
    server.becomes("light.hallway_light", "on").await;
    page.until("nothing waits any more", "!document.querySelector('.why').textContent.includes('kept')").await;
    is(&page, "ready").await;
    said_once(&server, "hallway").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_stays_open_finds_the_house_again_with_the_conversation() {
    let data = tempfile::tempdir().unwrap();
    let server = house(data.path(), None).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/type").await;
    page.write("#message", "turn on the kitchen light").await;
    page.stroke(ENTER).await;
    page.shows(".bubble.theirs").await;
    server.kill().await;
    page.says("The house does not answer").await;
    page.write("#message", "turn on the hallway light").await;
    page.stroke(ENTER).await;
    page.shows(".exchange.waiting").await;
    let server = house(data.path(), Some(&address)).await;
    page.until("both are answered", "document.querySelectorAll('.bubble.theirs').length === 2").await;
    page.until("no notice is left", "document.querySelector('.notice').hidden").await;
    assert_eq!(server.entity("light.hallway_light").await["state"], "on");
    said_once(&server, "hallway").await;
    said_once(&server, "kitchen").await;
    // What happens from now on is shown again.
    page.eval("document.querySelector('nav a[data-view=home]').click()").await;
    server.ask("turn off the hallway light").await;
    let card = "vesta-card[data-entity='light.hallway_light']";
    page.until(
        "it is shown",
        &format!("document.querySelector({card:?}) && !document.querySelector({card:?}).classList.contains('on')"),
    )
    .await;
}
