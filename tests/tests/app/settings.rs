//! The tests of the microphone and of the connection, and what a person sets.

use vesta_tests::chromium::{Chromium, PHONE, Page};
use vesta_tests::server::Server;
use vesta_tests::speech;

use crate::microphone::Microphone;
use crate::{sign_in, signed_in};

async fn verdict(page: &Page, words: &str) {
    page.click(".test .row .button").await;
    page.until(words, &format!("document.querySelector('.verdict').textContent.includes({words:?})")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_microphone_is_tested_and_found_good_or_silent() {
    let folder = tempfile::tempdir().unwrap();
    let speaks = Microphone::says(
        folder.path(),
        &[(0.3, "turn on the light in the kitchen please"), (0.3, "and in the hallway")],
    );
    let silent = folder.path().join("silent.wav");
    let mut out = std::fs::File::create(&silent).unwrap();
    vesta_audio::wav::write(&mut out, vesta_audio::SAMPLE_RATE, &vec![0; speech::RATE * 30]).unwrap();
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(Some(&speaks.file)).await;
    let page = signed_in(&server, &chromium, PHONE, "/settings").await;
    verdict(&page, "hears you well").await;
    drop((page, chromium));
    let chromium = Chromium::start(Some(&silent)).await;
    let page = chromium.blank(PHONE).await;
    // The owner is there already: a code for another device.
    let people = server.get("/api/people").await;
    let body = serde_json::json!({ "person": people[0]["id"] });
    let made =
        vesta_tests::browser::answer(server.http().post(format!("{}/api/auth/pair", server.url)).json(&body)).await;
    page.open(&server.url).await;
    page.write("#code", made["code"].as_str().unwrap()).await;
    page.click(".welcome-card form .button").await;
    page.shows("nav a[aria-current]").await;
    page.open(&format!("{}/settings", server.url)).await;
    verdict(&page, "no sound at all").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_is_tested_and_its_path_is_named() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = chromium.blank(PHONE).await;
    // Where `blocked` is set, no candidate of the server is known.
    page.before(
        "const take = RTCPeerConnection.prototype.setRemoteDescription;
         RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
           const tcp = (line) => !/^a=candidate:.* udp /i.test(line), none = (line) => !line.startsWith('a=candidate:');
           const lines = sdp.split('\\r\\n').filter(window.only === 'tcp' ? tcp : window.only === 'nothing' ? none : () => true);
           return take.call(this, { type, sdp: lines.join('\\r\\n') });
         };",
    )
    .await;
    sign_in(&server, &page, "/settings").await;
    for (only, expected) in [("", "UDP"), ("tcp", "TCP"), ("nothing", "does not get through")] {
        page.eval(&format!("only = '{only}'; document.querySelector('.result').replaceChildren()")).await;
        page.click(".test > .button").await;
        let row = "[...document.querySelectorAll('.result dt')].find((one) => one.textContent.includes('WebRTC'))?.nextSibling.textContent";
        page.until(expected, &format!("{row}.includes({expected:?})")).await;
        page.until(
            "the other way is there",
            "document.querySelector('.result').textContent.includes('open · round trip')",
        )
        .await;
        if only != "nothing" {
            page.until("with its round trip", &format!("/round trip \\d+ ms/.test({row})")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_sets_is_kept_by_the_house() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/settings").await;
    page.until("the rooms are known", "document.querySelectorAll('#area option').length > 1").await;
    page.eval("document.querySelector('#keep-audio').click()").await;
    page.says("Saved").await;
    page.eval(
        "const area = document.querySelector('#area'); area.value = 'kitchen'; area.dispatchEvent(new Event('change'))",
    )
    .await;
    page.eval("const name = document.querySelector('#own-name'); name.value = 'Anna Maria'; name.dispatchEvent(new Event('change'))").await;
    page.says("Anna Maria").await;
    page.open(&format!("{}/settings", server.url)).await;
    page.until("the room is kept", "document.querySelector('#area').value === 'kitchen'").await;
    assert_eq!(page.eval("document.querySelector('#keep-audio').checked").await, false);
    page.eval("const tongue = document.querySelector('#language'); tongue.value = 'de'; tongue.dispatchEvent(new Event('change'))").await;
    page.says("Sprache und Stimme").await;
    let people = server.get("/api/people").await;
    assert_eq!((&people[0]["name"], &people[0]["language"]), (&"Anna Maria".into(), &"de".into()));
}
