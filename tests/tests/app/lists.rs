//! Lists by touch, and what is said to them elsewhere.

use serde_json::{Value, json};
use vesta_tests::browser::Browser;
use vesta_tests::chromium::{Chromium, ENTER, PHONE};
use vesta_tests::server::Server;

use crate::signed_in;

const SHOPPING: &str = ".list-card[data-list=shopping]";

async fn shopping(server: &Server) -> Vec<(String, bool)> {
    let lists = server.get("/api/lists").await;
    let list = lists.as_array().unwrap().iter().find(|list| list["id"] == "shopping").unwrap();
    let item = |item: &Value| (item["text"].as_str().unwrap().to_owned(), item["done"].as_bool().unwrap());
    list["items"].as_array().unwrap().iter().map(item).collect()
}

fn has(count: usize, done: bool) -> String {
    let place = if done { "details .items li" } else { ":scope > .items label" };
    format!("document.querySelector({SHOPPING:?}).querySelectorAll({place:?}).length === {count}")
}

#[tokio::test(flavor = "multi_thread")]
async fn things_are_put_on_a_list_ticked_off_and_taken_away() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/home").await;
    page.click(".shortcuts a").await;
    page.shows(SHOPPING).await;
    assert_eq!(page.eval("location.pathname").await, "/lists");
    // What is typed is one thing, whatever words are in it.
    for item in ["milk", "salt and pepper"] {
        page.write("#add-shopping", item).await;
        page.stroke(ENTER).await;
        page.says(item).await;
    }
    assert_eq!(shopping(&server).await, [("milk".to_owned(), false), ("salt and pepper".to_owned(), false)]);
    page.until("both are there", &has(2, false)).await;

    page.click(&format!("{SHOPPING} > .items li:first-child label")).await;
    page.until("it is ticked off", &has(1, true)).await;
    assert_eq!(shopping(&server).await[0], ("milk".to_owned(), true));

    // Taken away by mistake.
    page.click(&format!("{SHOPPING} > .items li:first-child .tool")).await;
    page.until("it is gone", &has(0, false)).await;
    assert_eq!(shopping(&server).await.len(), 1);
    page.click(".toast .chip").await;
    page.until("it is back", &has(1, false)).await;
    assert_eq!(shopping(&server).await[1], ("salt and pepper".to_owned(), false));

    // Said elsewhere.
    server.ask("add eggs to the shopping list").await;
    page.until("it is shown", &has(2, false)).await;
    page.click(&format!("{SHOPPING} summary")).await;
    page.click(&format!("{SHOPPING} details > .chip")).await;
    page.until("what was ticked off is gone", &has(0, true)).await;
    let left: Vec<String> = shopping(&server).await.into_iter().map(|(text, _)| text).collect();
    assert_eq!(left, ["salt and pepper", "eggs"]);

    page.click(".lists > .more summary").await;
    page.write("#list-name", "Packing").await;
    page.write("#list-first", "red socks").await;
    page.stroke(ENTER).await;
    page.shows(".list-card[data-list=packing]").await;
    assert_eq!(server.get("/api/lists").await[1]["items"][0]["text"], "red socks");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_not_for_guests_and_say_what_is_wrong() {
    let server = Server::with_demo_home().await;
    let owner = Browser::owner(&server).await;
    let guest = owner.invited(&server, "Gast", "guest").await;
    assert_eq!(guest.get("/api/lists").await.status(), 403);
    let home: Value = guest.get("/api/home").await.json().await.unwrap();
    assert!(home["lists"].is_null() && home["timers"].is_array());
    server.ask("add bread to the shopping list").await;
    for (path, item, status, code) in [
        ("shopping/remove", "milk", 404, "not_on_list"),
        ("nothing/complete", "milk", 404, "no_list"),
        ("shopping/add", "  ", 422, "nothing_for_list"),
        ("shopping/eat", "milk", 404, "not_found"),
    ] {
        let answer = owner.post(&format!("/api/lists/{path}"), &json!({ "item": item })).await;
        let found = answer.status().as_u16();
        let problem: Value = answer.json().await.unwrap();
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{path}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_has_a_length_or_a_moment_that_can_come() {
    let server = Server::with_demo_home().await;
    let owner = Browser::owner(&server).await;
    let far = i64::MAX / 2_000_000;
    for (body, status, code) in [
        (json!({}), 400, "bad_length"),
        (json!({ "at_ms": -1 }), 400, "bad_length"),
        (json!({ "seconds": 60, "at_ms": far }), 400, "bad_length"),
        (json!({ "at_ms": 1 }), 409, "timer_past"),
        (json!({ "at_ms": far }), 409, "timer_too_long"),
    ] {
        let answer = owner.post("/api/timers", &body).await;
        let found = answer.status().as_u16();
        let problem: Value = answer.json().await.unwrap();
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{body}: {problem}");
    }
    assert!(server.get("/api/home").await["timers"].as_array().unwrap().is_empty());
}
