//! Takes out of a clause what is made for the eye: Markdown's inline marks, HTML and SSML tags, entities, emoji, control characters.

use regex::{Captures, Regex, Replacer};

use super::emoji;

/// The patterns, compiled once.
#[derive(Debug)]
pub(crate) struct Markup {
    comment: Regex,
    autolink: Regex,
    pause_tag: Regex,
    tag: Regex,
    entity: Regex,
    link: Regex,
    footnote: Regex,
    code: Regex,
    open_mark: Regex,
    close_mark: Regex,
    strike: Regex,
    escape: Regex,
    emoticon: Regex,
    shortcode: Regex,
    power: Regex,
}

impl Markup {
    pub(crate) fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            comment: Regex::new(r"(?s)<!--.*?-->|<!\[CDATA\[|\]\]>|<\?[^>]*\?>")?,
            autolink: Regex::new(r"<((?:https?://|mailto:)[^\s<>]+)>")?,
            pause_tag: Regex::new(r"(?i)\s*<(?:br|break|p|/p|hr|li|/li)\b[^<>]*>")?,
            tag: Regex::new(r"</?[A-Za-z][A-Za-z0-9:_-]*(?:\s+[^<>]*)?/?>")?,
            entity: Regex::new(r"&(#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});")?,
            // `[text](address "title")`, with `!` an image; also `[text][reference]`.
            link: Regex::new(
                r#"!?\[([^\[\]]*)\](?:\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+(?:"[^"]*"|'[^']*'))?\)|\[[^\[\]]*\])"#,
            )?,
            footnote: Regex::new(r"\[\^[^\]]*\]|\[\d{1,3}\]|【[^】]*】|^\s*\[[ xX]\]\s")?,
            code: Regex::new(r"`+([^`]*)`+")?,
            open_mark: Regex::new(r#"(^|[\s(\["'„“«¡¿—–/])(?:\*{1,3}|_{1,3})([^\s*_])"#)?,
            close_mark: Regex::new(r#"([^\s*_])(?:\*{1,3}|_{1,3})([\s.,;:!?)\]"'”“»—–/]|$)"#)?,
            strike: Regex::new(r"~~|\*\*|==")?,
            escape: Regex::new(r"\\([!-/:-@\[-`{-~])")?,
            emoticon: Regex::new(r"(^|\s)(?:[:;=8][-']?[)(DPp|*/\\\]\[3]+|<3|\^_\^|xD|XD)(\s|[.,!?]|$)")?,
            shortcode: Regex::new(r"(^|\s):[a-z][a-z0-9_+-]{1,31}:")?,
            power: Regex::new(r"([0-9])\*\*([0-9])")?,
        })
    }

    /// The text without marks, on one line, with single spaces.
    pub(crate) fn strip(&self, text: &str) -> String {
        let text = self.comment.replace_all(text, " ");
        let text = self.autolink.replace_all(&text, "$1");
        let text = self.pause_tag.replace_all(&text, ", ");
        let text = self.tag.replace_all(&text, "");
        let text = self
            .entity
            .replace_all(&text, |found: &Captures<'_>| entity(found.get(1).map_or("", |name| name.as_str())));
        let text = repeat(&self.link, &text, "$1");
        let text = self.footnote.replace_all(&text, "");
        let text = self.code.replace_all(&text, "$1");
        let text = self.power.replace_all(&text, "$1 * $2");
        let text = self.escape.replace_all(&text, "$1");
        let text = self.emoticon.replace_all(&text, "$1$2");
        let text = self.shortcode.replace_all(&text, "$1");
        let text = self.strike.replace_all(&text, "");
        // Twice: one mark's neighbour may be another's ("*a* *b*").
        let text = repeat(&self.open_mark, &text, "$1$2");
        let text = repeat(&self.close_mark, &text, "$1$2");
        tidy(&emoji::strip(&text))
    }
}

fn repeat<R: Replacer + Copy>(pattern: &Regex, text: &str, with: R) -> String {
    let once = pattern.replace_all(text, with);
    pattern.replace_all(&once, with).into_owned()
}

/// What an HTML entity stands for; an unknown one is dropped.
fn entity(name: &str) -> String {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        };
        return code.and_then(char::from_u32).map(String::from).unwrap_or_default();
    }
    let known = match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" | "lsquo" | "rsquo" => "'",
        "ldquo" | "rdquo" => "\"",
        "nbsp" | "ensp" | "emsp" | "thinsp" => " ",
        "ndash" | "mdash" => " – ",
        "hellip" => "…",
        "deg" => "°",
        "micro" => "µ",
        "euro" => "€",
        "pound" => "£",
        "times" => "×",
        "plusmn" => "±",
        "frac12" => "½",
        "frac14" => "¼",
        "frac34" => "¾",
        "sup2" => "²",
        "sup3" => "³",
        _ => " ",
    };
    known.to_owned()
}

/// One line, single spaces, plain quotes and no character that only shapes the layout.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{feff}'
            | '\u{fffd}' => continue,
            '’' | '‘' | '‛' | '′' => '\'',
            '“' | '”' | '„' | '‟' | '«' | '»' | '″' => '"',
            '‐' | '‑' | '−' | '﹣' | '－' => '-',
            'μ' => 'µ',
            '％' => '%',
            c if c.is_whitespace() || c.is_control() => ' ',
            c => c,
        };
        if c == ' ' && (out.ends_with(' ') || out.is_empty()) {
            continue;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_for_the_eye_are_gone() {
        let markup = Markup::new().expect("patterns");
        for (text, expected) in [
            ("plain text", "plain text"),
            ("**bold** and *italic* and ***both***", "bold and italic and both"),
            ("__bold__ and _italic_", "bold and italic"),
            ("snake_case_name stays", "snake_case_name stays"),
            ("2 * 3 and 2*3", "2 * 3 and 2*3"),
            ("**Half of a pair,", "Half of a pair,"),
            ("and its end**.", "and its end."),
            ("*a* *b* *c*", "a b c"),
            ("~~gone~~ ==marked==", "gone marked"),
            ("`vesta serve` runs", "vesta serve runs"),
            ("``a`b``", "ab"),
            ("[the docs](https://example.com/a_(b)?q=1 \"Title\") say", "the docs say"),
            ("![a lamp](lamp.png) here", "a lamp here"),
            ("[text][ref] and note[^1] and cite [2]", "text and note and cite"),
            ("see <https://example.com> now", "see https://example.com now"),
            ("<b>bold</b> <speak>hi<break time=\"1s\"/>there</speak>", "bold hi, there"),
            ("<say-as interpret-as=\"date\">today</say-as>", "today"),
            ("one<br>two<br/>three", "one, two, three"),
            ("a < b and c > d", "a < b and c > d"),
            ("x <5 and y> 6", "x <5 and y> 6"),
            ("Tom &amp; Jerry &lt;3 &nbsp; &#39;x&#39; &#x41; &bogus;", "Tom & Jerry 'x' A"),
            ("escaped \\*star\\* and \\_", "escaped star and _"),
            ("nice 😀👍🏽 day 👨‍👩‍👧‍👦 🇩🇪 1️⃣ ☀️", "nice day 1"),
            ("smile :-) or ;) and :smile: ok", "smile or and ok"),
            ("ratio 3:1 and 8:30", "ratio 3:1 and 8:30"),
            ("zero\u{200b}width soft\u{ad}hyphen", "zerowidth softhyphen"),
            ("tab\tand\u{a0}space\u{7}", "tab and space"),
            ("it’s “quoted”", "it's \"quoted\""),
            ("−5 and 5 ％", "-5 and 5 %"),
            ("", ""),
            ("😀", ""),
            ("2**3", "2 * 3"),
            ("<!-- hidden --> shown", "shown"),
            ("°C ™ ©", "°C"),
        ] {
            assert_eq!(markup.strip(text), expected, "{text:?}");
        }
    }
}
