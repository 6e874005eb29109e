//! Runs a session: its events from and to the transport, its audio to the ear, its responses as turns of the house.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use vesta_audio::FRAME_SAMPLES;
use vesta_turn::{
    Assistant, Client, Hearing, Input, Language, Mode, Overheard, Pace, TurnError, TurnEvent, Utterance, Voice,
};

use crate::error::EventError;
use crate::ports::{AUDIO_QUEUE, AudioPort, EVENT_QUEUE, Playback, Played, Ports, SessionStart};
use crate::session::{Effect, House, Sentence, Session, Speaker, Understood};
use crate::voices::known_voice;

/// Pieces of audio that may wait for the ear before the client is held back: ten seconds.
const MAX_WAITING_AUDIO: usize = 512;
/// Utterances that wait to be answered; older ones are answered by their text.
const MAX_UTTERANCES: usize = 4;
/// How long what was said to the house may go on after its client is gone.
const AFTERWARDS: Duration = Duration::from_secs(30);
/// How long a client may take nothing of a session's last words.
const FAREWELL: Duration = Duration::from_secs(2);

/// Something that was done for the session.
enum Done {
    Heard { item: String, utterance: Box<Utterance> },
    Other,
}

/// Checks the configuration that a client wants to connect with.
///
/// # Errors
/// What is wrong with it.
pub fn check(assistant: &Assistant, start: &SessionStart) -> Result<(), EventError> {
    let language = assistant.language(start.language.as_deref());
    crate::session::configured(start, house(assistant, &language)).map(|_| ())
}

fn house<'a>(assistant: &'a Assistant, language: &'a Language) -> House<'a> {
    House { settings: &assistant.parts().settings, numbers: language.dictionary() }
}

/// Runs a session until its ports close, `cancel` or `start.revoked` is called, or its longest duration is over. Actions that began
/// are finished in any case.
pub async fn run(assistant: Assistant, start: SessionStart, ports: Ports, cancel: CancellationToken) {
    let random = uuid::Uuid::now_v7().simple().to_string();
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let beside = matches!(ports.audio, AudioPort::Beside { .. });
    let language = assistant.language(start.language.as_deref());
    match Session::new(&start, &random, unix_s, beside, house(&assistant, &language)) {
        Ok(session) => Driver::new(assistant, start, language, session, cancel).run(ports).await,
        Err(error) => {
            let event = serde_json::json!({ "type": "error", "event_id": format!("event_{random}"), "error": error });
            let _ = timeout(FAREWELL, ports.server_events.send(event.to_string())).await;
        }
    }
}

struct Driver {
    assistant: Assistant,
    start: SessionStart,
    /// In which the client is answered.
    language: Arc<Language>,
    client_id: String,
    session: Session,
    began: Instant,
    cancel: CancellationToken,
    /// Cancelled when the client is gone: nothing more is said.
    gone: CancellationToken,
    tasks: JoinSet<Done>,
    /// Turns are answered one after the other.
    order: Arc<Mutex<()>>,
    /// What responses tell; `None` when one is over.
    told: mpsc::Sender<(String, Option<TurnEvent>)>,
    speaking: HashMap<String, CancellationToken>,
    utterances: VecDeque<(String, Utterance)>,
    /// What waits for the client, for the ear, and for playback.
    outbox: VecDeque<String>,
    inbox: VecDeque<Input>,
    playbox: VecDeque<Playback>,
    over: bool,
}

impl Driver {
    fn new(
        assistant: Assistant,
        start: SessionStart,
        language: Arc<Language>,
        session: Session,
        cancel: CancellationToken,
    ) -> Self {
        let (told, _) = mpsc::channel(1);
        let gone = cancel.child_token();
        let client_id = start.speaker.person.clone().unwrap_or_else(vesta_turn::new_client_id);
        Self {
            assistant,
            start,
            language,
            client_id,
            session,
            began: Instant::now(),
            cancel,
            gone,
            tasks: JoinSet::new(),
            order: Arc::default(),
            told,
            speaking: HashMap::new(),
            utterances: VecDeque::new(),
            outbox: VecDeque::new(),
            inbox: VecDeque::new(),
            playbox: VecDeque::new(),
            over: false,
        }
    }

    async fn run(mut self, ports: Ports) {
        let Ports { mut client_events, server_events, audio } = ports;
        let (mut heard, playback, mut played) = match audio {
            AudioPort::InBand => (None, None, None),
            AudioPort::Beside { heard, playback, played } => (Some(heard), Some(playback), Some(played)),
        };
        let (told, mut responses) = mpsc::channel(EVENT_QUEUE);
        self.told = told;
        let (ear, input) = mpsc::channel(AUDIO_QUEUE);
        let (events, mut ear_events) = mpsc::channel(EVENT_QUEUE);
        let (overheard, mut utterances) = mpsc::channel(EVENT_QUEUE);
        self.listen(events, input, overheard);
        let revoked = self.start.revoked.clone();
        let mut deadline = Instant::now() + AFTERWARDS;
        loop {
            self.carry_out();
            if self.over || (self.gone.is_cancelled() && self.session.is_idle()) {
                break;
            }
            let here = !self.gone.is_cancelled();
            if here {
                deadline = self.began + Duration::from_millis(self.session.deadline_ms());
            }
            // Whoever takes nothing gets nothing more to take.
            let room = self.outbox.len() < EVENT_QUEUE && self.playbox.len() < AUDIO_QUEUE;
            let takes = here && room && self.inbox.len() < MAX_WAITING_AUDIO;
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return,
                () = revoked.cancelled() => return,
                permit = server_events.reserve(), if here && !self.outbox.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(event) = self.outbox.pop_front() {
                            permit.send(event);
                        }
                    }
                    Err(_) => deadline = self.leave(),
                },
                permit = reserve(playback.as_ref()), if here && !self.playbox.is_empty() => match permit {
                    Some(permit) => {
                        if let Some(piece) = self.playbox.pop_front() {
                            permit.send(piece);
                        }
                    }
                    None => deadline = self.leave(),
                },
                permit = ear.reserve(), if here && !self.inbox.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(input) = self.inbox.pop_front() {
                            permit.send(input);
                        }
                    }
                    // Without an ear there is nothing more to be heard.
                    Err(_) => deadline = self.leave(),
                },
                what = next(played.as_mut()), if here => match what {
                    Some(what) => self.played(what),
                    None => deadline = self.leave(),
                },
                // Before what the house says: a client that wants silence is heard while it speaks.
                event = client_events.recv(), if takes => match event {
                    Some(text) => {
                        let now = self.now_ms();
                        self.session.client_event(&text, now, house(&self.assistant, &self.language));
                    }
                    None => deadline = self.leave(),
                },
                samples = next(heard.as_mut()), if takes => match samples {
                    Some(samples) => self.session.heard_beside(samples),
                    None => deadline = self.leave(),
                },
                Some(event) = ear_events.recv(), if room => self.ear_event(event),
                Some(overheard) = utterances.recv(), if room => {
                    // What the ear told before comes first.
                    while let Ok(event) = ear_events.try_recv() {
                        self.ear_event(event);
                    }
                    self.overheard(overheard);
                }
                Some((response, event)) = responses.recv(), if room => self.response_event(&response, event),
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => self.done(done),
                () = sleep_until(deadline) => {
                    if !here {
                        return;
                    }
                    let now = self.now_ms();
                    self.session.timeout(now);
                }
            }
        }
        let farewell = async {
            for event in self.outbox.drain(..) {
                if server_events.send(event).await.is_err() {
                    break;
                }
            }
        };
        let _ = timeout(FAREWELL, farewell).await;
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// The client is gone: what it said is still carried out, nothing is said. Returns until when.
    fn leave(&mut self) -> Instant {
        self.gone.cancel();
        self.outbox.clear();
        self.inbox.clear();
        self.playbox.clear();
        Instant::now() + AFTERWARDS
    }

    fn listen(
        &mut self,
        events: mpsc::Sender<TurnEvent>,
        input: mpsc::Receiver<Input>,
        overheard: mpsc::Sender<Overheard>,
    ) {
        let client = self.client(events, false, Voice::default());
        let (assistant, gone) = (self.assistant.clone(), self.gone.clone());
        self.tasks.spawn(async move {
            assistant.listen(client, input, overheard, gone).await;
            Done::Other
        });
    }

    fn client(&self, events: mpsc::Sender<TurnEvent>, wants_audio: bool, voice: Voice) -> Client {
        Client {
            id: self.client_id.clone(),
            speaker: self.start.speaker.clone(),
            language: self.start.language.clone(),
            source: self.start.source.clone(),
            mode: Mode::PushToTalk,
            pace: Pace::RealTime,
            area: self.start.area.clone(),
            wants_audio,
            voice,
            rehearse: false,
            permissions: self.start.permissions,
            events,
        }
    }

    fn played(&mut self, what: Played) {
        let now = self.now_ms();
        self.session.played(what, now);
    }

    fn ear_event(&mut self, event: TurnEvent) {
        let now = self.now_ms();
        self.session.ear_event(event, now, house(&self.assistant, &self.language));
    }

    fn overheard(&mut self, overheard: Overheard) {
        match overheard {
            Overheard::Utterance(hearing) => self.finish(*hearing),
            Overheard::Announcement(announcement) => {
                let now = self.now_ms();
                self.session.announce(announcement, now);
            }
        }
    }

    /// An utterance is over: takes its transcript.
    fn finish(&mut self, hearing: Hearing) {
        let Some(item) = self.session.item_of(hearing.turn()) else { return };
        self.tasks.spawn(async move { Done::Heard { item, utterance: Box::new(hearing.finish().await) } });
    }

    fn response_event(&mut self, response: &str, event: Option<TurnEvent>) {
        let now = self.now_ms();
        match event {
            Some(event) => self.session.response_event(response, event, now),
            None => {
                self.speaking.remove(response);
                self.session.response_ended(response, now);
            }
        }
    }

    fn done(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Heard { item, utterance }) => {
                let now = self.now_ms();
                let text = match utterance.text() {
                    Ok(text) => Ok(text.to_owned()),
                    Err(error) => Err((error.code().to_owned(), error.to_string())),
                };
                let understood = Understood { text, samples: utterance.audio().to_vec() };
                self.utterances.push_back((item.clone(), *utterance));
                if self.utterances.len() > MAX_UTTERANCES {
                    self.utterances.pop_front();
                }
                self.session.transcribed(&item, understood, now);
            }
            Ok(Done::Other) => {}
            Err(error) => tracing::error!(%error, "a part of a Realtime session ended abnormally"),
        }
    }

    /// Does what the session wants.
    fn carry_out(&mut self) {
        while let Some(effect) = self.session.effect() {
            match effect {
                Effect::Send(event) => {
                    if !self.gone.is_cancelled() {
                        self.outbox.push_back(event.to_string());
                    }
                }
                Effect::Hear(samples) => {
                    self.inbox.extend(samples.chunks(FRAME_SAMPLES).map(|piece| Input::Audio(piece.to_vec())));
                }
                Effect::Commit => self.inbox.push_back(Input::Commit),
                Effect::Forget => self.inbox.push_back(Input::Clear),
                Effect::Listen(listening) => self.inbox.push_back(Input::Listen(*listening)),
                Effect::Transcribe { item, samples, language } => self.transcribe(item, samples, language),
                Effect::Answer { response, item, text, speaker, once } => {
                    let utterance = self.utterance(item.as_deref(), &text);
                    self.respond(response, speaker, |assistant, client, cancel| async move {
                        match once {
                            Some(id) => crate::once::answer(&assistant, &id, utterance, client, cancel).await,
                            None => assistant.answer(utterance, client, cancel).await,
                        }
                    });
                }
                Effect::Say { response, sentence, speaker } => {
                    let sentence = self.words(sentence);
                    self.respond(response, speaker, |assistant, client, cancel| async move {
                        assistant.say(&sentence, client, cancel).await;
                    });
                }
                Effect::HandOver { item, text, call } => {
                    let (utterance, assistant) = (self.utterance(item.as_deref(), &text), self.assistant.clone());
                    let speaker = self.start.speaker.clone();
                    self.tasks.spawn(async move {
                        assistant.hand_over(utterance, speaker, call).await;
                        Done::Other
                    });
                }
                Effect::Cancel { response } => {
                    if let Some(speaking) = self.speaking.get(&response) {
                        speaking.cancel();
                    }
                }
                Effect::Play(piece) => {
                    // Silence overtakes what was not handed over yet.
                    if piece == Playback::Clear {
                        self.playbox.clear();
                    }
                    self.playbox.push_back(piece);
                }
                Effect::End => self.over = true,
            }
        }
    }

    fn transcribe(&mut self, item: String, samples: Vec<i16>, language: Option<String>) {
        let (events, _) = mpsc::channel(1);
        let (client, assistant) = (self.client(events, false, Voice::default()), self.assistant.clone());
        self.tasks.spawn(async move {
            let utterance = assistant.heard(&samples, &client, language).await;
            Done::Heard { item, utterance: Box::new(utterance) }
        });
    }

    /// What was heard in an item; typed text where there is nothing to hear any more.
    fn utterance(&mut self, item: Option<&str>, text: &str) -> Utterance {
        let at = self.utterances.iter().position(|(of, _)| Some(of.as_str()) == item);
        if let Some((_, utterance)) = at.and_then(|at| self.utterances.remove(at)) {
            return utterance;
        }
        let (events, _) = mpsc::channel(1);
        self.assistant.typed(text, &self.client(events, false, Voice::default()))
    }

    fn words(&self, sentence: Sentence) -> String {
        match sentence {
            Sentence::Words(words) => words,
            Sentence::NothingHeard => vesta_turn::answer::to_error(&self.language, &TurnError::NothingHeard),
        }
    }

    /// Makes a response as a task; what it tells comes back with its id.
    fn respond<F>(
        &mut self,
        response: String,
        speaker: Speaker,
        turn: impl FnOnce(Assistant, Client, CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let cancel = self.gone.child_token();
        self.speaking.insert(response.clone(), cancel.clone());
        let (events, mut told) = mpsc::channel(EVENT_QUEUE);
        let Speaker { aloud, mut voice } = speaker;
        voice.name = voice.name.and_then(|name| known_voice(&self.assistant.parts().tts, &name));
        let client = self.client(events, aloud, voice);
        let (assistant, order, session) = (self.assistant.clone(), self.order.clone(), self.told.clone());
        self.tasks.spawn(async move {
            let _turn = order.lock().await;
            let forward = async {
                while let Some(event) = told.recv().await {
                    let _ = session.send((response.clone(), Some(event))).await;
                }
            };
            tokio::join!(turn(assistant, client, cancel), forward);
            let _ = session.send((response, None)).await;
            Done::Other
        });
    }
}

/// The next of what may not be there at all.
async fn next<T>(receiver: Option<&mut mpsc::Receiver<T>>) -> Option<T> {
    match receiver {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}

async fn reserve<T>(sender: Option<&mpsc::Sender<T>>) -> Option<mpsc::Permit<'_, T>> {
    match sender {
        Some(sender) => sender.reserve().await.ok(),
        None => std::future::pending().await,
    }
}
