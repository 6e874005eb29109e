//! The written conversation.

use vesta_tests::chromium::{Chromium, ENTER, PHONE};
use vesta_tests::server::Server;

use crate::signed_in;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_without_a_network_is_sent_once_when_it_is_back() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/type").await;
    page.shows("#message").await;
    let mut lamp = server.watch("vesta-demo/hallway_light/set").await;

    page.offline(true).await;
    page.until("the page knows", "!navigator.onLine").await;
    page.write("#message", "turn on the hallway light").await;
    page.stroke(ENTER).await;
    page.shows(".exchange.waiting").await;
    page.says("Waits for the connection").await;

    page.offline(false).await;
    page.shows(".bubble.theirs").await;
    page.until("nothing waits", "!document.querySelector('.exchange.waiting')").await;
    lamp.until("the lamp is told", |_, payload| payload == "1").await;
    // Whatever the page would send again, it has sent when the next message is answered.
    page.write("#message", "what time is it").await;
    page.stroke(ENTER).await;
    page.until("both are answered", "document.querySelectorAll('.bubble.theirs').length === 2").await;
    assert_eq!(lamp.seen().len(), 0, "the lamp was told once");
    let turns = server.get("/api/turns?text=hallway").await;
    assert_eq!(turns.as_array().unwrap().len(), 1, "{turns:#}");
}
