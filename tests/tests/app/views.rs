//! Every view on every screen, light and dark.

use std::path::PathBuf;

use vesta_tests::chromium::{Chromium, ENTER, NARROW, PHONE, TAB, TABLET};
use vesta_tests::server::Server;

use crate::signed_in;

/// Paths, and an element that says that the view is there with what it shows.
const VIEWS: [(&str, &str, &str); 5] = [
    ("talk", "/", ".talk[data-state='ready'] .orb"),
    ("type", "/type", ".exchange"),
    ("home", "/home", "vesta-card[data-entity='light.kitchen_light']"),
    ("history", "/history", ".turns li"),
    ("settings", "/settings", ".group .list li"),
];

/// Where a person can look at the app. Each run writes it anew.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("app-screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A house in which a little was said.
async fn lived_in() -> Server {
    let server = Server::with_demo_home().await;
    for text in [
        "turn on the kitchen light",
        "set the living room lamp to pink",
        "what time is it",
        "set a timer for ten minutes",
    ] {
        server.ask(text).await;
    }
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_can_be_seen_and_used_by_everybody() {
    let server = lived_in().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/type").await;
    page.write("#message", "turn off the bedside lamp").await;
    page.stroke(ENTER).await;
    page.shows(".bubble.theirs").await;
    let mut problems = Vec::new();
    for screen in [PHONE, TABLET] {
        page.screen(screen).await;
        for scheme in ["light", "dark"] {
            page.scheme(scheme).await;
            for (name, path, there) in VIEWS {
                page.open(&format!("{}{path}", server.url)).await;
                page.shows(there).await;
                if name == "history" {
                    page.click(".turns summary").await;
                    page.until("the plot is drawn", "document.querySelector('.waterfall')?.complete").await;
                }
                page.screenshot(&folder().join(format!("{name}-{}-{scheme}.png", screen.name))).await;
                let found = page.violations().await;
                problems.extend(found.into_iter().map(|line| format!("{name}, {}, {scheme}: {line}", screen.name)));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_welcome_page_can_be_seen_and_used_by_everybody() {
    let server = lived_in().await;
    let chromium = Chromium::start(None).await;
    let page = chromium.page(&server.url, PHONE).await;
    for screen in [PHONE, TABLET] {
        page.screen(screen).await;
        for scheme in ["light", "dark"] {
            page.scheme(scheme).await;
            page.open(&server.url).await;
            page.shows("#code").await;
            page.screenshot(&folder().join(format!("welcome-{}-{scheme}.png", screen.name))).await;
            assert_eq!(page.violations().await, [""; 0]);
        }
    }
    page.write("#code", "AAA-BBB-CCC").await;
    page.stroke(ENTER).await;
    page.says("This code is not right").await;
}

/// From 320 pixels on nothing stands beyond the edge, in any language: German words are the longest.
#[tokio::test(flavor = "multi_thread")]
async fn a_narrow_screen_is_wide_enough() {
    let server = lived_in().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, NARROW, "/settings").await;
    for language in ["en", "de", "fr", "es"] {
        page.eval(&format!("localStorage.setItem('vesta.language', '{language}')")).await;
        for (name, path, there) in VIEWS.into_iter().filter(|(name, ..)| *name != "type") {
            page.open(&format!("{}{path}", server.url)).await;
            page.shows(there).await;
            assert_eq!(page.eval("document.documentElement.lang").await, language);
            page.eval("document.querySelectorAll('details').forEach((one) => { one.open = true; })").await;
            let beyond = page
                .eval(
                    "[...document.querySelectorAll('main *, nav *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 \
                     && !one.closest('.filter') && !one.closest('.hidden')).map((one) => `${one.tagName}.${one.className}`)",
                )
                .await;
            assert_eq!(beyond.as_array().unwrap().len(), 0, "{name} in {language}: {beyond}");
            let words = page.eval("document.body.innerText").await;
            for key in ["view.", "state.", "error.", "settings.", "card.", "home."] {
                let bare = words.as_str().unwrap().split_whitespace().find(|word| {
                    word.strip_prefix(key).is_some_and(|rest| rest.chars().next().is_some_and(char::is_lowercase))
                });
                assert!(bare.is_none(), "{name} in {language} shows {bare:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_reached_with_keys() {
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
    // Each control that can be clicked can be reached: none is taken out of the order.
    let unreachable = page
        .eval("[...document.querySelectorAll('main button, main input, main select, main a')].filter((one) => one.tabIndex < 0).length")
        .await;
    assert_eq!(unreachable, 0);
}
