//! A network that spoils what it carries: a UDP relay that loses, delays and jumbles datagrams, both ways.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::speech::Random;

/// What a network is like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Network {
    /// Share of datagrams that are lost, from 0 to 1.
    pub loss: f64,
    /// How long every datagram takes.
    pub delay: Duration,
    /// By how much it may take longer or shorter, evenly spread.
    pub jitter: Duration,
}

/// A relay to one server. It ends when this is dropped.
pub struct Relay {
    /// Where clients send to.
    pub address: SocketAddr,
    open: Arc<AtomicBool>,
    _forth: AbortOnDropHandle<()>,
}

impl Relay {
    /// A relay to `server`.
    pub async fn to(server: SocketAddr, network: Network, seed: u64) -> Self {
        let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a socket"));
        let address = near.local_addr().expect("an address");
        let open = Arc::new(AtomicBool::new(true));
        let gate = open.clone();
        let forth = tokio::spawn(async move {
            // A browser sends from several addresses until it knows which way is best: each has a socket of its own.
            let mut ways: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
            let mut back = JoinSet::new();
            let there = near.clone();
            let route = |client: SocketAddr| {
                if let Some(far) = ways.get(&client) {
                    return Some((far.clone(), server));
                }
                let far = Arc::new(socket().ok()?);
                ways.insert(client, far.clone());
                let near = near.clone();
                let home = move |_| Some((near.clone(), client));
                back.spawn(carry(far.clone(), gate.clone(), network, seed ^ 0x5eed, home));
                Some((far, server))
            };
            carry(there, gate.clone(), network, seed, route).await;
        });
        Self { address, open, _forth: AbortOnDropHandle::new(forth) }
    }

    /// Lets everything through, or nothing.
    pub fn open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }
}

fn socket() -> std::io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// Carries datagrams from one socket to where `route` says, out of the socket that it names.
async fn carry(
    from: Arc<UdpSocket>,
    open: Arc<AtomicBool>,
    network: Network,
    seed: u64,
    mut route: impl FnMut(SocketAddr) -> Option<(Arc<UdpSocket>, SocketAddr)> + Send,
) {
    let mut random = Random::new(seed);
    let mut under_way = JoinSet::new();
    let mut buffer = vec![0; 2_048];
    loop {
        tokio::select! {
            received = from.recv_from(&mut buffer) => {
                let Ok((length, source)) = received else { continue };
                let (lost, spread) = (random.unit() < network.loss, random.unit() * 2.0 - 1.0);
                let passes = !lost && open.load(Ordering::Relaxed);
                let Some((out, target)) = passes.then(|| route(source)).flatten() else { continue };
                let datagram = buffer[..length].to_vec();
                let time = (network.delay.as_secs_f64() + network.jitter.as_secs_f64() * spread).max(0.0);
                let at = Instant::now() + Duration::from_secs_f64(time);
                under_way.spawn(async move {
                    sleep_until(at).await;
                    let _ = out.send_to(&datagram, target).await;
                });
            }
            Some(_) = under_way.join_next() => {}
        }
    }
}
