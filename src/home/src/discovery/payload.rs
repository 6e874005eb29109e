//! From a payload's bytes to full keys and topics: bounded JSON, abbreviations, the base topic `~`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// The longest payload that is read, in bytes. Announcements of whole devices take some ten kilobytes.
pub(crate) const MAX_PAYLOAD: usize = 256 * 1024;
/// How deep objects and lists may be nested.
const MAX_DEPTH: usize = 16;

type Table = HashMap<&'static str, &'static str>;

/// Short keys by table: of an entity, of its device, of its origin.
static SHORT: LazyLock<HashMap<&'static str, Table>> = LazyLock::new(|| {
    let mut tables: HashMap<&str, Table> = HashMap::new();
    for line in include_str!("../data/abbreviations.tsv").lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        if let (Some(table), Some(short), Some(full)) = (columns.next(), columns.next(), columns.next()) {
            tables.entry(table).or_default().insert(short, full);
        }
    }
    tables
});

/// Reads a JSON object.
///
/// # Errors
/// What is wrong with the payload, for people.
pub(crate) fn object(payload: &[u8]) -> Result<Map<String, Value>, String> {
    if payload.len() > MAX_PAYLOAD {
        return Err(format!("{} bytes are too long (at most {MAX_PAYLOAD})", payload.len()));
    }
    let text = std::str::from_utf8(payload).map_err(|error| format!("not UTF-8: {error}"))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) if depth(&map) > MAX_DEPTH => Err(format!("nested deeper than {MAX_DEPTH} levels")),
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("not a JSON object".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

/// Levels of nesting; serde_json itself refuses more than 128, so that this recursion is bounded.
fn depth(map: &Map<String, Value>) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Object(map) => depth(map),
            Value::Array(items) => 1 + items.iter().map(of).max().unwrap_or(0),
            _ => 0,
        }
    }
    1 + map.values().map(of).max().unwrap_or(0)
}

/// Full keys of an entity's own level, its device, origin and availability list.
pub(crate) fn expand(map: Map<String, Value>) -> Map<String, Value> {
    let mut map = lengthen(map, "entity");
    for (key, table) in [("device", "device"), ("origin", "origin")] {
        if let Some(Value::Object(inner)) = map.get_mut(key) {
            *inner = lengthen(std::mem::take(inner), table);
        }
    }
    if let Some(Value::Array(items)) = map.get_mut("availability") {
        for item in items {
            if let Value::Object(inner) = item {
                *inner = lengthen(std::mem::take(inner), "entity");
            }
        }
    }
    if let Some(Value::Object(inner)) = map.get_mut("availability") {
        *inner = lengthen(std::mem::take(inner), "entity");
    }
    map
}

/// A full key wins over its short form where a payload has both.
fn lengthen(map: Map<String, Value>, table: &str) -> Map<String, Value> {
    let Some(table) = SHORT.get(table) else { return map };
    let mut out = Map::with_capacity(map.len());
    let mut short = Vec::new();
    for (key, value) in map {
        match table.get(key.as_str()) {
            Some(full) => short.push((*full, value)),
            None => {
                out.insert(key, value);
            }
        }
    }
    for (full, value) in short {
        out.entry(full).or_insert(value);
    }
    out
}

/// Replaces `~` at the beginning or end of every topic by the base topic, and takes the base away.
pub(crate) fn resolve_base(map: &mut Map<String, Value>) {
    let Some(base) = map.remove("~").and_then(|base| base.as_str().map(str::to_owned)) else { return };
    for (key, value) in map.iter_mut() {
        if key.ends_with("topic") {
            replace_base(value, &base);
        }
    }
    match map.get_mut("availability") {
        Some(Value::Array(items)) => {
            for topic in items.iter_mut().filter_map(|item| item.get_mut("topic")) {
                replace_base(topic, &base);
            }
        }
        Some(Value::Object(item)) => {
            if let Some(topic) = item.get_mut("topic") {
                replace_base(topic, &base);
            }
        }
        _ => {}
    }
}

fn replace_base(value: &mut Value, base: &str) {
    let Value::String(topic) = value else { return };
    if let Some(rest) = topic.strip_prefix('~') {
        *topic = format!("{base}{rest}");
    }
    if let Some(rest) = topic.strip_suffix('~') {
        *topic = format!("{rest}{base}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> Map<String, Value> {
        object(text.as_bytes()).unwrap()
    }

    #[test]
    fn short_keys_and_base_topics_are_expanded() {
        let mut map = expand(map(
            r#"{"~":"home/lamp","cmd_t":"~/set","stat_t":"state/~","name":"~","avty":[{"t":"~/lwt","pl_avail":"up"}],
                "dev":{"ids":"x","mf":"m","sa":"Kitchen"},"o":{"sw":"1"}}"#,
        ));
        resolve_base(&mut map);
        assert_eq!(
            Value::Object(map),
            serde_json::json!({
                "command_topic": "home/lamp/set", "state_topic": "state/home/lamp", "name": "~",
                "availability": [{"topic": "home/lamp/lwt", "payload_available": "up"}],
                "device": {"identifiers": "x", "manufacturer": "m", "suggested_area": "Kitchen"}, "origin": {"sw_version": "1"}
            })
        );
    }

    #[test]
    fn what_is_no_object_is_refused_with_a_reason() {
        assert!(object(b"[1]").unwrap_err().contains("object"));
        assert!(object(b"{\"a\":").unwrap_err().contains("JSON"));
        assert!(object(&[0xff, 0xfe]).unwrap_err().contains("UTF-8"));
        assert!(object(&vec![b' '; MAX_PAYLOAD + 1]).unwrap_err().contains("too long"));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
        assert!(object(deep.as_bytes()).unwrap_err().contains("nested"));
        let deeper = format!("{{\"a\":{}", "[".repeat(200_000));
        assert!(object(deeper.as_bytes()).is_err());
    }
}
