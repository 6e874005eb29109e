//! The address under which others see this machine, asked of STUN servers (RFC 8489). Asking again and again also keeps the way through the
//! router open.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::net::{Net, Place};
use crate::route::Transport;
use crate::stun;

/// Routers forget a way that was not used for a while; many for 30 s, whatever RFC 4787 asks for.
const INTERVAL: Duration = Duration::from_secs(20);
/// How long a server may take to answer, and how often it is asked: datagrams get lost.
const PATIENCE: Duration = Duration::from_millis(500);
const TRIES: usize = 3;
const DEFAULT_PORT: u16 = 3_478;

/// What STUN servers said last: the address that others see, and the socket's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reflexive {
    seen: Arc<Mutex<Vec<(SocketAddr, SocketAddr)>>>,
}

impl Reflexive {
    /// Asks the servers (`stun:host:port`) until `cancel`; does nothing where there are none.
    pub(crate) fn watch(servers: &[String], net: &Net, tasks: &TaskTracker, cancel: CancellationToken) -> Self {
        let reflexive = Self::default();
        if servers.is_empty() {
            return reflexive;
        }
        let (asking, servers, net) = (reflexive.clone(), servers.to_vec(), net.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = asking.ask_again(&servers, &net) => {}
                () = cancel.cancelled() => {}
            }
        });
        reflexive
    }

    /// Public addresses that belong to one of these places.
    pub(crate) fn seen(&self, places: &[Place]) -> Vec<(SocketAddr, Place)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let place_of = |own: &SocketAddr| {
            places.iter().find(|place| place.transport == Transport::Udp && place.address == *own).copied()
        };
        seen.iter()
            .filter(|(public, own)| public != own)
            .filter_map(|(public, own)| Some((*public, place_of(own)?)))
            .collect()
    }

    async fn ask_again(&self, servers: &[String], net: &Net) {
        let mut rounds = interval(INTERVAL);
        loop {
            rounds.tick().await;
            let mut seen = Vec::new();
            for server in servers {
                for (public, own) in ask(server, net).await {
                    if !seen.contains(&(public, own)) {
                        seen.push((public, own));
                    }
                }
            }
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        }
    }
}

/// What one server sees of each of our sockets.
async fn ask(server: &str, net: &Net) -> Vec<(SocketAddr, SocketAddr)> {
    let name = server.strip_prefix("stun:").unwrap_or(server);
    let name = if name.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        name.to_owned()
    } else {
        format!("{name}:{DEFAULT_PORT}")
    };
    let addresses: Vec<SocketAddr> = match lookup_host(&name).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            tracing::debug!(%error, server, "the STUN server is not found");
            return Vec::new();
        }
    };
    let mut seen = Vec::new();
    for own in net.udp_addresses() {
        let fits = |address: &&SocketAddr| {
            address.is_ipv4() == own.is_ipv4() && address.ip().is_loopback() == own.ip().is_loopback()
        };
        if let Some(address) = addresses.iter().find(fits)
            && let Some(public) = ask_from(own, *address, net).await
        {
            seen.push((public, own));
        }
    }
    seen
}

async fn ask_from(own: SocketAddr, server: SocketAddr, net: &Net) -> Option<SocketAddr> {
    let transaction: [u8; 12] = std::array::from_fn(|_| fastrand::u8(..));
    let (answers, mut answered) = mpsc::channel(1);
    net.routes().ask(transaction, answers);
    let mut public = None;
    for _ in 0..TRIES {
        net.send_raw(own, server, &stun::binding_request(transaction));
        if let Ok(Some(answer)) = timeout(PATIENCE, answered.recv()).await {
            public = stun::mapped_address(&answer.bytes, &transaction);
            break;
        }
    }
    net.routes().forget(&transaction);
    public
}
