//! The app in a real browser, and the API beneath it.
//!
//! - `views`: every view on every screen, light and dark, with screenshots; accessibility; keys.
//! - `home`: rooms by touch, and what changes elsewhere.
//! - `talk`: a spoken command through Chromium's fake microphone.
//! - `written`: the written conversation, also without a network.
//! - `history`: turns: undo, flag, delete.
//! - `calls`: pages of others that call by WebRTC, OpenAI's Agents SDK among them.
//! - `api`: the API's own promises: events that resume, roles, requests that are done once.
//! - `schemathesis`: requests made out of the API's description.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod api;
mod calls;
mod history;
mod home;
mod schemathesis;
mod talk;
mod views;
mod written;

use serde_json::json;
use vesta_tests::browser::answer;
use vesta_tests::chromium::{Chromium, ENTER, Page, Screen};
use vesta_tests::server::Server;

/// A page on which the owner of the house is signed in, showing `path`: by the link that the server printed, as a person would.
async fn signed_in(server: &Server, chromium: &Chromium, screen: Screen, path: &str) -> Page {
    let welcome = answer(server.http().post(format!("{}/api/welcome", server.url)).json(&json!({}))).await;
    let link = welcome["path"].as_str().expect("a link");
    let page = chromium.page(&format!("{}{link}", server.url), screen).await;
    page.write("#name", "Anna").await;
    page.stroke(ENTER).await;
    page.shows("nav a[aria-current]").await;
    assert_eq!(page.eval("location.hash + location.pathname").await, "/", "the secret is out of the address bar");
    if path != "/" {
        page.open(&format!("{}{path}", server.url)).await;
        page.shows("nav a[aria-current]").await;
    }
    page
}
