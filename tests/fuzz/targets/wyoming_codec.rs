//! A peer that sends arbitrary bytes in arbitrary pieces. What is understood must survive being written and read again.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use tokio_util::codec::{Decoder, Encoder};
use vesta_wyoming::{Codec, Event, Limits, Message};

const LIMITS: Limits = Limits { header: 512, data: 1024, payload: 2048 };

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let (mut codec, mut buffer) = (Codec::new(LIMITS), BytesMut::new());
    for piece in bytes.chunks(usize::from(piece).max(1)) {
        buffer.extend_from_slice(piece);
        assert!(buffer.len() <= LIMITS.header + LIMITS.data + LIMITS.payload + piece.len());
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(event)) => check(event),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    while let Ok(Some(event)) = codec.decode_eof(&mut buffer) {
        check(event);
    }
});

fn check(event: Event) {
    let mut wire = BytesMut::new();
    let mut codec = Codec::default();
    codec.encode(event.clone(), &mut wire).expect("what fits into small limits fits into large ones");
    let again = codec.decode(&mut wire).expect("what was written can be read").expect("and is whole");
    assert_eq!(again.kind, event.kind);
    assert_eq!(again.payload, event.payload);
    assert!(wire.is_empty());
    if let Ok(message) = Message::try_from(event) {
        // A message is stable once it has been through the typed form.
        let message = Message::try_from(Event::from(message)).expect("a typed message can be read again");
        assert_eq!(Message::try_from(Event::from(message.clone())), Ok(message));
    }
}
