//! The sockets that all calls share: one UDP port and one TCP port, on every address of the machine.
//!
//! One socket an address, so that an answer leaves from the address that was asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc::shared::ifaces::ifaces;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::RtcError;
use crate::route::{CallKey, Datagram, Routes, Transport};
use crate::tcp::TcpPorts;

/// Larger than any datagram of a call: DTLS and SRTP keep below the path's MTU.
const MAX_DATAGRAM: usize = 2_048;
/// Room for datagrams at once; what is left of it is given back when its datagrams are gone.
const ARENA: usize = 64 * 1_024;
/// Datagrams that are taken before others get their turn.
const BURST: usize = 64;
/// What the kernel keeps while nobody takes it: half a second of a hundred calls.
const SOCKET_BUFFER: usize = 4 << 20;
/// How often any free port is tried on all addresses.
const TRIES: usize = 16;
/// Addresses of the machine that are used.
const MAX_ADDRESSES: usize = 16;

/// An address at which calls can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
}

/// The sockets.
#[derive(Clone)]
pub(crate) struct Net {
    shared: Arc<Shared>,
}

struct Shared {
    port: u16,
    udp: Mutex<Vec<(SocketAddr, Arc<UdpSocket>)>>,
    tcp: Option<TcpPorts>,
    routes: Arc<Mutex<Routes>>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Net {
    /// Opens the first free of the UDP ports, and of the TCP ports where there are any, on every address of the machine.
    pub(crate) async fn open(
        udp: RangeInclusive<u16>,
        tcp: Option<RangeInclusive<u16>>,
        tasks: TaskTracker,
        cancel: CancellationToken,
    ) -> Result<Self, RtcError> {
        let addresses = local_addresses();
        let bind = |address| std::net::UdpSocket::bind(address);
        let sockets = bind_all(&addresses, udp.clone(), bind, std::net::UdpSocket::local_addr)
            .map_err(|why| RtcError::NoPort { what: "calls over UDP", key: "udp_ports", ports: written(&udp), why })?;
        let routes = Arc::new(Mutex::new(Routes::default()));
        let tcp = match tcp {
            Some(ports) => Some(TcpPorts::open(&addresses, ports, routes.clone(), tasks.clone(), cancel.clone())?),
            None => None,
        };
        let port = sockets.first().and_then(|socket| socket.local_addr().ok()).map_or(0, |address| address.port());
        let net = Self { shared: Arc::new(Shared { port, udp: Mutex::default(), tcp, routes, tasks, cancel }) };
        for socket in sockets {
            if let Err(error) = net.listen(socket) {
                tracing::warn!(%error, "calls are not reached at one address");
            }
        }
        Ok(net)
    }

    /// Where calls can be reached now. Addresses that the machine has got since are listened on from here.
    pub(crate) fn places(&self) -> Vec<Place> {
        let addresses = local_addresses();
        let known: Vec<IpAddr> = self.udp().iter().map(|(local, _)| local.ip()).collect();
        for ip in addresses.iter().filter(|ip| !known.contains(ip)) {
            let opened = std::net::UdpSocket::bind((*ip, self.shared.port)).and_then(|socket| self.listen(socket));
            if let Err(error) = opened {
                tracing::debug!(%error, %ip, "calls are not reached at this address");
            }
        }
        let current = |local: &SocketAddr| addresses.contains(&local.ip());
        let udp: Vec<SocketAddr> = self.udp().iter().map(|(local, _)| *local).filter(current).collect();
        let tcp = self.shared.tcp.iter().flat_map(|tcp| tcp.places(&addresses));
        let place = |transport| move |address| Place { transport, address };
        udp.into_iter().map(place(Transport::Udp)).chain(tcp.map(place(Transport::Tcp))).collect()
    }

    /// The addresses of the UDP sockets.
    pub(crate) fn udp_addresses(&self) -> Vec<SocketAddr> {
        self.udp().iter().map(|(local, _)| *local).collect()
    }

    /// Sends a datagram that is no call's.
    pub(crate) fn send_raw(&self, local: SocketAddr, peer: SocketAddr, bytes: &[u8]) {
        let socket = self.udp().iter().find(|(address, _)| *address == local).map(|(_, socket)| socket.clone());
        if let Some(Err(error)) = socket.map(|socket| socket.try_send_to(bytes, peer)) {
            tracing::trace!(%error, %peer, "a datagram was not sent");
        }
    }

    /// Who gets which datagram.
    pub(crate) fn routes(&self) -> std::sync::MutexGuard<'_, Routes> {
        self.shared.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a datagram of a call. One that the network cannot take at once is lost, as it could be anywhere on its way.
    pub(crate) fn send(
        &self,
        call: CallKey,
        transport: Transport,
        local: SocketAddr,
        peer: SocketAddr,
        bytes: BytesMut,
    ) {
        match transport {
            Transport::Udp => {
                if matches!(bytes.first(), Some(0..=3)) {
                    self.routes().expect(call, (transport, peer));
                }
                self.send_raw(local, peer, &bytes);
            }
            Transport::Tcp => {
                if let Some(tcp) = &self.shared.tcp {
                    tcp.send(local, peer, Bytes::from(bytes));
                }
            }
        }
    }

    fn udp(&self) -> std::sync::MutexGuard<'_, Vec<(SocketAddr, Arc<UdpSocket>)>> {
        self.shared.udp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, socket: std::net::UdpSocket) -> std::io::Result<()> {
        // The kernel gives what it may, which is never less than it would have given anyway.
        let _ = SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER);
        let _ = SockRef::from(&socket).set_send_buffer_size(SOCKET_BUFFER);
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        self.udp().push((local, socket.clone()));
        let (routes, cancel) = (self.shared.routes.clone(), self.shared.cancel.clone());
        self.shared.tasks.spawn(async move {
            tokio::select! {
                () = receive(&socket, local, &routes) => {}
                () = cancel.cancelled() => {}
            }
        });
        Ok(())
    }
}

/// From a socket to the calls, for ever.
async fn receive(socket: &UdpSocket, local: SocketAddr, routes: &Mutex<Routes>) {
    let mut arena = BytesMut::with_capacity(ARENA);
    loop {
        if socket.readable().await.is_err() {
            return;
        }
        for _ in 0..BURST {
            arena.reserve(MAX_DATAGRAM);
            let (_, peer) = match socket.try_recv_buf_from(&mut arena) {
                Ok(received) => received,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                // An ICMP message about an earlier datagram, told here by some systems.
                Err(_) => continue,
            };
            let bytes = arena.split();
            let at = Instant::now();
            let mut routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(call) = routes.find(Transport::Udp, peer, &bytes) {
                // A call that does not keep up loses datagrams, and no other does.
                let _ = call.try_send(Datagram { transport: Transport::Udp, local, peer, at, bytes });
            }
        }
        tokio::task::consume_budget().await;
    }
}

/// Every address of the machine that somebody else can reach, and loopback.
pub(crate) fn local_addresses() -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let interfaces = ifaces().unwrap_or_else(|error| {
        tracing::warn!(%error, "the network interfaces cannot be listed: calls are only reached on this machine");
        Vec::new()
    });
    for ip in interfaces.iter().filter_map(|interface| interface.addr).map(|address| address.ip()) {
        let usable = match ip {
            IpAddr::V4(ip) => !ip.is_link_local() && !ip.is_unspecified(),
            // Link-local addresses mean nothing without the interface that they are for.
            IpAddr::V6(ip) => !ip.is_unicast_link_local() && !ip.is_unspecified(),
        };
        if usable && !addresses.contains(&ip) && addresses.len() < MAX_ADDRESSES {
            addresses.push(ip);
        }
    }
    addresses
}

/// Binds the same port on every address: the first of `ports` that is free on all of them. Addresses that cannot be bound at all are left out.
pub(crate) fn bind_all<S>(
    addresses: &[IpAddr],
    ports: RangeInclusive<u16>,
    bind: impl Fn(SocketAddr) -> std::io::Result<S>,
    local: impl Fn(&S) -> std::io::Result<SocketAddr>,
) -> std::io::Result<Vec<S>> {
    let tries: Vec<u16> = if *ports.start() == 0 { vec![0; TRIES] } else { ports.collect() };
    let mut last = std::io::Error::other("there is none");
    for port in tries {
        match bind_port(addresses, port, &bind, &local) {
            Ok(sockets) => return Ok(sockets),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_port<S>(
    addresses: &[IpAddr],
    mut port: u16,
    bind: &impl Fn(SocketAddr) -> std::io::Result<S>,
    local: &impl Fn(&S) -> std::io::Result<SocketAddr>,
) -> std::io::Result<Vec<S>> {
    let mut sockets = Vec::new();
    let mut refused = None;
    for ip in addresses {
        match bind(SocketAddr::new(*ip, port)) {
            Ok(socket) => {
                port = local(&socket)?.port();
                sockets.push(socket);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => return Err(error),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

/// `8420-8429`, or `8420`.
pub(crate) fn written(ports: &RangeInclusive<u16>) -> String {
    if ports.start() == ports.end() { ports.start().to_string() } else { format!("{}-{}", ports.start(), ports.end()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over_on_all_addresses() {
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let bind = |address| std::net::UdpSocket::bind(address);
        let local = std::net::UdpSocket::local_addr;
        let refused = bind_all(&loopback, port..=port, bind, local).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::AddrInUse);
        let sockets = bind_all(&loopback, port..=port.saturating_add(50), bind, local).unwrap();
        assert_ne!(sockets[0].local_addr().unwrap().port(), port);
        assert!(bind_all(&loopback, 0..=0, bind, local).is_ok());
    }
}
