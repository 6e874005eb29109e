//! Start and stop of the broker.

use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use rmqtt::context::ServerContext;
use rmqtt::hook::Type;
use rmqtt::net::{Builder, Listener};
use rmqtt::retain::DefaultRetainStorage;
use rmqtt::router::DefaultRouter;
use rmqtt::server::MqttServer;
use rmqtt::shared::DefaultShared;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::auth::Users;
use crate::config::BrokerConfig;
use crate::disk;
use crate::error::BrokerError;
use crate::retained::Retained;

/// Connections that may be in their handshake at the same time.
const MAX_HANDSHAKES: usize = 100;
/// Messages that may wait for one client: a subscription to `#` gets all retained ones at once.
const MAX_QUEUED: usize = 20_000;
/// How long a message waits for a client that is away.
const KEEP_FOR_ABSENT: Duration = Duration::from_secs(60 * 60);
/// How often expired messages are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// A running broker. It stops when it is dropped; [`Broker::stop`] does the same without blocking the caller's thread.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Starts a broker and returns when clients can connect.
    ///
    /// # Errors
    /// [`BrokerError`] when the configuration is refused, the port is taken, or the folder cannot be used.
    pub async fn start(config: BrokerConfig) -> Result<Self, BrokerError> {
        config.check()?;
        let stop = CancellationToken::new();
        let (ready, started) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("broker".into())
            .spawn({
                let stop = stop.clone();
                move || run(config, ready, stop)
            })
            .map_err(BrokerError::Thread)?;
        let mut broker = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), stop, thread: Some(thread) };
        broker.address = started.await.map_err(|_| BrokerError::Ended)??;
        tracing::info!(address = %broker.address, "MQTT broker is listening");
        Ok(broker)
    }

    /// The address clients connect to, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// URL for clients on this machine, such as `mqtt://127.0.0.1:1883`.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            let loopback: std::net::IpAddr = match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            };
            address.set_ip(loopback);
        }
        format!("mqtt://{address}")
    }

    /// Closes all connections, puts everything on disk and returns when port and folder are free again.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Failure would mean a panic on the broker's thread, which has been printed.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The broker's thread from beginning to end.
fn run(config: BrokerConfig, ready: oneshot::Sender<Result<SocketAddr, BrokerError>>, stop: CancellationToken) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(BrokerError::Thread(error)));
            return;
        }
    };
    // The port first: a second server on the same machine then hears that the port is taken, not that a file is locked.
    let listener = match runtime.block_on(async { listen(&config) }) {
        Ok(listener) => listener,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let (records, writer, disk) = match disk::open(&config.data_dir) {
        Ok(opened) => opened,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let retained = Retained::new(records, writer);
    runtime.block_on(serve(config, listener, retained, ready, stop));
    drop(runtime);
    let _ = disk.join();
}

fn listen(config: &BrokerConfig) -> Result<Listener, BrokerError> {
    let listen = config.listen;
    let failed = |error: rmqtt::Error| match error.downcast_ref::<io::Error>() {
        Some(cause) if cause.kind() == io::ErrorKind::AddrInUse => BrokerError::PortTaken { listen },
        _ => BrokerError::Listen { listen, why: error.to_string() },
    };
    Builder::new()
        .name("mqtt")
        .laddr(listen)
        // A port whose old connections are still fading away can be taken again at once.
        .reuseaddr(cfg!(unix).then_some(true))
        .nodelay(true)
        .max_connections(config.max_connections)
        .max_handshaking_limit(MAX_HANDSHAKES)
        .handshake_timeout(Duration::from_secs(10))
        .max_packet_size(config.max_packet_bytes)
        .allow_anonymous(config.users.is_empty())
        .max_mqueue_len(MAX_QUEUED)
        .message_expiry_interval(KEEP_FOR_ABSENT)
        .bind()
        .and_then(Listener::tcp)
        .map_err(failed)
}

async fn serve(
    config: BrokerConfig,
    listener: Listener,
    retained: Retained,
    ready: oneshot::Sender<Result<SocketAddr, BrokerError>>,
    stop: CancellationToken,
) {
    let address = match listener.local_addr() {
        Ok(address) => address,
        Err(error) => {
            let _ = ready.send(Err(BrokerError::Listen { listen: config.listen, why: error.to_string() }));
            return;
        }
    };
    // The busy check refuses clients while the machine's load is high, whoever makes that load.
    let context =
        ServerContext::new().busy_check_enable(false).task_exec_workers(100).task_exec_queue_max(10_000).build().await;
    *context.extends.retain_mut().await = Box::new(retained.clone());
    if !config.users.is_empty() {
        let hooks = context.extends.hook_mgr().register();
        hooks.add(Type::ClientAuthenticate, Box::new(Users::new(config.users))).await;
        hooks.start().await;
    }
    let server = MqttServer::new(context.clone()).listener_by_id(listener, address.port()).build();
    let prune = async {
        let mut every = tokio::time::interval(PRUNE_EVERY);
        loop {
            every.tick().await;
            retained.prune().await;
        }
    };
    // The socket listens already: whoever connects now is answered as soon as `run` accepts.
    if ready.send(Ok(address)).is_ok() {
        tokio::select! {
            () = stop.cancelled() => {}
            () = prune => {}
            result = server.run() => if let Err(error) = result {
                tracing::error!(%error, "the MQTT broker ended");
            }
        }
    }
    // The context refers to itself through these; without this neither it nor the file would ever be let go.
    *context.extends.retain_mut().await = Box::new(DefaultRetainStorage::new());
    *context.extends.shared_mut().await = Box::new(DefaultShared::new(None));
    *context.extends.router_mut().await = Box::new(DefaultRouter::new(None));
}
