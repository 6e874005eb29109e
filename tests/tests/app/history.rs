//! Turns: undo, flag, delete.

use vesta_tests::chromium::{Chromium, PHONE};
use vesta_tests::server::Server;

use crate::signed_in;

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_taken_back_flagged_and_deleted() {
    let server = Server::with_demo_home().await;
    server.ask("turn on the hallway light").await;
    server.ask("set the living room lamp to 30 percent").await;
    server.ask("turn off the living room lamp").await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/history").await;
    page.click(".turns li:first-child summary").await;
    page.click(".detail .deeds .chip").await;
    page.says("Taken back").await;
    let lamp = server.entity("light.living_room_lamp").await;
    assert_eq!(lamp["state"], "on");
    let percent = lamp["attributes"]["brightness"].as_f64().unwrap() / 2.55;
    assert!((percent - 30.0).abs() < 2.0, "{lamp:#}");

    let turn = page.eval("document.querySelector('.turns li:first-child details').dataset.turn").await;
    let path = format!("/api/turns/{}", turn.as_str().unwrap());
    page.click(".detail .tools-row .chip[aria-pressed]").await;
    page.shows(".note:not([hidden])").await;
    page.until("it is flagged", "document.querySelector('.tools-row .chip[aria-pressed=true]')").await;
    assert_eq!(server.get(&path).await["went_wrong"], "");

    let before = page.eval("document.querySelectorAll('.turns li').length").await.as_u64().unwrap();
    page.click(".detail .tools-row .chip:last-child").await;
    page.click(".detail .tools-row .chip.danger").await;
    page.until("it is gone", &format!("document.querySelectorAll('.turns li').length === {}", before - 1)).await;
    assert_eq!(server.get(&path).await["code"], "no_such_turn");
}
