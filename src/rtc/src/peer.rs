//! One call without its sockets: datagrams and the time go in, datagrams, audio and messages come out.
//!
//! Everything here is synchronous and reads no clock. [`crate::session`] does the waiting.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::data_channel::RTCDataChannelId;
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_OPUS;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::RTCRtpCodecParameters;
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use vesta_realtime::ports::{Playback, Played};

use crate::codec::{Listener, Speaker};
use crate::connection::{OPUS, connection, negotiate, refused, track};
use crate::ended::Ended;
use crate::error::RtcError;
use crate::feedback::{Packets, Report, report};
use crate::jitter::{AudioPacket, JitterBuffer};
use crate::observe::Schedule;
use crate::playback::{Frame, Player, Step};
use crate::route::{Datagram, Transport};
use crate::sdp;

/// The data channel that events travel on, as OpenAI names it.
pub const CHANNEL: &str = "oai-events";
/// Bytes that the client has not confirmed yet; beyond them nothing is taken from the session.
const SEND_WINDOW: usize = 256 * 1_024;
/// How long a client that asked for data channels may take to open one before one is opened for it.
const CHANNEL_PATIENCE: Duration = Duration::from_secs(1);
/// How long a client may take to connect, and how long it may be silent. A browser checks its connection every few seconds.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(8);
/// How long a way is looked for after a new offer before the old one is used again.
const MOVING_PATIENCE: Duration = Duration::from_secs(3);
/// How long after it was found nothing is sent on a new way.
const ARRIVAL: Duration = Duration::from_millis(60);
/// A message of the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// An event.
    Event(String),
    /// Something that is no text.
    Binary(usize),
}

/// A call.
pub(crate) struct Peer {
    pc: RTCPeerConnection,
    sender: RTCRtpSenderId,
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    jitter: JitterBuffer,
    listener: Listener,
    player: Player,
    speaker: Option<Speaker>,
    /// Numbers of the frames that went out as the latest packets; transport-wide sequence numbers count these.
    packets: Packets,
    /// Until when a way is looked for after a new offer.
    moving: Option<Instant>,
    told: VecDeque<Played>,
    /// For whoever measures: how late frames left, and when those that arrived should have.
    late: Vec<Duration>,
    expected: Vec<Instant>,
    schedule: Schedule,
    offers_data: bool,
    channel: Option<RTCDataChannelId>,
    open: bool,
    began: Instant,
    connected: Option<Instant>,
    first_audio: Option<Instant>,
    heard_at: Instant,
    ended: Option<Ended>,
}

impl Peer {
    /// Answers an offer. `candidates` are this machine's, to check the client's from.
    pub(crate) fn answer(offer: &str, candidates: &[String], now: Instant) -> Result<(Self, String), RtcError> {
        let offered = sdp::check(offer)?;
        let ssrc = fastrand::u32(1..);
        let mut pc = connection(now)?;
        let sender = pc.add_track(track(ssrc)).map_err(refused)?;
        let answer = negotiate(&mut pc, offer, candidates, now)?;
        let mut peer = Self {
            pc,
            sender,
            ssrc,
            payload_type: OPUS,
            sequence: fastrand::u16(..),
            timestamp: fastrand::u32(..),
            jitter: JitterBuffer::new(),
            listener: Listener::new()?,
            player: Player::new(),
            speaker: None,
            packets: Packets::default(),
            moving: None,
            told: VecDeque::new(),
            late: Vec::new(),
            expected: Vec::new(),
            schedule: Schedule::default(),
            offers_data: offered.data,
            channel: None,
            open: false,
            began: now,
            connected: None,
            first_audio: None,
            heard_at: now,
            ended: None,
        };
        peer.read_payload_type();
        Ok((peer, answer))
    }

    /// Answers a new offer for the same call: an ICE restart, when the client's network changed.
    pub(crate) fn restart(&mut self, offer: &str, candidates: &[String], now: Instant) -> Result<String, RtcError> {
        let offered = sdp::check(offer)?;
        let answer = negotiate(&mut self.pc, offer, candidates, now)?;
        self.offers_data |= offered.data;
        self.heard_at = now;
        self.player.pause();
        self.moving = Some(now + MOVING_PATIENCE);
        self.read_payload_type();
        Ok(answer)
    }

    /// A candidate that the client found after its offer.
    pub(crate) fn candidate(&mut self, candidate: &str) -> Result<(), RtcError> {
        let init = RTCIceCandidateInit { candidate: candidate.to_owned(), ..Default::default() };
        self.pc.add_remote_candidate(init).map_err(|error| RtcError::NoCandidate(error.to_string()))
    }

    fn read_payload_type(&mut self) {
        let Some(mut sender) = self.pc.rtp_sender(self.sender) else { return };
        let opus = |codec: &&RTCRtpCodecParameters| codec.rtp_codec.mime_type.eq_ignore_ascii_case(MIME_TYPE_OPUS);
        if let Some(codec) = sender.get_parameters().rtp_parameters.codecs.iter().find(opus) {
            self.payload_type = codec.payload_type;
        }
    }

    /// Takes a datagram.
    pub(crate) fn take(&mut self, datagram: Datagram) {
        let Datagram { transport, local, peer, at, bytes } = datagram;
        self.heard_at = self.heard_at.max(at);
        let transport_protocol = match transport {
            Transport::Udp => TransportProtocol::UDP,
            Transport::Tcp => TransportProtocol::TCP,
        };
        let transport = TransportContext { local_addr: local, peer_addr: peer, ecn: None, transport_protocol };
        if let Err(error) = self.pc.handle_read(TaggedBytesMut { now: at, transport, message: bytes }) {
            tracing::trace!(%error, "a datagram of a call was not understood");
        }
        self.read_media(at);
    }

    /// Does what is due at `now`. Call it after everything that was handed in, and at [`Peer::timeout`].
    pub(crate) fn turn(&mut self, now: Instant) {
        if self.pc.poll_timeout().is_some_and(|due| due <= now)
            && let Err(error) = self.pc.handle_timeout(now)
        {
            tracing::debug!(%error, "a call's timer");
        }
        self.read_media(now);
        while let Some(event) = self.pc.poll_event() {
            self.notice(&event, now);
        }
        if self.moving.is_some_and(|until| now >= until) {
            self.moving = None;
            self.player.resume();
        }
        while let Some(step) = self.player.poll(now) {
            match step {
                Step::Send(frame) => self.say(&frame, now),
                Step::Tell(played) => self.told.push_back(played),
            }
        }
        self.open_channel(now);
        self.judge(now);
    }

    fn read_media(&mut self, now: Instant) {
        while let Some(message) = self.pc.poll_media_read() {
            match message.message {
                RTCMessage::RtpPacket(_, packet) if packet.header.payload_type == self.payload_type => {
                    self.first_audio.get_or_insert(now);
                    self.expected.push(self.schedule.expect(packet.header.timestamp, now));
                    let packet = AudioPacket {
                        sequence: packet.header.sequence_number,
                        timestamp: packet.header.timestamp,
                        payload: packet.payload,
                    };
                    self.jitter.push(packet, now);
                }
                RTCMessage::RtcpPacket(_, packets) => {
                    for packet in packets {
                        self.hear_report(report(packet.as_ref(), self.ssrc));
                    }
                }
                _ => {}
            }
        }
    }

    fn hear_report(&mut self, report: Option<Report>) {
        match report {
            Some(Report::Lost(share)) => {
                if let Some(speaker) = &mut self.speaker {
                    speaker.lost(share);
                }
            }
            Some(Report::Arrived(sequence)) => {
                if let Some(frame) = self.packets.frame(sequence) {
                    self.player.confirm(frame);
                }
            }
            None => {}
        }
    }

    fn notice(&mut self, event: &RTCPeerConnectionEvent, now: Instant) {
        match event {
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => match state {
                RTCPeerConnectionState::Connected => {
                    self.connected.get_or_insert(now);
                }
                RTCPeerConnectionState::Failed => self.end(Ended::Failed),
                RTCPeerConnectionState::Closed => self.end(Ended::Closed),
                _ => {}
            },
            RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(
                RTCIceConnectionState::Connected | RTCIceConnectionState::Completed,
            ) => {
                // The other end may know a moment later; until then it drops what comes.
                self.moving = self.moving.map(|until| until.min(now + ARRIVAL));
            }
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => {
                let label = self.pc.data_channel(*id).map(|channel| channel.label().to_owned());
                match &label {
                    // The client's own takes the place of one that was opened for it.
                    Some(label) if label == CHANNEL => {
                        self.channel = Some(*id);
                        self.open = true;
                    }
                    _ => tracing::debug!(?label, "a data channel of another name is not used"),
                }
            }
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnClose(id)) if self.channel == Some(*id) => {
                self.end(Ended::Closed);
            }
            _ => {}
        }
    }

    /// Opens the channel where the client asked for data channels and opened none.
    fn open_channel(&mut self, now: Instant) {
        let due = self.connected.is_some_and(|connected| now >= connected + CHANNEL_PATIENCE);
        if !due || !self.offers_data || self.channel.is_some() {
            return;
        }
        match self.pc.create_data_channel(CHANNEL, None) {
            Ok(channel) => self.channel = Some(channel.id()),
            Err(error) => {
                tracing::debug!(%error, "the data channel cannot be opened");
                self.end(Ended::Failed);
            }
        }
    }

    fn judge(&mut self, now: Instant) {
        if now >= self.silent_at() {
            self.end(if self.connected.is_some() { Ended::Silent } else { Ended::NeverConnected });
        }
    }

    fn silent_at(&self) -> Instant {
        match self.connected {
            Some(_) => self.heard_at + SILENCE,
            None => self.began.max(self.heard_at) + CONNECT_PATIENCE,
        }
    }

    fn end(&mut self, why: Ended) {
        self.ended.get_or_insert(why);
    }

    fn say(&mut self, frame: &Frame, now: Instant) {
        self.late.push(frame.late);
        if let Err(error) = self.try_say(frame, now) {
            tracing::debug!(%error, "a frame was not sent");
        }
    }

    fn try_say(&mut self, frame: &Frame, now: Instant) -> Result<(), RtcError> {
        let speaker = match &mut self.speaker {
            Some(speaker) => speaker,
            None => self.speaker.insert(Speaker::new()?),
        };
        let payload = speaker.say(&frame.samples)?;
        let mut packet = rtc::rtp::Packet { payload, ..Default::default() };
        packet.header.version = 2;
        packet.header.marker = frame.marker;
        packet.header.payload_type = self.payload_type;
        packet.header.sequence_number = self.sequence;
        packet.header.timestamp = self.timestamp.wrapping_add(frame.ticks);
        packet.header.ssrc = self.ssrc;
        self.sequence = self.sequence.wrapping_add(1);
        let mut sender = self.pc.rtp_sender(self.sender).ok_or(RtcError::Unusable("takes no audio"))?;
        sender.write_rtp(now, packet).map_err(refused)?;
        self.packets.sent(frame.number);
        Ok(())
    }

    /// The next datagram to send.
    pub(crate) fn poll_datagram(&mut self) -> Option<(Transport, SocketAddr, SocketAddr, BytesMut)> {
        let TaggedBytesMut { transport, message, .. } = self.pc.poll_write()?;
        let kind = match transport.transport_protocol {
            TransportProtocol::TCP => Transport::Tcp,
            _ => Transport::Udp,
        };
        Some((kind, transport.local_addr, transport.peer_addr, message))
    }

    /// What the client said since, 16 kHz mono.
    pub(crate) fn poll_heard(&mut self, now: Instant) -> Option<Vec<i16>> {
        let piece = self.jitter.poll(now)?;
        Some(self.listener.hear(&piece))
    }

    /// The next message of the client. Not to ask holds the client back.
    pub(crate) fn poll_message(&mut self) -> Option<Message> {
        loop {
            let RTCMessage::DataChannelMessage(id, message) = self.pc.poll_data_read()?.message else { continue };
            if self.channel != Some(id) {
                continue;
            }
            let length = message.data.len();
            return Some(match String::from_utf8(message.data.to_vec()) {
                Ok(text) if message.is_string => Message::Event(text),
                _ => Message::Binary(length),
            });
        }
    }

    /// What became of the audio.
    pub(crate) fn poll_played(&mut self) -> Option<Played> {
        self.told.pop_front()
    }

    /// How late the frames since the last call left.
    pub(crate) fn take_late(&mut self) -> std::vec::Drain<'_, Duration> {
        self.late.drain(..)
    }

    /// When the packets since the last call should have come.
    pub(crate) fn take_expected(&mut self) -> std::vec::Drain<'_, Instant> {
        self.expected.drain(..)
    }

    /// Whether audio for the client may be handed in.
    pub(crate) fn has_room(&self) -> bool {
        self.player.has_room()
    }

    /// Takes audio for the client.
    pub(crate) fn play(&mut self, playback: Playback) {
        self.player.take(playback);
    }

    /// Whether an event for the client may be handed in.
    pub(crate) fn can_send(&mut self) -> bool {
        // A call of audio alone has nobody who is told.
        if !self.offers_data && self.channel.is_none() {
            return true;
        }
        let Some(channel) = self.channel.filter(|_| self.open) else { return false };
        self.pc.data_channel(channel).is_some_and(|channel| channel.outstanding_bytes() < SEND_WINDOW)
    }

    /// Whether the client has everything that it was told.
    pub(crate) fn has_told(&mut self) -> bool {
        let channel = self.channel.and_then(|channel| self.pc.data_channel(channel));
        channel.is_none_or(|channel| channel.outstanding_bytes() == 0)
    }

    /// Whether the channel is open and does not move.
    pub(crate) fn is_blocked(&mut self) -> bool {
        self.open && !self.can_send()
    }

    /// Sends an event to the client.
    pub(crate) fn send(&mut self, event: String, now: Instant) {
        let length = event.len();
        let Some(mut channel) = self.channel.and_then(|channel| self.pc.data_channel(channel)) else { return };
        if let Err(error) = channel.send_text(now, event) {
            tracing::warn!(%error, length, "an event did not reach the client");
        }
    }

    /// When to call [`Peer::turn`] although nothing was handed in.
    pub(crate) fn timeout(&mut self) -> Instant {
        let mut due = self.moving.map_or(self.silent_at(), |until| until.min(self.silent_at()));
        if self.offers_data && self.channel.is_none() {
            due = self.connected.map_or(due, |connected| due.min(connected + CHANNEL_PATIENCE));
        }
        for time in
            [self.pc.poll_timeout(), self.jitter.poll_timeout(), self.player.poll_timeout()].into_iter().flatten()
        {
            due = due.min(time);
        }
        due
    }

    /// Why the call is over, if it is.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// When the connection stood.
    pub(crate) fn connected(&self) -> Option<Instant> {
        self.connected
    }

    /// When the client's first audio came.
    pub(crate) fn first_audio(&self) -> Option<Instant> {
        self.first_audio
    }

    /// What happened to the client's packets.
    pub(crate) fn stats(&self) -> (crate::jitter::JitterStats, u64) {
        (self.jitter.stats(), self.listener.broken())
    }

    /// Says goodbye; what [`Peer::poll_datagram`] has afterwards tells the client.
    pub(crate) fn close(&mut self) {
        if let Err(error) = self.pc.close() {
            tracing::debug!(%error, "a call was not closed cleanly");
        }
    }
}
