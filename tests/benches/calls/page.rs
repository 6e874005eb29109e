//! The app's page in Chromium: what it weighs, how soon it shows something, and how soon it shows what others do.

use std::time::{SystemTime, UNIX_EPOCH};

use vesta_tests::bench::{Goal, Report, percentile};
use vesta_tests::browser::Browser;
use vesta_tests::chromium::{Chromium, PHONE, Page};
use vesta_tests::phone;
use vesta_tests::relay::{Network, Relay};
use vesta_tests::server::Server;

/// Bytes of everything that came over the network, headers among them, but for what the API answered.
const SENT: &str =
    "performance.getEntries().filter((one) => one.transferSize !== undefined && !/\\/(api|v1)\\//.test(one.name))
  .reduce((sum, one) => sum + one.transferSize, 0)";
/// Notes when the lamp's card changes.
const WATCH: &str =
    "{ const card = document.querySelector('vesta-card[data-entity=\"light.hallway_light\"]'); window.changed = [];
  new MutationObserver(() => changed.push([card.classList.contains('on'), performance.timeOrigin + performance.now()]))
    .observe(card, { attributes: true, attributeFilter: ['class'] }); }";
/// Calls go where nothing answers, as on a network without UDP; and notes when it can be spoken.
const READY: &str = "addEventListener('DOMContentLoaded', () => new MutationObserver((_, watcher) => {
    if (document.querySelector('.talk')?.dataset.state !== 'ready') return;
    window.ready = performance.now(); watcher.disconnect();
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-state'] }));";

/// A browser that has never been here, whose owner has.
async fn newcomer(server: &Server, cookie: &str) -> (Chromium, Page) {
    let chromium = Chromium::start(None).await;
    let page = chromium.blank(PHONE).await;
    page.cookie(&server.url, cookie).await;
    (chromium, page)
}

async fn number(page: &Page, expression: &str) -> f64 {
    page.eval(expression).await.as_f64().expect("a number")
}

/// Measures, with so many browsers and so many changes.
pub(crate) async fn measure(report: &mut Report, times: usize) {
    let server = Server::with_demo_home().await;
    let owner = Browser::owner(&server).await;
    let cookie = owner.cookie.clone().expect("signed in");
    let (mut bytes, mut painted, mut ready) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..times {
        let (_chromium, page) = newcomer(&server, &cookie).await;
        page.before(READY).await;
        page.open(&server.url).await;
        page.until("it can be spoken to", "window.ready").await;
        bytes.push(number(&page, SENT).await / 1000.0);
        painted.push(number(&page, "performance.getEntriesByName('first-contentful-paint')[0].startTime").await);
        ready.push(number(&page, "ready").await);
    }
    report.add("page: transferred at the first visit", percentile(&bytes, 1.0), "kB", Some(Goal::AtMost(150.0)));
    report.add("page: first paint on localhost, p50", percentile(&painted, 0.5), "ms", Some(Goal::AtMost(300.0)));
    report.add("page: from opening it until it can be spoken to, p50", percentile(&ready, 0.5), "ms", None);

    let (_chromium, page) = newcomer(&server, &cookie).await;
    page.open(&format!("{}/home", server.url)).await;
    page.shows("vesta-card[data-entity='light.hallway_light']").await;
    server.ask("turn off the hallway light").await;
    page.until(
        "it is off",
        "!document.querySelector('[data-entity=\"light.hallway_light\"]').classList.contains('on')",
    )
    .await;
    page.eval(WATCH).await;
    let mut lamp = server.watch("vesta-demo/hallway_light/state").await;
    let mut shown = Vec::new();
    for turn in 0..times * 4 {
        let on = turn % 2 == 0;
        let text = if on { "turn on the hallway light" } else { "turn off the hallway light" };
        let told = async {
            lamp.until("the lamp tells", |_, payload| payload == if on { "1" } else { "0" }).await;
            SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs_f64() * 1000.0
        };
        lamp_is_quiet(&page).await;
        let (told, _) = tokio::join!(told, server.ask(text));
        page.until("it is shown", &format!("changed.some(([now]) => now === {on})")).await;
        let seen = number(&page, &format!("changed.find(([now]) => now === {on})[1]")).await;
        shown.push((seen - told).max(0.0));
    }
    report.add("page: from the lamp's message to its card, p50", percentile(&shown, 0.5), "ms", None);
    report.add(
        "page: from the lamp's message to its card, slowest",
        percentile(&shown, 1.0),
        "ms",
        Some(Goal::AtMost(100.0)),
    );

    let relay = Relay::to(phone::address(&server).await, Network::default(), 1).await;
    relay.open(false);
    let mut without = Vec::new();
    for _ in 0..times {
        let (_chromium, page) = newcomer(&server, &cookie).await;
        page.before(READY).await;
        page.before(&nowhere(relay.address.port())).await;
        page.open(&server.url).await;
        page.until("it can be spoken to", "window.ready").await;
        assert_eq!(page.eval("document.querySelector('.way').textContent").await, "WebSocket");
        without.push(number(&page, "ready - asked").await);
    }
    let name = "page: UDP blocked, from the call to the WebSocket, slowest";
    report.add(name, percentile(&without, 1.0), "ms", Some(Goal::AtMost(2000.0)));
    server.stop().await;
}

/// What was noted before does not count.
async fn lamp_is_quiet(page: &Page) {
    page.eval("changed.length = 0").await;
}

/// All that a call knows of the server is an address where nothing answers.
fn nowhere(port: u16) -> String {
    format!(
        "const take = RTCPeerConnection.prototype.setRemoteDescription;
         RTCPeerConnection.prototype.setRemoteDescription = function ({{ type, sdp }}) {{
           window.asked ??= performance.now();
           const lines = sdp.split('\\r\\n').filter((line) => !line.startsWith('a=candidate:'));
           lines.splice(lines.findIndex((line) => line.startsWith('a=ice-ufrag')), 0, 'a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host');
           return take.call(this, {{ type, sdp: lines.join('\\r\\n') }});
         }};"
    )
}
