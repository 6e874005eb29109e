//! How to trust the house, in the reader's language, and whether it took.
//!
//! The texts are data: a language is a file in `trust/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use include_dir::{Dir, include_dir};
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde_json::Value;
use vesta_reach::{Link, Reach};

use super::client::ClientAddress;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/doors/trust");
/// The language of readers whose languages are not there.
const USUAL: &str = "en";
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; worker-src 'self'; connect-src 'self' https:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

static TEXTS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let files = FILES.files().filter(|file| file.path().extension().is_some_and(|extension| extension == "json"));
    let text = |file: &include_dir::File<'_>| {
        let language = file.path().file_stem()?.to_str()?.to_owned();
        Some((language, serde_json::from_slice(file.contents()).ok()?))
    };
    files.filter_map(text).collect()
});

/// The page and its files, the same on every listener.
pub(crate) fn routes() -> Router<Reach> {
    Router::new()
        .route("/trust", get(page))
        .route("/trust/took", get(took))
        .route("/trust/page.css", get(|| file("page.css", "text/css; charset=utf-8")))
        .route("/trust/page.js", get(|| file("page.js", "text/javascript; charset=utf-8")))
        .route("/trust/worker.js", get(|| file("worker.js", "text/javascript; charset=utf-8")))
        .route("/trust/vesta.crt", get(certificate))
        .route("/trust/vesta.mobileconfig", get(profile))
}

/// The steps to trust the house.
pub(crate) async fn page(State(reach): State<Reach>, client: ClientAddress, headers: HeaderMap) -> Response {
    shown(&reach, &headers, client, false)
}

/// Whoever sees this without a warning trusts the house.
async fn took(State(reach): State<Reach>, client: ClientAddress, headers: HeaderMap) -> Response {
    shown(&reach, &headers, client, client.secure)
}

fn shown(reach: &Reach, headers: &HeaderMap, client: ClientAddress, took: bool) -> Response {
    let (language, texts) = texts(headers);
    let links = reach.links();
    let own: Vec<&Link> = links.secure.iter().filter(|link| link.needs_trust).collect();
    let all: Vec<&Link> = if own.is_empty() { links.secure.iter().collect() } else { own };
    let authority = reach.authority().filter(|_| all.iter().any(|link| link.needs_trust));
    let page = render(context! {
        language,
        t => minijinja::Value::from(Serde(texts)),
        took,
        secure => client.has_secure_context(headers),
        authority => authority.is_some(),
        name => authority.map(|authority| authority.name()),
        fingerprint => authority.map(|authority| authority.fingerprint()),
        links => all.iter().map(|link| link.url.clone()).collect::<Vec<_>>(),
        device => device(text(headers, header::USER_AGENT)),
    });
    match page {
        Ok(page) => {
            let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
            let varies = [(header::VARY, "accept-language, user-agent"), (header::CACHE_CONTROL, "no-store")];
            (kind, varies, page).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the page about trust cannot be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn render(context: minijinja::Value) -> Result<String, minijinja::Error> {
    let template = FILES.get_file("page.html").and_then(|file| file.contents_utf8()).unwrap_or_default();
    let mut environment = Environment::new();
    environment.add_template("page.html", template)?;
    environment.get_template("page.html")?.render(context)
}

async fn file(name: &'static str, kind: &'static str) -> Response {
    match FILES.get_file(name) {
        Some(file) => {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")], file.contents()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn certificate(State(reach): State<Reach>) -> Response {
    let Some(authority) = reach.authority() else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, "application/x-x509-ca-cert"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"vesta.crt\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, authority.der().to_vec()).into_response()
}

async fn profile(State(reach): State<Reach>, headers: HeaderMap) -> Response {
    let Some(authority) = reach.authority() else { return StatusCode::NOT_FOUND.into_response() };
    let (_, texts) = texts(&headers);
    let about = texts.get("profile_about").and_then(Value::as_str).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/x-apple-aspen-config"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"vesta.mobileconfig\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, vesta_reach::profile(authority, authority.name(), about)).into_response()
}

/// The texts in the language that the reader likes best of those that are there.
fn texts(headers: &HeaderMap) -> (&'static str, &'static Value) {
    let wanted = languages(text(headers, header::ACCEPT_LANGUAGE));
    let found = wanted.iter().find_map(|language| TEXTS.get_key_value(language));
    let found = found.or_else(|| TEXTS.get_key_value(USUAL));
    found.map_or((USUAL, &Value::Null), |(language, texts)| (language.as_str(), texts))
}

/// The languages of an `Accept-Language` header (RFC 9110, section 12.5.4), the best first, without regions.
fn languages(header: &str) -> Vec<String> {
    let mut wanted: Vec<(f32, String)> = header
        .split(',')
        .take(32)
        .filter_map(|entry| {
            let mut parts = entry.split(';');
            let language = parts.next()?.trim().split('-').next()?.to_ascii_lowercase();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            (weight > 0.0).then_some((weight, language))
        })
        .collect();
    wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
    wanted.into_iter().map(|(_, language)| language).collect()
}

/// Which of the platforms a browser runs on, to open its steps; the reader sees the others too.
fn device(agent: &str) -> &'static str {
    let has = |part: &str| agent.contains(part);
    match () {
        () if has("Android") => "android",
        () if has("iPhone") || has("iPad") => "ios",
        () if has("Windows") => "windows",
        // An iPad calls itself a Mac, and says in addition that it is mobile.
        () if has("Macintosh") && has("Mobile") => "ios",
        () if has("Macintosh") => "mac",
        () if has("Linux") => "linux",
        () => "",
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text() {
        assert!(TEXTS.len() >= 4, "{:?}", TEXTS.keys());
        let shape = |texts: &Value| {
            let keys: Vec<_> = texts.as_object().unwrap().keys().cloned().collect();
            let platforms = texts["platforms"].as_array().unwrap();
            let steps: Vec<_> = platforms
                .iter()
                .map(|platform| {
                    (platform["id"].clone(), platform["profile"].clone(), platform["steps"].as_array().unwrap().len())
                })
                .collect();
            (keys, steps)
        };
        let english = shape(&TEXTS["en"]);
        for (language, texts) in &*TEXTS {
            assert_eq!(shape(texts), english, "{language}");
        }
    }

    #[test]
    fn the_reader_s_language_is_chosen() {
        for (header, language) in [
            ("de-AT,de;q=0.9,en;q=0.5", "de"),
            ("it, fr;q=0.4, es;q=0.8", "es"),
            ("ja", "en"),
            ("", "en"),
            ("de;q=0, fr;q=nonsense", "fr"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, header.parse().unwrap());
            assert_eq!(texts(&headers).0, language, "{header}");
        }
    }

    #[test]
    fn the_page_is_whole_in_every_language() {
        for texts in TEXTS.values() {
            let page = render(context! {
                language => "xx", t => minijinja::Value::from(Serde(texts)), took => false, secure => false, authority => true, name => "Vesta at <attic>",
                fingerprint => "AB:CD", links => ["https://vesta.local:8443"], device => "ios",
            })
            .unwrap();
            let page = page.replace("&#x2f;", "/");
            assert!(page.contains("Vesta at &lt;attic&gt;") && !page.contains("{name}"), "{page}");
            assert!(page.contains("data-probe=\"https://vesta.local:8443\"") && page.contains("id=\"insecure\""));
            assert_eq!(page.matches("<details open>").count(), 1);
        }
    }

    #[test]
    fn devices_are_known() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
                "ios",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
                "ios",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
                "mac",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
                "android",
            ),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0", "windows"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "linux"),
            ("curl/8", ""),
        ] {
            assert_eq!(device(agent), expected, "{agent}");
        }
    }
}
