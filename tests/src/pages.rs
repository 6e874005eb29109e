//! A web site that is not the house's: pages for browsers, and npm packages beside them.

use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A site. It ends when this is dropped.
pub struct Site {
    /// Its origin, `http://localhost:PORT`: a name under which browsers allow the microphone.
    pub origin: String,
    accepting: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Site {
    /// Serves the files of these folders; the first that has a file gives it.
    pub async fn of(folders: Vec<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://localhost:{}", listener.local_addr().expect("an address").port());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, folders.clone()));
            }
        });
        Self { origin, accepting }
    }
}

async fn answer(mut stream: TcpStream, folders: Vec<PathBuf>) {
    let mut request = vec![0; 8_192];
    let Ok(length) = stream.read(&mut request).await else { return };
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().trim_start_matches('/').to_owned();
    let found = (!path.contains("..")).then(|| folders.iter().find_map(|folder| read(folder, &path))).flatten();
    let (status, kind, body) = match found {
        Some(body) if path.ends_with(".mjs") || path.ends_with(".js") => ("200 OK", "text/javascript", body),
        Some(body) => ("200 OK", "text/html; charset=utf-8", body),
        None => ("404 Not Found", "text/plain", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
}

fn read(folder: &Path, path: &str) -> Option<Vec<u8>> {
    std::fs::read(folder.join(path)).ok()
}
