//! TLS, HTTP/1.1 and HTTP/2 on one connection.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use vesta_reach::Reach;

use super::client::ClientAddress;
use super::crowd::Place;
use super::patience::{Steady, Taken, first_request};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a request's head may take, and how long a connection may rest between requests.
const HEAD: Duration = Duration::from_secs(30);
/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
/// A machine that vanished is noticed after this time without a sign of life.
const SILENCE: Duration = Duration::from_secs(30);
/// First byte of a TLS connection: the content type of a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// What lies behind a listener.
pub(crate) enum Entrance {
    /// Plain HTTP: the house for this machine and trusted proxies, a refusal for everybody else.
    Plain { house: Router, strangers: Router },
    /// HTTPS; whoever speaks plain HTTP here is told so.
    Secure { tls: TlsAcceptor, house: Router, plain: Router },
    /// Plain HTTP for everybody: pages without secrets.
    Open { pages: Router },
}

/// A connection that was let in.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) peer: IpAddr,
    pub(crate) place: Place,
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) reach: Reach,
    pub(crate) streams: Streams,
    pub(crate) cancel: CancellationToken,
}

/// The tasks of HTTP/2's streams. They end with the server.
#[derive(Clone, Default)]
pub(crate) struct Streams {
    tasks: TaskTracker,
    end: CancellationToken,
}

impl Streams {
    pub(crate) fn end_on_drop(&self) -> DropGuard {
        self.end.clone().drop_guard()
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.tasks.spawn(self.end.clone().run_until_cancelled_owned(future));
    }
}

impl Connection {
    /// Serves the connection to its end.
    pub(crate) async fn serve(self) {
        if let Err(error) = prepare(&self.stream) {
            tracing::debug!(%error, peer = %self.peer, "a connection cannot be set up");
        }
        let lost = self.place.lost.clone();
        tokio::select! {
            () = self.enter() => {}
            () = lost.cancelled() => {}
        }
    }

    async fn enter(self) {
        match &*self.entrance.clone() {
            Entrance::Plain { house, strangers } => {
                let pages = if self.reach.may_speak_plainly(self.peer) { house } else { strangers };
                self.converse(pages.clone()).await;
            }
            Entrance::Open { pages } => self.converse(pages.clone()).await,
            Entrance::Secure { tls, house, plain } => match self.speaks_tls().await {
                Some(true) => self.shake_hands(tls.clone(), house.clone()).await,
                Some(false) => self.converse(plain.clone()).await,
                None => {}
            },
        }
    }

    /// Whether the client begins with a TLS handshake; `None` where it says nothing.
    async fn speaks_tls(&self) -> Option<bool> {
        let mut first = [0];
        let peeked = tokio::select! {
            peeked = timeout(HANDSHAKE, self.stream.peek(&mut first)) => peeked,
            () = self.cancel.cancelled() => return None,
        };
        match peeked {
            Ok(Ok(1)) if first == [TLS_HANDSHAKE] => Some(true),
            // A method's name is capital letters.
            Ok(Ok(1)) if first.iter().all(u8::is_ascii_uppercase) => Some(false),
            _ => None,
        }
    }

    async fn shake_hands(self, tls: TlsAcceptor, house: Router) {
        let Self { stream, peer, place, reach, streams, cancel, .. } = self;
        let shaken = tokio::select! {
            shaken = timeout(HANDSHAKE, tls.accept(stream)) => shaken,
            () = cancel.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let seen = Seen { peer, tls: true, reach, place };
                converse(stream, h2, house, seen, streams, cancel).await;
            }
            // Untrusting phones and port scanners alike: nothing to wake anybody for.
            Ok(Err(error)) => tracing::debug!(%error, %peer, "no TLS"),
            Err(_) => tracing::debug!(%peer, "no TLS handshake in time"),
        }
    }

    async fn converse(self, pages: Router) {
        let Self { stream, peer, place, reach, streams, cancel, .. } = self;
        converse(stream, false, pages, Seen { peer, tls: false, reach, place }, streams, cancel).await;
    }
}

/// The other end of a connection.
struct Seen {
    peer: IpAddr,
    tls: bool,
    reach: Reach,
    place: Place,
}

async fn converse<S>(stream: S, h2: bool, pages: Router, seen: Seen, streams: Streams, cancel: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = seen.peer;
    let deadline = first_request(HEAD);
    let (asked, first) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let (has_asked, told) = (asked.clone(), first.clone());
    let seen = Arc::new(seen);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        if !has_asked.swap(true, Ordering::Relaxed) {
            seen.place.spoke();
            told.notify_one();
        }
        answer(request, pages.clone(), &seen)
    });
    let builder = builder(h2, streams);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(Taken::new(stream)), service));
    let mut leaving = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, %peer, "a connection ended");
                }
                return;
            }
            () = cancel.cancelled(), if !leaving => {
                // Whoever has asked for nothing gets nothing more.
                if !asked.load(Ordering::Relaxed) {
                    return;
                }
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(deadline), if !asked.load(Ordering::Relaxed) => return,
            () = first.notified() => {}
        }
    }
}

/// Answers a request, with its client in its extensions.
fn answer(
    request: hyper::Request<Incoming>,
    pages: Router,
    seen: &Seen,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    let client = ClientAddress::of(&seen.reach, seen.peer, seen.tls, request.headers());
    let mut request: Request = request.map(|body| Body::new(Steady::new(body)));
    request.extensions_mut().insert(client);
    // HTTP/2 names the host in the URI (RFC 9113, section 8.3.1); handlers look in one place.
    let host = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(host) = host.filter(|_| !request.headers().contains_key(header::HOST)) {
        request.headers_mut().insert(header::HOST, host);
    }
    pages.oneshot(request)
}

fn builder(h2: bool, streams: Streams) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(streams);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(128)
        .max_header_list_size(32 * 1024);
    // TLS has agreed on the version: nothing has to be guessed, which would have no time limit.
    if h2 { builder.http2_only() } else { builder.http1_only() }
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let signs = TcpKeepalive::new().with_time(SILENCE).with_interval(Duration::from_secs(10));
    socket.set_tcp_keepalive(&signs)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SILENCE * 2))?;
    Ok(())
}
