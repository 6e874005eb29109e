//! Names as they are compared and turned into ids.

/// A name as it is compared: lower case, underscores and runs of white space as one space.
pub(crate) fn fold(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut out = String::with_capacity(lower.len());
    for word in lower.split(|c: char| c.is_whitespace() || c == '_') {
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The object id of a name: lower-case letters, digits and single underscores; other scripts' letters stay.
///
/// Returns `unnamed` where nothing is left.
pub(crate) fn slug(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        match plain(c) {
            Some(text) => out.push_str(text),
            None if c.is_alphanumeric() => out.push(c),
            None if !out.is_empty() && !out.ends_with('_') => out.push('_'),
            None => {}
        }
    }
    while out.ends_with('_') {
        out.pop();
    }
    if out.is_empty() { "unnamed".to_owned() } else { out }
}

/// The ASCII spelling of the letters of European languages that have one.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ě' | 'ę' | 'ē' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'ı' | 'ī' => "i",
        'ł' | 'ľ' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' => "s",
        'ß' => "ss",
        'ť' | 'ţ' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ů' | 'ű' | 'ū' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'æ' => "ae",
        'œ' => "oe",
        '\u{307}' => "",
        _ => return None,
    })
}

/// A JSON scalar as a device template or a payload setting means it: Python's spelling of booleans and nothing.
pub(crate) fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(true) => Some("True".to_owned()),
        serde_json::Value::Bool(false) => Some("False".to_owned()),
        _ => None,
    }
}

/// A number as a device expects it: whole numbers without a fraction, others with at most `places` decimals.
pub(crate) fn number(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Names joined for a log line or an error: `a, b, c`.
pub(crate) fn listing<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_to_one_spelling() {
        assert_eq!(fold("  Kitchen__Light\t2 "), "kitchen light 2");
        assert_eq!(fold(""), "");
    }

    #[test]
    fn slugs_are_ids() {
        assert_eq!(slug("Küche: Licht #1"), "kuche_licht_1");
        assert_eq!(slug("0x00158d"), "0x00158d");
        assert_eq!(slug("客厅 灯"), "客厅_灯");
        assert_eq!(slug("///"), "unnamed");
        assert_eq!(slug("İstanbul"), "istanbul");
    }

    #[test]
    fn numbers_lose_their_empty_fraction() {
        assert_eq!(number(21.0, 1), "21");
        assert_eq!(number(21.46, 1), "21.5");
        assert_eq!(number(-0.001, 1), "0");
        assert_eq!(number(100.0, 0), "100");
    }
}
