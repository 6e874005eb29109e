//! A result or an error to a sentence in the user's language.

use serde_json::{Map, Value, json};
use vesta_home::Outcome;
use vesta_intents::ResponseInput;

use crate::error::TurnError;
use crate::understand::{Call, Language};

/// The sentence that answers what was done or asked.
pub fn to_outcome(language: &Language, call: &Call, outcome: &Outcome) -> Result<String, TurnError> {
    let mut slots = call.spoken.clone();
    slots.extend(outcome.response_slots.clone());
    let input = ResponseInput {
        slots,
        state: outcome.state.clone(),
        query: json!({ "matched": outcome.matched, "unmatched": outcome.unmatched }),
    };
    let key = outcome.response.as_deref().or(call.response.as_deref()).unwrap_or("default");
    language
        .dictionary()
        .respond(&call.intent.intent, key, &input)
        .map_err(|error| TurnError::Internal(format!("no answer for {} / {key}: {error}", call.intent.intent)))
}

/// The sentence for an error. Languages that do not word a code word `internal`; one that words nothing at all is
/// answered with the code itself, so that there is never silence.
pub fn to_error(language: &Language, error: &TurnError) -> String {
    let dictionary = language.dictionary();
    dictionary
        .error(error.code(), &error.slots())
        .or_else(|| dictionary.error("internal", &Map::<String, Value>::new()))
        .unwrap_or_else(|| error.code().replace('_', " "))
}
