//! A network that spoils what it carries: a UDP relay that loses, delays and jumbles datagrams, both ways.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::speech::Random;

/// What a network is like.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// Share of datagrams that are lost, from 0 to 1.
    pub loss: f64,
    /// How long every datagram takes.
    pub delay: Duration,
    /// By how much it may take longer or shorter, evenly spread.
    pub jitter: Duration,
}

/// A relay to one server for one client. It ends when this is dropped.
pub struct Relay {
    /// Where the client sends to.
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Relay {
    /// A relay to `server`.
    pub async fn to(server: SocketAddr, network: Network, seed: u64) -> Self {
        let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a socket"));
        let far = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a socket"));
        let address = near.local_addr().expect("an address");
        let client: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let mut tasks = JoinSet::new();
        let known = client.clone();
        let there = carry(near.clone(), far.clone(), network, seed, move |from| {
            *known.lock().unwrap() = Some(from);
            Some(server)
        });
        tasks.spawn(there);
        tasks.spawn(carry(far, near, network, seed ^ 0x5eed, move |_| *client.lock().unwrap()));
        Self { address, _tasks: tasks }
    }
}

/// Carries datagrams from one socket to where `to` says, out of the other.
async fn carry(
    from: Arc<UdpSocket>,
    out: Arc<UdpSocket>,
    network: Network,
    seed: u64,
    to: impl Fn(SocketAddr) -> Option<SocketAddr> + Send + 'static,
) {
    let mut random = Random::new(seed);
    let mut under_way = JoinSet::new();
    let mut buffer = vec![0; 2_048];
    loop {
        tokio::select! {
            received = from.recv_from(&mut buffer) => {
                let Ok((length, source)) = received else { continue };
                let (lost, spread) = (random.unit() < network.loss, random.unit() * 2.0 - 1.0);
                let Some(target) = to(source).filter(|_| !lost) else { continue };
                let datagram = buffer[..length].to_vec();
                let time = (network.delay.as_secs_f64() + network.jitter.as_secs_f64() * spread).max(0.0);
                let at = Instant::now() + Duration::from_secs_f64(time);
                let out = out.clone();
                under_way.spawn(async move {
                    sleep_until(at).await;
                    let _ = out.send_to(&datagram, target).await;
                });
            }
            Some(_) = under_way.join_next() => {}
        }
    }
}
