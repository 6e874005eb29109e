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
    match language.dictionary().respond(&call.intent.intent, key, &input) {
        Ok(said) => Ok([begun(said, language.tag())]
            .into_iter()
            .chain(left_out(language, outcome))
            .collect::<Vec<_>>()
            .join(" ")),
        // What was done is done, also where somebody else's sentences word it badly or not at all.
        Err(error) => plain(outcome)
            .map_err(|()| TurnError::Internal(format!("no answer for {} / {key}: {error}", call.intent.intent))),
    }
}

/// What was left out of several, where the language has a sentence for it.
fn left_out(language: &Language, outcome: &Outcome) -> Option<String> {
    if outcome.skipped.is_empty() {
        return None;
    }
    let slots = json!({ "names": outcome.skipped, "asked": outcome.read_only });
    language.dictionary().error("left_out", slots.as_object()?)
}

/// What is true in every language: "OK" to a command, name and state to a question.
fn plain(outcome: &Outcome) -> Result<String, ()> {
    if !outcome.read_only {
        return Ok("OK.".to_owned());
    }
    let one = outcome.matched.first().or(outcome.unmatched.first()).ok_or(())?;
    Ok(format!("{}: {}.", one.name, one.state_with_unit))
}

/// The sentence for an error. Languages that do not word a code word `internal`; one that words nothing at all is
/// answered with the code itself, so that there is never silence.
pub fn to_error(language: &Language, error: &TurnError) -> String {
    let dictionary = language.dictionary();
    dictionary
        .error(error.code(), &error.slots())
        .map(|said| begun(said, language.tag()))
        .or_else(|| dictionary.error("internal", &Map::<String, Value>::new()))
        .unwrap_or_else(|| error.code().replace('_', " "))
}

/// A sentence begins with a capital letter, also where it begins with what somebody put on a list. "iPhone" is written as it is,
/// and so is the i of languages that have two of them.
fn begun(said: String, tag: &str) -> String {
    let base = tag.split('-').next().unwrap_or(tag);
    let mut rest = said.chars();
    match (rest.next(), rest.next()) {
        (Some('i'), _) if matches!(base, "tr" | "az") => said,
        (Some(first), second) if first.is_lowercase() && !second.is_some_and(char::is_uppercase) => {
            first.to_uppercase().chain(said.chars().skip(1)).collect()
        }
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_with_a_capital_letter() {
        for (said, tag, written) in [
            ("milk is on the list.", "en", "Milk is on the list."),
            ("œufs : ajouté.", "fr", "Œufs : ajouté."),
            ("¿cuál?", "es", "¿cuál?"),
            ("iPhone is off.", "en", "iPhone is off."),
            ("ışık açık.", "tr", "Işık açık."),
            ("iptal edildi.", "tr-TR", "iptal edildi."),
            ("10 minutes left.", "en", "10 minutes left."),
            ("ъ", "ru", "Ъ"),
            ("電気", "ja", "電気"),
            ("", "en", ""),
        ] {
            assert_eq!(begun(said.to_owned(), tag), written);
        }
    }
}
