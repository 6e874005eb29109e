//! Takes connections and ends them in order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vesta_reach::Reach;

use super::connection::{Connection, Entrance, Streams};
use super::crowd::Crowd;

/// How long nobody is let in when the system has no room for another connection.
const BREATH: Duration = Duration::from_millis(250);

/// A listener and what lies behind it.
pub(crate) struct Door {
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) reach: Reach,
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) streams: Streams,
    pub(crate) cancel: CancellationToken,
}

impl Door {
    /// Lets people in until `cancel` is called, then waits until the last one has left.
    pub(crate) async fn keep(&self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let address = peer.ip().to_canonical();
                        let host = address.is_loopback() || self.reach.may_speak_plainly(address);
                        // Nobody is let in where there is no room: the connection ends here.
                        let Some(place) = self.crowd.enter(address, host) else { continue };
                        let connection = Connection {
                            stream,
                            peer: address,
                            place,
                            entrance: self.entrance.clone(),
                            reach: self.reach.clone(),
                            streams: self.streams.clone(),
                            cancel: self.cancel.clone(),
                        };
                        connections.spawn(connection.serve());
                    }
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        tracing::warn!(%error, "no connection can be taken");
                        tokio::time::sleep(BREATH).await;
                    }
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
