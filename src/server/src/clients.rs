//! What the turns of a caller are told about them: who speaks, where they are, in which voice they want to be answered.

use serde_json::{Value, json};
use tokio::sync::mpsc;
use vesta_turn::{Client, Mode, Pace, Speaker, TurnEvent, Voice};

use crate::App;
use crate::api::Preferences;
use crate::caller::Caller;
use crate::problem::Problem;

/// What a person set, as turns need it.
pub(crate) struct Own {
    pub(crate) speaker: Speaker,
    /// The area that the person's device stands in.
    pub(crate) area: Option<String>,
    voice: Option<String>,
    /// The language that the person speaks (BCP 47), where it is not the household's.
    pub(crate) language: Option<String>,
}

impl Own {
    pub(crate) async fn of(app: &App, caller: &Caller) -> Self {
        let Preferences { voice, keep_audio, area } = Preferences::of(app, &caller.person).await;
        let speaker = Speaker { person: Some(caller.person.clone()), keep_audio };
        app.assistant.learn(caller.language.as_deref()).await;
        Self { speaker, area, voice, language: caller.language.clone() }
    }

    /// The voice that answers.
    pub(crate) fn voice(&self) -> Voice {
        Voice { name: self.voice.clone(), speed: None }
    }

    /// A Realtime session's configuration with the person's voice, where the client names none.
    pub(crate) fn with_voice(&self, session: Value) -> Value {
        let Some(voice) = &self.voice else { return session };
        let mut session = if session.is_null() { json!({ "type": "realtime" }) } else { session };
        let speaks = session.get("type").is_none_or(|kind| kind == "realtime");
        let named = session.pointer("/audio/output/voice").is_some_and(|voice| !voice.is_null());
        if speaks
            && !named
            && let Some(session) = session.as_object_mut()
            && let Some(audio) = session.entry("audio").or_insert_with(|| json!({})).as_object_mut()
            && let Some(output) = audio.entry("output").or_insert_with(|| json!({})).as_object_mut()
        {
            output.insert("voice".to_owned(), json!(voice));
        }
        session
    }
}

/// Longest name that a program may give itself, in bytes.
const MAX_CLIENT: usize = 200;

/// Who turns of a caller belong to: follow-ups, corrections, timers. That is the person, on whatever device; a program that speaks for
/// several rooms or people names each of them, within what is the person's.
///
/// # Errors
/// The name is no name.
pub(crate) fn id(caller: &Caller, named: Option<&str>) -> Result<String, Problem> {
    match named {
        None => Ok(caller.person.clone()),
        Some(name) if name.is_empty() || name.len() > MAX_CLIENT => {
            Err(Problem::bad_request("bad_client", format!("'client' must have 1 to {MAX_CLIENT} bytes")))
        }
        Some(name) => Ok(format!("{}/{name}", caller.person)),
    }
}

/// Somebody who writes.
pub(crate) async fn writer(
    app: &App,
    caller: &Caller,
    area: Option<String>,
    events: mpsc::Sender<TurnEvent>,
) -> Client {
    let own = Own::of(app, caller).await;
    Client {
        id: caller.person.clone(),
        voice: own.voice(),
        area: area.or(own.area),
        speaker: own.speaker,
        language: own.language,
        source: "app".to_owned(),
        mode: Mode::PushToTalk,
        pace: Pace::AsFast,
        wants_audio: false,
        rehearse: false,
        permissions: caller.permissions(),
        events,
    }
}

/// Somebody who touches something: nothing is said.
pub(crate) fn hand(caller: &Caller) -> Client {
    let (events, _) = mpsc::channel(1);
    Client { id: caller.person.clone(), rehearse: false, ..rehearsal(caller, "push_to_talk", events) }
}

/// Somebody who hears an old turn again: nothing is done, said or kept.
pub(crate) fn rehearsal(caller: &Caller, mode: &str, events: mpsc::Sender<TurnEvent>) -> Client {
    Client {
        id: String::new(),
        speaker: Speaker::default(),
        language: caller.language.clone(),
        source: "replay".to_owned(),
        mode: if mode == "hands_free" { Mode::HandsFree } else { Mode::PushToTalk },
        pace: Pace::AsFast,
        area: None,
        wants_audio: false,
        voice: Voice::default(),
        rehearse: true,
        permissions: caller.permissions(),
        events,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_persons_voice_answers_where_the_client_names_none() {
        let own = |voice: Option<&str>| Own {
            speaker: Speaker::default(),
            area: None,
            voice: voice.map(str::to_owned),
            language: None,
        };
        assert_eq!(own(None).with_voice(Value::Null), Value::Null);
        let anna = own(Some("anna"));
        let voice = |session: Value| anna.with_voice(session).pointer("/audio/output/voice").cloned();
        assert_eq!(voice(Value::Null), Some(json!("anna")));
        assert_eq!(voice(json!({ "type": "realtime", "audio": { "input": {} } })), Some(json!("anna")));
        assert_eq!(voice(json!({ "audio": { "output": { "voice": "ben" } } })), Some(json!("ben")));
        assert_eq!(voice(json!({ "type": "transcription" })), None);
        for odd in [json!([]), json!({ "audio": 3 }), json!({ "audio": { "output": "x" } })] {
            assert_eq!(anna.with_voice(odd.clone()), odd, "what is odd is for the session to refuse");
        }
    }
}
