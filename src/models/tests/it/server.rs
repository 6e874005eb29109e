//! A web server with one file, which does as each request's script says.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::IntoResponse;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use vesta_models::{Manifest, Models, PullOptions};

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// What a good server does: ranges, `ETag`, `If-Range`.
    Serve,
    /// As [`Act::Serve`], but the connection breaks after so many bytes of the body.
    CutAfter(usize),
    /// As [`Act::Serve`], but nothing more comes after so many bytes of the body.
    StallAfter(usize),
    /// The whole file, whatever was asked for, without saying how long it is.
    Whole,
    /// Only so many bytes of the file, without saying how long it is, and then a proper end.
    Short(usize),
    /// The file with one bit wrong.
    Corrupt,
    /// Another file altogether, and from now on.
    Replace(Vec<u8>),
    /// A web page with status 200.
    Page,
    /// Another range than was asked for.
    WrongRange,
    /// This status.
    Status(u16),
    /// 503 with `Retry-After: 0`.
    Later,
    /// To this path or address.
    Redirect(String),
}

struct State {
    content: Vec<u8>,
    version: u32,
    script: VecDeque<Act>,
    requests: Vec<(String, HeaderMap)>,
}

pub(crate) struct Server {
    state: Arc<Mutex<State>>,
    address: String,
    _task: tokio_task::AbortOnDrop,
}

mod tokio_task {
    /// A task that ends with its owner.
    pub(crate) struct AbortOnDrop(pub(crate) tokio::task::JoinHandle<()>);

    impl Drop for AbortOnDrop {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
}

impl Server {
    /// A server for this file that does one thing after the other, and then what a good server does.
    pub(crate) async fn start(content: Vec<u8>, script: impl IntoIterator<Item = Act>) -> Server {
        let script = script.into_iter().collect();
        let state = Arc::new(Mutex::new(State { content, version: 1, script, requests: Vec::new() }));
        let shared = Arc::clone(&state);
        let router = Router::new().fallback(move |request: Request| {
            let shared = Arc::clone(&shared);
            async move { answer(&shared, &request) }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Server { state, address, _task: tokio_task::AbortOnDrop(task) }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The paths that were asked for, and from which byte on.
    pub(crate) fn ranges(&self) -> Vec<Option<String>> {
        let state = self.state.lock().unwrap();
        let range = |headers: &HeaderMap| headers.get(header::RANGE).map(|range| range.to_str().unwrap().to_owned());
        state.requests.iter().map(|(_, headers)| range(headers)).collect()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.iter().map(|(path, _)| path.clone()).collect()
    }

    /// What the server does next.
    pub(crate) fn will(&self, script: impl IntoIterator<Item = Act>) {
        self.state.lock().unwrap().script.extend(script);
    }
}

fn answer(state: &Mutex<State>, request: &Request) -> Response<Body> {
    let mut state = state.lock().unwrap();
    state.requests.push((request.uri().path().to_owned(), request.headers().clone()));
    let act = state.script.pop_front().unwrap_or(Act::Serve);
    if let Act::Replace(content) = &act {
        state.content.clone_from(content);
        state.version += 1;
    }
    let content = state.content.clone();
    match act {
        Act::Serve | Act::Replace(_) => serve(&state, request.headers(), Body::from),
        Act::CutAfter(count) => serve(&state, request.headers(), |body| {
            let cut = stream::iter([Ok(body.slice(..count.min(body.len()))), Err(io::Error::other("cut"))]);
            Body::from_stream(cut.then(|piece| async {
                // The good bytes leave before the connection is torn down.
                tokio::task::yield_now().await;
                piece
            }))
        }),
        Act::StallAfter(count) => serve(&state, request.headers(), |body| {
            let first = stream::iter([Ok::<_, io::Error>(body.slice(..count.min(body.len())))]);
            Body::from_stream(first.chain(stream::pending()))
        }),
        Act::Whole => Body::from_stream(stream::iter([Ok::<_, io::Error>(content)])).into_response(),
        Act::Short(count) => {
            Body::from_stream(stream::iter([Ok::<_, io::Error>(content[..count].to_vec())])).into_response()
        }
        Act::Corrupt => {
            let mut content = content;
            let middle = content.len() / 2;
            content[middle] ^= 1;
            content.into_response()
        }
        Act::Page => "<!DOCTYPE html><title>Please log in</title><p>This is a portal of a hotel, not a model.</p>"
            .into_response(),
        Act::WrongRange => {
            let range = [(header::CONTENT_RANGE, format!("bytes 1-{}/{}", content.len() - 1, content.len()))];
            (StatusCode::PARTIAL_CONTENT, range, content[1..].to_vec()).into_response()
        }
        Act::Status(code) => StatusCode::from_u16(code).unwrap().into_response(),
        Act::Later => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "0")]).into_response(),
        Act::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
    }
}

/// What a good server sends, with the body made by `body`.
fn serve(state: &State, headers: &HeaderMap, body: impl Fn(Bytes) -> Body) -> Response<Body> {
    let tag = format!("\"version-{}\"", state.version);
    let content = Bytes::from(state.content.clone());
    let from = headers.get(header::RANGE).map(|range| {
        let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
        range.strip_suffix('-').unwrap().parse::<usize>().unwrap()
    });
    let same = headers.get(header::IF_RANGE).is_none_or(|wanted| wanted.to_str().unwrap() == tag);
    match from.filter(|_| same) {
        Some(from) if from >= content.len() => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{}", content.len()))];
            (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
        }
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
            let length = (content.len() - from).to_string();
            let head = [(header::ETAG, tag), (header::CONTENT_RANGE, range), (header::CONTENT_LENGTH, length)];
            (StatusCode::PARTIAL_CONTENT, head, body(content.slice(from..))).into_response()
        }
        None => {
            let head = [(header::ETAG, tag), (header::CONTENT_LENGTH, content.len().to_string())];
            (head, body(content)).into_response()
        }
    }
}

/// A ggml file of this size, different for each seed.
pub(crate) fn ggml(size: usize, seed: u32) -> Vec<u8> {
    let noise = (0..size as u32).map(|place| (place.wrapping_mul(2_654_435_761).wrapping_add(seed * 97) >> 11) as u8);
    b"lmgg".iter().copied().chain(noise).take(size).collect()
}

pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Models in a folder, with one model `m` of one file at these addresses.
pub(crate) fn models(folder: &Path, urls: &[String], size: usize, sha256: &str) -> Models {
    let mirrors = format!("{:?}", &urls[1..]);
    let text = format!(
        "[[model]]\nname = \"m\"\nkind = \"stt\"\nlicence = \"MIT\"\nnotes = \"A test.\"\n[[model.file]]\nname = \"m.bin\"\n\
         url = {:?}\nmirrors = {mirrors}\nsize = {size}\nsha256 = {sha256:?}\n",
        urls[0]
    );
    Models::open(folder).unwrap().with_manifest(Manifest::parse(&text, "test").unwrap()).with_options(quick())
}

/// No patience with pauses, much with everything else.
pub(crate) fn quick() -> PullOptions {
    PullOptions { retry_pause: Duration::ZERO, stall: Duration::from_secs(60), retries: 3, ..PullOptions::default() }
}
