//! Every view on every screen, light and dark.

use std::path::PathBuf;

use serde_json::json;
use vesta_tests::browser::{Browser, answer};
use vesta_tests::chromium::{Chromium, ENTER, NARROW, PHONE, Page, Screen, TABLET};
use vesta_tests::server::Server;

use crate::signed_in;

/// Paths, and an element that says that the view is there with what it shows.
pub(crate) const VIEWS: [(&str, &str, &str); 7] = [
    ("talk", "/", ".talk[data-state='ready'] .orb"),
    ("type", "/type", ".writer"),
    ("home", "/home", "vesta-card[data-entity='light.kitchen_light']"),
    ("lists", "/lists", ".list-card .items label"),
    ("history", "/history", ".turns li"),
    ("settings", "/settings", ".group .list li"),
    ("people", "/people", ".member:nth-child(2)"),
];

/// Where a person can look at the app. Each run writes it anew.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("app-screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A house in which two people live and a little was said.
pub(crate) async fn lived_in() -> Server {
    let server = Server::with_demo_home().await;
    let invite = json!({ "role": "child", "name": "Ben" });
    let invited = answer(server.http().post(format!("{}/api/invites", server.url)).json(&invite)).await;
    Browser::enter(&server, invited["path"].as_str().unwrap(), None).await;
    for text in [
        "turn on the kitchen light",
        "set the living room lamp to pink",
        "what time is it",
        "set a timer for ten minutes",
        "add milk and eggs to the shopping list",
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
    if std::env::var_os("VESTA_PICTURES").is_some() {
        pictures(&server, &page).await;
    }
}

/// The pictures in `docs/app/`, made anew where `VESTA_PICTURES` is set: smaller than a phone's own, for a page that has several of them.
async fn pictures(server: &Server, page: &Page) {
    let folder = vesta_tests::program::root().join("docs/app");
    std::fs::create_dir_all(&folder).unwrap();
    page.screen(Screen { height: 760, scale: 1.35, ..PHONE }).await;
    for (name, scheme) in
        [("talk", "light"), ("home", "dark"), ("lists", "light"), ("history", "light"), ("people", "dark")]
    {
        let (_, path, there) = VIEWS.into_iter().find(|(view, ..)| *view == name).unwrap();
        page.scheme(scheme).await;
        page.open(&format!("{}{path}", server.url)).await;
        page.shows(there).await;
        let file = folder.join(format!("{name}.png"));
        page.screenshot(&file).await;
        assert!(std::fs::metadata(&file).unwrap().len() < 120_000, "{} is too large", file.display());
    }
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
                    "[...document.querySelectorAll('main *, nav *')].filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 \
                     && !one.closest('.filter, .plot') && !one.closest('.hidden')).map((one) => `${one.tagName}.${one.className}`)",
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

/// What opens, and what is said now and then: forms, codes, messages.
#[tokio::test(flavor = "multi_thread")]
async fn what_opens_can_be_used_by_everybody() {
    let server = lived_in().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/settings").await;
    let open = async |path: &str, there: &str| {
        page.open(&format!("{}{path}", server.url)).await;
        page.shows(there).await;
    };
    for scheme in ["light", "dark"] {
        page.scheme(scheme).await;
        open("/settings", ".group .list li").await;
        page.click("#new-token summary").await;
        page.click(".group:has(.list) > .lines > .button").await;
        page.shows(".code").await;
        seen(&page, "settings-open", scheme).await;

        open("/people", ".member:nth-child(2)").await;
        page.click(".member:nth-child(2) summary").await;
        page.shows(".member:nth-child(2) .list li").await;
        page.click("#audit summary").await;
        page.shows(".audit li").await;
        page.click(".form .primary").await;
        page.shows(".qr").await;
        seen(&page, "people-open", scheme).await;

        open("/lists", ".list-card .items label").await;
        page.click(".lists > .more summary").await;
        page.click(".list-card .items .tool").await;
        page.shows(".toast .chip").await;
        seen(&page, "lists-open", scheme).await;
        page.click(".toast .chip").await;
        page.until("it is back", "document.querySelectorAll('.list-card > .items label').length === 2").await;

        open("/home", "vesta-card[data-entity='light.living_room_lamp']").await;
        page.click(".timers summary").await;
        page.click("vesta-card[data-entity='light.living_room_lamp'] summary").await;
        seen(&page, "home-open", scheme).await;

        open("/", ".talk[data-state='ready']").await;
        page.click(".toggle").await;
        page.shows(".toggle[aria-pressed=true]").await;
        seen(&page, "talk-hands-free", scheme).await;
        page.click(".toggle").await;
        // What the phone says when there is no network: the notice, and the reason.
        page.offline(true).await;
        page.says("This device has no network").await;
        page.shows(".talk[data-state='offline']").await;
        seen(&page, "talk-offline", scheme).await;
        page.offline(false).await;
        page.shows(".talk[data-state='ready']").await;
    }
}

/// Takes a picture, and looks for what stands in anybody's way.
async fn seen(page: &Page, name: &str, scheme: &str) {
    page.screenshot(&folder().join(format!("{name}-phone-{scheme}.png"))).await;
    let found = page.violations().await;
    assert!(found.is_empty(), "{name}, {scheme}: {}", found.join("\n"));
}
