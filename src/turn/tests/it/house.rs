//! A house for tests, with typed sentences, a real store and no engines.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vesta_broker::{Broker, BrokerConfig};
use vesta_engines::{Engine, EngineKind, EngineSpec, Source, SpeechToText, TextToSpeech};
use vesta_home::{HomeConfig, IntentCall, Link, MqttConfig, Outcome};
use vesta_intents::Dictionary;
use vesta_store::Store;
use vesta_turn::{
    Assistant, Client, Input, Language, Mode, OtherLanguages, Pace, Parts, Permissions, Settings, Speaker, TurnError,
    TurnEvent, Voice,
};

/// Far above what anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A house without devices, in a folder.
pub(crate) struct House {
    pub(crate) assistant: Assistant,
    watching: JoinHandle<()>,
    cancel: CancellationToken,
    broker: Option<Broker>,
}

/// What came of a sentence.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) said: String,
    pub(crate) error: String,
    pub(crate) outcome: String,
}

impl House {
    pub(crate) async fn open(folder: &Path, language: &str) -> Self {
        // Nobody listens at this address.
        Self::at(folder, language, "mqtt://127.0.0.1:1").await
    }

    /// A house whose devices are at this broker.
    pub(crate) async fn at(folder: &Path, language: &str, url: &str) -> Self {
        Self::start(folder, Language::new(language, dictionary(language)), url).await
    }

    async fn start(folder: &Path, language: Language, url: &str) -> Self {
        let cancel = CancellationToken::new();
        let engine = |kind, name: &str| {
            Engine::start(EngineSpec::new(kind, name, Source::Missing("not in this test".into())), &cancel)
        };
        let mqtt = MqttConfig { url: url.into(), ..MqttConfig::default() };
        let home = vesta_home::start(HomeConfig { mqtt, ..HomeConfig::default() }, cancel.clone()).await.unwrap();
        let assistant = Assistant::new(Parts {
            stt: SpeechToText::new(engine(EngineKind::Stt, "stt")),
            tts: TextToSpeech::new(engine(EngineKind::Tts, "tts")),
            home,
            store: Store::open(folder).unwrap(),
            language: language.into(),
            others: OtherLanguages::new(|tag| {
                let base = tag.split('-').next().unwrap();
                ["de", "fr", "es", "en"].contains(&base).then(|| Language::new(tag, dictionary(base)))
            }),
            settings: Settings { action_deadline: PATIENCE, ..Settings::default() },
        });
        let watching = tokio::spawn({
            let (assistant, cancel) = (assistant.clone(), cancel.clone());
            async move { assistant.watch_timers(cancel).await }
        });
        Self { assistant, watching, cancel, broker: None }
    }

    /// A house with a broker and no devices.
    pub(crate) async fn with_broker(folder: &Path, language: &str) -> Self {
        Self::speaking(folder, Language::new(language, dictionary(language))).await
    }

    /// The same with these sentences.
    pub(crate) async fn speaking(folder: &Path, language: Language) -> Self {
        let broker = broker(folder).await;
        let mut house = Self::start(folder, language, &broker.url()).await;
        let mut link = house.assistant.parts().home.link();
        let connected = link.wait_for(|link| *link == Link::Connected);
        timeout(PATIENCE, connected).await.expect("a link in time").unwrap();
        house.broker = Some(broker);
        house
    }

    pub(crate) async fn close(self) {
        self.cancel.cancel();
        self.watching.await.unwrap();
        self.assistant.finish().await;
        self.assistant.parts().store.close().await;
        if let Some(broker) = self.broker {
            broker.stop().await;
        }
    }

    /// Carries out a call, as nobody in particular.
    pub(crate) async fn act(&self, call: &IntentCall) -> Result<Outcome, TurnError> {
        let (events, _told) = mpsc::channel(1);
        self.assistant.act(call, &of("", events)).await
    }

    /// Types a sentence.
    pub(crate) async fn ask(&self, client: &str, text: &str) -> Answer {
        self.ask_in(client, None, text).await
    }

    /// Types a sentence as somebody who speaks this language.
    pub(crate) async fn ask_in(&self, client: &str, language: Option<&str>, text: &str) -> Answer {
        self.assistant.learn(language).await;
        let (events, mut told) = mpsc::channel(64);
        let client = Client { language: language.map(str::to_owned), ..of(client, events) };
        let asked = self.assistant.ask(text, client, self.cancel.clone());
        let collected = async {
            let mut answer = Answer::default();
            while let Some(event) = told.recv().await {
                match event {
                    TurnEvent::Say { text, .. } => answer.said = text,
                    TurnEvent::Failed { code, .. } => answer.error = code,
                    TurnEvent::Finished { outcome, .. } => answer.outcome = outcome.to_owned(),
                    _ => {}
                }
            }
            answer
        };
        tokio::join!(asked, collected).1
    }

    /// A client that is there and listens.
    pub(crate) fn listen(&self, client: &str) -> Listener {
        let (events, told) = mpsc::channel(64);
        let (input, heard) = mpsc::channel(1);
        let cancel = self.cancel.child_token();
        let assistant = self.assistant.clone();
        let client = Client { wants_audio: true, ..of(client, events) };
        let gone = cancel.clone();
        let task = tokio::spawn(async move { assistant.converse(client, heard, gone).await });
        Listener { told, _input: input, cancel, task }
    }
}

pub(crate) struct Listener {
    pub(crate) told: mpsc::Receiver<TurnEvent>,
    _input: mpsc::Sender<Input>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Listener {
    /// The next announcement: its text, and how many samples of audio came with it.
    pub(crate) async fn announcement(&mut self) -> (String, usize) {
        let (mut said, mut samples) = (String::new(), 0);
        loop {
            match timeout(PATIENCE, self.told.recv()).await.expect("an announcement in time").expect("a client") {
                TurnEvent::Announcement { text, .. } => said = text,
                TurnEvent::Audio { samples: piece, .. } => samples += piece.len(),
                TurnEvent::Finished { outcome: "announced", .. } => return (said, samples),
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    pub(crate) async fn leave(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }
}

/// A broker on a free port.
pub(crate) async fn broker(folder: &Path) -> Broker {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Broker::start(BrokerConfig { listen, ..BrokerConfig::new(folder.join("broker")) }).await.unwrap()
}

fn of(client: &str, events: mpsc::Sender<TurnEvent>) -> Client {
    Client {
        id: client.to_owned(),
        speaker: Speaker::default(),
        language: None,
        source: "test".to_owned(),
        mode: Mode::PushToTalk,
        pace: Pace::RealTime,
        area: None,
        wants_audio: false,
        voice: Voice::default(),
        rehearse: false,
        permissions: Permissions::ALL,
        events,
    }
}

fn dictionary(language: &str) -> Dictionary {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../intents").join(language);
    let mut paths: Vec<PathBuf> = [folder.join("sentences"), folder]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    let texts: Vec<(String, String)> =
        paths.iter().map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect();
    let parts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Dictionary::load(&parts).unwrap()
}
