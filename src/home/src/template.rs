//! Device templates: the Jinja expressions in discovery payloads, with the filters that Home Assistant adds to Jinja.
//!
//! A template runs on untrusted input and may itself be broken: its length, its instructions and its recursion are bounded,
//! and every failure is a message that names the template.

use std::cell::OnceCell;
use std::sync::{Arc, LazyLock};

use minijinja::formatting::FormatStyle;
use minijinja::value::{Kwargs, Rest, Serde};
use minijinja::{Environment, Error, ErrorKind, Value};

/// The longest template that is accepted, in bytes.
const MAX_SOURCE: usize = 8 * 1024;
/// The longest text that a template may make, in bytes.
const MAX_OUTPUT: usize = 64 * 1024;
/// Instructions that one rendering may take. Templates of real devices take some dozen.
const FUEL: u64 = 20_000;
/// Name that the template has inside its environment.
const NAME: &str = "template";

static BASE: LazyLock<Environment<'static>> = LazyLock::new(base);

/// A compiled template. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Template {
    source: Arc<str>,
    env: Arc<Environment<'static>>,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.source).finish()
    }
}

/// A message's text, parsed as JSON when the first template asks for it, and once for all templates.
pub(crate) struct Payload<'a> {
    /// The text as it came.
    pub(crate) text: &'a str,
    json: OnceCell<Value>,
}

impl<'a> Payload<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, json: OnceCell::new() }
    }

    /// The parsed JSON; undefined where the text is not JSON.
    fn json(&self) -> Value {
        self.json
            .get_or_init(|| match serde_json::from_str::<serde_json::Value>(self.text) {
                Ok(json) => Value::from(Serde(json)),
                Err(_) => Value::UNDEFINED,
            })
            .clone()
    }
}

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    /// A message that says what is wrong with it.
    pub(crate) fn compile(source: &str) -> Result<Self, String> {
        if source.len() > MAX_SOURCE {
            return Err(format!("a template of {} bytes is too long (at most {MAX_SOURCE})", source.len()));
        }
        let mut env = BASE.clone();
        env.add_template_owned(NAME, source.to_owned()).map_err(|error| describe(source, &error))?;
        Ok(Self { source: source.into(), env: Arc::new(env) })
    }

    /// Renders an incoming message: the template sees `value` and, where the payload is JSON, `value_json`.
    ///
    /// # Errors
    /// A message that names the template and what failed.
    pub(crate) fn read(&self, payload: &Payload<'_>) -> Result<String, String> {
        self.render(minijinja::context! { value => payload.text, value_json => payload.json() })
    }

    /// Renders an outgoing command with these variables.
    ///
    /// # Errors
    /// A message that names the template and what failed.
    pub(crate) fn write(&self, variables: serde_json::Map<String, serde_json::Value>) -> Result<String, String> {
        self.render(Value::from(Serde(variables)))
    }

    fn render(&self, context: Value) -> Result<String, String> {
        let template = self.env.get_template(NAME).map_err(|error| describe(&self.source, &error))?;
        let text = template.render(context).map_err(|error| describe(&self.source, &error))?;
        if text.len() > MAX_OUTPUT {
            return Err(format!("template {:?} made {} bytes (at most {MAX_OUTPUT})", clip(&self.source), text.len()));
        }
        Ok(text.trim().to_owned())
    }
}

fn describe(source: &str, error: &Error) -> String {
    format!("template {:?}: {error}", clip(source))
}

/// The beginning of a text, for a message.
fn clip(text: &str) -> String {
    if text.chars().count() > 120 { text.chars().take(120).chain(['…']).collect() } else { text.to_owned() }
}

/// The environment with Home Assistant's filters and functions
/// (<https://www.home-assistant.io/docs/configuration/templating/>).
fn base() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(100);
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    env.set_unknown_method_callback(|state, value, method, arguments| {
        if method == "format" {
            modest_width(value)?;
        }
        minijinja_contrib::pycompat::unknown_method_callback(state, value, method, arguments)
    });
    // These take a size as a number: a few letters from a device would fill the memory.
    for filter in ["batch", "slice", "indent", "pprint"] {
        env.remove_filter(filter);
    }
    env.add_filter("format", |format: Value, arguments: Rest<Value>| {
        modest_width(&format)?;
        minijinja::formatting::format(FormatStyle::Printf, format.as_str().unwrap_or_default(), &arguments)
    });

    env.add_filter("float", float);
    env.add_function("float", float);
    env.add_filter("int", int);
    env.add_function("int", int);
    env.add_filter("round", round);
    env.add_filter("is_number", |value: Value| to_f64(&value).is_some());
    env.add_function("is_number", |value: Value| to_f64(&value).is_some());
    env.add_filter("iif", iif);
    env.add_function("iif", iif);
    env.add_filter("multiply", |value: Value, by: f64| number(&value).map(|v| v * by));
    env.add_filter("add", |value: Value, by: f64| number(&value).map(|v| v + by));
    env.add_filter("sqrt", |value: Value| number(&value).map(f64::sqrt));
    env.add_filter("log", |value: Value, base: Option<f64>| {
        number(&value).map(|v| base.map_or_else(|| v.ln(), |base| v.log(base)))
    });
    env.add_filter("bitwise_and", |a: i64, b: i64| a & b);
    env.add_filter("bitwise_or", |a: i64, b: i64| a | b);
    env.add_filter("bitwise_xor", |a: i64, b: i64| a ^ b);
    env.add_filter("ord", |text: String| text.chars().next().map(u32::from));
    env.add_filter("from_json", |text: String| {
        serde_json::from_str::<serde_json::Value>(&text)
            .map(|json| Value::from(Serde(json)))
            .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("not JSON: {error}")))
    });
    env.add_filter("to_json", |value: Value| {
        serde_json::to_string(&value).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
    });
    env.add_filter("slugify", |text: String| crate::text::slug(&text));
    env.add_filter("regex_match", |text: String, pattern: String| {
        regex(&pattern).map(|regex| regex.find(&text).is_some_and(|found| found.start() == 0))
    });
    env.add_filter("regex_search", |text: String, pattern: String| regex(&pattern).map(|regex| regex.is_match(&text)));
    env.add_filter("regex_replace", |text: String, find: String, replace: Option<String>| {
        let replace = python_groups(replace.as_deref().unwrap_or_default());
        regex(&find).map(|regex| regex.replace_all(&text, replace.as_str()).into_owned())
    });
    env.add_filter("regex_findall_index", |text: String, find: String, index: Option<usize>| {
        regex(&find).and_then(|regex| {
            let found = regex.captures_iter(&text).nth(index.unwrap_or(0));
            let part = found.and_then(|found| found.get(1).or_else(|| found.get(0)));
            part.map(|part| part.as_str().to_owned())
                .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{find:?} is not found")))
        })
    });
    env
}

/// Refuses format strings with a width or precision of four digits and more, or one that is an argument.
fn modest_width(format: &Value) -> Result<(), Error> {
    let text = format.as_str().unwrap_or_default();
    match !text.contains('*') && text.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() < 4) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidOperation, "the width of a format is too large")),
    }
}

fn regex(pattern: &str) -> Result<regex::Regex, Error> {
    regex::RegexBuilder::new(pattern)
        .size_limit(1 << 18)
        .build()
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("regular expression {pattern:?}: {error}")))
}

/// Python's `\1` in a replacement as the regex crate's `${1}`; its `$` is an ordinary character in Python.
fn python_groups(replace: &str) -> String {
    let mut out = String::with_capacity(replace.len());
    let mut chars = replace.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' if chars.peek().is_some_and(char::is_ascii_digit) => {
                out.push_str("${");
                out.extend(chars.next());
                out.push('}');
            }
            c => out.push(c),
        }
    }
    out
}

/// The number that a value or a text stands for.
fn to_f64(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value.clone()).ok().or_else(|| bool::try_from(value.clone()).ok().map(f64::from)),
    }
    .filter(|number| number.is_finite())
}

fn number(value: &Value) -> Result<f64, Error> {
    to_f64(value).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{value:?} is not a number")))
}

/// The default that a filter was given by position or by name.
fn fallback(default: Option<Value>, kwargs: &Kwargs) -> Result<Option<Value>, Error> {
    let named = kwargs.get::<Option<Value>>("default")?;
    kwargs.assert_all_used()?;
    Ok(default.or(named))
}

/// `float`: without a default a value that is not a number is an error, so that the message is dropped and not read as 0.
fn float(value: Value, default: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let default = fallback(default, &kwargs)?;
    number(&value).map(Value::from).or_else(|error| default.ok_or(error))
}

/// `int`: rounds towards zero; a base may be given for texts.
fn int(value: Value, default: Option<Value>, base: Option<u32>, kwargs: Kwargs) -> Result<Value, Error> {
    let base = base.or(kwargs.get::<Option<u32>>("base")?).filter(|base| (2..=36).contains(base)).unwrap_or(10);
    let default = fallback(default, &kwargs)?;
    if let Ok(whole) = i64::try_from(value.clone()) {
        return Ok(Value::from(whole));
    }
    if let Some(text) = value.as_str() {
        let digits = text.trim();
        let digits = if base == 16 { digits.trim_start_matches("0x").trim_start_matches("0X") } else { digits };
        if let Ok(whole) = i64::from_str_radix(digits, base) {
            return Ok(Value::from(whole));
        }
    }
    number(&value).map(|number| Value::from(number as i64)).or_else(|error| default.ok_or(error))
}

/// `round(precision, method)` with the methods common, ceil, floor and half; a whole number where the precision is 0.
fn round(value: Value, precision: Option<i32>, method: Option<String>, kwargs: Kwargs) -> Result<Value, Error> {
    let precision = precision.or(kwargs.get::<Option<i32>>("precision")?).unwrap_or(0).clamp(-15, 15);
    let method = method.or(kwargs.get::<Option<String>>("method")?).unwrap_or_else(|| "common".to_owned());
    let default = fallback(None, &kwargs)?;
    let number = match number(&value) {
        Ok(number) => number,
        Err(error) => return default.ok_or(error),
    };
    let scale = 10_f64.powi(precision);
    let rounded = match method.as_str() {
        "ceil" => (number * scale).ceil() / scale,
        "floor" => (number * scale).floor() / scale,
        "half" => (number * 2.0).round() / 2.0,
        _ if precision >= 0 => {
            let places = precision.unsigned_abs() as usize;
            format!("{number:.places$}").parse().unwrap_or(number)
        }
        _ => (number * scale).round() / scale,
    };
    Ok(if precision == 0 && method != "half" { Value::from(rounded as i64) } else { Value::from(rounded) })
}

/// `iif(condition, if_true, if_false, if_none)`.
fn iif(condition: Value, yes: Option<Value>, no: Option<Value>, none: Option<Value>) -> Value {
    if condition.is_none() && none.is_some() {
        none.unwrap_or_default()
    } else if condition.is_true() {
        yes.unwrap_or_else(|| Value::from(true))
    } else {
        no.unwrap_or_else(|| Value::from(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(template: &str, payload: &str) -> Result<String, String> {
        Template::compile(template)?.read(&Payload::new(payload))
    }

    #[test]
    fn reads_what_devices_send() {
        for (template, payload, expected) in [
            ("{{ value_json.state }}", r#"{"state":"ON"}"#, "ON"),
            ("{{ value_json['SI7021'].Temperature }}", r#"{"SI7021":{"Temperature":21.5}}"#, "21.5"),
            ("{{ value_json.contact }}", r#"{"contact":false}"#, "False"),
            ("{{ value_json.x }}", r#"{"x":null}"#, "None"),
            ("{{ value_json.missing }}", "{}", ""),
            ("{{ value | float(0) * 2 }}", "1.5", "3.0"),
            ("{{ value_json.b | float(default=7) }}", "{}", "7"),
            ("{{ (value | int / 255 * 100) | round(0) }}", "128", "50"),
            ("{{ value | round(1) }}", "21.46", "21.5"),
            ("{{ value | round(0, 'floor') }}", "21.9", "21"),
            ("{{ value | multiply(0.5) | int }}", "9", "4"),
            ("{{ iif(value == 'ON', 'yes', 'no') }}", "ON", "yes"),
            ("{{ (value_json.n > 3) | iif('on', 'off') }}", r#"{"n":5}"#, "on"),
            ("{{ value.split(',')[1] }}", "a,b", "b"),
            ("{{ value_json.get('a', {}).get('b') }}", r#"{"a":{"b":1}}"#, "1"),
            ("{{ value | regex_replace('^(.)-(.)$', '\\\\2') }}", "a-b", "b"),
            ("{{ value | regex_findall_index('([0-9]+)') }}", "x 42 y", "42"),
            ("{% if value_json.on %}open{% else %}closed{% endif %}", r#"{"on":true}"#, "open"),
            ("{{ '%.1f' | format(value | float) }}", "21.46", "21.5"),
            ("{{ '{:02x}'.format(value | int) }}", "10", "0a"),
            ("{{ value | int | bitwise_and(4) }}", "4", "4"),
            ("{{ 'ff' | int(base=16) }}", "", "255"),
            ("  {{ value }} \n", " x ", "x"),
        ] {
            assert_eq!(read(template, payload).as_deref(), Ok(expected), "{template} over {payload}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_read_as_one() {
        assert!(read("{{ value_json.t | float }}", "{}").is_err());
        assert!(read("{{ value | int }}", "unavailable").is_err());
        assert!(read("{{ value_json.a.b }}", "{}").is_err());
    }

    #[test]
    fn hostile_templates_end_in_an_error() {
        assert!(read("{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}", "").is_err());
        assert!(Template::compile(&format!("{{{{ {}1{} }}}}", "(".repeat(4_000), ")".repeat(4_000))).is_err());
        assert!(Template::compile(&"x".repeat(9_000)).is_err());
        assert!(Template::compile("{{ value").is_err());
        assert!(read("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "").is_err());
        assert!(read("{{ value | no_such_filter }}", "").is_err());
        for sized in [
            "{{ 'x' * 1000000000 }}",
            "{{ '%1000000000d' | format(1) }}",
            "{{ '%*d' | format(1000000000, 1) }}",
            "{{ '{:>1000000000}'.format('a') }}",
            "{{ 'x' | indent(1000000000, true) }}",
            "{{ range(1000000000) | list }}",
            "{{ 'x' | batch(1000000000, 'x') | list }}",
        ] {
            assert!(read(sized, "").is_err(), "{sized}");
        }
    }
}
