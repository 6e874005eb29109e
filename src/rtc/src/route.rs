//! Whose packet a datagram is.
//!
//! All calls share one port. A connectivity check names the call it is for; everything else comes from an address that a check came
//! from, or that the call itself sent a check to.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::BytesMut;
use tokio::sync::mpsc;

use crate::stun::{self, Packet};

/// Addresses that one call may be reached from: more than a client with many networks has candidates.
const MAX_PEERS: usize = 32;
/// Username fragments of a call that still count: those of the present and of the last ICE generation.
const MAX_UFRAGS: usize = 2;

/// How a datagram came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    /// UDP.
    Udp,
    /// TCP, framed (RFC 4571).
    Tcp,
}

/// A datagram and how it came.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) transport: Transport,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) at: Instant,
    pub(crate) bytes: BytesMut,
}

/// A call, to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallKey(pub(crate) u64);

type Peer = (Transport, SocketAddr);

/// Which call is reached by what.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    calls: HashMap<CallKey, Route>,
    by_ufrag: HashMap<String, CallKey>,
    by_peer: HashMap<Peer, CallKey>,
    /// Questions to STUN servers, by transaction.
    questions: HashMap<[u8; 12], mpsc::Sender<Datagram>>,
}

#[derive(Debug)]
struct Route {
    datagrams: mpsc::Sender<Datagram>,
    ufrags: VecDeque<String>,
    peers: VecDeque<Peer>,
}

impl Routes {
    /// A new call takes its datagrams from the other end of `datagrams`.
    pub(crate) fn add(&mut self, call: CallKey, datagrams: mpsc::Sender<Datagram>) {
        self.calls.insert(call, Route { datagrams, ufrags: VecDeque::new(), peers: VecDeque::new() });
    }

    /// The call's ICE agent has this username fragment from now on; checks for its last one still arrive.
    pub(crate) fn name(&mut self, call: CallKey, ufrag: &str) {
        let Some(route) = self.calls.get_mut(&call) else { return };
        if route.ufrags.iter().any(|known| known == ufrag) {
            return;
        }
        route.ufrags.push_back(ufrag.to_owned());
        self.by_ufrag.insert(ufrag.to_owned(), call);
        while route.ufrags.len() > MAX_UFRAGS {
            if let Some(old) = route.ufrags.pop_front() {
                self.by_ufrag.remove(&old);
            }
        }
    }

    /// The call is over.
    pub(crate) fn remove(&mut self, call: CallKey) {
        let Some(route) = self.calls.remove(&call) else { return };
        for ufrag in route.ufrags {
            self.by_ufrag.remove(&ufrag);
        }
        for peer in route.peers {
            if self.by_peer.get(&peer) == Some(&call) {
                self.by_peer.remove(&peer);
            }
        }
    }

    /// The call sends a check to `peer`: what comes back is for it, unless the address is another call's already.
    pub(crate) fn expect(&mut self, call: CallKey, peer: Peer) {
        if !self.by_peer.contains_key(&peer) {
            self.learn(call, peer);
        }
    }

    fn learn(&mut self, call: CallKey, peer: Peer) {
        if self.by_peer.get(&peer) == Some(&call) {
            return;
        }
        let Some(route) = self.calls.get_mut(&call) else { return };
        self.by_peer.insert(peer, call);
        route.peers.push_back(peer);
        while route.peers.len() > MAX_PEERS {
            if let Some(old) = route.peers.pop_front()
                && self.by_peer.get(&old) == Some(&call)
            {
                self.by_peer.remove(&old);
            }
        }
    }

    /// Answers to this transaction go to `answers`.
    pub(crate) fn ask(&mut self, transaction: [u8; 12], answers: mpsc::Sender<Datagram>) {
        self.questions.insert(transaction, answers);
    }

    /// No answer is waited for any more.
    pub(crate) fn forget(&mut self, transaction: &[u8; 12]) {
        self.questions.remove(transaction);
    }

    /// Where a datagram goes; `None` where it is nobody's.
    pub(crate) fn find(
        &mut self,
        transport: Transport,
        peer: SocketAddr,
        bytes: &[u8],
    ) -> Option<&mpsc::Sender<Datagram>> {
        let call = match stun::classify(bytes) {
            Packet::Check { ufrag } => {
                let call = *self.by_ufrag.get(ufrag)?;
                self.learn(call, (transport, peer));
                call
            }
            Packet::Stun { transaction } if self.questions.contains_key(transaction) => {
                return self.questions.get(transaction);
            }
            Packet::Stun { .. } | Packet::Other => *self.by_peer.get(&(transport, peer))?,
            Packet::Garbage => return None,
        };
        self.calls.get(&call).map(|route| &route.datagrams)
    }

    /// Addresses that are known: for the memory that they take.
    #[cfg(test)]
    fn peers(&self) -> usize {
        self.by_peer.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ufrag: &str) -> Vec<u8> {
        let username = format!("{ufrag}:them");
        let mut request = stun::binding_request([1; 12]);
        request.extend(6u16.to_be_bytes());
        request.extend((username.len() as u16).to_be_bytes());
        request.extend(username.as_bytes());
        request.extend(vec![0; username.len().next_multiple_of(4) - username.len()]);
        request
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn media_follows_the_check_that_named_the_call() {
        let (first, mut to_first) = mpsc::channel(4);
        let (second, _to_second) = mpsc::channel(4);
        let mut routes = Routes::default();
        routes.add(CallKey(1), first);
        routes.add(CallKey(2), second);
        routes.name(CallKey(1), "one");
        routes.name(CallKey(2), "two");
        let media = [0x80u8, 111, 0, 1];
        assert!(routes.find(Transport::Udp, address(1), &media).is_none());
        assert!(routes.find(Transport::Udp, address(1), &check("nobody")).is_none());
        assert!(routes.find(Transport::Udp, address(1), &check("one")).is_some());
        let to = routes.find(Transport::Udp, address(1), &media).unwrap();
        to.try_send(Datagram {
            transport: Transport::Udp,
            local: address(2),
            peer: address(1),
            at: Instant::now(),
            bytes: BytesMut::from(&media[..]),
        })
        .unwrap();
        assert!(to_first.try_recv().is_ok());
        assert!(
            routes.find(Transport::Tcp, address(1), &media).is_none(),
            "the same address over TCP is somebody else"
        );
    }

    #[test]
    fn an_ended_call_leaves_nothing_and_no_call_takes_all_addresses() {
        let (to, _rest) = mpsc::channel(4);
        let mut routes = Routes::default();
        routes.add(CallKey(1), to);
        routes.name(CallKey(1), "one");
        for port in 0..1000 {
            routes.find(Transport::Udp, address(port), &check("one"));
        }
        assert_eq!(routes.peers(), MAX_PEERS);
        for generation in 0..10 {
            routes.name(CallKey(1), &format!("again{generation}"));
        }
        assert!(routes.find(Transport::Udp, address(1), &check("again8")).is_some());
        assert!(routes.find(Transport::Udp, address(1), &check("again7")).is_none());
        routes.remove(CallKey(1));
        assert_eq!((routes.peers(), routes.by_ufrag.len()), (0, 0));
    }
}
