//! `vesta serve`: the server.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use vesta_engines::{Engine, EngineState};
use vesta_reach::Reach;

use crate::cli::ServeArgs;
use crate::commands::Setting;
use crate::folder::{Occupied, Running};
use crate::house::{Demo, House, decided, stop_signal};
use crate::{allocator, reach, terminal};

pub(crate) async fn run(setting: Setting, args: ServeArgs) -> anyhow::Result<ExitCode> {
    let occupied = occupy(&setting).await?;
    allow_many_connections();
    let demo = match (args.demo_home, args.no_demo_home) {
        (true, _) => Demo::On,
        (_, true) => Demo::Off,
        _ => Demo::AsConfigured,
    };
    let listen = args.listen.unwrap_or(setting.config.server.listen);
    let mut house = House::serve(&setting, demo, listen).await?;
    let running = Running { pid: std::process::id(), url: house.url().to_owned(), mqtt: house.mqtt_url().to_owned() };
    setting.folder.announce(&running)?;
    if args.json {
        terminal::json(&json!({ "ready": running, "reach": links(house.reach()) }))?;
    }
    tracing::info!(url = house.url(), mqtt = house.mqtt_url(), data = %setting.folder.path().display(), "Vesta is listening");
    if house.shows_demo() {
        tracing::info!("a demo home is shown; `[home] demo = false` in vesta.toml, or --no-demo-home, ends that");
    }
    let mut watching: JoinSet<()> = house.engines().iter().cloned().map(report).collect();
    let starting = house.engines().to_vec();
    watching.spawn(async move {
        decided(&starting).await;
        // What the start needed and nobody needs now; later what a burst of visitors did.
        loop {
            let _ = tokio::task::spawn_blocking(allocator::give_back).await;
            tokio::time::sleep(TIDY).await;
        }
    });
    if !args.json {
        let (here, reach) = (house.url().to_owned(), house.reach().clone());
        // On the terminal alone: a link that signs in is no matter for the log.
        let welcome = house.people().welcome().await?;
        let welcome = welcome.map(|(secret, _)| vesta_server::welcome_path(secret.reveal()));
        watching.spawn(async move {
            reach::settled(&reach).await;
            reach::greet(&here, &reach, welcome.as_deref());
        });
    }
    let ended = tokio::select! {
        () = stop_signal() => Ok(()),
        ended = house.ended() => ended,
    };
    tracing::info!("stopping");
    watching.abort_all();
    while watching.join_next().await.is_some() {}
    house.stop().await;
    drop(occupied);
    ended.map(|()| ExitCode::SUCCESS)
}

/// Each connection is an open file, and systems often allow 1024 where they would allow many more if asked.
fn allow_many_connections() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // macOS refuses to be asked for no limit at all.
        let most = limit.maximum.map_or(65_536, |most| most.min(65_536));
        if limit.current.is_some_and(|now| now < most)
            && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum })
        {
            tracing::debug!(%error, "the number of open files stays as it is");
        }
    }
}

/// What people open, and the certificate authority's fingerprint, for programs.
fn links(reach: &Reach) -> serde_json::Value {
    let authority = reach.authority().map(|authority| authority.fingerprint());
    json!({ "links": reach.links(), "ways": reach.report(), "authority": authority })
}

/// How long the server waits for a command that uses the data folder.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);
/// How often free memory goes back to the system.
const TIDY: Duration = Duration::from_secs(60);

/// Takes the data folder; a command that has a house of its own in it is given a moment to end.
async fn occupy(setting: &Setting) -> anyhow::Result<Occupied> {
    let began = Instant::now();
    loop {
        match setting.folder.occupy() {
            Ok(occupied) => return Ok(occupied),
            Err(error) if setting.folder.running().is_some() || began.elapsed() > PATIENCE => return Err(error),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Logs an engine's changes: what it is, or why it is not there.
async fn report(engine: Engine) {
    let mut state = engine.state();
    loop {
        match &*state.borrow_and_update() {
            EngineState::Ready { uri, info, .. } => {
                let model = info.model.as_deref().unwrap_or("its own model");
                tracing::info!(engine = engine.name(), %uri, model, "ready");
            }
            EngineState::Failed { why, stderr_tail, attempts, .. } => {
                tracing::warn!(engine = engine.name(), attempts, stderr = stderr_tail.join(" | "), "{why}");
            }
            EngineState::Starting | EngineState::Stopped => {}
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}
