//! A real browser for the app: Chromium, driven over its DevTools protocol.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams};
use chromiumoxide::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType, InsertTextParams,
    MouseButton,
};
use chromiumoxide::cdp::browser_protocol::network::CookieParam;
#[allow(deprecated, reason = "see `Page::offline`")]
use chromiumoxide::cdp::browser_protocol::network::{EmulateNetworkConditionsParams, EnableParams};
use chromiumoxide::cdp::browser_protocol::target::SetAutoAttachParams;
use chromiumoxide::cdp::browser_protocol::web_authn::{
    AddVirtualAuthenticatorParams, AuthenticatorProtocol, AuthenticatorTransport, EnableParams as EnablePasskeys,
    VirtualAuthenticatorOptions,
};
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{Browser, BrowserConfig};
use futures_util::StreamExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::server::PATIENCE;

/// A running browser. It ends when this is dropped.
pub struct Chromium {
    driver: Browser,
    events: JoinHandle<()>,
    _profile: TempDir,
}

/// One page of it.
pub struct Page {
    page: chromiumoxide::Page,
}

/// A screen.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// For file names.
    pub name: &'static str,
    /// CSS pixels.
    pub width: i64,
    /// CSS pixels.
    pub height: i64,
    /// Device pixels a CSS pixel.
    pub scale: f64,
    /// Whether it is touched rather than clicked.
    pub mobile: bool,
}

/// A phone.
pub const PHONE: Screen = Screen { name: "phone", width: 390, height: 844, scale: 2.0, mobile: true };
/// A tablet at the wall.
pub const TABLET: Screen = Screen { name: "tablet", width: 1180, height: 820, scale: 1.0, mobile: false };
/// The narrowest that must work.
pub const NARROW: Screen = Screen { name: "narrow", width: 320, height: 568, scale: 2.0, mobile: true };

/// A key as the DevTools protocol names it: key, code, the text that it writes.
pub type Key = (&'static str, &'static str, &'static str);
/// Enter.
pub const ENTER: Key = ("Enter", "Enter", "\r");
/// The space bar.
pub const SPACE: Key = (" ", "Space", " ");
/// The tabulator.
pub const TAB: Key = ("Tab", "Tab", "");
/// Stops.
pub const ESCAPE: Key = ("Escape", "Escape", "");
/// The button of a headset or of a keyboard.
pub const PLAY_PAUSE: Key = ("MediaPlayPause", "MediaPlayPause", "");

impl Chromium {
    /// Starts Chromium. `microphone` is a WAV file that its fake microphone plays, from when a page opens it, again and again.
    ///
    /// # Panics
    /// There is no Chromium; `script/setup --tests` installs it.
    pub async fn start(microphone: Option<&Path>) -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut config = BrowserConfig::builder()
            .no_sandbox()
            .new_headless_mode()
            .viewport(None)
            .user_data_dir(profile.path())
            .launch_timeout(PATIENCE)
            .request_timeout(PATIENCE)
            .args([
                "disable-gpu",
                "disable-quic",
                "no-first-run",
                "disable-background-networking",
                "disable-component-update",
                "disable-sync",
                "hide-scrollbars",
                "use-fake-ui-for-media-stream",
                "use-fake-device-for-media-stream",
                "autoplay-policy=no-user-gesture-required",
            ]);
        if let Some(sound) = microphone {
            config = config.arg(format!("use-file-for-fake-audio-capture={}", sound.display()));
        }
        let config = config.build().expect("Chromium is installed by script/setup --tests");
        let (driver, mut handler) = Browser::launch(config).await.expect("Chromium starts");
        let events = tokio::spawn(async move { while handler.next().await.is_some() {} });
        Self { driver, events, _profile: profile }
    }

    /// A page, shown on a screen.
    pub async fn page(&self, url: &str, screen: Screen) -> Page {
        let page = self.blank(screen).await;
        page.open(url).await;
        page
    }

    /// An empty page, for what has to be done before one is opened.
    pub async fn blank(&self, screen: Screen) -> Page {
        let page = Page { page: self.driver.new_page("about:blank").await.expect("a page") };
        // The driver would halt every service worker until it has let it go on, and with it each request that waits for the worker.
        let alone = SetAutoAttachParams::builder().auto_attach(false).wait_for_debugger_on_start(false).flatten(true);
        page.page.execute(alone.build().expect("all is said")).await.expect("workers are left alone");
        page.screen(screen).await;
        page
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.events.abort();
    }
}

/// Frames for which an element has to stay where it is before it is clicked.
const STILL: u32 = 3;
/// Frames after which one is clicked that lies under another: whoever styles a control hides the browser's own.
const COVERED: u32 = 60;
/// Frames after which one is clicked that never stays where it is.
const RESTLESS: u32 = 600;

impl Page {
    /// Opens an address.
    pub async fn open(&self, url: &str) {
        self.page.goto(url).await.expect("the page opens");
    }

    /// Closes it, as somebody who swipes it away.
    pub async fn close(self) {
        self.page.close().await.expect("the page closes");
    }

    /// Gives the browser a cookie (`name=value`) of a site.
    pub async fn cookie(&self, url: &str, cookie: &str) {
        let (name, value) = cookie.split_once('=').expect("name=value");
        let mut cookie = CookieParam::new(name, value);
        cookie.url = Some(url.to_owned());
        self.page.set_cookie(cookie).await.expect("the cookie is taken");
    }

    /// Runs a script on each page that is opened from now on, before anything of its own.
    pub async fn before(&self, script: &str) {
        self.page.evaluate_on_new_document(script).await.expect("the script is kept");
    }

    /// Gives it something that makes passkeys and asks nobody.
    pub async fn with_passkeys(&self) {
        self.page.execute(EnablePasskeys::default()).await.expect("passkeys are watched");
        let options = VirtualAuthenticatorOptions {
            has_resident_key: Some(true),
            has_user_verification: Some(true),
            is_user_verified: Some(true),
            ..VirtualAuthenticatorOptions::new(AuthenticatorProtocol::Ctap2, AuthenticatorTransport::Internal)
        };
        self.page.execute(AddVirtualAuthenticatorParams::new(options)).await.expect("an authenticator");
    }

    /// Shows it on another screen.
    pub async fn screen(&self, screen: Screen) {
        let metrics = SetDeviceMetricsOverrideParams::new(screen.width, screen.height, screen.scale, screen.mobile);
        self.page.execute(metrics).await.expect("the screen is changed");
    }

    /// Shows it as people see it who prefer `light` or `dark`, without what moves.
    pub async fn scheme(&self, scheme: &str) {
        let feature = |name: &str, value: &str| MediaFeature { name: name.to_owned(), value: value.to_owned() };
        let features = vec![feature("prefers-color-scheme", scheme), feature("prefers-reduced-motion", "reduce")];
        self.page.emulate_media_features(features).await.expect("the scheme is changed");
    }

    /// Takes the network away, or gives it back.
    #[allow(deprecated, reason = "the newer way has no event for the page, and so no `navigator.onLine`")]
    pub async fn offline(&self, offline: bool) {
        self.page.execute(EnableParams::default()).await.expect("the network is watched");
        let conditions = EmulateNetworkConditionsParams::new(offline, 0.0, -1.0, -1.0);
        self.page.execute(conditions).await.expect("the network is changed");
    }

    /// What an expression comes to; a promise is waited for.
    pub async fn eval(&self, expression: &str) -> Value {
        self.evaluated(expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    async fn evaluated(&self, expression: &str) -> chromiumoxide::Result<Value> {
        let evaluated = timeout(PATIENCE, self.page.evaluate_expression(expression)).await.expect("the page answers");
        Ok(evaluated?.value().cloned().unwrap_or_default())
    }

    /// Waits until an expression is true, also on a page that takes this one's place. The page looks for it: what it shows has no other events.
    pub async fn until(&self, what: &str, expression: &str) {
        let script = format!(
            "new Promise((done) => {{ const until = performance.now() + {}; const look = () => {{ let is = false; \
             try {{ is = Boolean({expression}); }} catch {{}} \
             if (is) done(true); else if (performance.now() > until) done(false); else setTimeout(look, 20); }}; look(); }})",
            (PATIENCE - Duration::from_secs(5)).as_millis()
        );
        let began = Instant::now();
        let found = loop {
            match self.evaluated(&script).await {
                Ok(found) => break found == true,
                // The page was left while it looked.
                Err(error) => assert!(began.elapsed() < PATIENCE, "{what}: {error}"),
            }
        };
        if !found {
            let shown = self.eval("document.body.innerText").await;
            panic!("never: {what} ({expression})\n{}", shown.as_str().unwrap_or_default());
        }
    }

    /// Waits until an element is there.
    pub async fn shows(&self, selector: &str) {
        self.until(selector, &format!("document.querySelector({selector:?})")).await;
    }

    /// Waits until a text is shown.
    pub async fn says(&self, text: &str) {
        self.until(text, &format!("document.body.innerText.includes({text:?})")).await;
    }

    /// The middle of an element, in CSS pixels, after it was scrolled into sight.
    /// Where an element is, once it stays there: a page that still fills itself moves what is on it, and a click would go beside it.
    async fn middle(&self, selector: &str) -> (f64, f64) {
        self.shows(selector).await;
        let place = self
            .eval(&format!(
                "new Promise((done) => {{ let last = '', still = 0, frames = 0; const look = () => {{ \
                 const one = document.querySelector({selector:?}); \
                 if (one) {{ one.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
                 const box = one.getBoundingClientRect(); const at = [box.x + box.width / 2, box.y + box.height / 2]; \
                 still = String(at) === last ? still + 1 : 0; last = String(at); const top = document.elementFromPoint(...at); \
                 const meant = top && (one.contains(top) || top.contains(one)); \
                 if ((still >= {STILL} && (meant || frames > {COVERED})) || frames > {RESTLESS}) return done(at); }} \
                 frames += 1; requestAnimationFrame(look); }}; look(); }})"
            ))
            .await;
        (place[0].as_f64().expect("a place"), place[1].as_f64().expect("a place"))
    }

    async fn mouse(&self, kind: DispatchMouseEventType, (x, y): (f64, f64)) {
        let mut event = DispatchMouseEventParams::new(kind, x, y);
        event.button = Some(MouseButton::Left);
        event.click_count = Some(1);
        self.page.execute(event).await.expect("the mouse is moved");
    }

    /// Presses the mouse on an element and keeps it down.
    pub async fn press(&self, selector: &str) {
        let place = self.middle(selector).await;
        self.mouse(DispatchMouseEventType::MousePressed, place).await;
    }

    /// Lets the mouse go over an element.
    pub async fn release(&self, selector: &str) {
        let place = self.middle(selector).await;
        self.mouse(DispatchMouseEventType::MouseReleased, place).await;
    }

    /// Clicks an element.
    pub async fn click(&self, selector: &str) {
        let place = self.middle(selector).await;
        self.mouse(DispatchMouseEventType::MousePressed, place).await;
        self.mouse(DispatchMouseEventType::MouseReleased, place).await;
    }

    /// Presses (`down`) or releases a key.
    pub async fn key(&self, (key, code, text): Key, down: bool) {
        let kind = match (down, text.is_empty()) {
            (true, true) => DispatchKeyEventType::RawKeyDown,
            (true, false) => DispatchKeyEventType::KeyDown,
            (false, _) => DispatchKeyEventType::KeyUp,
        };
        let mut event = DispatchKeyEventParams::new(kind);
        event.key = Some(key.to_owned());
        event.code = Some(code.to_owned());
        event.windows_virtual_key_code = match code {
            "Enter" => Some(13),
            "Space" => Some(32),
            "Tab" => Some(9),
            "Escape" => Some(27),
            "MediaPlayPause" => Some(179),
            _ => None,
        };
        if down && !text.is_empty() {
            event.text = Some(text.to_owned());
        }
        self.page.execute(event).await.expect("the key is pressed");
    }

    /// Presses and releases a key.
    pub async fn stroke(&self, key: Key) {
        self.key(key, true).await;
        self.key(key, false).await;
    }

    /// Writes into a field.
    pub async fn write(&self, selector: &str, text: &str) {
        self.click(selector).await;
        self.page.execute(InsertTextParams::new(text)).await.expect("the text is written");
    }

    /// Writes what is shown into a PNG file.
    pub async fn screenshot(&self, file: &Path) {
        let png = self.page.screenshot(ScreenshotParams::builder().build()).await.expect("a screenshot");
        std::fs::write(file, png).expect("the screenshot is written");
    }

    /// What axe-core finds against WCAG 2.2 AA, each as one line.
    pub async fn violations(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(node_package("axe-core/axe.min.js")).expect("axe-core is installed");
        self.eval(&format!("{axe}; true")).await;
        let tags = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";
        let found = self
            .eval(&format!(
                "axe.run(document, {{ runOnly: {tags} }}).then((result) => result.violations.flatMap((violation) => \
                 violation.nodes.map((node) => `${{violation.id}}: ${{node.target.join(' ')}}: ${{node.failureSummary}}`)))"
            ))
            .await;
        found.as_array().expect("axe answers").iter().filter_map(|line| line.as_str().map(str::to_owned)).collect()
    }
}

/// A file of the npm packages that `script/lib/node-peers.sh` installs.
pub fn node_package(path: &str) -> PathBuf {
    let file = cache().join("node-peers/node_modules").join(path);
    assert!(file.exists(), "{} is missing; script/setup --tests installs it", file.display());
    file
}

/// The folder that `script/lib/env.sh` calls `VESTA_CACHE`.
pub fn cache() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    variable("VESTA_CACHE").unwrap_or_else(|| {
        let home = || variable("HOME").expect("a home folder").join(".cache");
        variable("XDG_CACHE_HOME").unwrap_or_else(home).join("vesta")
    })
}
