//! The listeners: plain HTTP for this machine, HTTPS for everybody, and the doorstep where a new phone learns to trust
//! the house.
//!
//! - `accept`: takes connections and ends them in order.
//! - `crowd`: how many there may be, and who makes room.
//! - `connection`: TLS, HTTP/1.1 and HTTP/2 on one connection.
//! - `patience`: bodies that trickle and readers that do not read.
//! - [`client`]: who is at the other end.
//! - `doorstep`: the pages that are served without TLS, and what else is said there.
//! - `trust`: how to trust the house, in the reader's language.

mod accept;
pub(crate) mod client;
mod connection;
mod crowd;
mod doorstep;
mod patience;
pub(crate) mod trust;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use vesta_reach::{Reach, Way};

use accept::Door;
use connection::{Entrance, Streams};
use crowd::Crowd;

/// How often a listener that cannot be opened is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The listeners of a server.
pub struct Doors {
    plain: TcpListener,
    others: Vec<(Way, SocketAddr, Option<TcpListener>)>,
}

impl Doors {
    /// The listeners that `reach` wants, beside `plain`, which is for this machine. One that cannot be opened now is
    /// reported to `reach` and tried again while the server runs.
    pub fn open(plain: TcpListener, reach: &Reach) -> Self {
        let others = reach.doors().into_iter().map(|(way, address)| (way, address, opened(way, address, reach)));
        Self { plain, others: others.collect() }
    }

    /// Serves `house` until `cancel` is called. Then nobody new is let in, and open connections end with the answer that
    /// they are at.
    pub(crate) async fn serve(self, house: Router, reach: Reach, cancel: CancellationToken) -> io::Result<()> {
        let tls = reach.tls().map(TlsAcceptor::from).map_err(io::Error::other)?;
        let streams = Streams::default();
        let _end = streams.end_on_drop();
        let crowd = Crowd::new(reach.settings().reach.max_connections);
        let door = |entrance: Entrance| Door {
            entrance: Arc::new(entrance),
            reach: reach.clone(),
            crowd: crowd.clone(),
            streams: streams.clone(),
            cancel: cancel.clone(),
        };
        let plain = door(Entrance::Plain { house: house.clone(), strangers: doorstep::for_strangers(reach.clone()) });
        let others = self.others.into_iter().map(|(way, address, listener)| {
            let entrance = match way {
                Way::Https => Entrance::Secure {
                    tls: tls.clone(),
                    house: house.clone(),
                    plain: doorstep::to_https(reach.clone()),
                },
                Way::AcmeHttp => Entrance::Open { pages: doorstep::for_acme(reach.clone()) },
                _ => Entrance::Open { pages: doorstep::pages(reach.clone()) },
            };
            let door = door(entrance);
            async move {
                match listener {
                    Some(listener) => door.keep(listener).await,
                    None => {
                        if let Some(listener) = keep_trying(way, address, &door.reach, &door.cancel).await {
                            door.keep(listener).await;
                        }
                    }
                }
            }
        });
        let others = futures_util::future::join_all(others.collect::<Vec<_>>());
        tokio::join!(plain.keep(self.plain), others);
        Ok(())
    }
}

fn opened(way: Way, address: SocketAddr, reach: &Reach) -> Option<TcpListener> {
    let bound = vesta_reach::bind(address).and_then(TcpListener::from_std);
    match bound.and_then(|listener| Ok((listener.local_addr()?, listener))) {
        Ok((address, listener)) => {
            reach.opened(way, address);
            Some(listener)
        }
        Err(error) => {
            reach.refused(way, address, &error);
            None
        }
    }
}

async fn keep_trying(way: Way, address: SocketAddr, reach: &Reach, cancel: &CancellationToken) -> Option<TcpListener> {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = cancel.cancelled() => return None,
        }
        if let Some(listener) = opened(way, address, reach) {
            tracing::info!(?way, %address, "listens now");
            return Some(listener);
        }
    }
}
