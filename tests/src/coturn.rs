//! coturn, the TURN server that most relays on the internet are.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::server::PATIENCE;

/// A TURN server on loopback. It ends when this is dropped.
pub struct Coturn {
    /// Where it listens, UDP and TCP.
    pub address: SocketAddr,
    _child: Child,
    _folder: TempDir,
}

impl Coturn {
    /// A relay for everybody whose password was made from this secret (draft-uberti-behave-turn-rest).
    pub async fn start(secret: &str) -> Self {
        // It cannot be asked for any free port, and another program may take one that was free a moment ago.
        for _ in 0..5 {
            if let Some(started) = Self::try_start(secret, free_port()).await {
                return started;
            }
        }
        panic!("coturn does not start; is it there? script/setup --tests unpacks it");
    }

    async fn try_start(secret: &str, address: SocketAddr) -> Option<Self> {
        let mut command = Self::command();
        let secret = format!("--static-auth-secret={secret}");
        let port = format!("--listening-port={}", address.port());
        let folder = tempfile::tempdir().expect("a folder");
        let users = format!("--userdb={}", folder.path().join("users").display());
        command.args([
            "-n",
            "--verbose",
            "--log-file=stdout",
            "--simple-log",
            "--no-tls",
            "--no-dtls",
            "--no-cli",
            "--pidfile=",
        ]);
        command.args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--realm=vesta"]);
        command.args(["--use-auth-secret", &secret, &port, &users]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().ok()?;
        let mut log = BufReader::new(child.stdout.take()?).lines();
        let listens = async {
            let (mut udp, mut tcp) = (false, false);
            while let Ok(Some(line)) = log.next_line().await {
                udp |= line.contains("UDP listener opened");
                tcp |= line.contains("TCP listener opened");
                if udp && tcp {
                    return true;
                }
            }
            false
        };
        let listens = timeout(PATIENCE, listens).await.unwrap_or(false);
        // A relay whose log nobody reads stands still.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        listens.then_some(Self { address, _child: child, _folder: folder })
    }

    /// The system's own, or the one that `script/setup --tests` unpacked.
    fn command() -> Command {
        let cache = std::env::var_os("VESTA_CACHE").map(PathBuf::from);
        let cache = cache.unwrap_or_else(|| std::env::home_dir().expect("a home").join(".cache/vesta"));
        let unpacked = cache.join("coturn/usr");
        if !unpacked.join("bin/turnserver").exists() {
            return Command::new("turnserver");
        }
        let mut command = Command::new(unpacked.join("bin/turnserver"));
        let libraries = std::fs::read_dir(unpacked.join("lib")).into_iter().flatten().flatten();
        let libraries: Vec<PathBuf> = libraries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries).expect("paths without colons"));
        command
    }
}

/// A port that UDP and TCP can have.
fn free_port() -> SocketAddr {
    loop {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = tcp.local_addr().expect("an address");
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}
