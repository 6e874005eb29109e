//! The accept loop and the client, over real sockets: whatever one peer does, the others are served.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vesta_wyoming::{Connection, Error, Listener, Message, ServeOptions, Uri, connect, serve};

/// Only ends a test that would hang.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    uri: Uri,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    /// The errors that handlers ended with.
    errors: mpsc::Receiver<Error>,
}

impl Server {
    async fn start(options: ServeOptions) -> Server {
        let listener = Listener::bind(&"tcp://127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (uri, shutdown) = (listener.uri().unwrap(), CancellationToken::new());
        let (report, errors) = mpsc::channel(256);
        let handler = move |connection| {
            let report = report.clone();
            async move {
                if let Err(error) = echo(connection).await {
                    // A test that does not look at errors has dropped the receiver.
                    let _ = report.send(error).await;
                }
                Ok(())
            }
        };
        let serving = tokio::spawn(serve(listener, options, handler, shutdown.clone()));
        Server { uri, shutdown, serving, errors }
    }

    async fn connect(&self) -> Connection {
        connect(&self.uri, PATIENCE).await.unwrap()
    }

    async fn raw(&self) -> TcpStream {
        let Uri::Tcp { host, port } = &self.uri else { panic!("not a TCP server") };
        TcpStream::connect((host.as_str(), *port)).await.unwrap()
    }

    /// Sends these bytes and returns everything that comes back until the server closes.
    async fn answer_to(&self, bytes: &[u8]) -> String {
        let mut stream = self.raw().await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // The server may close with our bytes unread, which resets the connection: what came before that counts.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn assert_alive(&self) {
        assert_eq!(ping(&mut self.connect().await, "alive").await, Message::Pong { text: Some("alive".to_owned()) });
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.serving).await.unwrap().unwrap();
    }
}

/// Answers pings, floods on `describe`, panics on `detect`.
async fn echo(mut connection: Connection) -> Result<(), Error> {
    loop {
        match connection.recv().await {
            Ok(Some(Message::Ping { text })) => connection.send(Message::Pong { text }).await?,
            Ok(Some(Message::Describe)) => loop {
                connection.send(Message::audio(16_000, &[0; 100_000])).await?;
            },
            Ok(Some(Message::Detect { .. })) => panic!("as the test asked for"),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            Err(error) => {
                if let Some(reply) = error.reply() {
                    connection.send(reply).await?;
                }
                if error.is_fatal() {
                    return Err(error);
                }
            }
        }
    }
}

async fn ping(connection: &mut Connection, text: &str) -> Message {
    connection.send(Message::Ping { text: Some(text.to_owned()) }).await.unwrap();
    timeout(PATIENCE, connection.recv()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn two_hundred_connections_at_once_are_all_served() {
    let server = Server::start(ServeOptions::default()).await;
    let mut open = Vec::new();
    for _ in 0..200 {
        open.push(server.connect().await);
    }
    let mut pings = JoinSet::new();
    for (number, mut connection) in open.into_iter().enumerate() {
        pings.spawn(async move { (ping(&mut connection, &number.to_string()).await, number) });
    }
    let mut served = 0;
    while let Some(done) = pings.join_next().await {
        let (answer, number) = done.unwrap();
        assert_eq!(answer, Message::Pong { text: Some(number.to_string()) });
        served += 1;
    }
    assert_eq!(served, 200);
    server.stop().await;
}

#[tokio::test]
async fn garbage_and_huge_lengths_are_answered_with_an_error_and_hurt_nobody() {
    let server = Server::start(ServeOptions::default()).await;
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "malformed"),
        (b"\x16\x03\x01\x02\x00\x01\xff\xff\n", "malformed"),
        (b"{\"type\":\"audio-chunk\",\"payload_length\":99999999999}\n", "at most 4194304"),
        (b"{\"type\":\"transcribe\",\"data_length\":4294967295}\n", "at most 1048576"),
    ] {
        let answer = server.answer_to(bytes).await;
        assert!(answer.contains("\"error\"") && answer.contains("protocol_error"), "{answer}");
        assert!(answer.contains(expected), "{answer} lacks {expected:?}");
        server.assert_alive().await;
    }
    let endless = vec![b'{'; 200_000];
    let mut stream = server.raw().await;
    // The server may have closed before all of it was written.
    let _ = stream.write_all(&endless).await;
    server.assert_alive().await;
    server.stop().await;
}

#[tokio::test]
async fn an_event_that_makes_no_sense_does_not_end_the_connection() {
    let server = Server::start(ServeOptions::default()).await;
    let mut stream = server.raw().await;
    stream
        .write_all(b"{\"type\":\"audio-start\"}\n{\"type\":\"ping\",\"data\":{\"text\":\"still here\"}}\n")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.contains("bad_event") && answer.contains("still here"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_half_closed_peer_still_gets_its_answers() {
    let server = Server::start(ServeOptions::default()).await;
    let (mut sender, mut receiver) = server.connect().await.split();
    for _ in 0..100 {
        sender.send(Message::Ping { text: None }).await.unwrap();
    }
    sender.close().await.unwrap();
    for _ in 0..100 {
        let answer = timeout(PATIENCE, receiver.recv()).await.unwrap().unwrap();
        assert_eq!(answer, Some(Message::Pong { text: None }));
    }
    assert!(timeout(PATIENCE, receiver.recv()).await.unwrap().unwrap().is_none());
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_leaves_inside_an_event_hurts_nobody() {
    let server = Server::start(ServeOptions::default()).await;
    for cut in [
        &b"{\"type\":\"pi"[..],
        b"{\"type\":\"ping\",\"data_length\":90}\n{\"text\"",
        b"{\"type\":\"a\",\"payload_length\":9}\nx",
    ] {
        let mut stream = server.raw().await;
        stream.write_all(cut).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.contains("in the middle of an event"), "{answer}");
    }
    server.assert_alive().await;
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_dropped_while_others_are_served() {
    let options = ServeOptions { write_timeout: Duration::from_millis(200), ..ServeOptions::default() };
    let mut server = Server::start(options).await;
    let mut deaf = server.raw().await;
    deaf.write_all(b"{\"type\":\"describe\"}\n").await.unwrap();
    for _ in 0..20 {
        server.assert_alive().await;
    }
    let error = timeout(PATIENCE, server.errors.recv()).await.unwrap().unwrap();
    assert!(matches!(error, Error::WriteTimeout(_)), "{error}");
    server.assert_alive().await;
    drop(deaf);
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_sends_one_byte_now_and_then_is_told_and_dropped() {
    let options = ServeOptions { idle_timeout: Some(Duration::from_millis(150)), ..ServeOptions::default() };
    let server = Server::start(options).await;
    let stream = server.raw().await;
    let (mut read, mut write) = stream.into_split();
    let dribble = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        while write.write_all(b" ").await.is_ok() {
            pace.tick().await;
        }
    });
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, read.read_to_end(&mut answer)).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("\"idle\""), "{answer:?}");
    dribble.abort();
    server.stop().await;
}

#[tokio::test]
async fn a_panic_in_one_handler_leaves_the_others_alone() {
    let server = Server::start(ServeOptions::default()).await;
    let mut bystander = server.connect().await;
    let mut victim = server.connect().await;
    victim.send(Message::Detect { names: None }).await.unwrap();
    assert!(!matches!(timeout(PATIENCE, victim.recv()).await.unwrap(), Ok(Some(_))));
    assert_eq!(ping(&mut bystander, "x").await, Message::Pong { text: Some("x".to_owned()) });
    server.assert_alive().await;
    drop(bystander);
    server.stop().await;
}

#[tokio::test]
async fn a_full_server_says_so_and_takes_new_peers_once_others_left() {
    let server = Server::start(ServeOptions { max_connections: 3, ..ServeOptions::default() }).await;
    let mut guests = Vec::new();
    for _ in 0..3 {
        let mut guest = server.connect().await;
        ping(&mut guest, "in").await;
        guests.push(guest);
    }
    let mut late = server.connect().await;
    let Ok(Some(Message::Error { text, code })) = timeout(PATIENCE, late.recv()).await.unwrap() else {
        panic!("the late peer was not refused")
    };
    assert_eq!(code.as_deref(), Some("too_many_connections"));
    assert!(text.contains("3 connections"), "{text}");
    drop((guests, late));
    let welcomed = async {
        loop {
            let mut guest = server.connect().await;
            if guest.send(Message::Ping { text: None }).await.is_ok()
                && matches!(guest.recv().await, Ok(Some(Message::Pong { .. })))
            {
                return;
            }
        }
    };
    timeout(PATIENCE, welcomed).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn shutdown_ends_handlers_that_would_never_end() {
    let server = Server::start(ServeOptions { drain: Duration::from_millis(50), ..ServeOptions::default() }).await;
    let mut lasting = server.connect().await;
    ping(&mut lasting, "x").await;
    server.stop().await;
    assert!(matches!(timeout(PATIENCE, lasting.recv()).await.unwrap(), Ok(None) | Err(Error::Io(_))));
}

#[tokio::test]
async fn unix_sockets_work_and_leave_no_file_behind() {
    let folder = std::env::temp_dir().join(format!("vesta-wyoming-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("stt.sock");
    let uri = Uri::Unix(path.clone());
    // A socket that nobody listens on any more, as a killed server leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = Listener::bind(&uri).await.unwrap();
    assert!(Listener::bind(&uri).await.is_err(), "two servers on one socket");
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, ServeOptions::default(), echo, shutdown.clone()));
    let mut connection = connect(&uri, PATIENCE).await.unwrap();
    assert_eq!(ping(&mut connection, "x").await, Message::Pong { text: Some("x".to_owned()) });
    drop(connection);
    shutdown.cancel();
    timeout(PATIENCE, serving).await.unwrap().unwrap();
    assert!(!path.exists());
    std::fs::remove_dir(&folder).unwrap();
}

#[tokio::test]
async fn nobody_listening_is_a_clear_error() {
    let listener = Listener::bind(&"tcp://127.0.0.1:0".parse().unwrap()).await.unwrap();
    let uri = listener.uri().unwrap();
    drop(listener);
    let error = connect(&uri, PATIENCE).await.unwrap_err().to_string();
    assert!(error.contains(&uri.to_string()) && error.contains("is the service running"), "{error}");
}
