//! A house with people in it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use vesta_people::{Actor, Clock, Device, Moment, People, Role, SignedIn};

/// A data folder, its people, and the clocks on its wall.
pub(crate) struct House {
    pub(crate) people: People,
    pub(crate) folder: TempDir,
    time: Arc<Mutex<Moment>>,
}

/// 2026-01-01
const START_MS: i64 = 1_767_225_600_000;

impl House {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let time = Arc::new(Mutex::new(Moment { unix_ms: START_MS, steady: Duration::ZERO }));
        let people = open(&folder, &time);
        Self { people, folder, time }
    }

    /// The server is started again.
    pub(crate) fn restart(self) -> Self {
        let Self { people, folder, time } = self;
        drop(people);
        Self { people: open(&folder, &time), folder, time }
    }

    /// Time passes.
    pub(crate) fn pass(&self, duration: Duration) {
        let mut time = self.time.lock().unwrap();
        time.steady += duration;
        time.unix_ms += i64::try_from(duration.as_millis()).unwrap();
    }

    /// Somebody sets the wall clock.
    pub(crate) fn jump(&self, milliseconds: i64) {
        self.time.lock().unwrap().unix_ms += milliseconds;
    }

    /// The first owner, by the link that the start prints.
    pub(crate) async fn owner(&self, name: &str) -> SignedIn {
        let (secret, _) = self.people.welcome().await.unwrap().expect("there is no owner yet");
        self.people.accept(secret.reveal(), Some(name.to_owned()), None, device("10.0.0.1")).await.unwrap()
    }

    /// Somebody who was invited.
    pub(crate) async fn invited(&self, name: &str, role: Role) -> SignedIn {
        let (_, secret) = self.people.invite(role, None, None, None, nobody()).await.unwrap();
        self.people.accept(secret.reveal(), Some(name.to_owned()), None, device("10.0.0.2")).await.unwrap()
    }
}

fn open(folder: &TempDir, time: &Arc<Mutex<Moment>>) -> People {
    let time = time.clone();
    let clock = Clock::new(move || *time.lock().unwrap());
    People::open(folder.path(), clock, CancellationToken::new()).unwrap()
}

/// A device at an address.
pub(crate) fn device(address: &str) -> Device {
    Device { name: None, user_agent: None, address: Some(address.parse().unwrap()) }
}

/// Whoever changes things in a test.
pub(crate) fn nobody() -> Actor {
    Actor { person: "test".to_owned(), name: "Test".to_owned(), address: None }
}
