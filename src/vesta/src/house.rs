//! Builds the house from its parts: broker, devices, engines, store, sentences, web server.
//!
//! The server runs it until it is told to stop; a command without a server runs one for as long as it takes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vesta_audio::EndpointConfig;
use vesta_broker::{Broker, BrokerConfig, User};
use vesta_engines::{Engine, EngineKind, EngineSpec, EngineState, SpeechToText, TextToSpeech};
use vesta_home::{Home, HomeConfig, Link, MqttConfig};
use vesta_people::{Clock, People};
use vesta_reach::Reach;
use vesta_rtc::{Calls, RtcConfig};
use vesta_server::{App, AppParts, BrokerReport, Doors, Metrics};
use vesta_store::{Retention, Store};
use vesta_turn::settings::Keep;
use vesta_turn::{Assistant, OtherLanguages, Parts, Settings};

use crate::commands::Setting;
use crate::config::Config;
use crate::{commands, config, language, workers};

/// How long open conversations may take to end.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a house that just started waits for what the broker has retained.
const SETTLE: Duration = Duration::from_secs(3);
/// How long an engine may take to load a large model before a check goes on without it.
const ENGINE_START: Duration = Duration::from_secs(30);
/// A broker sends what it has retained in one go: a pause of this length means that it has sent everything.
const SETTLED_PAUSE: Duration = Duration::from_millis(150);
/// How often old turns are deleted.
const RETENTION_INTERVAL: Duration = Duration::from_secs(3600);

/// Whether the demo home is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demo {
    /// As the configuration says.
    AsConfigured,
    /// Yes.
    On,
    /// No.
    Off,
}

/// A house that runs.
pub(crate) struct House {
    app: App,
    home: Home,
    engines: Vec<Engine>,
    broker: Option<Broker>,
    url: String,
    mqtt_url: String,
    demo: bool,
    cancel: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
    tasks: JoinSet<()>,
}

impl House {
    /// A house for a single command: its web server and its broker take free ports.
    pub(crate) async fn start(setting: &Setting, demo: Demo) -> anyhow::Result<Self> {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut broker = setting.config.broker.clone();
        broker.listen = anywhere;
        let reach = Reach::only_here(crate::reach::settings(setting));
        Self::build(setting, demo, anywhere, &broker, reach).await
    }

    /// The house at its configured addresses.
    pub(crate) async fn serve(setting: &Setting, demo: Demo, listen: SocketAddr) -> anyhow::Result<Self> {
        let reach = Reach::start(crate::reach::settings(setting)).await;
        Self::build(setting, demo, listen, &setting.config.broker, reach).await
    }

    async fn build(
        setting: &Setting,
        demo: Demo,
        listen: SocketAddr,
        broker: &config::BrokerConfig,
        reach: Reach,
    ) -> anyhow::Result<Self> {
        let started = Instant::now();
        let config = &setting.config;
        let cancel = CancellationToken::new();
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("the web server cannot listen on {listen}; set [server] listen in vesta.toml, or --listen")
        })?;
        let url = format!("http://{}", listener.local_addr()?);
        // Takes as long as the rest of the start together, so it runs beside it.
        let (tag, folder) = (config.language.clone(), setting.folder.path().to_owned());
        let language = tokio::task::spawn_blocking(move || language::load(&tag, &folder));
        let store = Store::open(setting.folder.path()).context("the store cannot be opened")?;
        let people = People::open(setting.folder.path(), Clock::system(), cancel.clone())?;
        setting.folder.write_local_token(people.local_token().reveal())?;

        // Engines take longest, so they start first; nothing waits for them until somebody speaks.
        let (stt, tts) = (workers::speech_to_text(setting), workers::text_to_speech(setting));
        let stt = Engine::start(EngineSpec::new(EngineKind::Stt, "stt", stt), &cancel);
        let tts = Engine::start(EngineSpec::new(EngineKind::Tts, "tts", tts), &cancel);

        let (broker, mqtt_url) = match &config.mqtt.url {
            Some(url) => (None, url.clone()),
            None => {
                let broker = start_broker(setting, broker).await?;
                let url = broker.url();
                (Some(broker), url)
            }
        };
        let embedded = broker.is_some();
        let demo = shows_demo(setting, demo, embedded);
        let home = home_config(config, mqtt_url.clone())?;
        let home = if demo { commands::with_storeys(home) } else { home };
        let home = vesta_home::start(home, cancel.clone()).await?;

        let mut tasks = JoinSet::new();
        if demo {
            let demo = commands::demo_config(setting, mqtt_url.clone())?;
            let cancel = cancel.clone();
            tasks.spawn(async move {
                if let Err(error) = vesta_demo_home::run(demo, cancel).await {
                    tracing::warn!(%error, "the demo home is not shown");
                }
            });
        }
        let watching = (people.clone(), cancel.clone());
        tasks.spawn(async move { watching.0.watch(watching.1).await });
        tasks.spawn(keep_small(store.clone(), retention(config), cancel.clone()));

        let engines = vec![stt.clone(), tts.clone()];
        let language = language.await.context("the sentences could not be loaded")??;
        let assistant = Assistant::new(Parts {
            stt: SpeechToText::new(stt),
            tts: TextToSpeech::new(tts),
            home: home.clone(),
            store,
            language: language.into(),
            others: other_languages(setting),
            settings: settings(config),
        });
        let watching = (assistant.clone(), cancel.clone());
        tasks.spawn(async move { watching.0.watch_timers(watching.1).await });
        let metrics = Metrics::default();
        let calls = calls(setting, listen, &metrics)?;
        let calls = Calls::open(calls, cancel.clone()).await?;
        let app = App::new(AppParts {
            assistant,
            engines: engines.clone(),
            metrics,
            started,
            broker: BrokerReport { url: mqtt_url.clone(), embedded },
            reach: reach.clone(),
            calls,
            people: people.clone(),
            origins: config.server.origins.clone(),
            shutdown: cancel.clone(),
        });
        let doors = Doors::open(listener, &reach);
        let serving = tokio::spawn(vesta_server::serve(doors, app.clone()));
        Ok(Self { app, home, engines, broker, url, mqtt_url, demo, cancel, serving, tasks })
    }

    /// The web address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Who may come in.
    pub(crate) fn people(&self) -> &People {
        &self.app.people
    }

    /// How others than this machine reach it.
    pub(crate) fn reach(&self) -> &Reach {
        &self.app.reach
    }

    /// The broker's address.
    pub(crate) fn mqtt_url(&self) -> &str {
        &self.mqtt_url
    }

    /// Whether the demo home is shown.
    pub(crate) fn shows_demo(&self) -> bool {
        self.demo
    }

    /// The engines.
    pub(crate) fn engines(&self) -> &[Engine] {
        &self.engines
    }

    /// Waits until the broker has told what it knows of the home, or cannot be reached.
    pub(crate) async fn settled(&self) {
        let mut changes = self.home.changes();
        let known = async {
            let mut link = self.home.link();
            if link
                .wait_for(|link| *link != Link::Connecting)
                .await
                .is_ok_and(|link| matches!(*link, Link::Down { .. }))
            {
                return;
            }
            loop {
                let empty = self.demo && self.home.snapshot().entities.is_empty();
                match timeout(SETTLED_PAUSE, changes.recv()).await {
                    Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
                    Err(_) if empty => {}
                    Ok(Err(RecvError::Closed)) | Err(_) => return,
                }
            }
        };
        let _ = timeout(SETTLE, known).await;
    }

    /// Waits until each engine works or has failed for the first time.
    pub(crate) async fn engines_decided(&self) {
        decided(&self.engines).await;
    }

    /// Waits until the web server ends by itself, which is a failure.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<()> {
        (&mut self.serving).await??;
        anyhow::bail!("the web server ended")
    }

    /// Ends in order: conversations, then engines, then devices, then the broker.
    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        self.app.reach.stop().await;
        if timeout(FAREWELL, &mut self.serving).await.is_err() {
            tracing::warn!("a conversation did not end in time");
            self.serving.abort();
        }
        let _ = timeout(FAREWELL, self.app.assistant.finish()).await;
        for engine in &self.engines {
            engine.stop().await;
        }
        while self.tasks.join_next().await.is_some() {}
        if let Some(broker) = self.broker {
            broker.stop().await;
        }
    }
}

/// Waits until each engine works or has failed for the first time.
pub(crate) async fn decided(engines: &[Engine]) {
    for engine in engines {
        let mut state = engine.state();
        let decided = state.wait_for(|state| !matches!(state, EngineState::Starting));
        let _ = timeout(ENGINE_START, decided).await;
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn stop_signal() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let mut terminated = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(error) => {
                tracing::warn!(%error, "SIGTERM is not noticed");
                let _ = interrupted.await;
                return;
            }
        };
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = interrupted.await;
}

fn shows_demo(setting: &Setting, demo: Demo, embedded: bool) -> bool {
    match (demo, setting.config.home.demo) {
        (Demo::On, _) | (Demo::AsConfigured, config::Demo::On) => true,
        (Demo::Off, _) | (Demo::AsConfigured, config::Demo::Off) => false,
        (Demo::AsConfigured, config::Demo::Auto) => embedded && !setting.configured,
    }
}

/// The languages of people who do not speak the household's. One that is wrong is told in the log, and the household's serves.
fn other_languages(setting: &Setting) -> OtherLanguages {
    let folder = setting.folder.path().to_owned();
    OtherLanguages::new(move |tag| match language::load(tag, &folder) {
        Ok(language) => Some(language),
        Err(error) => {
            tracing::warn!(language = tag, "somebody is answered in the household's language: {error:#}");
            None
        }
    })
}

async fn start_broker(setting: &Setting, config: &config::BrokerConfig) -> anyhow::Result<Broker> {
    let mut broker = BrokerConfig::new(setting.folder.broker());
    broker.listen = config.listen;
    broker.users =
        config.users.iter().map(|user| User { name: user.name.clone(), password: user.password.clone() }).collect();
    Ok(Broker::start(broker).await?)
}

/// The name and password for the broker: Vesta's own users where the broker is Vesta's.
pub(crate) fn credentials(config: &Config) -> anyhow::Result<(Option<String>, Option<String>)> {
    if config.mqtt.url.is_none()
        && let Some(user) = config.broker.users.first()
    {
        return Ok((Some(user.name.clone()), Some(user.password.clone())));
    }
    let password = match &config.mqtt.password_file {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("[mqtt] password_file: {} cannot be read", path.display()))?;
            Some(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        None => config.mqtt.password.clone(),
    };
    Ok((config.mqtt.username.clone(), password))
}

fn home_config(config: &Config, url: String) -> anyhow::Result<HomeConfig> {
    let (username, password) = credentials(config)?;
    let mqtt = MqttConfig {
        url,
        client_id: format!("vesta-{}", std::process::id()),
        username,
        password,
        version: config.mqtt.version,
        ca_file: config.mqtt.ca_file.clone(),
        client_certificate: config.mqtt.client_certificate.clone(),
        client_key: config.mqtt.client_key.clone(),
        ..MqttConfig::default()
    };
    Ok(HomeConfig {
        mqtt,
        discovery_prefix: config.mqtt.discovery_prefix.clone(),
        deadline_ms: config.turn.action_deadline_ms,
        areas: config.home.areas.clone(),
        floors: config.home.floors.clone(),
        overrides: config.home.entities.clone(),
        ..HomeConfig::default()
    })
}

fn settings(config: &Config) -> Settings {
    let turn = &config.turn;
    Settings {
        endpoint: EndpointConfig {
            complete_ms: turn.complete_silence_ms,
            unknown_ms: turn.unknown_silence_ms,
            open_ms: turn.open_silence_ms,
            max_utterance_ms: turn.max_utterance_ms,
            ..Settings::default().endpoint
        },
        max_utterance: Duration::from_millis(turn.max_push_to_talk_ms),
        action_deadline: Duration::from_millis(turn.action_deadline_ms),
        keep: Keep { audio: config.turns.keep_audio, unaddressed: config.turns.keep_unaddressed },
        speech_language: config.stt.language.clone(),
        voice: config.tts.voice.clone(),
        speed: ((config.tts.speed - 1.0).abs() > f32::EPSILON).then_some(config.tts.speed),
        ..Settings::default()
    }
}

/// How calls are reached. A server on any free port takes any free ports for calls, too.
fn calls(setting: &Setting, listen: SocketAddr, metrics: &Metrics) -> anyhow::Result<RtcConfig> {
    let mut calls = setting.config.rtc.calls()?;
    if listen.port() == 0 {
        calls.udp_ports = 0..=0;
        calls.tcp_ports = calls.tcp_ports.map(|_| 0..=0);
    }
    calls.observe = metrics.observe_calls();
    Ok(calls)
}

fn retention(config: &Config) -> Retention {
    Retention {
        max_age: Duration::from_secs(u64::from(config.turns.max_age_days) * 86_400),
        max_bytes: config.turns.max_megabytes * 1_000_000,
    }
}

/// Deletes old turns now and then.
async fn keep_small(store: Store, retention: Retention, cancel: CancellationToken) {
    let mut interval = tokio::time::interval(RETENTION_INTERVAL);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = cancel.cancelled() => return,
        }
        if let Err(error) = store.retain(retention.clone()).await {
            tracing::warn!(%error, "old turns could not be deleted");
        }
    }
}
