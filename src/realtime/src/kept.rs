//! Fields of a session that are checked, kept and given back, and change nothing: what they are about does not exist in a house. A client that
//! sets them finds them as it set them; one that sets them wrongly is told so, as by the published schema.

use serde_json::{Map, Value, json};

use crate::error::EventError;

/// Reads a field; the path names it in errors.
pub(crate) type Read = fn(Value, &str) -> Result<Value, EventError>;

/// Most pairs of metadata, and the longest key and value in characters.
const PAIRS: usize = 16;
const KEY: usize = 64;
const VALUE: usize = 512;

/// The fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub(crate) max_output_tokens: Value,
    pub(crate) tracing: Value,
    pub(crate) truncation: Value,
    pub(crate) prompt: Value,
    pub(crate) include: Value,
    pub(crate) noise_reduction: Value,
    pub(crate) reasoning: Value,
}

impl Default for Kept {
    /// As the published schema has it.
    fn default() -> Self {
        Self {
            max_output_tokens: json!("inf"),
            tracing: Value::Null,
            truncation: json!("auto"),
            prompt: Value::Null,
            include: Value::Null,
            noise_reduction: Value::Null,
            reasoning: Value::Null,
        }
    }
}

fn wrong(path: &str, must: &str) -> EventError {
    let name = path.rsplit('.').next().unwrap_or(path);
    EventError::invalid("invalid_value", format!("'{name}' must be {must}.")).at(path)
}

/// `value` if it is null or `fits`; the error says what it `must` be.
fn nullable(value: Value, path: &str, must: &str, fits: impl Fn(&Value) -> bool) -> Result<Value, EventError> {
    if value.is_null() || fits(&value) { Ok(value) } else { Err(wrong(path, must)) }
}

/// A whole number from 1 to 4096, or `inf`; null is `inf`.
pub(crate) fn max_output_tokens(value: Value, path: &str) -> Result<Value, EventError> {
    let fits = value == "inf" || value.as_u64().is_some_and(|number| (1..=4096).contains(&number));
    match value {
        Value::Null => Ok(json!("inf")),
        value if fits => Ok(value),
        _ => Err(wrong(path, "a whole number from 1 to 4096, or 'inf'")),
    }
}

/// Whether each of these fields is a text where it is there.
fn texts(value: &Value, fields: &[&str]) -> bool {
    let text = |field: &&str| value.get(field).is_none_or(|text| text.is_null() || text.is_string());
    value.is_object() && fields.iter().all(text)
}

pub(crate) fn tracing(value: Value, path: &str) -> Result<Value, EventError> {
    let must = "'auto', null, or an object with 'workflow_name', 'group_id' and 'metadata'";
    nullable(value, path, must, |value| value == "auto" || texts(value, &["workflow_name", "group_id"]))
}

pub(crate) fn truncation(value: Value, path: &str) -> Result<Value, EventError> {
    let must = "'auto', 'disabled', or an object of type 'retention_ratio' with a 'retention_ratio' from 0 to 1";
    let ratio = |value: &Value| {
        let ratio = value.get("retention_ratio").and_then(Value::as_f64);
        value.get("type").is_some_and(|kind| kind == "retention_ratio")
            && ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio))
            && value.get("token_limits").is_none_or(|limits| limits.is_null() || limits.is_object())
    };
    let value = nullable(value, path, must, |value| value == "auto" || value == "disabled" || ratio(value))?;
    Ok(if value.is_null() { json!("auto") } else { value })
}

pub(crate) fn prompt(value: Value, path: &str) -> Result<Value, EventError> {
    let must = "null, or an object with an 'id'";
    nullable(value, path, must, |value| value.get("id").is_some_and(Value::is_string) && texts(value, &["version"]))
}

pub(crate) fn include(value: Value, path: &str) -> Result<Value, EventError> {
    const LOGPROBS: &str = "item.input_audio_transcription.logprobs";
    let must = format!("null, or a list that has nothing but '{LOGPROBS}'");
    nullable(value, path, &must, |value| {
        value.as_array().is_some_and(|fields| fields.iter().all(|field| field == LOGPROBS))
    })
}

pub(crate) fn noise_reduction(value: Value, path: &str) -> Result<Value, EventError> {
    let must = "null, or an object with a 'type' of 'near_field' or 'far_field'";
    nullable(value, path, must, |value| {
        value.get("type").is_some_and(|kind| kind == "near_field" || kind == "far_field")
            && value.get("strength").is_none_or(|strength| strength.is_null() || strength.is_number())
    })
}

pub(crate) fn reasoning(value: Value, path: &str) -> Result<Value, EventError> {
    let efforts = ["minimal", "low", "medium", "high", "xhigh"];
    let must = "null, or an object with an 'effort' of 'minimal', 'low', 'medium', 'high' or 'xhigh'";
    nullable(value, path, must, |value| {
        let effort = value.get("effort");
        value.is_object() && effort.is_none_or(|effort| effort.is_null() || efforts.iter().any(|known| effort == known))
    })
}

/// Up to 16 pairs of texts.
pub(crate) fn metadata(pairs: Map<String, Value>, path: &str) -> Result<Map<String, Value>, EventError> {
    let fits = |(key, value): (&String, &Value)| {
        key.chars().count() <= KEY && value.as_str().is_some_and(|value| value.chars().count() <= VALUE)
    };
    if pairs.len() <= PAIRS && pairs.iter().all(fits) {
        return Ok(pairs);
    }
    Err(wrong(path, &format!("up to {PAIRS} pairs of texts, the keys of {KEY} and the values of {VALUE} characters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_schema_allows_is_kept_and_the_rest_is_named() {
        let cases: [(Read, Vec<Value>, Vec<Value>); 7] = [
            (
                tracing,
                vec![json!("auto"), json!({}), json!({ "workflow_name": "w", "metadata": { "a": 1 } })],
                vec![json!("on"), json!(3), json!({ "group_id": 7 })],
            ),
            (
                truncation,
                vec![json!("disabled"), json!({ "type": "retention_ratio", "retention_ratio": 0.5 })],
                vec![json!("never"), json!({ "type": "retention_ratio", "retention_ratio": 2 }), json!([])],
            ),
            (prompt, vec![json!({ "id": "p", "version": "2" })], vec![json!("p"), json!({ "version": "2" })]),
            (
                include,
                vec![json!([]), json!(["item.input_audio_transcription.logprobs"])],
                vec![json!(["all"]), json!("item.input_audio_transcription.logprobs")],
            ),
            (noise_reduction, vec![json!({ "type": "far_field" })], vec![json!({ "type": "x" }), json!("near_field")]),
            (reasoning, vec![json!({ "effort": "low" }), json!({})], vec![json!("low"), json!({ "effort": 1 })]),
            (max_output_tokens, vec![json!(1), json!("inf")], vec![json!(0), json!("all"), json!(1.5)]),
        ];
        for (read, good, bad) in cases {
            assert!(read(Value::Null, "session.x").is_ok());
            for value in good {
                assert_eq!(read(value.clone(), "session.x"), Ok(value));
            }
            for value in bad {
                let error = read(value.clone(), "session.x").unwrap_err();
                assert_eq!(error.param.as_deref(), Some("session.x"), "{value}");
            }
        }
    }

    #[test]
    fn metadata_is_texts() {
        let read = |value: Value| metadata(value.as_object().unwrap().clone(), "response.metadata");
        assert!(read(json!({ "a": "b" })).is_ok());
        assert!(read(json!({ "a": 1 })).is_err());
        assert!(read(json!({ "a": "x".repeat(513) })).is_err());
        assert!(read(Value::Object((0..17).map(|n| (n.to_string(), json!("x"))).collect())).is_err());
    }
}
