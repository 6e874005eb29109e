//! Invitations, roles, devices, tokens, passkeys, the audit log.

use serde_json::Value;
use vesta_tests::chromium::{Chromium, ENTER, PHONE, Page, TABLET};
use vesta_tests::server::Server;

use crate::signed_in;

/// The link in the QR code that a page shows.
async fn scanned(page: &Page) -> String {
    page.shows(".shown .qr").await;
    let drawn = page.eval("document.querySelector('.qr .ink').getAttribute('d')").await;
    let size = page.eval("document.querySelector('.qr').viewBox.baseVal.width - 6").await.as_f64().unwrap() as usize;
    let mut dark = vec![false; size * size];
    for square in drawn.as_str().unwrap().split('M').skip(1) {
        let (x, rest) = square.split_once(',').unwrap();
        let y = rest.split('h').next().unwrap();
        dark[y.parse::<usize>().unwrap() * size + x.parse::<usize>().unwrap()] = true;
    }
    let (border, scale) = (3, 4);
    let whole = (size + 2 * border) * scale;
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(whole, whole, |x, y| {
        let at = |place: usize| (place / scale).checked_sub(border).filter(|place| *place < size);
        match (at(x), at(y)) {
            (Some(x), Some(y)) if dark[y * size + x] => 0,
            _ => 255,
        }
    });
    let (_, text) = image.detect_grids()[0].decode().unwrap();
    text
}

async fn choose(page: &Page, selector: &str, value: &str) {
    page.shows(selector).await;
    page.eval(&format!(
        "{{ const one = document.querySelector({selector:?}); one.value = {value:?}; one.dispatchEvent(new Event('change')); }}"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_invited_becomes_another_and_is_shown_the_door() {
    let server = Server::with_demo_home().await;
    let (owners, bens) = (Chromium::start(None).await, Chromium::start(None).await);
    let page = signed_in(&server, &owners, TABLET, "/settings").await;
    page.click(".next").await;
    page.shows(".member").await;
    assert_eq!(page.eval("location.pathname").await, "/people");
    page.write("#invite-name", "Ben").await;
    choose(&page, "#invite-role", "child").await;
    page.says("Everything but locks, doors and buying").await;
    page.click(".form .primary").await;
    let link = scanned(&page).await;
    assert!(link.starts_with(&format!("{}/welcome#", server.url)), "{link}");

    let ben = bens.page(&link, PHONE).await;
    ben.says("Your role: Child").await;
    ben.click(".welcome-card .primary").await;
    ben.shows("nav a[aria-current]").await;
    ben.open(&format!("{}/lists", server.url)).await;
    ben.shows(".list-card").await;
    // People and what was changed are nothing for a child, whatever address is typed.
    ben.open(&format!("{}/people", server.url)).await;
    ben.says("This is for owners").await;

    page.open(&format!("{}/people", server.url)).await;
    let member = ".member:nth-child(2)";
    choose(&page, &format!("{member} select"), "guest").await;
    page.says("Lights, fans and music").await;
    assert_eq!(server.get("/api/people").await[1]["role"], "guest");
    ben.open(&format!("{}/lists", server.url)).await;
    ben.says("Guests keep no lists").await;

    // The only owner stays one.
    choose(&page, ".member:nth-child(1) select", "adult").await;
    page.says("A house needs an owner").await;
    assert_eq!(page.eval("document.querySelector('.member select').value").await, "owner");

    page.click(&format!("{member} summary")).await;
    page.click(&format!("{member} .list .chip")).await;
    page.click(&format!("{member} .list .chip.danger")).await;
    page.says("No device is signed in").await;
    ben.open(&server.url).await;
    ben.shows("#code").await;

    // A way in again, for Ben: the code that stands beside the QR code.
    page.click(&format!("{member} details .button")).await;
    page.shows(&format!("{member} .code")).await;
    let code = page.eval("document.querySelector('.member .code').textContent").await;
    ben.write("#code", code.as_str().unwrap()).await;
    ben.stroke(ENTER).await;
    ben.shows("nav a[aria-current]").await;

    page.click("#audit summary").await;
    for line in ["Invited", "Person changed", "Device revoked", "Code for a device", "Signed in"] {
        page.until(line, &format!("document.querySelector('#audit').innerText.includes({line:?})")).await;
    }
    let remove = format!("{member} details > .lines > .chip");
    page.click(&remove).await;
    page.click(&remove).await;
    page.until("Ben is gone", "document.querySelectorAll('.member').length === 1").await;
    ben.shows("#code").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_used_and_revoked() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = signed_in(&server, &chromium, PHONE, "/settings").await;
    page.click("#new-token summary").await;
    page.write("#token-name", "Kitchen display").await;
    page.click("#new-token .button").await;
    page.says("This is shown once").await;
    let secret = page.eval("document.querySelector('.shown .link').textContent").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let home = || http.get(format!("{}/api/home", server.url)).bearer_auth(secret.as_str().unwrap()).send();
    assert_eq!(home().await.unwrap().status(), 200);
    page.says("Speak and write, See rooms and devices, Lights, fans, media").await;
    let revoke = "[aria-label='Revoke: Kitchen display']";
    page.click(revoke).await;
    page.click("[aria-label='Really? Revoke: Kitchen display']").await;
    page.until("it is gone", &format!("!document.querySelector({revoke:?})")).await;
    assert_eq!(home().await.unwrap().status(), 401);
}

/// Passkeys need a name: the page is opened as `localhost`.
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_made_and_signs_in_again() {
    let server = Server::with_demo_home().await;
    let chromium = Chromium::start(None).await;
    let page = chromium.blank(PHONE).await;
    page.with_passkeys().await;
    let welcome = vesta_tests::browser::answer(
        server.http().post(format!("{}/api/welcome", server.url)).json(&serde_json::json!({})),
    )
    .await;
    let house = server.url.replace("127.0.0.1", "localhost");
    page.open(&format!("{house}{}", welcome["path"].as_str().unwrap())).await;
    page.write("#name", "Anna").await;
    page.stroke(ENTER).await;
    // The first thing that the house offers.
    page.says("Hello Anna").await;
    page.click(".welcome-card .primary").await;
    page.shows("nav a[aria-current]").await;
    page.click("nav a[data-view=settings]").await;
    page.says("This device").await;
    assert_eq!(server.get("/api/people").await[0]["passkeys"], 1);
    page.click(".me .chip").await;
    page.says("Welcome home").await;
    page.click(".welcome-card .primary").await;
    page.shows("nav a[aria-current]").await;
    let audit = server.get("/api/audit?limit=1").await;
    assert_eq!(
        (&audit[0]["action"], &audit[0]["detail"]["method"]),
        (&Value::from("signed_in"), &Value::from("passkey"))
    );
}
