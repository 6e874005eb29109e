//! The jitter buffer, with a network made of numbers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use vesta_rtc::jitter::{AudioPacket, JitterBuffer, Piece, opus_ticks};

/// A 20 ms Opus packet of one frame (SILK, 20 ms) with its number in it.
fn packet(number: u32) -> Bytes {
    let [a, b, c, d] = number.to_be_bytes();
    Bytes::from(vec![0x08, a, b, c, d])
}

fn numbered(payload: &Bytes) -> u32 {
    u32::from_be_bytes([payload[1], payload[2], payload[3], payload[4]])
}

fn rtp(number: u32) -> AudioPacket {
    AudioPacket {
        sequence: 65_500u16.wrapping_add(number as u16),
        timestamp: (u32::MAX - 5_000).wrapping_add(number * 960),
        payload: packet(number),
    }
}

/// Runs a buffer through time in steps of a millisecond, with packets at their arrival times in milliseconds.
struct Network {
    start: Instant,
    now: u64,
    buffer: JitterBuffer,
    pieces: Vec<(u64, Piece)>,
}

impl Network {
    fn new() -> Self {
        Self { start: Instant::now(), now: 0, buffer: JitterBuffer::new(), pieces: Vec::new() }
    }

    fn at(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn push(&mut self, packet: AudioPacket) {
        self.buffer.push(packet, self.at());
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(piece) = self.buffer.poll(self.at()) {
            self.pieces.push((self.now, piece));
        }
    }

    fn until(&mut self, time: u64) {
        while self.now < time {
            self.now += 1;
            if self.buffer.poll_timeout().is_some_and(|due| due <= self.at()) {
                self.drain();
            }
        }
    }

    fn decoded(&self) -> Vec<u32> {
        let number =
            |(_, piece): &(u64, Piece)| if let Piece::Decode(payload) = piece { Some(numbered(payload)) } else { None };
        self.pieces.iter().filter_map(number).collect()
    }

    fn ticks(&self) -> u64 {
        self.pieces.iter().map(|(_, piece)| ticks(piece)).sum()
    }
}

fn ticks(piece: &Piece) -> u64 {
    match piece {
        Piece::Decode(payload) => opus_ticks(payload).unwrap(),
        Piece::Recover { ticks, .. } | Piece::Conceal { ticks } | Piece::Silence { ticks } => *ticks,
    }
}

#[test]
fn what_is_in_order_is_passed_on_at_once() {
    let mut network = Network::new();
    for number in 0..100 {
        network.until(u64::from(number) * 20);
        network.push(rtp(number));
    }
    assert_eq!(network.decoded(), (0..100).collect::<Vec<_>>());
    for (number, (at, _)) in network.pieces.iter().enumerate() {
        assert_eq!(*at, number as u64 * 20);
    }
}

#[test]
fn packets_that_overtake_each_other_are_put_in_order() {
    let mut network = Network::new();
    for number in [0, 2, 1, 3, 5, 4, 6] {
        network.push(rtp(number));
    }
    assert_eq!(network.decoded(), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_lost_packet_is_recovered_from_the_next_and_a_longer_gap_concealed() {
    let mut network = Network::new();
    for number in [0, 1, 3, 7] {
        network.until(u64::from(number) * 20);
        network.push(rtp(number));
    }
    network.until(200);
    let kinds: Vec<Piece> = network.pieces.iter().map(|(_, piece)| piece.clone()).take(7).collect();
    assert_eq!(
        kinds,
        [
            Piece::Decode(packet(0)),
            Piece::Decode(packet(1)),
            Piece::Recover { next: packet(3), ticks: 960 },
            Piece::Decode(packet(3)),
            Piece::Conceal { ticks: 1_920 },
            Piece::Recover { next: packet(7), ticks: 960 },
            Piece::Decode(packet(7)),
        ]
    );
    assert_eq!(network.buffer.stats().lost, 4);
}

#[test]
fn a_pause_is_silence_in_real_time_and_not_longer_than_it_was() {
    let mut network = Network::new();
    network.push(rtp(0));
    // The sender says that it pauses, and sends nothing for two seconds.
    let quiet = AudioPacket { payload: Bytes::from_static(&[0x08]), ..rtp(1) };
    network.until(20);
    network.push(quiet);
    network.until(1_000);
    let passed = network.ticks() / 48;
    assert!((900..=1_000).contains(&passed), "{passed} ms were passed on in a second");
    network.until(2_040);
    network.push(AudioPacket { sequence: rtp(2).sequence, ..rtp(102) });
    assert_eq!(network.ticks(), 103 * 960, "pause and speech are as long as they were");
}

#[test]
fn a_network_that_stalls_loses_nothing() {
    let mut network = Network::new();
    for number in 0..10 {
        network.until(u64::from(number) * 20);
        network.push(rtp(number));
    }
    network.until(1_200);
    let silence = network.ticks() - 10 * 960;
    assert!(silence > 48 * 500, "the stall is silence meanwhile");
    for number in 10..60 {
        network.push(rtp(number));
    }
    assert_eq!(network.decoded(), (0..60).collect::<Vec<_>>());
}

#[test]
fn padding_moves_the_sequence_and_is_no_audio() {
    let mut network = Network::new();
    network.push(rtp(0));
    network.push(AudioPacket { payload: Bytes::new(), timestamp: rtp(0).timestamp, ..rtp(1) });
    network.push(AudioPacket { sequence: rtp(2).sequence, ..rtp(1) });
    assert_eq!(network.decoded(), [0, 1]);
    assert_eq!((network.ticks(), network.buffer.stats().padding), (2 * 960, 1));
}

#[test]
fn duplicates_and_replays_are_heard_once() {
    let mut network = Network::new();
    for number in [0, 1, 1, 0, 2, 3, 3, 2, 1] {
        network.push(rtp(number));
    }
    assert_eq!(network.decoded(), [0, 1, 2, 3]);
    assert_eq!(network.buffer.stats().duplicate, 5);
}

#[test]
fn one_odd_sequence_number_is_garbage_and_two_are_another_stream() {
    let mut network = Network::new();
    network.push(rtp(0));
    let odd = |sequence, number| AudioPacket { sequence, timestamp: 7, payload: packet(number) };
    network.push(odd(30_000, 900));
    network.push(rtp(1));
    assert_eq!(network.decoded(), [0, 1]);
    network.push(odd(20_000, 500));
    network.push(odd(20_001, 501));
    network.push(odd(20_002, 502));
    assert_eq!(network.decoded(), [0, 1, 501, 502]);
}

#[test]
fn the_wait_grows_with_the_lateness_of_packets() {
    // Every fifth packet is 90 ms late: the first is given up, later ones are waited for.
    let mut arrivals: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for number in 0..200u32 {
        let late = if number % 5 == 4 { 90 } else { 0 };
        arrivals.entry(u64::from(number) * 20 + late).or_default().push(number);
    }
    let mut network = Network::new();
    for (time, numbers) in arrivals {
        network.until(time);
        numbers.into_iter().for_each(|number| network.push(rtp(number)));
    }
    let decoded = network.decoded();
    let missing = (0..200).filter(|number| !decoded.contains(number)).collect::<Vec<_>>();
    assert!(missing.len() <= 3 && missing.iter().all(|number| *number < 30), "given up too early: {missing:?}");
    assert_eq!(network.buffer.stats().late, missing.len() as u64);
}

#[test]
fn the_length_of_an_opus_packet_is_read_from_its_first_bytes() {
    assert_eq!(opus_ticks(&[]), None);
    assert_eq!(opus_ticks(&[0x08]), Some(960));
    assert_eq!(opus_ticks(&[0xfc]), Some(960));
    assert_eq!(opus_ticks(&[0xe0]), Some(120));
    assert_eq!(opus_ticks(&[0x1b, 2]), Some(5_760));
    assert_eq!(opus_ticks(&[0x1b, 3]), None, "more than 120 ms");
    assert_eq!(opus_ticks(&[0x0b]), None, "the count of frames is missing");
    assert_eq!(opus_ticks(&[0x0b, 0]), None);
}

proptest! {
    /// Whatever the network does, speech comes out in order, once, and time does not run away.
    #[test]
    fn audio_is_in_order_and_as_long_as_it_was(
        fates in prop::collection::vec((0u64..180, 0u8..100), 2..300),
        loss in 0u8..40,
    ) {
        let mut arrivals: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        let mut kept = 0;
        for (number, (delay, luck)) in fates.iter().enumerate() {
            if *luck >= loss {
                arrivals.entry(number as u64 * 20 + delay).or_default().push(number as u32);
                kept += 1;
            }
            if luck % 10 == 9 {
                arrivals.entry(number as u64 * 20 + delay + 3).or_default().push(number as u32);
            }
        }
        let mut network = Network::new();
        for (time, numbers) in arrivals {
            network.until(time);
            numbers.into_iter().for_each(|number| network.push(rtp(number)));
        }
        network.until(network.now + 300);
        let decoded = network.decoded();
        prop_assert!(decoded.windows(2).all(|pair| pair[0] < pair[1]), "{decoded:?}");
        let stats = network.buffer.stats();
        prop_assert_eq!(decoded.len() as u64 + stats.late + stats.duplicate + stats.garbage, stats.received);
        prop_assert!(decoded.len() <= kept + fates.len());
        // No piece of audio is passed on before its time, nor is more of it than time has passed plus what came early.
        prop_assert!(network.ticks() / 48 <= network.now + 20 * fates.len() as u64);
    }

    /// Packets of an attacker who knows the keys: nothing panics, nothing piles up.
    #[test]
    fn garbage_is_survived(
        packets in prop::collection::vec((any::<u16>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..8), 0u64..50), 0..400),
    ) {
        let mut network = Network::new();
        for (sequence, timestamp, payload, wait) in packets {
            network.until(network.now + wait);
            network.push(AudioPacket { sequence, timestamp, payload: payload.into() });
        }
        network.until(network.now + 1_000);
        prop_assert!(network.pieces.iter().all(|(_, piece)| ticks(piece) <= 10 * 48_000));
    }
}
