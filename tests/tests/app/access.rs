//! For those who use keys alone, need large letters, or want nothing that moves.

use vesta_tests::chromium::{Chromium, ENTER, ESCAPE, NARROW, PHONE, Page, SPACE, Screen, TAB, TABLET};

use crate::signed_in;
use crate::talk::is;
use crate::views::{VIEWS, lived_in};

/// What a person can do something with on this page.
const CONTROLS: &str =
    "[...document.querySelectorAll('a, button, input, select, textarea, summary, audio, [tabindex=\"0\"]')]
  .filter((one) => !one.disabled && one.checkVisibility({ visibilityProperty: true }) && !one.closest('.toast'))";

/// Goes through the whole page with the tabulator: what was reached, in this order, each by its place among all controls.
async fn tabbed(page: &Page) -> Vec<i64> {
    page.eval(&format!("window.controls = {CONTROLS}; document.activeElement?.blur(); window.unseen = []; true")).await;
    let count = page.eval("controls.length").await.as_i64().unwrap();
    let mut reached = Vec::new();
    // A few more than there are: players have parts of their own.
    for _ in 0..count * 2 + 10 {
        page.stroke(TAB).await;
        let at = page
            .eval(
                "(() => { const one = document.activeElement; const at = controls.indexOf(one); \
                 const ring = getComputedStyle(one); const box = one.getBoundingClientRect(); \
                 if (at >= 0 && ring.outlineStyle === 'none' && one.tagName !== 'AUDIO') unseen.push(one.outerHTML.slice(0, 80)); \
                 if (at >= 0 && (box.bottom < 0 || box.top > innerHeight)) unseen.push(`out of sight: ${one.outerHTML.slice(0, 80)}`); \
                 return at; })()",
            )
            .await
            .as_i64()
            .unwrap();
        if at >= 0 && reached.first() == Some(&at) && reached.len() > 1 {
            break;
        }
        if at >= 0 && reached.last() != Some(&at) {
            reached.push(at);
        }
    }
    reached
}

#[tokio::test(flavor = "multi_thread")]
async fn every_control_is_reached_with_keys_in_the_order_of_the_page() {
    let server = lived_in().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, TABLET, "/settings").await;
    for (name, path, there) in VIEWS {
        page.open(&format!("{}{path}", server.url)).await;
        page.shows(there).await;
        page.eval("document.querySelectorAll('details').forEach((one) => { one.open = true; })").await;
        page.until(
            "what was opened is there",
            "!document.querySelector('.turns') || document.querySelector('.detail .waterfall')",
        )
        .await;
        let reached = tabbed(&page).await;
        let count = page.eval("controls.length").await.as_i64().unwrap();
        let missing: Vec<i64> = (0..count).filter(|at| !reached.contains(at)).collect();
        let what = page.eval(&format!("{missing:?}.map((at) => controls[at].outerHTML.slice(0, 120))")).await;
        assert!(missing.is_empty(), "{name}: not reached: {what:#}");
        assert!(reached.is_sorted(), "{name}: the order is {reached:?}");
        assert_eq!(page.eval("unseen").await, serde_json::json!([]), "{name}: where one is can be seen");
    }
}

/// The whole way through the app without a mouse.
#[tokio::test(flavor = "multi_thread")]
async fn the_app_is_used_with_keys_alone() {
    let server = lived_in().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, TABLET, "/settings").await;
    page.shows(".group .list li").await;
    page.eval("document.activeElement?.blur()").await;
    page.stroke(TAB).await;
    assert_eq!(page.eval("document.activeElement.className").await, "skip", "the first stop skips the navigation");
    page.stroke(ENTER).await;
    assert_eq!(page.eval("document.activeElement.id").await, "main");
    // From the start again, to the third view and into it.
    page.eval("document.querySelector('.skip').focus()").await;
    for _ in 0..3 {
        page.stroke(TAB).await;
    }
    assert_eq!(page.eval("document.activeElement.getAttribute('href')").await, "/home");
    page.stroke(ENTER).await;
    page.shows("vesta-card[data-entity='light.kitchen_light']").await;
    assert_eq!(page.eval("document.activeElement.id").await, "main", "the focus follows the view");
    assert_eq!(page.eval("document.title").await, "Home · Vesta");
    page.eval("document.querySelector('[data-entity=\"light.kitchen_light\"] .head').focus()").await;
    page.stroke(SPACE).await;
    server.becomes("light.kitchen_light", "off").await;

    // Ticking something off moves it away: the focus stays in the list.
    page.eval("document.querySelector('nav a[data-view=lists]').focus()").await;
    page.stroke(ENTER).await;
    page.shows(".list-card .items label").await;
    page.eval("document.querySelector('.list-card .items input').focus()").await;
    page.stroke(SPACE).await;
    page.until("one is left", "document.querySelectorAll('.list-card > .items label').length === 1").await;
    page.until(
        "the focus is on the next",
        "document.activeElement === document.querySelector('.list-card .items input')",
    )
    .await;

    // Enter begins to listen and ends it; Escape gives up.
    page.eval("document.querySelector('nav a[data-view=talk]').focus()").await;
    page.stroke(ENTER).await;
    is(&page, "ready").await;
    page.eval("document.querySelector('.orb').focus()").await;
    page.stroke(ENTER).await;
    is(&page, "listening").await;
    page.stroke(ESCAPE).await;
    is(&page, "ready").await;
    let turns = server.get("/api/turns?limit=1").await;
    assert_ne!(turns[0]["mode"], "push_to_talk", "nothing was said: {turns:#}");
}

/// What stands beyond the right edge, or is cut off where nothing scrolls.
const BEYOND: &str = "[...document.querySelectorAll('main *, nav *')].filter((one) => one.checkVisibility() && !one.closest('.filter, .plot, .hidden, svg')
  && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((one) => `${one.tagName}.${one.className}: ${one.textContent.slice(0, 40)}`)";

/// Text at twice its size, and the page at twice its size: nothing is lost, nothing has to be scrolled sideways.
#[tokio::test(flavor = "multi_thread")]
async fn twice_the_size_loses_nothing() {
    let zoomed =
        Screen { name: "zoomed", width: TABLET.width / 2, height: TABLET.height / 2, scale: 2.0, mobile: false };
    let server = lived_in().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/settings").await;
    let mut problems = Vec::new();
    for (screen, letters) in [(zoomed, "16px"), (PHONE, "32px"), (NARROW, "20px")] {
        page.screen(screen).await;
        for (name, path, there) in VIEWS {
            page.open(&format!("{}{path}", server.url)).await;
            page.shows(there).await;
            page.eval(&format!("document.documentElement.style.fontSize = '{letters}'; document.querySelectorAll('details').forEach((one) => {{ one.open = true; }})")).await;
            let beyond = page.eval(BEYOND).await;
            for one in beyond.as_array().unwrap() {
                problems.push(format!("{name}, {}, {letters}: beyond the edge: {one}", screen.name));
            }
            if name == "talk" {
                let seen = page.eval("['.orb', '.state', '.toggle'].filter((one) => { const box = document.querySelector(one).getBoundingClientRect(); return box.top < 0 || box.bottom > innerHeight || box.height < 20; })").await;
                for one in seen.as_array().unwrap() {
                    problems.push(format!("talk, {}, {letters}: has to be scrolled to: {one}", screen.name));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_for_those_who_want_it_so() {
    let server = lived_in().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/").await;
    let moving = "document.getAnimations().filter((one) => one.playState === 'running').length";
    is(&page, "ready").await;
    for state in ["listening", "thinking", "speaking"] {
        page.eval(&format!("document.querySelector('.talk').dataset.state = '{state}'")).await;
        if state != "listening" {
            page.until("others see it move", &format!("{moving} > 0")).await;
        }
    }
    page.scheme("light").await;
    for state in ["listening", "thinking", "speaking"] {
        page.eval(&format!("document.querySelector('.talk').dataset.state = '{state}'")).await;
        page.until(state, &format!("{moving} === 0")).await;
    }
}
