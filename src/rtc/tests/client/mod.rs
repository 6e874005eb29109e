//! A client for calls, on the same sans-I/O core as the server's end: for tests of both ends in one process, and light enough that a benchmark
//! can run hundreds. Real browsers are tested elsewhere.
#![allow(dead_code, reason = "each user needs other parts")]
#![allow(
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::data_channel::RTCDataChannelId;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::peer_connection::configuration::interceptor_registry::{configure_rtcp_reports, configure_twcc_receiver_only};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::{SctpMaxMessageSize, SettingEngineBuilder};
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

/// What a client of these tests is like.
#[derive(Debug, Clone)]
pub struct Kind {
    /// It opens `oai-events`; otherwise it waits for the server to.
    pub opens_channel: bool,
    /// It only speaks TCP.
    pub tcp: bool,
    /// Its own address.
    pub bind: SocketAddr,
    /// Where it sends to instead of the server's address: a relay that spoils the network.
    pub through: Option<SocketAddr>,
}

impl Default for Kind {
    fn default() -> Self {
        Self { opens_channel: true, tcp: false, bind: SocketAddr::from(([127, 0, 0, 1], 0)), through: None }
    }
}

/// What the client notices.
#[derive(Debug)]
pub enum Noticed {
    /// The connection stands.
    Connected,
    /// The data channel is open.
    Open,
    /// An event.
    Text(String),
    /// An RTP packet.
    Audio { at: Instant, sequence: u16, timestamp: u32, marker: bool, payload: Bytes },
    /// The server ended the call.
    Closed,
}

/// What the client is asked to do.
pub enum Do {
    /// Send an event.
    Text(String),
    /// Send bytes over the data channel.
    Binary(Vec<u8>),
    /// Send an Opus packet of this many ticks of 1/48000 s.
    Say { payload: Bytes, ticks: u32 },
    /// Let this much time of the RTP clock pass without a packet.
    Pause { ticks: u32 },
    /// Count a packet and do not send it.
    Lose { ticks: u32 },
    /// Send an RTP packet as it is.
    Rtp { payload_type: u8, sequence: u16, timestamp: u32, payload: Bytes },
    /// Send these packets one every 20 ms, over and over.
    Stream(Arc<Vec<Bytes>>),
    /// Send bytes to where the connection goes.
    Raw(Vec<u8>),
    /// Send the last datagrams again.
    Replay,
    /// Make an offer that restarts ICE, from another socket.
    Restart { bind: SocketAddr, offer: oneshot::Sender<String> },
    /// Take the answer to it.
    Answer(String),
    /// Close as a browser does.
    Close,
}

/// A client.
pub struct Client {
    /// What it notices.
    pub noticed: mpsc::Receiver<Noticed>,
    /// What it is to do. When this is dropped it vanishes without a word.
    pub orders: mpsc::Sender<Do>,
}

/// A client that has made its offer.
pub struct Caller {
    line: Line,
    /// The offer.
    pub offer: String,
}

struct Line {
    pc: RTCPeerConnection,
    kind: Kind,
    udp: UdpSocket,
    local: SocketAddr,
    channel: Option<RTCDataChannelId>,
    track: String,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    sent: VecDeque<(SocketAddr, BytesMut)>,
    last_peer: Option<SocketAddr>,
}

impl Caller {
    /// A client that offers a call.
    pub async fn new(kind: Kind) -> Self {
        let udp = UdpSocket::bind(kind.bind).await.unwrap();
        let local = udp.local_addr().unwrap();
        let mut pc = connection();
        let ssrc = 4_711;
        pc.add_track(track(ssrc)).unwrap();
        // Without a channel of its own it still asks for data channels.
        let channel =
            pc.create_data_channel(if kind.opens_channel { "oai-events" } else { "other" }, None).unwrap().id();
        let mut line = Line {
            pc,
            udp,
            local,
            channel: kind.opens_channel.then_some(channel),
            track: "voice".to_owned(),
            ssrc,
            sequence: 65_000,
            timestamp: u32::MAX - 48_000,
            sent: VecDeque::new(),
            last_peer: None,
            kind,
        };
        let offer = line.offer(false);
        Self { line, offer }
    }

    /// Takes the answer and begins to connect.
    pub fn connect(mut self, answer: &str) -> Client {
        // Room for the answers to a flood of ten thousand events: what finds none is lost, and so would be the end of the call.
        let (notices, noticed) = mpsc::channel(16_384);
        let (orders, ordered) = mpsc::channel(1_024);
        let answer = answer.to_owned();
        tokio::spawn(async move {
            let tcp = self.line.answer(&answer).await;
            Box::pin(self.line.run(tcp, ordered, notices)).await;
        });
        Client { noticed, orders }
    }
}

impl Client {
    /// Asks for something.
    pub async fn order(&self, order: Do) {
        self.orders.send(order).await.map_err(|_| "the client is gone").unwrap();
    }

    /// Waits for the first thing that `wanted` makes something of.
    pub async fn wait<T>(&mut self, mut wanted: impl FnMut(&Noticed) -> Option<T>) -> T {
        let found = async {
            loop {
                let noticed = self.noticed.recv().await.expect("the client ended while it was waited for");
                if let Some(found) = wanted(&noticed) {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.expect("nothing was noticed for 20 s")
    }

    /// Waits until events can be sent.
    pub async fn opened(&mut self) {
        self.wait(|noticed| matches!(noticed, Noticed::Open).then_some(())).await;
    }
}

impl Line {
    fn offer(&mut self, restart: bool) -> String {
        let now = Instant::now();
        let options = restart.then_some(RTCOfferOptions { ice_restart: true });
        let offer = self.pc.create_offer(options).unwrap();
        self.pc.set_local_description(now, offer).unwrap();
        if !self.kind.tcp {
            let candidate = format!("candidate:1 1 udp 2130706431 {} {} typ host", self.local.ip(), self.local.port());
            self.pc.add_local_candidate(RTCIceCandidateInit { candidate, ..Default::default() }).unwrap();
        }
        self.pc.local_description().unwrap().sdp
    }

    /// Takes an answer; connects where the client speaks TCP.
    async fn answer(&mut self, answer: &str) -> Option<TcpStream> {
        let wanted = if self.kind.tcp { " tcp " } else { " udp " };
        let same_family =
            |line: &str| line.split_whitespace().nth(4).is_some_and(|ip| ip.contains(':') != self.local.is_ipv4());
        let kept: String = answer
            .lines()
            .filter(|line| !line.starts_with("a=candidate:") || (line.contains(wanted) && same_family(line)))
            .map(|line| format!("{}\r\n", self.through(line)))
            .collect();
        let mut stream = None;
        if self.kind.tcp {
            let line = kept.lines().find(|line| line.starts_with("a=candidate:")).expect("a TCP candidate").to_owned();
            let fields: Vec<&str> = line.split_whitespace().collect();
            let server: SocketAddr = format!("{}:{}", fields[4], fields[5]).parse().unwrap();
            let connected = TcpStream::connect(server).await.unwrap();
            self.local = connected.local_addr().unwrap();
            let candidate = format!(
                "candidate:1 1 tcp 1518280447 {} {} typ host tcptype active",
                self.local.ip(),
                self.local.port()
            );
            self.pc.add_local_candidate(RTCIceCandidateInit { candidate, ..Default::default() }).unwrap();
            stream = Some(connected);
        }
        self.pc.set_remote_description(Instant::now(), RTCSessionDescription::answer(kept).unwrap()).unwrap();
        stream
    }

    /// A candidate line with the relay's address instead of the server's.
    fn through(&self, line: &str) -> String {
        let Some(relay) = self.kind.through.filter(|_| line.starts_with("a=candidate:")) else {
            return line.to_owned();
        };
        let mut fields: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        (fields[4], fields[5]) = (relay.ip().to_string(), relay.port().to_string());
        fields.join(" ")
    }

    async fn run(mut self, tcp: Option<TcpStream>, mut ordered: mpsc::Receiver<Do>, notices: mpsc::Sender<Noticed>) {
        let (mut read, mut write) = tcp.map(TcpStream::into_split).unzip();
        let (frames, mut framed) = mpsc::channel::<BytesMut>(256);
        if let Some(mut read) = read.take() {
            tokio::spawn(async move {
                while let Ok(length) = read.read_u16().await {
                    let mut frame = BytesMut::zeroed(usize::from(length));
                    if read.read_exact(&mut frame).await.is_err() || frames.send(frame).await.is_err() {
                        return;
                    }
                }
            });
        }
        let mut stream: Option<(Arc<Vec<Bytes>>, usize, Instant)> = None;
        let mut buffer = vec![0; 2_048];
        let server = self.pc.remote_description().and_then(|answer| first_candidate(&answer.sdp)).unwrap_or(self.local);
        loop {
            while let Some(message) = self.pc.poll_write() {
                self.last_peer = Some(message.transport.peer_addr);
                match &mut write {
                    Some(write) => {
                        let mut frame = u16::try_from(message.message.len()).unwrap().to_be_bytes().to_vec();
                        frame.extend_from_slice(&message.message);
                        let _ = write.write_all(&frame).await;
                    }
                    None => drop(self.udp.try_send_to(&message.message, message.transport.peer_addr)),
                }
                self.sent.push_back((message.transport.peer_addr, message.message));
                self.sent.truncate(64);
            }
            while let Some(event) = self.pc.poll_event() {
                let noticed = match event {
                    RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected) => {
                        Noticed::Connected
                    }
                    RTCPeerConnectionEvent::OnConnectionStateChangeEvent(
                        RTCPeerConnectionState::Closed | RTCPeerConnectionState::Failed,
                    )
                    | RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnClose(_)) => Noticed::Closed,
                    RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => {
                        let label = self.pc.data_channel(id).map(|channel| channel.label().to_owned());
                        if label.as_deref() != Some("oai-events") {
                            continue;
                        }
                        self.channel = Some(id);
                        Noticed::Open
                    }
                    _ => continue,
                };
                let _ = notices.try_send(noticed);
            }
            while let Some(TaggedRTCMessage { message, .. }) = self.pc.poll_read() {
                let noticed = match message {
                    RTCMessage::RtpPacket(_, packet) => Noticed::Audio {
                        at: Instant::now(),
                        sequence: packet.header.sequence_number,
                        timestamp: packet.header.timestamp,
                        marker: packet.header.marker,
                        payload: packet.payload,
                    },
                    RTCMessage::DataChannelMessage(_, message) => {
                        Noticed::Text(String::from_utf8_lossy(&message.data).into_owned())
                    }
                    _ => continue,
                };
                let _ = notices.try_send(noticed);
            }
            let now = Instant::now();
            if let Some((packets, next, due)) = &mut stream
                && now >= *due
            {
                let payload = packets[*next % packets.len()].clone();
                *next += 1;
                *due += Duration::from_millis(20);
                self.say(payload, 960);
                continue;
            }
            let due = self.pc.poll_timeout().unwrap_or(now + Duration::from_secs(60));
            if due <= now {
                let _ = self.pc.handle_timeout(now);
                continue;
            }
            let due = stream.as_ref().map_or(due, |(_, _, next)| due.min(*next));
            tokio::select! {
                () = sleep_until(due.into()) => {}
                Ok((length, peer)) = self.udp.recv_from(&mut buffer) => {
                    let bytes = BytesMut::from(&buffer[..length]);
                    self.read(bytes, peer, TransportProtocol::UDP);
                }
                Some(frame) = framed.recv() => self.read(frame, server, TransportProtocol::TCP),
                order = ordered.recv() => match order {
                    Some(Do::Stream(packets)) => stream = Some((packets, 0, Instant::now())),
                    Some(Do::Restart { bind, offer }) => {
                        self.udp = UdpSocket::bind(bind).await.unwrap();
                        self.local = self.udp.local_addr().unwrap();
                        let _ = offer.send(self.offer(true));
                    }
                    Some(Do::Answer(answer)) => drop(self.answer(&answer).await),
                    Some(order) => self.obey(order),
                    None => return,
                },
            }
        }
    }

    fn read(&mut self, message: BytesMut, peer_addr: SocketAddr, transport_protocol: TransportProtocol) {
        let transport = TransportContext { local_addr: self.local, peer_addr, ecn: None, transport_protocol };
        let _ = self.pc.handle_read(TaggedBytesMut { now: Instant::now(), transport, message });
    }

    fn say(&mut self, payload: Bytes, ticks: u32) {
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        self.rtp(111, sequence, timestamp, payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(ticks);
    }

    fn rtp(&mut self, payload_type: u8, sequence_number: u16, timestamp: u32, payload: Bytes) {
        let mut packet = rtc::rtp::Packet { payload, ..Default::default() };
        packet.header.version = 2;
        packet.header.payload_type = payload_type;
        packet.header.sequence_number = sequence_number;
        packet.header.timestamp = timestamp;
        packet.header.ssrc = self.ssrc;
        let message = RTCMessage::RtpPacket(self.track.clone(), packet);
        let _ = self.pc.handle_write(TaggedRTCMessage { now: Instant::now(), message });
    }

    fn obey(&mut self, order: Do) {
        let now = Instant::now();
        match order {
            Do::Text(text) => {
                if let Some(mut channel) = self.channel.and_then(|id| self.pc.data_channel(id)) {
                    channel.send_text(now, text).unwrap();
                }
            }
            Do::Binary(bytes) => {
                if let Some(mut channel) = self.channel.and_then(|id| self.pc.data_channel(id)) {
                    channel.send(now, BytesMut::from(&bytes[..])).unwrap();
                }
            }
            Do::Say { payload, ticks } => self.say(payload, ticks),
            Do::Pause { ticks } => self.timestamp = self.timestamp.wrapping_add(ticks),
            Do::Lose { ticks } => {
                self.sequence = self.sequence.wrapping_add(1);
                self.timestamp = self.timestamp.wrapping_add(ticks);
            }
            Do::Rtp { payload_type, sequence, timestamp, payload } => {
                self.rtp(payload_type, sequence, timestamp, payload);
            }
            Do::Raw(bytes) => {
                if let Some(peer) = self.last_peer {
                    let _ = self.udp.try_send_to(&bytes, peer);
                }
            }
            Do::Replay => {
                for (peer, bytes) in &self.sent {
                    let _ = self.udp.try_send_to(bytes, *peer);
                }
            }
            Do::Close => drop(self.pc.close()),
            Do::Stream(_) | Do::Restart { .. } | Do::Answer(_) => {}
        }
    }
}

fn first_candidate(sdp: &str) -> Option<SocketAddr> {
    let line = sdp.lines().find(|line| line.starts_with("a=candidate:"))?;
    let mut fields = line.split_whitespace().skip(4);
    format!("{}:{}", fields.next()?, fields.next()?).parse().ok()
}

fn connection() -> RTCPeerConnection {
    let mut codecs = MediaEngine::default();
    codecs.register_codec(RTCRtpCodecParameters { rtp_codec: opus(), payload_type: 111 }, RtpCodecKind::Audio).unwrap();
    // Tells the server which of its packets arrived, as browsers do.
    let interceptors = configure_twcc_receiver_only(configure_rtcp_reports(Registry::new()), &mut codecs).unwrap();
    let settings = SettingEngineBuilder::new()
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(100))
        .with_sctp_max_message_size(SctpMaxMessageSize::Unbounded)
        .build();
    RTCPeerConnectionBuilder::new()
        .with_media_engine(codecs)
        .with_setting_engine(settings)
        .with_interceptor_registry(interceptors)
        .build(Instant::now())
        .unwrap()
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

fn track(ssrc: u32) -> MediaStreamTrack {
    let coding = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
    let encoding = RTCRtpEncodingParameters { rtp_coding_parameters: coding, codec: opus(), ..Default::default() };
    MediaStreamTrack::new(
        "phone".to_owned(),
        "voice".to_owned(),
        "voice".to_owned(),
        RtpCodecKind::Audio,
        vec![encoding],
    )
}
