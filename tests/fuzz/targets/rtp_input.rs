//! What a client with the right keys may send: RTP packets of any content, in any order, at any time, to samples.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use rtc::shared::marshal::Unmarshal;
use vesta_rtc::codec::Listener;
use vesta_rtc::jitter::{AudioPacket, JitterBuffer};

fuzz_target!(|data: &[u8]| {
    let start = Instant::now();
    let mut now = start;
    let mut buffer = JitterBuffer::new();
    let mut listener = Listener::new().expect("libopus works");
    let mut heard = 0;
    let mut rest = data;
    // Each packet: how many milliseconds it comes after the last, its length, its bytes.
    while let [after, length, tail @ ..] = rest {
        now += Duration::from_millis(u64::from(*after));
        let (mut bytes, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        if let Ok(packet) = rtc::rtp::Packet::unmarshal(&mut bytes) {
            let (sequence, timestamp) = (packet.header.sequence_number, packet.header.timestamp);
            buffer.push(AudioPacket { sequence, timestamp, payload: packet.payload }, now);
        }
        while let Some(piece) = buffer.poll(now) {
            heard += listener.hear(&piece).len();
        }
    }
    // A packet is 120 ms at most, and 10 s of pause before it.
    let packets = data.len() / 2 + 1;
    let time = usize::try_from(now.duration_since(start).as_millis()).unwrap_or(usize::MAX);
    assert!(heard <= packets * 11 * 16_000 + time * 32 + 16_000, "{heard} samples from {packets} packets in {time} ms");
});
