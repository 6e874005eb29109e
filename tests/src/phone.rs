//! Calls a house over WebRTC, as the app does: speaks Opus, hears Opus, sends and gets Realtime events.

#[path = "../../src/rtc/tests/client/mod.rs"]
pub mod client;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opus::{Application, Bitrate, Channels, Encoder};
use reqwest::multipart::Form;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;
use vesta_rtc::codec::Listener;
use vesta_rtc::jitter::{AudioPacket, JitterBuffer};

use crate::server::{PATIENCE, Server};
pub use client::{Caller, Client, Do, Kind, Noticed};

/// Samples of 20 ms at 16 kHz.
const FRAME: usize = 320;

/// A call.
pub struct Phone {
    /// The WebRTC part.
    pub client: Client,
    /// Path of the call.
    pub location: String,
    /// Everything that was told so far.
    pub told: Vec<Value>,
    /// Events that were waited for or passed over.
    waited: usize,
    /// What was heard, 16 kHz mono.
    pub heard: Vec<i16>,
    /// When packets of audio came.
    pub arrived: Vec<Instant>,
    /// Their RTP timestamps.
    pub stamps: Vec<u32>,
    /// From the request to the connection.
    pub connected: Duration,
    began: Instant,
    buffer: JitterBuffer,
    listener: Listener,
    encoder: Encoder,
}

/// Posts an offer.
pub async fn post(server: &Server, offer: &str, session: &Value) -> reqwest::Response {
    offered(server.http().post(format!("{}/v1/realtime/calls", server.url)), offer, session).await
}

async fn offered(request: RequestBuilder, offer: &str, session: &Value) -> reqwest::Response {
    let form = Form::new().text("sdp", offer.to_owned()).text("session", session.to_string());
    request.multipart(form).send().await.expect("an answer")
}

/// Where a server takes calls on loopback, over UDP.
pub async fn address(server: &Server) -> SocketAddr {
    let probe = Caller::new(Kind::default()).await;
    let session = json!({ "type": "realtime" });
    let answer = post(server, &probe.offer, &session).await.text().await.expect("an answer");
    let line = answer.lines().find(|line| line.contains(" udp ") && line.contains(" 127.0.0.1 ")).expect("a candidate");
    let fields: Vec<&str> = line.split_whitespace().collect();
    format!("{}:{}", fields[4], fields[5]).parse().expect("an address")
}

impl Phone {
    /// Calls as the owner and waits until events can be sent.
    pub async fn call(server: &Server, kind: Kind, session: &Value) -> Self {
        Self::call_by(server.http().post(format!("{}/v1/realtime/calls", server.url)), kind, session).await
    }

    /// The same with a request that is prepared, such as another person's.
    pub async fn call_by(request: RequestBuilder, kind: Kind, session: &Value) -> Self {
        let caller = Caller::new(kind).await;
        let began = Instant::now();
        let response = offered(request, &caller.offer, session).await;
        assert_eq!(response.status(), StatusCode::CREATED, "{}", response.text().await.unwrap_or_default());
        let location = response.headers()["location"].to_str().expect("a path").to_owned();
        let answer = response.text().await.expect("an answer");
        let mut client = caller.connect(&answer);
        client.wait(|noticed| matches!(noticed, Noticed::Connected).then_some(())).await;
        let connected = began.elapsed();
        client.opened().await;
        let mut encoder = Encoder::new(16_000, Channels::Mono, Application::Voip).expect("Opus");
        encoder.set_bitrate(Bitrate::Bits(32_000)).expect("a bit rate");
        encoder.set_inband_fec(true).expect("copies");
        encoder.set_packet_loss_perc(10).expect("a share");
        let mut phone = Self {
            client,
            location,
            told: Vec::new(),
            waited: 0,
            heard: Vec::new(),
            arrived: Vec::new(),
            stamps: Vec::new(),
            connected,
            began,
            buffer: JitterBuffer::new(),
            listener: Listener::new().expect("Opus"),
            encoder,
        };
        phone.until("session.created").await;
        phone
    }

    /// When the call began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Sends an event.
    pub async fn send(&self, event: Value) {
        self.client.order(Do::Text(event.to_string())).await;
    }

    /// Configures the session and waits until it is.
    pub async fn update(&mut self, session: Value) -> Value {
        self.send(json!({ "type": "session.update", "session": session })).await;
        self.until("session.updated").await
    }

    /// Says something as it is spoken: a packet every 20 ms.
    pub async fn speak(&mut self, samples: &[i16]) {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        for piece in samples.chunks(FRAME) {
            let mut frame = piece.to_vec();
            frame.resize(FRAME, 0);
            let payload = Bytes::from(self.encoder.encode_vec(&frame, 1_000).expect("a packet"));
            ticks.tick().await;
            self.client.order(Do::Say { payload, ticks: 960 }).await;
            while let Ok(noticed) = self.client.noticed.try_recv() {
                self.take(noticed);
            }
        }
    }

    /// Waits for an event of this type, after those that were waited for before.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            while let Some(event) = self.told.get(self.waited).cloned() {
                self.waited += 1;
                assert!(event["type"] != "error" || kind == "error", "{event:#}");
                if event["type"] == kind {
                    return event;
                }
            }
            let noticed = timeout(PATIENCE, self.client.noticed.recv()).await;
            let noticed = noticed.unwrap_or_else(|_| panic!("nothing more is told after {:#?}", self.kinds()));
            self.take(noticed.unwrap_or_else(|| panic!("the call ended before {kind}: {:#?}", self.kinds())));
        }
    }

    /// Goes on for this long.
    pub async fn idle(&mut self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        while let Ok(Some(noticed)) = tokio::time::timeout_at(until, self.client.noticed.recv()).await {
            self.take(noticed);
        }
    }

    /// Waits until the server ends the call.
    pub async fn closed(&mut self) {
        let closed = async { while !matches!(self.client.noticed.recv().await, None | Some(Noticed::Closed)) {} };
        timeout(PATIENCE, closed).await.expect("the call ends");
    }

    /// Waits for the first audio.
    pub async fn sounds(&mut self) -> Instant {
        let before = self.arrived.len();
        loop {
            let noticed =
                timeout(PATIENCE, self.client.noticed.recv()).await.expect("audio comes").expect("the call goes on");
            self.take(noticed);
            if let Some(at) = self.arrived.get(before) {
                return *at;
            }
        }
    }

    /// Ends what was said with the button: waits for the answer, all of it heard. What is said, and the response.
    pub async fn answer(&mut self) -> (String, Value) {
        let response = self.until("response.done").await["response"].clone();
        let parts = response["output"].as_array().expect("output").iter().flat_map(|item| item["content"].as_array());
        let said = parts.flatten().filter_map(|part| part["transcript"].as_str().or(part["text"].as_str()));
        (said.collect::<Vec<_>>().join(" "), response)
    }

    /// The types of everything told so far.
    pub fn kinds(&self) -> Vec<&str> {
        self.told.iter().filter_map(|event| event["type"].as_str()).collect()
    }

    /// Moves the call to another socket, as a phone that changes its network does.
    pub async fn switch(&self, server: &Server) {
        let (offer, offered) = tokio::sync::oneshot::channel();
        self.client.order(Do::Restart { bind: "127.0.0.1:0".parse().expect("an address"), offer }).await;
        let offer = offered.await.expect("an offer");
        let request = server.http().patch(format!("{}{}", server.url, self.location));
        let response = request.header("content-type", "application/sdp").body(offer).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        self.client.order(Do::Answer(response.text().await.expect("an answer"))).await;
    }

    /// Takes what was noticed.
    fn take(&mut self, noticed: Noticed) {
        match noticed {
            Noticed::Text(text) => {
                let event: Value = serde_json::from_str(&text).expect("JSON");
                self.told.push(event);
            }
            Noticed::Audio { at, sequence, timestamp, payload, .. } => {
                self.arrived.push(at);
                self.stamps.push(timestamp);
                self.buffer.push(AudioPacket { sequence, timestamp, payload }, at);
                while let Some(piece) = self.buffer.poll(at) {
                    self.heard.extend(self.listener.hear(&piece));
                }
            }
            Noticed::Connected | Noticed::Open | Noticed::Closed => {}
        }
    }
}
