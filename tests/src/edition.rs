//! The app in an edition of its own: a server whose files have another version than they have, as after an update.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::server::Server;

/// What stands between a browser and a server. It ends when this is dropped.
pub struct Edition {
    /// Where it is, `http://127.0.0.1:PORT`.
    pub origin: String,
    house: Arc<House>,
    accepting: JoinHandle<()>,
}

struct House {
    url: String,
    /// The version that the server's files have.
    version: String,
    /// How often there was a new one.
    number: AtomicUsize,
}

impl Drop for Edition {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Edition {
    /// The first edition of a server's app.
    pub async fn of(server: &Server) -> Self {
        let page = plain(&server.url).await.expect("the page");
        let page = String::from_utf8_lossy(&page.1).into_owned();
        let version = page.split("data-version=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a version");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let house = House { url: server.url.clone(), version: version.to_owned(), number: AtomicUsize::new(1) };
        let house = Arc::new(house);
        let serving = house.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, serving.clone()));
            }
        });
        Self { origin, house, accepting }
    }

    /// The version that pages have now.
    pub fn version(&self) -> String {
        self.house.shown()
    }

    /// From now on there is a new one, and no file of the one before.
    pub fn renew(&self) {
        self.house.number.fetch_add(1, Ordering::Relaxed);
    }
}

impl House {
    fn shown(&self) -> String {
        format!("{:016x}", self.number.load(Ordering::Relaxed))
    }
}

/// One request; each has a connection of its own.
async fn pass(mut stream: TcpStream, house: Arc<House>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let is_file = !path.starts_with("/api/") && !path.starts_with("/v1/") && head.starts_with("GET ");
    if is_file {
        file(stream, &house, &path).await;
        return;
    }
    let Ok(mut server) = TcpStream::connect(house.url.trim_start_matches("http://")).await else { return };
    let upgrades = head.to_lowercase().contains("\r\nupgrade:");
    let lines = head.split_inclusive("\r\n").filter(|line| upgrades || !line.to_lowercase().starts_with("connection:"));
    let mut head: String = lines.collect();
    if !upgrades {
        head.insert_str(head.len() - 2, "Connection: close\r\n");
    }
    if server.write_all(head.as_bytes()).await.is_ok() {
        let _ = copy_bidirectional(&mut stream, &mut server).await;
    }
}

/// A file of this edition: the server's, with another version written into it.
async fn file(mut stream: TcpStream, house: &House, path: &str) {
    let shown = house.shown();
    let is_old = path.starts_with("/app/") && !path.starts_with(&format!("/app/{shown}/"));
    let found =
        if is_old { None } else { plain(&format!("{}{}", house.url, path.replace(&shown, &house.version))).await };
    let (status, kind, body) = match found {
        Some((kind, body)) if kind.starts_with("text/") || kind.contains("json") => {
            ("200 OK", kind, String::from_utf8_lossy(&body).replace(&house.version, &shown).into_bytes())
        }
        Some((kind, body)) => ("200 OK", kind, body),
        None => ("404 Not Found", "text/plain".to_owned(), Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
}

/// What lies at an address: its kind, and itself.
async fn plain(url: &str) -> Option<(String, Vec<u8>)> {
    let http = reqwest::Client::builder().no_proxy().build().ok()?;
    let response = http.get(url).send().await.ok()?.error_for_status().ok()?;
    let kind = response.headers().get("content-type")?.to_str().ok()?.to_owned();
    Some((kind, response.bytes().await.ok()?.to_vec()))
}
