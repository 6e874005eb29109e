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

/// A page that is closed is no reason to lose what was written in it, nor is one whose first try got no answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_in_a_page_that_was_closed_is_sent_by_the_next() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/type").await;
    page.offline(true).await;
    // Somebody else holds the database: until the message is in it, nothing says that it waits, for then the page may be closed.
    page.eval(
        "new Promise((held) => { const asking = indexedDB.open('vesta', 1); asking.onsuccess = () => { \
         const store = asking.result.transaction('outbox', 'readwrite').objectStore('outbox'); \
         const hold = () => { held(true); if (!window.free) store.count().onsuccess = hold; }; hold(); }; })",
    )
    .await;
    page.write("#message", "turn on the hallway light").await;
    page.stroke(ENTER).await;
    page.shows(".exchange.sending").await;
    page.eval("window.free = true").await;
    page.shows(".exchange.waiting").await;
    page.says("Waits for the connection; sent once it is back").await;
    page.close().await;

    // The next one is told nothing by the browser, and its first request goes nowhere: it tries again by itself.
    let page = chromium.blank(PHONE).await;
    page.before(
        "window.tries = 0; const ask = window.fetch;
         window.fetch = (path, options) => path === '/api/messages' && ++tries === 1 ? Promise.reject(new TypeError('gone')) : ask(path, options);",
    )
    .await;
    page.open(&format!("{}/type", server.url)).await;
    page.shows(".bubble.theirs").await;
    server.becomes("light.hallway_light", "on").await;
    assert_eq!(page.eval("tries").await, 2);
    let turns = server.get("/api/turns?text=hallway").await;
    assert_eq!(turns.as_array().unwrap().len(), 1, "{turns:#}");
}

/// What one person wrote is not sent by the next who signs in on the same device, nor shown to them.
#[tokio::test(flavor = "multi_thread")]
async fn another_person_on_the_same_device_gets_nothing_of_it() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/type").await;
    page.write("#message", "turn on the kitchen light").await;
    page.stroke(ENTER).await;
    page.shows(".bubble.theirs").await;
    let invite = serde_json::json!({ "role": "child", "name": "Ben" });
    let invited =
        vesta_tests::browser::answer(server.http().post(format!("{}/api/invites", server.url)).json(&invite)).await;
    page.eval("document.querySelector('nav a[data-view=settings]').click()").await;
    page.click(".me .chip").await;
    page.shows("#code").await;
    // Without loading the page again, as in an app on the home screen.
    page.eval(&format!("history.pushState(null, '', {}); dispatchEvent(new Event('vesta-restart'))", invited["path"]))
        .await;
    page.says("Welcome Ben").await;
    page.click(".welcome-card .primary").await;
    page.shows("nav a[data-view=type]").await;
    page.click("nav a[data-view=type]").await;
    page.says("Write to the house as you would speak").await;
    assert_eq!(page.eval("document.querySelectorAll('.exchange').length").await, 0);
}
