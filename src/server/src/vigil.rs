//! Whether the client of a WebSocket is still there. A connection whose other end lost its power or its network says nothing about it.

use std::time::Duration;

use axum::Error;
use axum::extract::ws::Message;
use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::{Instant, Interval, interval_at, timeout};

/// How long a client may take to say goodbye.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);

/// How long a client is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vigil {
    /// How often a quiet client is asked whether it is there.
    ping: Duration,
    /// How long it may give no sign of life: long enough to miss two of these questions.
    silence: Duration,
    /// How long it may take nothing of what it is told.
    patience: Duration,
}

/// A client that has gone without a word, or takes nothing of what it is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Vigil {
    /// As clients are waited for.
    pub(crate) const USUAL: Self =
        Self { ping: Duration::from_secs(20), silence: Duration::from_secs(65), patience: Duration::from_secs(15) };

    /// The next message of a client that is there: `None` where it has closed the connection.
    pub(crate) async fn next<S>(self, stream: &mut S) -> Result<Option<Message>, Gone>
    where
        S: Stream<Item = Result<Message, Error>> + Unpin,
    {
        timeout(self.silence, stream.next()).await.map_err(|_| Gone)?.transpose().map_err(|_| Gone)
    }

    /// When to ask whether the client is there.
    pub(crate) fn pings(self) -> Interval {
        interval_at(Instant::now() + self.ping, self.ping)
    }

    /// Tells something to a client that must take it.
    pub(crate) async fn tell<S>(self, sink: &mut S, message: Message) -> Result<(), Gone>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        timeout(self.patience, sink.send(message)).await.map_err(|_| Gone)?.map_err(|_| Gone)
    }

    /// Asks whether the client is there.
    pub(crate) async fn ask<S>(self, sink: &mut S) -> Result<(), Gone>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        self.tell(sink, Message::Ping(Bytes::new())).await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures_util::{sink, stream};

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    fn vigil() -> Vigil {
        Vigil { ping: SHORT / 4, silence: SHORT, patience: SHORT }
    }

    #[tokio::test]
    async fn a_client_that_answers_no_ping_has_gone() {
        let mut silent = stream::iter([Ok(Message::Pong(Bytes::new()))]).chain(stream::pending());
        assert_eq!(vigil().next(&mut silent).await, Ok(Some(Message::Pong(Bytes::new()))), "it was there");
        assert_eq!(vigil().next(&mut silent).await, Err(Gone));
    }

    /// Each answer is a sign of life, however long the client has nothing to say.
    #[tokio::test]
    async fn a_client_that_only_answers_pings_stays() {
        let vigil = Vigil { silence: Duration::from_secs(60), ..vigil() };
        let mut pings = vigil.pings();
        let answers = stream::unfold(&mut pings, async |pings| {
            pings.tick().await;
            Some((Ok(Message::Pong(Bytes::new())), pings))
        });
        let mut answers = Box::pin(answers);
        for _ in 0..20 {
            assert_eq!(vigil.next(&mut answers).await, Ok(Some(Message::Pong(Bytes::new()))));
        }
    }

    #[tokio::test]
    async fn a_closed_connection_and_a_broken_one_are_two_things() {
        assert_eq!(vigil().next(&mut stream::empty()).await, Ok(None));
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(vigil().next(&mut stream::iter([Err(Error::new(broken))])).await, Err(Gone));
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_has_gone() {
        let mut listening = sink::drain().sink_map_err(|never| match never {});
        assert_eq!(vigil().ask(&mut listening).await, Ok(()));
        let mut deaf = Box::pin(sink::unfold((), async |(), _: Message| pending().await));
        assert_eq!(vigil().ask(&mut deaf).await, Err(Gone));
        assert_eq!(vigil().tell(&mut deaf, Message::text("hello")).await, Err(Gone));
    }
}
