//! ICE over TCP (RFC 6544), for networks that let no UDP through: one listening port for all calls, datagrams framed by their length
//! (RFC 4571). A connection belongs to the call that its first frame, a connectivity check, names.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::RtcError;
use crate::net::{bind_all, written};
use crate::route::{Datagram, Routes, Transport};

/// Frames that may wait for a slow connection: two seconds of audio. What does not fit is lost, as a datagram would be.
const QUEUE: usize = 128;
/// How long a connection may take to say whose it is, and to take a frame.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may be silent: ICE checks every few seconds that it lives.
const SILENCE: Duration = Duration::from_secs(30);
/// Connections at once.
const MAX_CONNECTIONS: usize = 1_024;
/// A frame is no longer than a datagram.
const MAX_FRAME: usize = 2_048;

type Connection = (SocketAddr, SocketAddr);

/// The listening sockets and their connections.
pub(crate) struct TcpPorts {
    listening: Vec<SocketAddr>,
    connections: Arc<Mutex<HashMap<Connection, mpsc::Sender<Bytes>>>>,
}

#[derive(Clone)]
struct Door {
    connections: Arc<Mutex<HashMap<Connection, mpsc::Sender<Bytes>>>>,
    routes: Arc<Mutex<Routes>>,
    places: Arc<Semaphore>,
}

impl TcpPorts {
    /// Listens on the first free of these ports on every address.
    pub(crate) fn open(
        addresses: &[IpAddr],
        ports: RangeInclusive<u16>,
        routes: Arc<Mutex<Routes>>,
        tasks: TaskTracker,
        cancel: CancellationToken,
    ) -> Result<Self, RtcError> {
        let no_port = |why| RtcError::NoPort { what: "calls over TCP", key: "tcp_ports", ports: written(&ports), why };
        let bind = |address| std::net::TcpListener::bind(address);
        let listeners = bind_all(addresses, ports.clone(), bind, std::net::TcpListener::local_addr).map_err(no_port)?;
        let connections = Arc::new(Mutex::new(HashMap::new()));
        let door = Door { connections: connections.clone(), routes, places: Arc::new(Semaphore::new(MAX_CONNECTIONS)) };
        let mut listening = Vec::new();
        for listener in listeners {
            let opened = listener.set_nonblocking(true).and_then(|()| {
                let local = listener.local_addr()?;
                Ok((local, TcpListener::from_std(listener)?))
            });
            let (local, listener) = opened.map_err(no_port)?;
            listening.push(local);
            let (door, cancel, spawner) = (door.clone(), cancel.clone(), tasks.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = accept(&listener, &door, &spawner, &cancel) => {}
                    () = cancel.cancelled() => {}
                }
            });
        }
        Ok(Self { listening, connections })
    }

    /// Where it listens, of these addresses.
    pub(crate) fn places(&self, addresses: &[IpAddr]) -> Vec<SocketAddr> {
        self.listening.iter().filter(|local| addresses.contains(&local.ip())).copied().collect()
    }

    /// Sends a frame over the connection between these addresses, if there is one that takes it.
    pub(crate) fn send(&self, local: SocketAddr, peer: SocketAddr, frame: Bytes) {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = connections.get(&(local, peer)) {
            let _ = connection.try_send(frame);
        }
    }
}

async fn accept(listener: &TcpListener, door: &Door, tasks: &TaskTracker, cancel: &CancellationToken) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection for a call was not accepted");
                // Out of file handles, most likely: others must end first.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = door.places.clone().try_acquire_owned() else { continue };
        let (door, cancel) = (door.clone(), cancel.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = door.serve(stream, peer) => {}
                () = cancel.cancelled() => {}
            }
            drop(place);
        });
    }
}

impl Door {
    async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        // Audio does not wait for more of it.
        let _ = stream.set_nodelay(true);
        let (mut read, write) = stream.into_split();
        let Ok(Some(first)) = timeout(PATIENCE, frame(&mut read)).await else { return };
        // A connection is only kept for a call.
        if self.deliver(local, peer, first).is_none() {
            return;
        }
        let (frames, queue) = mpsc::channel(QUEUE);
        self.connections().insert((local, peer), frames);
        tokio::select! {
            () = self.take(&mut read, local, peer) => {}
            () = give(write, queue) => {}
        }
        self.connections().remove(&(local, peer));
    }

    async fn take(&self, read: &mut OwnedReadHalf, local: SocketAddr, peer: SocketAddr) {
        while let Ok(Some(bytes)) = timeout(SILENCE, frame(read)).await {
            if self.deliver(local, peer, bytes).is_none() {
                return;
            }
        }
    }

    /// Hands a frame to its call; `None` where it has none.
    fn deliver(&self, local: SocketAddr, peer: SocketAddr, bytes: BytesMut) -> Option<()> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let call = routes.find(Transport::Tcp, peer, &bytes)?;
        let _ = call.try_send(Datagram { transport: Transport::Tcp, local, peer, at: Instant::now(), bytes });
        (!call.is_closed()).then_some(())
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, HashMap<Connection, mpsc::Sender<Bytes>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next frame; `None` at the end, or where it is no frame of a call.
async fn frame(read: &mut OwnedReadHalf) -> Option<BytesMut> {
    let length = usize::from(read.read_u16().await.ok()?);
    if !(1..=MAX_FRAME).contains(&length) {
        return None;
    }
    let mut bytes = BytesMut::zeroed(length);
    read.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

async fn give(mut write: OwnedWriteHalf, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(frame) = queue.recv().await {
        let Ok(length) = u16::try_from(frame.len()) else { continue };
        let mut framed = BytesMut::with_capacity(2 + frame.len());
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(&frame);
        if !matches!(timeout(PATIENCE, write.write_all(&framed)).await, Ok(Ok(()))) {
            return;
        }
    }
}
