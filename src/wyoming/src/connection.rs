//! A connected peer.

use std::fmt;
use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, FramedWrite};

use crate::{Codec, CodecError, Event, Limits, Message, MessageError, Uri};

type Reading = Box<dyn AsyncRead + Send + Unpin>;
type Writing = Box<dyn AsyncWrite + Send + Unpin>;

/// Why a connection did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be made.
    #[error("cannot connect to {uri}: {source}; is the service running there?")]
    Connect {
        /// Where to.
        uri: Uri,
        /// What the system said.
        source: io::Error,
    },
    /// No connection was made in time.
    #[error("{uri} did not accept a connection within {waited:?}; is the service running there?")]
    ConnectTimeout {
        /// Where to.
        uri: Uri,
        /// How long was waited.
        waited: Duration,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(io::Error),
    /// The peer does not speak the protocol. The connection is of no use any more.
    #[error(transparent)]
    Codec(CodecError),
    /// The peer sent one event that makes no sense. The next one can be received.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The peer does not read what is sent to it.
    #[error("the peer did not take an event within {0:?}")]
    WriteTimeout(Duration),
    /// The peer has sent no whole event for too long.
    #[error("the peer sent nothing for {0:?}")]
    Idle(Duration),
}

impl From<CodecError> for Error {
    fn from(error: CodecError) -> Error {
        match error {
            CodecError::Io(error) => Error::Io(error),
            other => Error::Codec(other),
        }
    }
}

impl Error {
    /// Whether the connection is of no use any more.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Error::Message(_))
    }

    /// What to tell the peer about it; nothing where the peer is not there to be told.
    pub fn reply(&self) -> Option<Message> {
        let code = match self {
            Error::Codec(_) => "protocol_error",
            Error::Message(_) => "bad_event",
            Error::Idle(_) => "idle",
            Error::Connect { .. } | Error::ConnectTimeout { .. } | Error::Io(_) | Error::WriteTimeout(_) => {
                return None;
            }
        };
        Some(Message::error(code, self.to_string()))
    }
}

/// How patient a connection is, and how much it accepts.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionOptions {
    /// Largest pieces of one event.
    pub limits: Limits,
    /// How long one event may take to be sent.
    pub write_timeout: Duration,
    /// How long to wait for a whole event; for ever where absent.
    pub idle_timeout: Option<Duration>,
}

impl Default for ConnectionOptions {
    fn default() -> ConnectionOptions {
        ConnectionOptions { limits: Limits::default(), write_timeout: Duration::from_secs(10), idle_timeout: None }
    }
}

/// Connects to a service, waiting at most `within`.
///
/// # Errors
/// [`Error::Connect`] where nobody listens, [`Error::ConnectTimeout`] where nobody answers.
pub async fn connect(uri: &Uri, within: Duration) -> Result<Connection, Error> {
    connect_with(uri, within, ConnectionOptions::default()).await
}

/// [`connect`] with other options than the usual ones.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(uri: &Uri, within: Duration, options: ConnectionOptions) -> Result<Connection, Error> {
    let connecting = async {
        match uri {
            Uri::Tcp { host, port } => {
                TcpStream::connect((host.as_str(), *port)).await.map(|s| Connection::tcp(s, options))
            }
            Uri::Unix(path) => UnixStream::connect(path).await.map(|s| Connection::unix(s, options)),
        }
    };
    match timeout(within, connecting).await {
        Ok(Ok(connection)) => Ok(Connection { peer: uri.to_string(), ..connection }),
        Ok(Err(source)) => Err(Error::Connect { uri: uri.clone(), source }),
        Err(_) => Err(Error::ConnectTimeout { uri: uri.clone(), waited: within }),
    }
}

/// A connected peer. Dropping it closes the connection.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    receiver: Receiver,
    peer: String,
}

impl Connection {
    /// A connection over any two-way stream, such as one end of [`tokio::io::duplex`].
    pub fn from_stream(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Connection {
        let (read, write) = tokio::io::split(stream);
        Connection::from_halves(read, write, ConnectionOptions::default())
    }

    /// A connection over a stream for each direction.
    pub fn from_halves(
        read: impl AsyncRead + Send + Unpin + 'static,
        write: impl AsyncWrite + Send + Unpin + 'static,
        options: ConnectionOptions,
    ) -> Connection {
        let codec = Codec::new(options.limits);
        Connection {
            sender: Sender { write: FramedWrite::new(Box::new(write), codec.clone()), timeout: options.write_timeout },
            receiver: Receiver { read: FramedRead::new(Box::new(read), codec), timeout: options.idle_timeout },
            peer: "stream".to_owned(),
        }
    }

    pub(crate) fn tcp(stream: TcpStream, options: ConnectionOptions) -> Connection {
        let peer = stream.peer_addr().map_or_else(|_| "tcp".to_owned(), |address| address.to_string());
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, peer, "small packets may be delayed");
        }
        let (read, write) = stream.into_split();
        Connection { peer, ..Connection::from_halves(read, write, options) }
    }

    pub(crate) fn unix(stream: UnixStream, options: ConnectionOptions) -> Connection {
        let (read, write) = stream.into_split();
        Connection { peer: "unix".to_owned(), ..Connection::from_halves(read, write, options) }
    }

    /// Who is on the other side, for logs.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.sender.send(message).await
    }

    /// As [`Receiver::recv`].
    ///
    /// # Errors
    /// As [`Receiver::recv`].
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.receiver.recv().await
    }

    /// The two directions, for two owners. The connection closes once both are dropped; dropping the sender alone tells the peer that
    /// nothing more will be sent.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

/// The sending direction of a connection.
pub struct Sender {
    write: FramedWrite<Writing, Codec>,
    timeout: Duration,
}

impl Sender {
    /// Sends a message and waits until the system has taken it. Where this is cancelled, the message is sent wholly or not at all, in
    /// front of the next one.
    ///
    /// # Errors
    /// [`Error::WriteTimeout`] where the peer does not read, [`Error::Io`] where it is gone, [`Error::Codec`] where the message is
    /// larger than the limits.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.send_event(message.into()).await
    }

    /// [`Sender::send`] for an untyped event.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send_event(&mut self, event: Event) -> Result<(), Error> {
        match timeout(self.timeout, self.write.send(event)).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(Error::WriteTimeout(self.timeout)),
        }
    }

    /// Tells the peer that nothing more will be sent. It may still answer.
    ///
    /// # Errors
    /// [`Error::Io`] where the peer is gone already, [`Error::WriteTimeout`] where it does not read.
    pub async fn close(&mut self) -> Result<(), Error> {
        match timeout(self.timeout, SinkExt::<Event>::close(&mut self.write)).await {
            Ok(closed) => Ok(closed?),
            Err(_) => Err(Error::WriteTimeout(self.timeout)),
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The receiving direction of a connection.
pub struct Receiver {
    read: FramedRead<Reading, Codec>,
    timeout: Option<Duration>,
}

impl Receiver {
    /// The next message; `None` once the peer has closed its side between two events. Safe to cancel: nothing is lost.
    ///
    /// # Errors
    /// [`Error::Message`] for one event that makes no sense, after which the next can be received; any other error is the end of the
    /// connection.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        match self.recv_event().await? {
            Some(event) => Ok(Some(Message::try_from(event)?)),
            None => Ok(None),
        }
    }

    /// [`Receiver::recv`] for an untyped event.
    ///
    /// # Errors
    /// As [`Receiver::recv`], [`Error::Message`] excepted.
    pub async fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        let next = match self.timeout {
            Some(idle) => timeout(idle, self.read.next()).await.map_err(|_| Error::Idle(idle))?,
            None => self.read.next().await,
        };
        Ok(next.transpose()?)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
