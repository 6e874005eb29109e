//! The app's files: embedded in the program, compressed once, cached by browsers for good.
//!
//! All files lie under `/app/<version>/`, where the version is a hash over all of them: a new program has new addresses, so files
//! never need to be asked for again, and a page never gets parts of two versions. Only the page itself, the service worker and
//! the manifest have fixed addresses; those carry an `ETag`.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use crate::App;
use crate::problem::Problem;

static WEB: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../web");

/// Views of the app: each is the same page.
const VIEWS: [&str; 8] = ["/", "/type", "/home", "/lists", "/history", "/settings", "/people", "/welcome"];
/// Files that are not for browsers.
const NOT_SERVED: [&str; 4] = ["index.html", "sw.js", "manifest.webmanifest", "jsconfig.json"];
/// Where the version is written into a file.
const VERSION_MARK: &str = "__VERSION__";
/// Where the list of modules is written into the page.
const PRELOAD_MARK: &str = "<!-- modules -->";
/// Where the list of files is written into the service worker.
const FILES_MARK: &str = "__FILES__";

/// A file as it is sent.
struct Asset {
    kind: &'static str,
    etag: String,
    body: Bytes,
    brotli: OnceLock<Option<Bytes>>,
    gzip: OnceLock<Option<Bytes>>,
}

impl Asset {
    fn new(path: &str, body: Bytes) -> Self {
        let etag = format!("\"{}\"", short_hash(&[&body]));
        Self { kind: kind(path), etag, body, brotli: OnceLock::new(), gzip: OnceLock::new() }
    }

    /// The smallest form that the browser takes, with its name.
    fn encoded(&self, accepts: &str) -> (Option<&'static str>, Bytes) {
        let takes = |name: &str| accepts.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == name);
        let shorter = |bytes: Vec<u8>| (bytes.len() < self.body.len()).then(|| Bytes::from(bytes));
        if takes("br")
            && let Some(body) = self.brotli.get_or_init(|| brotli(&self.body).and_then(shorter))
        {
            return (Some("br"), body.clone());
        }
        if takes("gzip")
            && let Some(body) = self.gzip.get_or_init(|| gzip(&self.body).and_then(shorter))
        {
            return (Some("gzip"), body.clone());
        }
        (None, self.body.clone())
    }

    fn respond(&self, request: &HeaderMap, cache: &'static str) -> Response {
        let text = |name| request.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        let known = text(header::IF_NONE_MATCH).split(',').any(|tag| tag.trim().trim_start_matches("W/") == self.etag);
        let fixed = [
            (header::ETAG, self.etag.clone()),
            (header::CACHE_CONTROL, cache.to_owned()),
            (header::VARY, "accept-encoding".to_owned()),
        ];
        if known {
            return (StatusCode::NOT_MODIFIED, fixed).into_response();
        }
        let (encoding, body) = self.encoded(text(header::ACCEPT_ENCODING));
        let mut response = (fixed, [(header::CONTENT_TYPE, self.kind)], body).into_response();
        if let Some(encoding) = encoding {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}

fn brotli(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len() / 3);
    let mut writer = brotli::CompressorWriter::new(&mut out, 4_096, 9, 22);
    writer.write_all(body).ok()?;
    drop(writer);
    Some(out)
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
    writer.write_all(body).ok()?;
    writer.finish().ok()
}

/// Sixteen hexadecimal digits of SHA-256.
fn short_hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

/// Every file of the app.
struct Assets {
    version: String,
    files: BTreeMap<String, Asset>,
    page: Asset,
    worker: Asset,
    manifest: Asset,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::new);

impl Assets {
    fn new() -> Self {
        let mut raw = BTreeMap::new();
        collect(&WEB, &mut raw);
        let parts: Vec<&[u8]> = raw.iter().flat_map(|(path, body)| [path.as_bytes(), *body]).collect();
        let version = short_hash(&parts);
        let text = |path: &str| String::from_utf8_lossy(raw.get(path).copied().unwrap_or_default()).into_owned();
        let served: Vec<&String> =
            raw.keys().filter(|path| !NOT_SERVED.contains(&path.as_str()) && !path.ends_with(".d.ts")).collect();
        let address = |path: &str| format!("/app/{version}/{path}");
        let modules = served.iter().filter(|path| path.ends_with(".js") && !path.ends_with("worklet.js"));
        let preload: String =
            modules.map(|path| format!("<link rel=\"modulepreload\" href=\"{}\">", address(path))).collect();
        // The large icons are for the system that installs the app, which fetches them itself.
        let list: Vec<String> =
            served.iter().filter(|path| !path.ends_with(".png")).map(|path| address(path)).collect();
        let page = text("index.html").replace(PRELOAD_MARK, &preload).replace(VERSION_MARK, &version);
        let list = serde_json::to_string(&list).unwrap_or_default();
        let worker = text("sw.js").replace(FILES_MARK, &list).replace(VERSION_MARK, &version);
        let manifest = text("manifest.webmanifest").replace(VERSION_MARK, &version);
        let files = served
            .into_iter()
            .filter_map(|path| Some((path.clone(), Asset::new(path, Bytes::from_static(raw.get(path)?)))))
            .collect();
        Self {
            page: Asset::new("index.html", page.into()),
            worker: Asset::new("sw.js", worker.into()),
            manifest: Asset::new("manifest.webmanifest", manifest.into()),
            version,
            files,
        }
    }
}

fn collect(folder: &'static Dir<'static>, into: &mut BTreeMap<String, &'static [u8]>) {
    for file in folder.files() {
        let path = file.path().to_string_lossy().replace('\\', "/");
        into.insert(path, file.contents());
    }
    folder.dirs().for_each(|dir| collect(dir, into));
}

/// For files whose address changes with their contents.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
/// For files with a fixed address: kept, but asked for each time.
const ASK: &str = "no-cache";

/// The app's page and files. They tell nothing about the household, so they need no caller.
pub(crate) fn routes() -> Router<App> {
    let mut router = Router::new()
        .route("/app/{version}/{*path}", get(file))
        .route("/sw.js", get(worker))
        .route("/manifest.webmanifest", get(manifest));
    for view in VIEWS {
        router = router.route(view, get(page));
    }
    router
}

async fn page(headers: HeaderMap) -> Response {
    ASSETS.page.respond(&headers, ASK)
}

async fn worker(headers: HeaderMap) -> Response {
    ASSETS.worker.respond(&headers, ASK)
}

async fn manifest(headers: HeaderMap) -> Response {
    ASSETS.manifest.respond(&headers, ASK)
}

async fn file(Path((version, path)): Path<(String, String)>, headers: HeaderMap) -> Response {
    match ASSETS.files.get(&path) {
        Some(asset) if version == ASSETS.version => asset.respond(&headers, FOR_GOOD),
        _ => {
            let detail = "this file is of another version of the app, or of none; load the page again";
            Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_file_under_its_version() {
        let page = String::from_utf8(ASSETS.page.body.to_vec()).unwrap();
        assert!(!page.contains(VERSION_MARK) && !page.contains(PRELOAD_MARK));
        for path in ["main.js", "style.css"] {
            assert!(page.contains(&format!("/app/{}/{path}", ASSETS.version)), "{path}");
            assert!(ASSETS.files.contains_key(path), "{path}");
        }
        let worker = String::from_utf8(ASSETS.worker.body.to_vec()).unwrap();
        assert!(!worker.contains(FILES_MARK) && worker.contains("i18n/fr.json"));
    }

    /// The whole app is what a phone loads once: the goal is 150 kB.
    #[test]
    fn the_app_is_small() {
        let loaded = ASSETS.files.iter().filter(|(path, _)| !path.ends_with(".png")).map(|(_, asset)| asset);
        let sent: usize = loaded.chain([&ASSETS.page]).map(|asset| asset.encoded("br").1.len()).sum();
        assert!(sent <= 150_000, "{sent} bytes");
    }

    #[test]
    fn what_is_compressed_is_the_same() {
        let asset = ASSETS.files.get("style.css").unwrap();
        let (name, body) = asset.encoded("gzip, deflate, br");
        assert_eq!(name, Some("br"));
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut &body[..], &mut plain).unwrap();
        assert_eq!(plain, asset.body);
        assert_eq!(asset.encoded("gzip;q=0.5").0, Some("gzip"));
        assert_eq!(asset.encoded("identity").0, None);
    }

    /// The page's policy allows no inline code or style, and no other site.
    #[test]
    fn the_page_is_strict() {
        let page = String::from_utf8(ASSETS.page.body.to_vec()).unwrap();
        for bad in ["style=", "<style", "onclick", "http://", "https://"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert_eq!(page.matches("<script").count(), page.matches("<script type=\"module\" src=").count());
    }
}
