//! The ways to a house against fakes: an ACME server, Tailscale's program, a clock that can be turned.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod acme;
mod acme_server;
mod announcing;
mod renewing;
mod tailscale;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use vesta_reach::{Clock, Door, Reach, Settings, Way, WayReport};

/// How long anything may take before a test fails; far above what it takes.
const PATIENCE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// A clock that can be turned.
#[derive(Clone)]
struct Turned(Arc<Mutex<SystemTime>>);

impl Turned {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(SystemTime::now())))
    }

    fn clock(&self) -> Clock {
        let time = self.0.clone();
        Arc::new(move || *time.lock().unwrap())
    }

    fn turn(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    fn turn_back(&self, by: Duration) {
        *self.0.lock().unwrap() -= by;
    }
}

/// Settings without announcements, on free ports of this machine alone.
fn quiet(folder: &std::path::Path) -> Settings {
    let mut settings = Settings::new(folder.to_owned());
    settings.reach.https = Door::At("127.0.0.1:0".parse().unwrap());
    settings.reach.doorstep = Door::Off;
    settings.reach.mdns = false;
    settings
}

/// Waits for a change after which `is` holds.
async fn until(reach: &Reach, what: &str, is: impl Fn(&Reach) -> bool) {
    let mut changes = reach.changes();
    let waited = async {
        while !is(reach) {
            changes.changed().await.unwrap();
        }
    };
    patiently(what, waited, || format!("{:#?}", reach.report())).await;
}

/// Has the house look again and again until `is` holds: a look that comes while it is at work is not heard.
async fn looking(reach: &Reach, what: &str, is: impl Fn(&Reach) -> bool) {
    let waited = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while !is(reach) {
            ticks.tick().await;
            reach.look();
        }
    };
    patiently(what, waited, || format!("{:#?}", reach.report())).await;
}

async fn patiently(what: &str, waited: impl Future<Output = ()>, state: impl Fn() -> String) {
    if tokio::time::timeout(PATIENCE, waited).await.is_err() {
        panic!("{what} did not come: {}", state());
    }
}

fn report(reach: &Reach, way: Way) -> Option<WayReport> {
    reach.report().into_iter().find(|report| report.way == way)
}

fn fingerprint(reach: &Reach, way: Way) -> Option<String> {
    reach.certificates().of(way).map(|chain| chain.fingerprint().to_owned())
}
