//! Peers of the workers that misbehave: nothing ends, and others are served.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vesta_tests::server::Server;
use vesta_tests::speech::speak;
use vesta_tests::transcribe::transcribe;

async fn address(server: &Server, engine: &str) -> String {
    let status = server.get("/api/status").await;
    let engines = status["engines"].as_array().unwrap();
    let found = engines.iter().find(|entry| entry["name"] == engine).unwrap();
    found["detail"].as_str().unwrap().trim_start_matches("tcp://").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_peers_are_turned_away_and_others_are_served() {
    let server = Server::with_demo_home().await;
    let workers = ["vesta-stt-whisper", "vesta-tts-piper"].map(|program| server.workers(program));
    for engine in ["stt", "tts"] {
        let address = address(&server, engine).await;
        let peers: [&[u8]; 6] = [
            b"this is no header\n",
            b"{\"type\": \"audio-chunk\", \"payload_length\": 99999999999999}\n",
            b"{\"type\": \"transcribe\", \"data_length\": 18446744073709551615}\n",
            b"{\"type\": 7}\n",
            &[0xff; 4096],
            b"{\"type\": \"audio-chunk\", \"data\": {\"rate\": 0, \"width\": 0, \"channels\": 0}, \"payload_length\": 2}\nab",
        ];
        for bytes in peers {
            let mut peer = TcpStream::connect(&address).await.unwrap();
            let _ = peer.write_all(bytes).await;
            let _ = peer.shutdown().await;
            let _ = peer.read_to_end(&mut Vec::new()).await;
        }
        // Peers that say half a thing and stay.
        let mut idle = Vec::new();
        for _ in 0..200 {
            let mut peer = TcpStream::connect(&address).await.unwrap();
            let _ = peer.write_all(b"{\"type\": \"descr").await;
            idle.push(peer);
        }
        drop(idle);
    }
    let heard = transcribe(&server, &speak("turn on the kitchen light"), 16_000).await;
    assert_eq!(heard, "turn on the kitchen light");
    let after = ["vesta-stt-whisper", "vesta-tts-piper"].map(|program| server.workers(program));
    assert_eq!(workers, after, "no worker had to be restarted");
}
