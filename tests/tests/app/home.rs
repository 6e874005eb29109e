//! Rooms by touch, and what changes elsewhere.

use vesta_tests::chromium::{Chromium, PHONE};
use vesta_tests::server::Server;

use crate::{sign_in, signed_in};

#[tokio::test(flavor = "multi_thread")]
async fn a_lamp_is_switched_by_touch_and_shown_when_it_is_switched_elsewhere() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/home").await;
    let card = "vesta-card[data-entity='light.kitchen_light']";
    page.shows(card).await;
    let mut lamp = server.watch("vesta-demo/kitchen_light/set").await;
    let on = server.entity("light.kitchen_light").await["state"] == "on";
    page.click(&format!("{card} .head")).await;
    let wanted = if on { "OFF" } else { "ON" };
    lamp.until("the lamp is told", |_, payload| payload.contains(wanted)).await;
    let shown = |on: bool| format!("document.querySelector({card:?}).classList.contains('on') === {on}");
    page.until("the card follows", &shown(!on)).await;

    server.ask(if on { "turn on the kitchen light" } else { "turn off the kitchen light" }).await;
    page.until("the card follows what was said elsewhere", &shown(on)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_is_started_and_ended_by_touch() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/home").await;
    page.shows("vesta-card[data-entity='light.kitchen_light']").await;
    page.click(".timers summary").await;
    page.write("#timer-name", "Pasta").await;
    page.click(".timers form button").await;
    page.shows(".card.timer").await;
    page.says("Pasta").await;
    assert_eq!(server.get("/api/home").await["timers"][0]["name"], "Pasta");
    page.click(".card.timer .tool:last-child").await;
    page.until("it is gone", "!document.querySelector('.card.timer')").await;
    assert_eq!(server.get("/api/home").await["timers"].as_array().unwrap().len(), 0);
}

/// An alarm shows when it rings, not what is left, and comes back at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_shown_with_its_time() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/home").await;
    server.ask("wake me the day after tomorrow at half past six in the morning").await;
    page.shows(".card.timer").await;
    page.says("Alarm").await;
    page.says("6:30").await;
    let at = || async { server.get("/api/home").await["timers"][0]["ends_at_ms"].as_i64() };
    let before = at().await.expect("an alarm");
    page.click(".card.timer .tool").await;
    page.until("it is gone", "!document.querySelector('.card.timer')").await;
    page.click(".toast .chip").await;
    page.shows(".card.timer").await;
    assert_eq!(at().await, Some(before));
    server.ask("turn off the kitchen light at ten pm").await;
    page.says("turn off the kitchen light").await;
}

/// The home as it was read is older than what was told while it was on its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_hides_nothing_that_was_told_since() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = chromium.blank(PHONE).await;
    let hold = "const real = fetch; window.held = [];
        window.fetch = async (...request) => {
          const answer = await real(...request);
          if (String(request[0]).endsWith('/api/home')) await new Promise((go) => window.held.push(go));
          return answer;
        };";
    page.before(hold).await;
    sign_in(&server, &page, "/home").await;
    // Once as the page begins, once as the events do.
    page.until("both are read", "window.held?.length === 2").await;
    server.ask("set a timer for ten minutes").await;
    page.shows(".card.timer").await;
    page.eval("window.held.splice(0).reverse().forEach((go) => go())").await;
    page.shows("vesta-card[data-entity='light.kitchen_light']").await;
    assert_eq!(page.eval("document.querySelectorAll('.card.timer').length").await, 1);
}

/// A blind that was opened by mistake.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_touched_by_mistake_is_taken_back() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/home").await;
    let home = server.get("/api/home").await;
    let entities = home["entities"].as_object().unwrap();
    let (blind, _) = entities
        .iter()
        .find(|(id, entity)| {
            id.starts_with("cover.") && entity["features"].as_array().unwrap().contains(&"position".into())
        })
        .expect("a blind");
    let open = server.entity(blind).await["state"] == "open";
    let tool = if open { ":last-child" } else { ":first-child" };
    page.click(&format!("vesta-card[data-entity='{blind}'] .tool{tool}")).await;
    server.becomes(blind, if open { "closed" } else { "open" }).await;
    page.click(".toast .chip").await;
    server.becomes(blind, if open { "open" } else { "closed" }).await;

    // A timer that was ended too soon goes on.
    page.click(".timers summary").await;
    page.click(".timers form button").await;
    page.shows(".card.timer").await;
    page.click(".card.timer .tool:last-child").await;
    page.until("it is gone", "!document.querySelector('.card.timer')").await;
    page.click(".toast .chip").await;
    page.shows(".card.timer").await;
}
