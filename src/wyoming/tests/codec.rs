//! The codec: what is written is read back however it is cut, and nothing that arrives makes it panic or grow.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio_util::codec::{Decoder, Encoder};
use vesta_wyoming::{Codec, CodecError, Event, Limits};

const SMALL: Limits = Limits { header: 256, data: 512, payload: 1024 };

fn encode(event: &Event) -> BytesMut {
    let mut bytes = BytesMut::new();
    Codec::default().encode(event.clone(), &mut bytes).unwrap();
    bytes
}

/// Feeds `bytes` in pieces of these lengths (repeated), as a socket would deliver them; returns the events, the error that ended it,
/// and the most that the buffer ever held.
fn decode(limits: Limits, bytes: &[u8], cuts: &[usize]) -> (Vec<Event>, Option<CodecError>, usize) {
    let (mut codec, mut buffer, mut events, mut most) = (Codec::new(limits), BytesMut::new(), Vec::new(), 0);
    let mut rest = bytes;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*cuts.next().unwrap()).clamp(1, rest.len()));
        rest = after;
        buffer.extend_from_slice(piece);
        most = most.max(buffer.len());
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error), most),
            }
        }
    }
    loop {
        match codec.decode_eof(&mut buffer) {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return (events, None, most),
            Err(error) => return (events, Some(error), most),
        }
    }
}

fn all(bytes: &[u8]) -> Result<Vec<Event>, CodecError> {
    match decode(Limits::default(), bytes, &[usize::MAX]) {
        (events, None, _) => Ok(events),
        (_, Some(error), _) => Err(error),
    }
}

#[test]
fn reads_what_the_reference_implementation_writes() {
    let stream = b"{\"type\": \"audio-chunk\", \"version\": \"1.10.2\", \"data_length\": 61, \"payload_length\": 4}\n\
        {\"rate\": 16000, \"width\": 2, \"channels\": 1, \"timestamp\": null}\x01\x02\x03\n{\"type\": \"audio-stop\"}\n";
    let events = all(stream).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].data.get("rate"), Some(&json!(16000)));
    assert_eq!(events[0].payload, Bytes::from_static(b"\x01\x02\x03\n"));
    assert_eq!(events[1], Event::new("audio-stop"));
}

#[test]
fn fields_in_the_header_are_read_and_separate_ones_win() {
    let events =
        all(b"{\"type\":\"t\",\"data\":{\"a\":1,\"b\":1},\"data_length\":7,\"payload_length\":null}\n{\"b\":2}")
            .unwrap();
    assert_eq!(Value::Object(events[0].data.clone()), json!({"a": 1, "b": 2}));
}

#[test]
fn carriage_returns_and_spaces_around_a_header_are_tolerated() {
    assert_eq!(all(b"  {\"type\":\"ping\"} \r\n").unwrap(), [Event::new("ping")]);
}

#[test]
fn a_line_that_is_no_header_is_refused() {
    for line in [
        "GET / HTTP/1.1\r\n",
        "\n",
        "[]\n",
        "7\n",
        "null\n",
        "{}\n",
        "{\"type\":1}\n",
        "{\"type\":\"\"}\n",
        "{\"type\":\"a\"\n",
        "{\"type\":\"a\",\"data\":[]}\n",
        "{\"type\":\"a\",\"data_length\":-1}\n",
        "{\"type\":\"a\",\"data_length\":1.5}\n",
        "{\"type\":\"a\",\"payload_length\":\"9\"}\n",
        "{\"type\":\"a\",\"payload_length\":1e400}\n",
        "{\"type\":\"\\ud800\"}\n",
    ] {
        assert!(matches!(all(line.as_bytes()), Err(CodecError::Header { .. })), "{line:?}");
    }
    assert!(matches!(all(b"\xff\xfe\n"), Err(CodecError::Header { .. })));
    let deep = format!("{{\"type\":\"a\",\"data\":{}}}\n", "[".repeat(20_000));
    assert!(matches!(all(deep.as_bytes()), Err(CodecError::Header { .. })));
}

#[test]
fn data_that_is_no_object_is_refused() {
    for data in ["[1]", "nul", "{,}", "12", "\"ab\""] {
        let stream = format!("{{\"type\":\"a\",\"data_length\":{}}}\n{data}", data.len());
        assert!(matches!(all(stream.as_bytes()), Err(CodecError::Data { .. })), "{data}");
    }
}

#[test]
fn huge_lengths_are_refused_at_the_header_and_cost_no_memory() {
    for (field, length) in
        [("data_length", "1048577"), ("payload_length", "4294967296"), ("payload_length", "18446744073709551615")]
    {
        let mut buffer = BytesMut::from(format!("{{\"type\":\"a\",\"{field}\":{length}}}\n").as_bytes());
        let before = buffer.capacity();
        let error = Codec::default().decode(&mut buffer).unwrap_err();
        assert!(matches!(error, CodecError::DataTooLong { .. } | CodecError::PayloadTooLong { .. }), "{error}");
        assert!(buffer.capacity() <= before);
    }
}

#[test]
fn an_allowed_length_reserves_nothing_before_the_bytes_arrive() {
    let mut buffer = BytesMut::from(&b"{\"type\":\"a\",\"payload_length\":4194304}\n"[..]);
    let before = buffer.capacity();
    assert!(Codec::default().decode(&mut buffer).unwrap().is_none());
    assert!(buffer.capacity() <= before);
}

#[test]
fn a_header_without_an_end_is_refused_at_its_limit() {
    let (_, error, most) = decode(SMALL, &[b'x'; 5000], &[10]);
    assert!(matches!(error, Some(CodecError::HeaderTooLong { limit: 256 })));
    assert!(most <= 256 + 10);
}

#[test]
fn a_stream_that_ends_inside_an_event_says_so() {
    let whole = encode(&Event::new("a").with("b", "c").with_payload(&b"12345"[..]));
    for end in 1..whole.len() {
        let cut = whole.get(..end).unwrap();
        assert!(matches!(all(cut), Err(CodecError::Truncated)), "cut at {end}");
    }
}

#[test]
fn after_an_error_nothing_is_read_any_more() {
    let mut codec = Codec::default();
    let mut buffer = BytesMut::from(&b"garbage\n{\"type\":\"ping\"}\n"[..]);
    assert!(codec.decode(&mut buffer).is_err());
    buffer.extend_from_slice(b"{\"type\":\"ping\"}\n");
    assert!(matches!(codec.decode(&mut buffer), Err(CodecError::Poisoned)));
    assert!(buffer.is_empty());
}

#[test]
fn what_the_peer_would_refuse_is_not_sent() {
    let mut bytes = BytesMut::new();
    let mut codec = Codec::new(SMALL);
    let too_long = "x".repeat(2000);
    assert!(codec.encode(Event::new("a").with("text", too_long.clone()), &mut bytes).is_err());
    assert!(codec.encode(Event::new("a").with_payload(too_long.clone()), &mut bytes).is_err());
    assert!(codec.encode(Event::new(too_long), &mut bytes).is_err());
    assert!(bytes.is_empty());
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let data = prop::collection::btree_map(any::<String>(), any_value(), 0..5);
    let payload = prop::collection::vec(any::<u8>(), 0..600);
    (".{1,40}", data, payload).prop_map(|(kind, data, payload)| Event {
        kind,
        data: data.into_iter().collect::<Map<_, _>>(),
        payload: payload.into(),
    })
}

proptest! {
    #[test]
    fn events_survive_the_wire_however_it_is_cut(
        events in prop::collection::vec(any_event(), 0..6),
        cuts in prop::collection::vec(1usize..300, 1..20),
    ) {
        let stream: Vec<u8> = events.iter().flat_map(encode).collect();
        let (read, error, _) = decode(Limits::default(), &stream, &cuts);
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert_eq!(read, events);
    }

    #[test]
    fn arbitrary_bytes_neither_panic_nor_pile_up(
        bytes in prop::collection::vec(any::<u8>(), 0..6000),
        cuts in prop::collection::vec(1usize..100, 1..10),
    ) {
        let (_, _, most) = decode(SMALL, &bytes, &cuts);
        prop_assert!(most <= SMALL.header + SMALL.data + SMALL.payload + 100);
    }

    #[test]
    fn damaged_streams_neither_panic_nor_pile_up(
        events in prop::collection::vec(any_event(), 1..5),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cuts in prop::collection::vec(1usize..100, 1..10),
    ) {
        let mut stream: Vec<u8> = events.iter().flat_map(encode).collect();
        for (place, byte) in damage {
            let place = place.index(stream.len());
            stream[place] = byte;
        }
        let (_, _, most) = decode(SMALL, &stream, &cuts);
        prop_assert!(most <= SMALL.header + SMALL.data + SMALL.payload + 100);
    }

    #[test]
    fn any_lengths_in_a_header_are_kept_to(data in any::<u64>(), payload in any::<u64>(), small in 0u64..2000) {
        for (data, payload) in [(data, payload), (small, payload), (0, small)] {
            let head = format!("{{\"type\":\"a\",\"data_length\":{data},\"payload_length\":{payload}}}\n");
            let mut buffer = BytesMut::from(head.as_bytes());
            let refused = Codec::new(SMALL).decode(&mut buffer).is_err();
            let acceptable = data <= SMALL.data as u64 && payload <= SMALL.payload as u64;
            prop_assert_eq!(refused, !acceptable);
        }
    }
}
