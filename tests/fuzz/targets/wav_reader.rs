//! Arbitrary bytes as a WAV file, with and without a plausible beginning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vesta_audio::wav::Reader;

fuzz_target!(|input: (bool, &[u8])| {
    let (with_header, bytes) = input;
    let start: &[u8] = if with_header { b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" } else { b"" };
    let file = [start, bytes].concat();
    let Ok(mut reader) = Reader::new(&file[..]) else { return };
    while let Ok(Some(samples)) = reader.next_samples() {
        assert!(!samples.is_empty());
    }
});
