//! The app without the house, and a new version of it.

use serde_json::json;
use vesta_tests::browser::answer;
use vesta_tests::chromium::{Chromium, ENTER, PHONE, Page};
use vesta_tests::edition::Edition;
use vesta_tests::server::{Server, Start};

use crate::signed_in;

/// Waits until the browser has all it needs to open the page by itself.
async fn kept(page: &Page) {
    page.eval("navigator.serviceWorker.ready.then(() => true)").await;
    page.until("the worker is there", "navigator.serviceWorker.controller?.state === 'activated'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_opens_without_the_house_and_says_so() {
    let data = tempfile::tempdir().unwrap();
    let server = Start::new().data(data.path()).start().await;
    server.settled().await;
    let address = server.url.clone();
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/").await;
    kept(&page).await;
    server.kill().await;
    for (path, there) in
        [("/", ".orb"), ("/home", ".home"), ("/lists", ".lists"), ("/settings", ".settings"), ("/type", ".writer")]
    {
        page.open(&format!("{address}{path}")).await;
        page.shows(there).await;
        page.says("The house does not answer").await;
    }
    page.write("#message", "turn on the hallway light").await;
    page.stroke(ENTER).await;
    page.shows(".exchange.waiting").await;
    let listen = address.trim_start_matches("http://");
    let server = Start::new().data(data.path()).env("VESTA_SERVER__LISTEN", listen).start().await;
    page.shows(".bubble.theirs").await;
    server.settled().await;
    let turns = server.get("/api/turns?text=hallway").await;
    assert_eq!(turns.as_array().unwrap().len(), 1, "{turns:#}");
}

/// Nobody who has never been here is told that they have no passkeys when it is the house that is away.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_told_that_the_house_is_away_and_let_in_when_it_is_back() {
    let data = tempfile::tempdir().unwrap();
    let server = Start::new().data(data.path()).start().await;
    let address = server.url.clone();
    let chromium = Chromium::start(None).await;
    let page = chromium.page(&address, PHONE).await;
    page.shows("#code").await;
    kept(&page).await;
    server.kill().await;
    page.open(&address).await;
    page.says("The house does not answer").await;
    let listen = address.trim_start_matches("http://");
    let _server = Start::new().data(data.path()).env("VESTA_SERVER__LISTEN", listen).start().await;
    page.shows("#code").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_replaces_the_old_one_and_nothing_that_was_written_is_lost() {
    let server = Server::with_demo_home().await;
    let edition = Edition::of(&server).await;
    let chromium = Chromium::start(None).await;
    let welcome = answer(server.http().post(format!("{}/api/welcome", server.url)).json(&json!({}))).await;
    let page = chromium.page(&format!("{}{}", edition.origin, welcome["path"].as_str().unwrap()), PHONE).await;
    page.write("#name", "Anna").await;
    page.stroke(ENTER).await;
    page.shows("nav a[aria-current]").await;
    page.open(&format!("{}/type", edition.origin)).await;
    kept(&page).await;
    let is = |version: String| format!("document.body.dataset.version === '{version}'");
    let only = |version: String| format!("caches.keys().then((names) => names.join() === 'vesta-{version}')");
    assert_eq!(page.eval(&only(edition.version())).await, true);
    let look = "navigator.serviceWorker.getRegistration().then((one) => one.update()).then(() => true)";

    // Somebody is writing: the page says that there is something new, and leaves them alone.
    page.write("#message", "turn on the").await;
    edition.renew();
    page.eval(look).await;
    page.says("Vesta has a new version").await;
    assert_eq!(page.eval("document.querySelector('#message').value").await, "turn on the");
    page.click(".notice .chip").await;
    page.until("it is the new one", &is(edition.version())).await;
    assert_eq!(page.eval(&only(edition.version())).await, true, "nothing is left of the old one");

    // Nobody does anything: the page loads itself anew.
    page.shows(".writer").await;
    page.until("the worker is there", "navigator.serviceWorker.controller?.state === 'activated'").await;
    edition.renew();
    // The page may be gone before the question is answered.
    page.eval("void navigator.serviceWorker.getRegistration().then((one) => one.update())").await;
    page.until("it is the newest", &is(edition.version())).await;
    page.shows(".writer").await;
}
