//! Home Assistant's dictionary of a language, made to live beside Vesta's own.
//!
//! Both define rules and lists of the same names with different contents. So the dictionary's rules and lists are renamed
//! before the two are merged, and its spoken errors are put under Vesta's codes. The file itself stays as it was published.

use serde_json::{Map, Value};

/// The file's name in a language's folder.
pub(crate) const FILE: &str = "homeassistant.json";
/// Put before the names of rules and lists.
const PREFIX: &str = "homeassistant_";
/// Lists that are the home's own names.
const HOME_LISTS: [&str; 3] = ["name", "area", "floor"];

/// A dictionary in two parts: what is said comes before Vesta's own files, whose wording wins, and what is understood
/// comes after them, so that Vesta's own sentences win where nothing else decides.
#[derive(Debug, PartialEq)]
pub(crate) struct Parts {
    /// Responses and spoken errors.
    pub said: Value,
    /// Everything else.
    pub understood: Value,
}

/// Prepares the dictionary in `text`.
///
/// # Errors
/// It is not JSON, or not a map.
pub(crate) fn adapt(text: &str) -> Result<Parts, serde_json::Error> {
    let mut tree: Map<String, Value> = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
    let mut responses = tree.remove("responses").unwrap_or_default();
    translate(&mut responses);
    rename_definitions(&mut tree);
    for intent in maps_of(&mut tree, "intents") {
        for block in intent.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten() {
            let Value::Object(block) = block else { continue };
            rename_definitions(block);
            for sentence in block.get_mut("sentences").and_then(Value::as_array_mut).into_iter().flatten() {
                rename_text(sentence);
            }
        }
    }
    Ok(Parts { said: said(responses), understood: Value::Object(tree) })
}

fn maps_of<'a>(tree: &'a mut Map<String, Value>, key: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    tree.get_mut(key).and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut()).filter_map(|value| {
        match value {
            Value::Object(map) => Some(map),
            _ => None,
        }
    })
}

/// Renames the rules and lists that are defined here, and what they refer to.
fn rename_definitions(scope: &mut Map<String, Value>) {
    if let Some(Value::Object(rules)) = scope.get_mut("expansion_rules") {
        rules.values_mut().for_each(rename_text);
        *rules = std::mem::take(rules).into_iter().map(|(name, body)| (format!("{PREFIX}{name}"), body)).collect();
    }
    for list in maps_of(scope, "lists") {
        for value in list.get_mut("values").and_then(Value::as_array_mut).into_iter().flatten() {
            match value {
                Value::Object(entry) => entry.get_mut("in").into_iter().for_each(rename_text),
                text => rename_text(text),
            }
        }
    }
    if let Some(Value::Object(lists)) = scope.get_mut("lists") {
        *lists = std::mem::take(lists).into_iter().map(|(name, list)| (list_name(&name), list)).collect();
    }
}

fn rename_text(value: &mut Value) {
    if let Value::String(text) = value {
        *text = rename(text);
    }
}

fn list_name(name: &str) -> String {
    // `{0..100}` is a range without a definition.
    if HOME_LISTS.contains(&name) || name.contains("..") { name.to_owned() } else { format!("{PREFIX}{name}") }
}

/// A template with other names for its rules and lists; the slots keep theirs.
fn rename(template: &str) -> String {
    let mut renamed = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(at) = rest.find(['\\', '<', '{']) {
        let (before, marked) = rest.split_at(at);
        renamed.push_str(before);
        let close = match marked.chars().next() {
            Some('<') => '>',
            Some('{') => '}',
            _ => {
                let end = marked.char_indices().nth(2).map_or(marked.len(), |(end, _)| end);
                let (escaped, after) = marked.split_at(end);
                renamed.push_str(escaped);
                rest = after;
                continue;
            }
        };
        let Some((inside, after)) = marked.get(1..).and_then(|marked| marked.split_once(close)) else {
            rest = marked;
            break;
        };
        renamed.push_str(&match (close, inside.split_once(':')) {
            ('>', _) => format!("<{PREFIX}{inside}>"),
            (_, Some((list, slot))) => format!("{{{}:{slot}}}", list_name(list)),
            (_, None) => format!("{{{}:{inside}}}", list_name(inside.trim_start_matches('@'))),
        });
        rest = after;
    }
    renamed.push_str(rest);
    renamed
}

/// What Home Assistant hands to its templates as objects of Python, Vesta hands over as plain numbers; `weekday` counts from
/// Monday, 0 there and 1 here.
const PYTHON: [(&str, &str); 7] = [
    ("slots.time.hour", "slots.hour"),
    ("slots.time.minute", "slots.minute"),
    ("slots.date.weekday()", "(slots.weekday - 1)"),
    ("slots.date.isoweekday()", "slots.weekday"),
    ("slots.date.year", "slots.year"),
    ("slots.date.month", "slots.month"),
    ("slots.date.day", "slots.day"),
];

/// Writes templates as minijinja reads them. Jinja2 overlooks a colon at the end of a statement, `{% else: %}`.
fn translate(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(translate),
        Value::String(text) => {
            for end in [" %}", " -%}", "%}", "-%}"] {
                *text = text.replace(&format!(":{end}"), end);
            }
            for (theirs, ours) in PYTHON {
                *text = text.replace(theirs, ours);
            }
        }
        _ => {}
    }
}

/// The responses as they are, and the spoken errors under Vesta's codes. An error without a counterpart is left out: a
/// code that means one thing here and another there would say something wrong.
fn said(responses: Value) -> Value {
    let Value::Object(mut responses) = responses else { return Value::Object(Map::new()) };
    let theirs = responses.remove("errors").unwrap_or_default();
    let theirs = |code: &str| theirs.get(code).and_then(Value::as_str).map(str::to_owned);
    let mut errors = Map::new();
    let mut put = |code: &str, template: Option<String>| {
        if let Some(template) = template {
            errors.insert(code.to_owned(), Value::from(template));
        }
    };
    // Their `entity` is what Vesta calls `name`.
    let named = |code: &str| theirs(code).map(|template| format!("{{% set entity = name %}}{template}"));
    put("not_understood", theirs("no_intent"));
    put("internal", theirs("handle_error"));
    put("no_such_name", named("no_entity"));
    put("no_such_area", theirs("no_area"));
    put("no_such_floor", theirs("no_floor"));
    put("not_supported", theirs("feature_not_supported"));
    put("ambiguous", named("duplicate_entities"));
    put("no_timer", theirs("timer_not_found"));
    put("several_timers", theirs("multiple_timers_matched"));
    let of = |kind: &str| {
        let (area, floor) = (theirs(&format!("no_{kind}_in_area"))?, theirs(&format!("no_{kind}_in_floor"))?);
        let anywhere = theirs(&format!("no_{kind}"))?;
        Some(format!("{{% if area %}}{area}{{% elif floor %}}{floor}{{% else %}}{anywhere}{{% endif %}}"))
    };
    put(
        "none_in_area",
        of("device_class")
            .zip(of("domain"))
            .map(|(class, domain)| format!("{{% if device_class %}}{class}{{% else %}}{domain}{{% endif %}}")),
    );
    responses.insert("errors".to_owned(), Value::Object(errors));
    Value::Object(Map::from_iter([("responses".to_owned(), Value::Object(responses))]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_and_lists_are_renamed_and_slots_are_not() {
        assert_eq!(rename("<turn> {name} in {area}"), "<homeassistant_turn> {name:name} in {area:area}");
        assert_eq!(rename("{colour} {colour:tint}"), "{homeassistant_colour:colour} {homeassistant_colour:tint}");
        assert_eq!(rename("{0..100:level} \\<öffne \\{"), "{0..100:level} \\<öffne \\{");
        assert_eq!(rename("ends <here"), "ends <here");
        assert_eq!(rename("ends \\"), "ends \\");
    }

    #[test]
    fn templates_are_written_for_minijinja() {
        let mut template =
            json!({"a": "{% if slots.time.hour: %}x{% else:%}{{ days[slots.date.weekday()] }}: {% endif %}"});
        translate(&mut template);
        assert_eq!(template["a"], "{% if slots.hour %}x{% else%}{{ days[(slots.weekday - 1)] }}: {% endif %}");
    }

    #[test]
    fn local_definitions_follow_and_errors_get_vestas_codes() {
        let parts = adapt(
            &json!({
                "expansion_rules": {"turn": "turn [<the>]"},
                "lists": {"colour": {"values": [{"in": "<dark> red", "out": "red"}, "(blue|azure)"]}},
                "intents": {"A": {"data": [{"sentences": ["<turn> {colour}"], "expansion_rules": {"dark": "dark"}}]}},
                "responses": {"errors": {"no_intent": "{% if a %}Pardon{% else: %}What{% endif %}", "no_area": "{{ area }}?", "no_timer_support": "x"}},
            })
            .to_string(),
        )
        .unwrap();
        assert_eq!(
            parts.understood,
            json!({
                "expansion_rules": {"homeassistant_turn": "turn [<homeassistant_the>]"},
                "lists": {"homeassistant_colour": {"values": [
                    {"in": "<homeassistant_dark> red", "out": "red"}, "(blue|azure)"
                ]}},
                "intents": {"A": {"data": [{
                    "sentences": ["<homeassistant_turn> {homeassistant_colour:colour}"],
                    "expansion_rules": {"homeassistant_dark": "dark"},
                }]}},
            })
        );
        assert_eq!(
            parts.said,
            json!({"responses": {"errors": {"not_understood": "{% if a %}Pardon{% else %}What{% endif %}", "no_such_area": "{{ area }}?"}}})
        );
    }
}
