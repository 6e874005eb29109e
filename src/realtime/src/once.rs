//! Speech that a client kept while its link broke, and may send twice: what has an id is done once, and answered from the record when it
//! comes again, not even a restart of the server in between changes that.
//!
//! The id is taken when the house begins to act on what was said, not when it was committed: speech whose connection broke before a
//! response was asked for was never acted on, and may come again.

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vesta_store::Begun;
use vesta_turn::{Assistant, Client, TurnEvent, Utterance};

use crate::ports::EVENT_QUEUE;

/// What came of a request: the same fields as those of a written message, for both take their ids from one set.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Answer {
    turn: String,
    outcome: String,
    error_code: Option<String>,
    text: String,
    html: String,
}

/// Answers an utterance under the client's id of it. What it tells is as without one.
pub(crate) async fn answer(
    assistant: &Assistant,
    id: &str,
    utterance: Utterance,
    client: Client,
    cancel: CancellationToken,
) {
    let store = assistant.parts().store.clone();
    let person = client.speaker.person.clone().unwrap_or_default();
    match store.begin_request(&person, id).await {
        Ok(Begun::First) => {}
        Ok(Begun::Answered(answer)) => {
            let answer: Answer = serde_json::from_value(answer).unwrap_or_default();
            tracing::info!(turn = answer.turn, "what was said came again; it is answered, not done");
            return repeat(assistant, answer, client, cancel).await;
        }
        Ok(Begun::Before) => {
            let detail = "this was begun before and its answer is not known yet; GET /api/turns says what came of it";
            return refuse(&client, utterance.turn(), "begun_before", detail.to_owned()).await;
        }
        Err(error) => return refuse(&client, utterance.turn(), "store_failed", error.to_string()).await,
    }
    let (events, mut told) = mpsc::channel(EVENT_QUEUE);
    let listener = client.events.clone();
    let (person, id) = (person, id.to_owned());
    let client = Client { events, ..client };
    let follow = async {
        let mut answer = Answer::default();
        while let Some(event) = told.recv().await {
            answer.take(&event);
            // It is kept before it is told that it is over.
            if matches!(event, TurnEvent::Finished { .. }) {
                keep(assistant, &person, &id, &answer).await;
            }
            let _ = listener.send(event).await;
        }
    };
    tokio::join!(assistant.answer(utterance, client, cancel), follow);
}

impl Answer {
    fn take(&mut self, event: &TurnEvent) {
        match event {
            TurnEvent::Transcript { turn, .. } => self.turn.clone_from(turn),
            TurnEvent::Failed { code, .. } => self.error_code = Some(code.clone()),
            TurnEvent::Say { turn, text } => {
                self.turn.clone_from(turn);
                self.text.clone_from(text);
            }
            TurnEvent::Finished { outcome, .. } => (*outcome).clone_into(&mut self.outcome),
            _ => {}
        }
    }
}

async fn keep(assistant: &Assistant, person: &str, id: &str, answer: &Answer) {
    let kept = serde_json::to_value(answer).unwrap_or_default();
    if let Err(error) = assistant.parts().store.finish_request(person, id, &kept).await {
        tracing::warn!(%error, "the answer to what was said could not be kept; asked again, it says so");
    }
}

/// Tells again what was answered.
async fn repeat(assistant: &Assistant, answer: Answer, client: Client, cancel: CancellationToken) {
    let Answer { turn, outcome, error_code, text, .. } = answer;
    // A name for each outcome lives as long as the program.
    let outcome = ["done", "answered", "refused", "nothing", "failed"].into_iter().find(|known| *known == outcome);
    let outcome = outcome.unwrap_or("answered");
    if text.is_empty() {
        if let Some(code) = error_code {
            let detail = "it went wrong when it was said first".to_owned();
            let _ = client.events.send(TurnEvent::Failed { turn: turn.clone(), code, detail }).await;
        }
        let _ = client.events.send(TurnEvent::Finished { turn, outcome }).await;
        return;
    }
    assistant.say_again(turn, outcome, &text, client, cancel).await;
}

async fn refuse(client: &Client, turn: &str, code: &str, detail: String) {
    let turn = turn.to_owned();
    let _ = client.events.send(TurnEvent::Failed { turn: turn.clone(), code: code.to_owned(), detail }).await;
    let _ = client.events.send(TurnEvent::Finished { turn, outcome: "failed" }).await;
}
