//! What a turn takes from the conversation's memory, and what it leaves there.

use std::time::Instant;

use vesta_home::IntentCall;

use crate::conversation::Client;
use crate::dialog::{Asked, Done, Step, World};
use crate::error::TurnError;
use crate::understand::{Call, Meaning};
use crate::{Assistant, Parts};

/// What is to be done for a sentence, which may be about what was said before.
pub(crate) fn follow(assistant: &Assistant, client: &Client, meaning: &Meaning) -> Result<Vec<Step>, TurnError> {
    let Parts { home, settings, .. } = &*assistant.parts;
    let language = assistant.language(client.language.as_deref());
    let world = World { home: &home.snapshot(), dictionary: language.dictionary() };
    let meaning = &silencing(assistant, meaning);
    assistant.dialogs().steps(&client.id, meaning, &world, Instant::now(), settings.follow_up)
}

/// "Stop" is for what rings, and only then for the music, the robot or the blinds of the last command.
fn silencing(assistant: &Assistant, meaning: &Meaning) -> Meaning {
    let stops = |call: &Call| {
        let intent = call.intent.intent.as_str();
        matches!(intent, "HassMediaPause" | "HassVacuumStop" | "HassVacuumPause" | "HassStopMoving" | "HassStopCover")
            && call.intent.slots.get("target").is_some_and(|target| target == "recent")
    };
    let mut meaning = meaning.clone();
    if let [one] = meaning.calls.as_mut_slice()
        && stops(one)
        && assistant.timers().borrow().iter().any(|timer| timer.is_ringing)
    {
        one.intent.intent = "HassNevermind".to_owned();
        one.intent.slots.clear();
        one.response = None;
    }
    meaning
}

/// Keeps in mind what was done, and what the house asks because of an error, so that the next sentence can be about it.
pub(crate) fn remember(assistant: &Assistant, client: &Client, done: Vec<Done>, failed: Option<(&Call, &TurnError)>) {
    if client.rehearse {
        return;
    }
    let now = Instant::now();
    let mut dialogs = assistant.dialogs();
    // What was put back is nothing to go on from.
    if done.iter().any(Done::is_undo) {
        dialogs.forget(&client.id);
        return;
    }
    let mut done = done;
    match failed.map(|(call, error)| (call, error, Asked::because_of(call, error))) {
        Some((.., Some(asked))) => {
            dialogs.remember(&client.id, done, now);
            dialogs.ask(&client.id, asked, now);
        }
        // "There is no fan in the kitchen." – "I meant the office."
        Some((call, TurnError::Home(_), None)) => {
            done.push(Done::failed(call));
            dialogs.remember(&client.id, done, now);
        }
        _ => dialogs.remember(&client.id, done, now),
    }
}

/// Undoes what was done before. All of it is tried; the first failure is told.
pub(crate) async fn put_back(assistant: &Assistant, client: &Client, calls: &[IntentCall]) -> Result<(), TurnError> {
    let mut failure = None;
    for call in calls {
        let mut call = call.clone();
        call.deadline.get_or_insert(assistant.parts.settings.action_deadline);
        if let Err(error) = assistant.act(&call, client).await {
            tracing::warn!(intent = call.intent, %error, "something could not be undone");
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)
}
