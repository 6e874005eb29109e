//! The accept loop. A peer that sends garbage, reads slowly, never speaks or makes its handler panic loses its own connection; the
//! others are served on.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{Connection, ConnectionOptions, Error, Limits, Message, Uri};

/// How many peers that find the server full are told so at the same time; further ones are closed without a word.
const REFUSALS: usize = 32;
/// How long such a peer may take to read that.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait before accepting again when the system is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a server treats its peers.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// Peers served at once; further ones get an `error` event (`too_many_connections`) and are closed.
    pub max_connections: usize,
    /// How long a peer may take to read one event.
    pub write_timeout: Duration,
    /// How long a peer may take to send one whole event while the handler waits for it; for ever where absent.
    pub idle_timeout: Option<Duration>,
    /// Largest pieces of one event.
    pub limits: Limits,
    /// How long handlers may go on after the shutdown was asked for; then they are cancelled.
    pub drain: Duration,
}

impl Default for ServeOptions {
    fn default() -> ServeOptions {
        ServeOptions {
            max_connections: 512,
            write_timeout: Duration::from_secs(10),
            idle_timeout: Some(Duration::from_secs(300)),
            limits: Limits::default(),
            drain: Duration::from_secs(2),
        }
    }
}

/// A bound socket that peers can connect to.
#[derive(Debug)]
pub enum Listener {
    /// A TCP socket.
    Tcp(TcpListener),
    /// A Unix socket; its file is removed when the listener is dropped.
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, removed on drop.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, path = %self.0.display(), "the socket's file was not removed");
        }
    }
}

impl Listener {
    /// Binds the address. A Unix socket's file that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// What the system says: the address is taken, not this machine's, or not permitted.
    pub async fn bind(uri: &Uri) -> io::Result<Listener> {
        match uri {
            Uri::Tcp { host, port } => TcpListener::bind((host.as_str(), *port)).await.map(Listener::Tcp),
            Uri::Unix(path) => {
                let stale = match tokio::net::UnixStream::connect(path).await {
                    Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
                    Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
                };
                if stale {
                    std::fs::remove_file(path)?;
                }
                Ok(Listener::Unix(UnixListener::bind(path)?, SocketFile(path.clone())))
            }
        }
    }

    /// Where peers can connect: the port is the one that the system chose.
    ///
    /// # Errors
    /// Where the system cannot say.
    pub fn uri(&self) -> io::Result<Uri> {
        match self {
            Listener::Tcp(listener) => {
                let address = listener.local_addr()?;
                Ok(Uri::Tcp { host: address.ip().to_string(), port: address.port() })
            }
            Listener::Unix(_, file) => Ok(Uri::Unix(file.0.clone())),
        }
    }

    async fn accept(&self, options: ConnectionOptions) -> io::Result<Connection> {
        match self {
            Listener::Tcp(listener) => Ok(Connection::tcp(listener.accept().await?.0, options)),
            Listener::Unix(listener, _) => Ok(Connection::unix(listener.accept().await?.0, options)),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener::Tcp(listener)
    }
}

/// Serves every peer with its own run of `handler` until `shutdown` is cancelled; returns once no handler is left.
///
/// A handler owns its connection and ends by returning; an error that it returns is logged. It should tell its peer first
/// ([`Error::reply`]).
pub async fn serve<H, F>(listener: impl Into<Listener>, options: ServeOptions, handler: H, shutdown: CancellationToken)
where
    H: Fn(Connection) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let listener = listener.into();
    let handler = Arc::new(handler);
    let connection_options = ConnectionOptions {
        limits: options.limits,
        write_timeout: options.write_timeout,
        idle_timeout: options.idle_timeout,
    };
    let slots = Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS)));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let mut peers = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = peers.join_next() => {
                log_end(ended);
                continue;
            }
            accepted = listener.accept(connection_options) => accepted,
        };
        let connection = match accepted {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let peer = connection.peer().to_owned();
        if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
            let handler = Arc::clone(&handler);
            peers.spawn(async move {
                let result = handler(connection).await;
                drop(slot);
                (peer, result)
            });
        } else if let Ok(turn) = Arc::clone(&refusals).try_acquire_owned() {
            let limit = options.max_connections;
            tracing::warn!(peer, limit, "too many connections");
            peers.spawn(async move {
                // Who has gone meanwhile needs no answer.
                let _ = timeout(REFUSAL_PATIENCE, refuse(connection, limit)).await;
                drop(turn);
                (peer, Ok(()))
            });
        }
    }
    drop(listener);
    let all_ended = async {
        while let Some(ended) = peers.join_next().await {
            log_end(ended);
        }
    };
    if timeout(options.drain, all_ended).await.is_err() {
        peers.shutdown().await;
    }
}

/// Says that the server is full, then reads until the peer closes: closing first, with unread bytes, would throw the answer away.
async fn refuse(connection: Connection, limit: usize) -> Result<(), Error> {
    let (mut sender, mut receiver) = connection.split();
    let text = format!("this service already serves {limit} connections; close some or try again later");
    sender.send(Message::error("too_many_connections", text)).await?;
    sender.close().await?;
    while receiver.recv_event().await?.is_some() {}
    Ok(())
}

fn log_end(ended: Result<(String, Result<(), Error>), tokio::task::JoinError>) {
    match ended {
        Ok((peer, Ok(()))) => tracing::trace!(peer, "connection ended"),
        Ok((peer, Err(error))) => tracing::warn!(peer, %error, "connection ended with an error"),
        Err(error) if error.is_panic() => tracing::error!(%error, "a connection's handler panicked"),
        Err(_) => {}
    }
}
