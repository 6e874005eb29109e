//! The app in a real browser, and the API beneath it.
//!
//! - `views`: every view on every screen, light and dark, with screenshots, and axe-core on all that opens.
//! - `access`: keys alone, large letters, nothing that moves.
//! - `home`: rooms by touch, and what changes elsewhere.
//! - `lists`: lists by touch, and what is said to them elsewhere.
//! - `people`: invitations, roles, devices, tokens, passkeys, the audit log.
//! - `settings`: the tests of the microphone and of the connection.
//! - `talk`: a spoken command through Chromium's fake microphone, hands-free, cut short, by a headset's button.
//! - `network`: networks that change, break and let nothing through; a house that is started again.
//! - `written`: the written conversation, also without a network.
//! - `kept`: the app without the house, and a new version of it.
//! - `history`: turns: undo, flag, delete.
//! - `calls`: pages of others that call by WebRTC, OpenAI's Agents SDK among them.
//! - `api`: the API's own promises: events that resume, roles, requests that are done once.
//! - `schemathesis`: requests made out of the API's description.
//! - `microphone`: sound files for the fake microphone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod access;
mod api;
mod calls;
mod history;
mod home;
mod kept;
mod lists;
mod microphone;
mod network;
mod people;
mod schemathesis;
mod settings;
mod talk;
mod views;
mod written;

use serde_json::json;
use vesta_tests::browser::answer;
use vesta_tests::chromium::{Chromium, ENTER, Page, Screen};
use vesta_tests::server::Server;

/// A page on which the owner of the house is signed in, showing `path`: by the link that the server printed, as a person would.
async fn signed_in(server: &Server, chromium: &Chromium, screen: Screen, path: &str) -> Page {
    let page = chromium.blank(screen).await;
    sign_in(server, &page, path).await;
    page
}

/// The same on a page that was prepared.
async fn sign_in(server: &Server, page: &Page, path: &str) {
    let welcome = answer(server.http().post(format!("{}/api/welcome", server.url)).json(&json!({}))).await;
    let link = welcome["path"].as_str().expect("a link");
    page.open(&format!("{}{link}", server.url)).await;
    page.write("#name", "Anna").await;
    page.stroke(ENTER).await;
    page.shows("nav a[aria-current]").await;
    assert_eq!(page.eval("location.hash + location.pathname").await, "/", "the secret is out of the address bar");
    if path != "/" {
        page.open(&format!("{}{path}", server.url)).await;
        page.shows("nav a[aria-current]").await;
    }
}
