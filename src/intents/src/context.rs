//! What a sentence demands of its context: the room of the speaker, the domain of a named device.

use serde_json::{Map, Value};

/// Key-value pairs from outside (the speaker's room) or from matched names (their domain).
pub type Context = Map<String, Value>;

/// `{value: x, slot: …}` means `x`.
pub(crate) fn demanded(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(map) => map.get("value").filter(|v| !v.is_null()),
        Value::Null => None,
        other => Some(other),
    }
}

/// Equality in the sense of the format: `1`, `1.0` are the same.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        _ => a == b,
    }
}

fn admits(required: &Value, actual: Option<&Value>) -> bool {
    match required {
        Value::Array(any) => actual.is_some_and(|actual| any.iter().any(|v| same(v, actual))),
        one => actual.is_some_and(|actual| same(one, actual)),
    }
}

/// Whether `context` contradicts `required`; keys that are missing do not.
pub(crate) fn may_satisfy(required: &Map<String, Value>, context: &Map<String, Value>) -> bool {
    required.iter().all(|(key, required)| match (context.get(key), demanded(required)) {
        (None, _) | (_, None) => true,
        (Some(actual), Some(required)) => admits(required, demanded(actual)),
    })
}

/// Whether nothing in `context` is excluded.
pub(crate) fn none_excluded(excluded: &Map<String, Value>, context: &Map<String, Value>) -> bool {
    excluded.iter().all(|(key, excluded)| match context.get(key) {
        None => true,
        Some(actual) => match (demanded(excluded), demanded(actual)) {
            (None, actual) => actual.is_some(),
            (Some(excluded), actual) => !admits(excluded, actual),
        },
    })
}

/// A slot that is filled from the context because no word filled it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContextSlot {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) text: String,
}

/// The slots that the required context provides; `None` where the context does not satisfy it.
pub(crate) fn satisfy(required: &Map<String, Value>, context: &Map<String, Value>) -> Option<Vec<ContextSlot>> {
    let mut slots = Vec::new();
    for (key, wanted) in required {
        let copy_to = match wanted {
            Value::Object(map) => match map.get("slot") {
                Some(Value::String(name)) if !name.is_empty() => Some(name.clone()),
                Some(Value::Bool(true)) => Some(key.clone()),
                _ => None,
            },
            _ => None,
        };
        let actual_entry = context.get(key);
        let actual = actual_entry.and_then(demanded)?;
        if let Some(wanted) = demanded(wanted)
            && !admits(wanted, Some(actual))
        {
            return None;
        }
        if let Some(name) = copy_to {
            let text = match actual_entry {
                Some(Value::Object(map)) => map.get("text").and_then(Value::as_str).unwrap_or_default(),
                _ => "",
            };
            slots.push(ContextSlot { name, value: actual.clone(), text: text.to_owned() });
        }
    }
    Some(slots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn required_lists_and_slots() {
        let required = map(json!({"domain": ["light", "switch"], "area": {"slot": true}}));
        assert!(may_satisfy(&required, &map(json!({"domain": "light"}))));
        assert!(!may_satisfy(&required, &map(json!({"domain": "fan"}))));
        assert_eq!(satisfy(&required, &map(json!({"domain": "light", "area": null}))), None);
        let slots =
            satisfy(&required, &map(json!({"domain": "light", "area": {"value": "k", "text": "Kitchen"}}))).unwrap();
        assert_eq!(slots, [ContextSlot { name: "area".into(), value: json!("k"), text: "Kitchen".into() }]);
    }

    #[test]
    fn excluded() {
        let excluded = map(json!({"domain": ["cover"]}));
        assert!(none_excluded(&excluded, &map(json!({"domain": "light"}))));
        assert!(!none_excluded(&excluded, &map(json!({"domain": "cover"}))));
        assert!(none_excluded(&excluded, &Map::new()));
    }
}
