//! One turn, from what was heard to the last sample said.
//!
//! The [`ear`](crate::ear) has already turned audio into text, and where it could it has worked out the meaning before
//! the turn was over. From here on nothing is speculative: the turn is confirmed, so it may act and speak.
//!
//! - An action that began is finished, whatever becomes of the client: turns run on the assistant's own tasks.
//! - Success is worded from the action's result, never before.
//! - What the user is told is on disk before it is said.
//! - A failure is spoken under its stable code; a turn never ends in silence, unless nobody spoke to the house.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vesta_home::{CallError, Link, Outcome};

use crate::conversation::{Client, Speaker};
use crate::dialog::{Asked, Done, Step};
use crate::error::TurnError;
use crate::event::TurnEvent;
use crate::hearing::Utterance;
use crate::hypotheses::Hypotheses;
use crate::memory::{follow, put_back, remember};
use crate::record::Recorder;
use crate::understand::{Call, Guess, Meaning};
use crate::{Assistant, act, answer, voice};

/// How a turn ended, as the record names it.
mod outcome {
    pub(super) const DONE: &str = "done";
    pub(super) const ANSWERED: &str = "answered";
    pub(super) const REFUSED: &str = "refused";
    pub(super) const NOTHING: &str = "nothing";
    pub(super) const FAILED: &str = "failed";
}

/// What the ear knows of a text beside its words.
struct Heard {
    /// What it means, worked out before the turn was over.
    speculation: Option<Meaning>,
    /// Whether it was surely said to the house.
    addressed: bool,
}

/// Typed text is an utterance that needs no ear.
pub(crate) fn typed(assistant: &Assistant, text: &str, client: &Client) -> Utterance {
    let language = assistant.language(client.language.as_deref());
    let mut record = Recorder::new(&client.source, "text", language.tag());
    record.place(client.area.as_deref());
    Utterance {
        record,
        text: Ok(text.trim().to_owned()),
        hypotheses: Hypotheses::default(),
        speculation: None,
        addressed: true,
        ended: Instant::now(),
    }
}

/// Answers an utterance: meaning, action, record, speech.
pub(crate) async fn answer(assistant: Assistant, utterance: Utterance, client: Client, cancel: CancellationToken) {
    let Utterance { mut record, text, hypotheses, speculation, addressed, ended } = utterance;
    record.by(&client.speaker);
    let turn = record.id().to_owned();
    let (text, speculation) = match text {
        Ok(text) => {
            let (text, meaning) = hypotheses.choose(&assistant, &mut record, &client, text, addressed);
            (Ok(text), meaning.or(speculation))
        }
        Err(error) => (Err(error), None),
    };
    if let Ok(text) = &text {
        let typed = record.record().mode == "text";
        if !typed {
            assistant.hears_again();
        }
        record.record().transcript = Some(text.clone());
        let after_ms = (!typed).then(|| ended.elapsed().as_secs_f64() * 1000.0);
        client.tell(TurnEvent::Transcript { turn: turn.clone(), text: text.clone(), after_ms }).await;
    }

    let result = match text {
        Ok(text) if text.is_empty() => Err(TurnError::NothingHeard),
        // Talk about other things, forced into the words of a home.
        Ok(text) if !addressed && hypotheses.sure == Some(false) => Err(TurnError::NotUnderstood { text }),
        Ok(text) => carry_out(&assistant, &mut record, &client, text, Heard { speculation, addressed }).await,
        Err(error) => Err(error),
    };

    let (outcome, sentence) = match result {
        Ok((outcome, sentence)) => (outcome, Some(sentence)),
        Err(error) => word_failure(&assistant, &mut record, &client, &error, addressed).await,
    };
    // What is only rehearsed did not happen: nothing is said, kept or counted.
    if client.rehearse {
        client.tell(TurnEvent::Finished { turn, outcome }).await;
        return;
    }
    record.record().outcome = outcome.to_owned();
    record.record().spoken = sentence.clone();

    match sentence.filter(|sentence| !sentence.trim().is_empty()) {
        Some(sentence) => say(&assistant, &mut record, &client, &sentence, ended, &cancel).await,
        None => keep(&assistant, &mut record, addressed).await,
    }

    let record = Arc::new(record.into_record());
    let _ = assistant.finished.send(record);
    client.tell(TurnEvent::Finished { turn, outcome }).await;
}

/// Says a sentence that was worked out elsewhere.
pub(crate) async fn recite(assistant: Assistant, sentence: String, client: Client, cancel: CancellationToken) {
    let language = assistant.language(client.language.as_deref());
    let mut record = Recorder::new(&client.source, "text", language.tag());
    record.by(&client.speaker);
    let turn = record.id().to_owned();
    record.record().outcome = outcome::ANSWERED.to_owned();
    record.record().spoken = Some(sentence.clone());
    say(&assistant, &mut record, &client, &sentence, Instant::now(), &cancel).await;
    let _ = assistant.finished.send(Arc::new(record.into_record()));
    client.tell(TurnEvent::Finished { turn, outcome: outcome::ANSWERED }).await;
}

/// Says again what was answered before: its record is there already.
pub(crate) async fn say_again(
    assistant: &Assistant,
    turn: String,
    outcome: &'static str,
    sentence: &str,
    client: Client,
    cancel: CancellationToken,
) {
    client.tell(TurnEvent::Say { turn: turn.clone(), text: sentence.to_owned() }).await;
    if client.wants_audio && !cancel.is_cancelled() {
        let language = assistant.language(client.language.as_deref());
        let mut speech = voice::speak(&assistant.parts, sentence, &language, &client.voice).await;
        loop {
            let piece = tokio::select! {
                piece = timeout(assistant.parts.settings.speech_deadline, speech.recv()) => piece,
                () = cancel.cancelled() => break,
            };
            // Its words were told; that they have no voice this time is no failure of what was done.
            let Ok(Some(Ok(chunk))) = piece else { break };
            client.tell(TurnEvent::Audio { turn: turn.clone(), rate: chunk.rate, samples: chunk.samples }).await;
        }
    }
    client.tell(TurnEvent::Finished { turn, outcome }).await;
}

/// Keeps the record of an utterance that somebody else carries out.
pub(crate) async fn hand_over(assistant: Assistant, utterance: Utterance, speaker: Speaker, call: Value) {
    let Utterance { mut record, text, addressed, .. } = utterance;
    record.by(&speaker);
    record.record().transcript = text.ok();
    append(&mut record.record().intent, call);
    record.record().outcome = outcome::ANSWERED.to_owned();
    keep(&assistant, &mut record, addressed).await;
    let _ = assistant.finished.send(Arc::new(record.into_record()));
}

/// Text to meaning to result to the sentence that tells it.
async fn carry_out(
    assistant: &Assistant,
    record: &mut Recorder,
    client: &Client,
    text: String,
    heard: Heard,
) -> Result<(&'static str, String), TurnError> {
    let addressed = heard.addressed;
    let meaning = understand(assistant, record, client, text, heard)?;
    let steps = follow(assistant, client, &meaning)?;
    let mut sentences = Vec::with_capacity(steps.len());
    let mut outcome = outcome::ANSWERED;
    let mut done = Vec::with_capacity(steps.len());
    for step in &steps {
        let call = &step.call;
        let result = match perform(assistant, record, client, step, addressed).await {
            Ok(result) => result,
            // What was done before it is told all the same.
            Err(error) if !sentences.is_empty() => {
                remember(assistant, client, done, Some((call, &error)));
                let (failed, sentence) = word_failure(assistant, record, client, &error, addressed).await;
                sentences.extend(sentence);
                return Ok((failed, sentences.join(" ")));
            }
            Err(error) => {
                remember(assistant, client, done, Some((call, &error)));
                return Err(error);
            }
        };
        if client.rehearse {
            continue;
        }
        done.push(Done::new(call, &result));
        if !result.read_only {
            outcome = outcome::DONE;
        }
        // "Never mind", said to nobody in particular, wants no answer.
        if addressed || !is_talk(&result) {
            sentences.push(word(assistant, client, call, &result)?);
        }
    }
    remember(assistant, client, done, None);
    Ok((outcome, sentences.join(" ")))
}

/// What answers a result, in the language of whoever asked. An intent that has no answer there has one in the household's.
fn word(assistant: &Assistant, client: &Client, call: &Call, result: &Outcome) -> Result<String, TurnError> {
    let languages = assistant.languages(client.language.as_deref());
    let mut words = languages.iter().map(|language| answer::to_outcome(language, call, result));
    let first = words.next().unwrap_or_else(|| answer::to_outcome(&assistant.parts.language, call, result));
    first.or_else(|error| words.next().unwrap_or(Err(error)))
}

/// Whether nothing was done, asked or told.
fn is_talk(outcome: &Outcome) -> bool {
    outcome.read_only && outcome.state.is_none() && outcome.matched.is_empty() && outcome.response_slots.is_empty()
}

/// Whether what was understood names anything: a device, an area, a floor.
fn names_something(record: &mut Recorder) -> bool {
    let named = |call: &Value| {
        let slots = call.get("slots");
        ["name", "area", "floor"].iter().any(|slot| slots.and_then(|slots| slots.get(slot)).is_some())
    };
    match &record.record().intent {
        Some(Value::Array(calls)) => calls.iter().any(named),
        Some(call) => named(call),
        None => false,
    }
}

fn understand(
    assistant: &Assistant,
    record: &mut Recorder,
    client: &Client,
    text: String,
    heard: Heard,
) -> Result<Meaning, TurnError> {
    let began = record.now_ms();
    let (home, scene) = (assistant.parts.home.snapshot(), assistant.scene(client));
    let tag = client.language.as_deref();
    let guess = match heard.speculation {
        Some(meaning) if meaning.text == text => Guess::Meaning(meaning),
        // What was said to nobody in particular is taken word for word or not at all.
        _ if !heard.addressed => assistant.understand(&text, tag, &scene).map_or(Guess::Nothing, Guess::Meaning),
        _ => assistant.guess(&text, tag, &scene),
    };
    let guess = match guess {
        Guess::OneOf(_) | Guess::Nothing => {
            let limit = assistant.parts.settings.follow_up;
            let answer = assistant.dialogs().answer(&client.id, &text, heard.addressed, Instant::now(), limit);
            answer.map_or(guess, Guess::Meaning)
        }
        meaning => meaning,
    };
    record.stage("understand", began);
    match guess {
        Guess::Meaning(meaning) => Ok(meaning),
        // A home of which nothing is known yet has no names that could match.
        _ if home.entities.is_empty()
            && let Link::Down { why } = &*assistant.parts.home.link().borrow() =>
        {
            Err(CallError::BrokerDown { why: why.clone() }.into())
        }
        Guess::OneOf(meanings) if !meanings.is_empty() => {
            let names = meanings.iter().map(|(name, _)| name.clone()).collect();
            if !client.rehearse {
                assistant.dialogs().ask(&client.id, Asked::Meaning(meanings), Instant::now());
            }
            Err(TurnError::Unsure { text, names })
        }
        Guess::OneOf(_) | Guess::Nothing => Err(TurnError::NotUnderstood { text }),
    }
}

async fn perform(
    assistant: &Assistant,
    record: &mut Recorder,
    client: &Client,
    step: &Step,
    addressed: bool,
) -> Result<Outcome, TurnError> {
    let Step { undo, call } = step;
    let slots = json!(call.intent.slots);
    append(&mut record.record().intent, json!({ "intent": call.intent.intent, "slots": slots }));
    let turn = record.id().to_owned();
    client.tell(TurnEvent::Understood { turn: turn.clone(), intent: call.intent.intent.clone(), slots }).await;
    if client.rehearse {
        return Ok(Outcome { read_only: true, ..Outcome::default() });
    }
    let began = record.now_ms();
    let mut intent = call.intent.clone();
    intent.deadline.get_or_insert(assistant.parts.settings.action_deadline);
    if !undo.is_empty() {
        let put_back = put_back(assistant, client, undo).await;
        record.stage("undo", began);
        // A correction goes on: what is wanted matters more than what was not.
        if call.intent.intent == "VestaUndo" {
            put_back?;
        }
    }
    let result =
        if call.intent.intent == "VestaUndo" { Ok(act::undone()) } else { assistant.act(&intent, client).await };
    record.stage("act", began);
    let outcome = result?;
    let report = json!({ "changed": outcome.changed, "state": outcome.state, "matched": outcome.matched.len() });
    append(&mut record.record().action, report.clone());
    // "Never mind", said to nobody in particular, does nothing.
    if addressed || !is_talk(&outcome) {
        client.tell(TurnEvent::Acted { turn, result: report }).await;
    }
    Ok(outcome)
}

/// A turn with several commands keeps a list; one with a single command keeps the command.
fn append(place: &mut Option<Value>, value: Value) {
    *place = Some(match place.take() {
        None => value,
        Some(Value::Array(mut list)) => {
            list.push(value);
            Value::Array(list)
        }
        Some(first) => json!([first, value]),
    });
}

/// The outcome and the spoken sentence of a failure. Talk that was not meant for the house is not answered.
async fn word_failure(
    assistant: &Assistant,
    record: &mut Recorder,
    client: &Client,
    error: &TurnError,
    addressed: bool,
) -> (&'static str, Option<String>) {
    if matches!(error, TurnError::NothingHeard) && !addressed {
        return (outcome::NOTHING, None);
    }
    let code = error.code();
    record.record().error_code = Some(code.to_owned());
    record.event("failed", json!({ "code": code, "detail": error.to_string() }));
    let turn = record.id().to_owned();
    client.tell(TurnEvent::Failed { turn, code: code.to_owned(), detail: error.to_string() }).await;
    match error {
        TurnError::NothingHeard => (outcome::NOTHING, None),
        TurnError::NotUnderstood { .. } | TurnError::NothingRecent if !addressed => (outcome::NOTHING, None),
        // A lone "on" out of the television is no reason to ask what to turn on.
        TurnError::Home(_) if !addressed && error.is_refusal() && !names_something(record) => (outcome::NOTHING, None),
        TurnError::Engine(_) | TurnError::TranscriptTimeout { .. } | TurnError::Home(CallError::BrokerDown { .. })
            if !addressed && !assistant.first_time_told(code) =>
        {
            (outcome::FAILED, None)
        }
        _ => {
            let outcome = if error.is_refusal() { outcome::REFUSED } else { outcome::FAILED };
            tracing::info!(turn = record.id(), code, %error, "a turn failed");
            (outcome, Some(answer::to_error(&assistant.language(client.language.as_deref()), error)))
        }
    }
}

/// Says the sentence: as text, and as audio where the client wants it. The record is on disk before either leaves.
async fn say(
    assistant: &Assistant,
    record: &mut Recorder,
    client: &Client,
    sentence: &str,
    ended: Instant,
    cancel: &CancellationToken,
) {
    let parts = &assistant.parts;
    let turn = record.id().to_owned();
    let began = record.now_ms();
    let wants_audio = client.wants_audio && !cancel.is_cancelled();
    // The engine works on the first clause while the record reaches the disk.
    let synthesis = async {
        if wants_audio {
            let language = assistant.language(client.language.as_deref());
            Some(voice::speak(parts, sentence, &language, &client.voice).await)
        } else {
            None
        }
    };
    let saved = store(assistant, record);
    let (speech, saved) = tokio::join!(synthesis, saved);
    record.stage("store", began);
    if let Err(error) = saved {
        tracing::error!(%error, "a turn could not be kept");
        client
            .tell(TurnEvent::Failed { turn: turn.clone(), code: "store_failed".to_owned(), detail: error.to_string() })
            .await;
    }
    client.tell(TurnEvent::Say { turn: turn.clone(), text: sentence.to_owned() }).await;
    if let Some(mut speech) = speech {
        let mut first = true;
        loop {
            let piece = tokio::select! {
                piece = timeout(parts.settings.speech_deadline, speech.recv()) => piece,
                () = cancel.cancelled() => {
                    record.event("interrupted", Value::Null);
                    break;
                }
            };
            match piece {
                Ok(Some(Ok(chunk))) => {
                    if std::mem::take(&mut first) {
                        record.stage("synthesise", began);
                        let latency = ended.elapsed().as_secs_f64() * 1000.0;
                        record.event("first_audio", json!({ "after_end_ms": latency }));
                    }
                    record.said(chunk.rate, &chunk.samples);
                    let event = TurnEvent::Audio { turn: turn.clone(), rate: chunk.rate, samples: chunk.samples };
                    client.tell(event).await;
                }
                Ok(None) => break,
                Ok(Some(Err(error))) => {
                    tell_silence(record, client, error.code(), &error.to_string()).await;
                    break;
                }
                Err(_) => {
                    tell_silence(record, client, "tts_timeout", "the speech engine gave no audio in time").await;
                    break;
                }
            }
        }
        record.stage("speak", began);
    }
    if let Err(error) = store(assistant, record).await {
        tracing::error!(%error, "the end of a turn could not be kept");
    }
}

/// The reply has no voice: its text was already told, and now why it stays text.
async fn tell_silence(record: &mut Recorder, client: &Client, code: &str, detail: &str) {
    tracing::warn!(turn = record.id(), code, detail, "a reply could not be spoken");
    record.event("speech_failed", json!({ "code": code, "detail": detail }));
    let turn = record.id().to_owned();
    client.tell(TurnEvent::Failed { turn, code: code.to_owned(), detail: detail.to_owned() }).await;
}

/// Keeps a turn in which nothing is said; one that was not meant for the house only where the owner wants that.
async fn keep(assistant: &Assistant, record: &mut Recorder, addressed: bool) {
    let meant = record.record().intent.is_some() && record.record().outcome != outcome::NOTHING;
    let keep = addressed || meant || assistant.parts.settings.keep.unaddressed;
    if keep && let Err(error) = store(assistant, record).await {
        tracing::error!(%error, "a turn could not be kept");
    }
}

async fn store(assistant: &Assistant, record: &mut Recorder) -> Result<(), vesta_store::StoreError> {
    let mut copy = record.record().clone();
    copy.settings = assistant.parts.settings.summary();
    if !record.keep_audio().unwrap_or(assistant.parts.settings.keep.audio) {
        (copy.heard, copy.reply) = (None, None);
    }
    assistant.parts.store.save_turn(copy).await
}
