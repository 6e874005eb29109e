//! WAV files as they are found in the wild: read right, or refused with a word on what to do.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use std::io::{Cursor, Read};

use proptest::prelude::*;
use vesta_audio::wav::{Reader, WavError, write};

/// 0.5 s of a 440 Hz sine as numbers from -1 to 1, each repeated for every channel.
fn tone(rate: u32, channels: usize) -> Vec<f64> {
    let samples = rate as usize / 2;
    let step = std::f64::consts::TAU * 440.0 / f64::from(rate);
    (0..samples).flat_map(|n| vec![(n as f64 * step).sin() * 0.5; channels]).collect()
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = [name.as_slice(), &(content.len() as u32).to_le_bytes(), content].concat();
    if content.len() % 2 == 1 {
        chunk.push(0);
    }
    chunk
}

fn fmt(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let block = channels * bits.div_ceil(8);
    [
        tag.to_le_bytes().as_slice(),
        &channels.to_le_bytes(),
        &rate.to_le_bytes(),
        &(rate * u32::from(block)).to_le_bytes(),
        &block.to_le_bytes(),
        &bits.to_le_bytes(),
    ]
    .concat()
}

fn extensible(tag: u16, channels: u16, rate: u32, bits: u16, valid: u16) -> Vec<u8> {
    let guid = [tag.to_le_bytes().as_slice(), &[0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]].concat();
    [fmt(0xfffe, channels, rate, bits).as_slice(), &[22, 0], &valid.to_le_bytes(), &[0; 4], &guid].concat()
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [b"RIFF".as_slice(), &(body.len() as u32 + 4).to_le_bytes(), b"WAVE", &body].concat()
}

fn pcm(bits: u16, values: &[f64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| match bits {
            8 => vec![(value * 127.0 + 128.0).round() as u8],
            16 => ((value * 32767.0) as i16).to_le_bytes().to_vec(),
            24 => ((value * 8_388_607.0) as i32).to_le_bytes()[..3].to_vec(),
            _ => ((value * 2_147_483_647.0) as i32).to_le_bytes().to_vec(),
        })
        .collect()
}

fn read(bytes: impl Read) -> Result<Vec<i16>, WavError> {
    let mut reader = Reader::new(bytes)?;
    let mut samples = Vec::new();
    while let Some(run) = reader.next_samples()? {
        samples.extend(run);
    }
    Ok(samples)
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

/// How like the tone these 16 kHz samples are: 1 is exactly, 0 not at all. Its level is checked as well.
fn assert_tone(samples: &[i16], what: &str) {
    let meant = tone(16_000, 1);
    assert!(samples.len().abs_diff(meant.len()) <= 1, "{what}: {} samples", samples.len());
    let (mut dot, mut heard_power, mut meant_power) = (0.0, 0.0, 0.0);
    for (&heard, meant) in samples.iter().zip(&meant).skip(500).take(7000) {
        let heard = f64::from(heard) / 32768.0;
        dot += heard * meant;
        heard_power += heard * heard;
        meant_power += meant * meant;
    }
    let likeness = dot / (heard_power * meant_power).sqrt();
    assert!(likeness > 0.99, "{what}: likeness {likeness}");
    let level = (heard_power / meant_power).sqrt();
    assert!((0.98..1.02).contains(&level), "{what}: level {level}");
}

#[test]
fn integers_of_every_width_rate_and_number_of_channels_are_read() {
    for bits in [8, 16, 24, 32] {
        for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000] {
            for channels in [1u16, 2, 6] {
                let data = pcm(bits, &tone(rate, usize::from(channels)));
                let what = format!("{bits} bits, {rate} Hz, {channels} channels");
                let plain = riff(&[chunk(b"fmt ", &fmt(1, channels, rate, bits)), chunk(b"data", &data)]);
                assert_tone(&read(&plain[..]).unwrap(), &what);
                let header = extensible(1, channels, rate, bits, bits);
                let extended = riff(&[chunk(b"fmt ", &header), chunk(b"data", &data)]);
                assert_tone(&read(&extended[..]).unwrap(), &format!("extensible, {what}"));
            }
        }
    }
}

#[test]
fn floating_point_is_read_and_nonsense_in_it_is_silence() {
    let values = tone(48_000, 2);
    let single: Vec<u8> = values.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect();
    let double: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    for (bits, data) in [(32, single), (64, double)] {
        let file = riff(&[chunk(b"fmt ", &fmt(3, 2, 48_000, bits)), chunk(b"fact", &[0; 4]), chunk(b"data", &data)]);
        assert_tone(&read(&file[..]).unwrap(), &format!("{bits}-bit float"));
    }
    let wild: Vec<u8> =
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30].iter().flat_map(|v| v.to_le_bytes()).collect();
    let file = riff(&[chunk(b"fmt ", &fmt(3, 1, 16_000, 32)), chunk(b"data", &wild)]);
    assert_eq!(read(&file[..]).unwrap(), [0, i16::MAX, i16::MIN, i16::MAX]);
}

#[test]
fn telephone_encodings_are_read() {
    // Codes and values of ITU-T G.711, scaled to 16 bits.
    let mu_law = riff(&[chunk(b"fmt ", &fmt(7, 1, 16_000, 8)), chunk(b"data", &[0x00, 0x80, 0xff, 0x7f, 0x0f, 0x8f])]);
    assert_eq!(read(&mu_law[..]).unwrap(), [-32124, 32124, 0, 0, -16764, 16764]);
    let a_law = riff(&[chunk(b"fmt ", &fmt(6, 1, 16_000, 8)), chunk(b"data", &[0x2a, 0xaa, 0xd5, 0x55, 0xaf, 0x2f])]);
    assert_eq!(read(&a_law[..]).unwrap(), [-32256, 32256, 8, -8, 27136, -27136]);
}

#[test]
fn channels_are_averaged() {
    let left_only: Vec<f64> = tone(16_000, 1).into_iter().flat_map(|value| [value * 2.0 * 0.999, 0.0]).collect();
    let file = riff(&[chunk(b"fmt ", &fmt(1, 2, 16_000, 16)), chunk(b"data", &pcm(16, &left_only))]);
    assert_tone(&read(&file[..]).unwrap(), "left only");
}

#[test]
fn lengths_that_streaming_recorders_leave_behind_do_not_matter() {
    let data = pcm(16, &tone(16_000, 1));
    for length in [0u32, u32::MAX, 0x7fff_ffff, u32::MAX - 36, data.len() as u32 + 5_000, data.len() as u32 - 4_000] {
        let mut file = riff(&[chunk(b"fmt ", &fmt(1, 1, 16_000, 16)), chunk(b"data", &data)]);
        file[40..44].copy_from_slice(&length.to_le_bytes());
        file[4..8].copy_from_slice(&length.to_le_bytes());
        assert_tone(&read(&file[..]).unwrap(), &format!("length {length}"));
    }
}

#[test]
fn a_file_that_was_cut_off_is_read_as_far_as_it_goes() {
    let whole = riff(&[chunk(b"fmt ", &fmt(1, 2, 48_000, 24)), chunk(b"data", &pcm(24, &tone(48_000, 2)))]);
    let cut = &whole[..whole.len() / 2 + 1];
    let mut reader = Reader::new(cut).unwrap();
    let mut heard = 0;
    while let Some(frames) = reader.next_frames().unwrap() {
        heard += frames.len();
    }
    assert!(reader.is_truncated());
    assert_eq!(reader.heard_ms(), 249);
    assert_eq!(heard, 13);
    for end in [13, 20, 30, 43] {
        assert!(refusal(&whole[..end]).contains("cut off"), "cut at {end}");
    }
    assert!(refusal(&whole[..44]).contains("no sound"));
}

#[test]
fn chunks_around_the_samples_are_no_sound() {
    let data = pcm(16, &tone(16_000, 1));
    let info = chunk(b"LIST", b"INFOISFT\x05\0\0\0Vesta\0");
    let odd = chunk(b"junk", &[7; 13]);
    let (format, samples) = (chunk(b"fmt ", &fmt(1, 1, 16_000, 16)), chunk(b"data", &data));
    let around = riff(&[odd.clone(), info.clone(), format.clone(), odd.clone(), samples, info.clone(), odd]);
    assert_tone(&read(&around[..]).unwrap(), "chunks around");
    let longer_format = chunk(b"fmt ", &[fmt(1, 1, 16_000, 16), vec![0; 90]].concat());
    assert_tone(&read(&riff(&[longer_format, chunk(b"data", &data)])[..]).unwrap(), "a long format description");
    // Without any sound, a chunk behind the empty data must not be heard as noise.
    assert!(refusal(&riff(&[format, chunk(b"data", &[]), info])).contains("no sound"));
}

#[test]
fn samples_of_an_odd_number_of_bytes_end_where_they_end() {
    let mut data = pcm(8, &tone(16_000, 1));
    data.push(128);
    let file = riff(&[chunk(b"fmt ", &fmt(1, 1, 16_000, 8)), chunk(b"data", &data), chunk(b"LIST", &[0x7f; 3000])]);
    assert_eq!(read(&file[..]).unwrap().len(), 8001);
}

#[test]
fn files_beyond_four_gigabytes_keep_their_length_elsewhere() {
    let data = pcm(16, &tone(16_000, 1));
    let sizes = [0u64.to_le_bytes(), (data.len() as u64).to_le_bytes(), 0u64.to_le_bytes()].concat();
    let mut file = riff(&[
        chunk(b"ds64", &[sizes, vec![0; 4]].concat()),
        chunk(b"fmt ", &fmt(1, 1, 16_000, 16)),
        [b"data".as_slice(), &u32::MAX.to_le_bytes(), &data].concat(),
        chunk(b"LIST", &[0x7f; 4000]),
    ]);
    file[..4].copy_from_slice(b"RF64");
    assert_tone(&read(&file[..]).unwrap(), "RF64");
}

#[test]
fn wrong_block_sizes_in_the_header_are_overruled_by_the_bits() {
    let mut format = fmt(1, 1, 16_000, 16);
    format[12..14].copy_from_slice(&1u16.to_le_bytes());
    format[8..12].copy_from_slice(&0u32.to_le_bytes());
    let file = riff(&[chunk(b"fmt ", &format), chunk(b"data", &pcm(16, &tone(16_000, 1)))]);
    assert_tone(&read(&file[..]).unwrap(), "wrong block size");
}

#[test]
fn what_cannot_be_heard_says_what_to_do() {
    let data = chunk(b"data", &[0; 100]);
    let with = |format: Vec<u8>| riff(&[chunk(b"fmt ", &format), data.clone()]);
    let mut big_endian = with(fmt(1, 1, 16_000, 16));
    big_endian[..4].copy_from_slice(b"RIFX");
    let maker = [extensible(1, 1, 16_000, 16, 16)[..26].to_vec(), vec![9; 14]].concat();
    for (file, expected) in [
        (Vec::new(), "is empty"),
        (b"turn on the kitchen light\n".to_vec(), "is a text"),
        ("Schalte das K\u{fc}chenlicht ein.".repeat(60).into_bytes(), "vesta ask"),
        (b"hi".to_vec(), "is a text"),
        (b"ID3\x04\0\0\0\0\0\0\0\0\0\0".to_vec(), "MP3"),
        (b"\xff\xfb\x90\x64\0\0\0\0\0\0\0\0".to_vec(), "ffmpeg"),
        (b"fLaC\0\0\0\x22\x10\0\x10\0\0".to_vec(), "FLAC"),
        (b"OggS\0\x02\0\0\0\0\0\0\0\0".to_vec(), "Ogg"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0".to_vec(), "M4A"),
        (b"RIFF\x20\0\0\0AVI LIST".to_vec(), "AVI"),
        (vec![0; 5000], "unknown kind"),
        (big_endian, "big-endian"),
        (b"RIFF".to_vec(), "cut off"),
        (b"RIFF\x04\0\0\0WAVE".to_vec(), "cut off"),
        (riff(std::slice::from_ref(&data)), "does not say what format"),
        (riff(&[chunk(b"fmt ", &fmt(1, 1, 16_000, 16))]), "no sound"),
        (riff(&[chunk(b"fmt ", &fmt(1, 1, 16_000, 16)), chunk(b"data", &[])]), "no sound"),
        (riff(&[chunk(b"fmt ", &fmt(1, 1, 16_000, 16)), chunk(b"data", &[1])]), "no sound"),
        (with(fmt(1, 0, 16_000, 16)), "0 channels"),
        (with(fmt(1, 1, 0, 16)), "0 samples a second"),
        (
            with([fmt(1, 1, 0, 16)[..4].to_vec(), u32::MAX.to_le_bytes().to_vec(), vec![0; 6], vec![16, 0]].concat()),
            "damaged",
        ),
        (with(fmt(1, 1, 16_000, 0)), "0 bits"),
        (with(fmt(1, 1, 16_000, 16)[..10].to_vec()), "only 10 bytes"),
        (with(fmt(2, 2, 16_000, 4)), "Microsoft ADPCM"),
        (with(fmt(0x11, 1, 16_000, 4)), "IMA ADPCM"),
        (with(fmt(0x55, 1, 16_000, 16)), "MP3"),
        (with(fmt(0x1234, 1, 16_000, 16)), "0x1234"),
        (with(fmt(3, 1, 16_000, 16)), "16 bits"),
        (with(maker), "its maker's own"),
        (with(fmt(0xfffe, 1, 16_000, 16)), "cut off"),
    ] {
        let error = refusal(&file);
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
}

/// A WAV file of a given length that is made up while it is read.
struct Endless {
    header: Cursor<Vec<u8>>,
    left: u64,
    largest_read: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let header = self.header.read(buffer)?;
        if header > 0 {
            return Ok(header);
        }
        self.largest_read = self.largest_read.max(buffer.len());
        let count = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        buffer[..count].fill(3);
        self.left -= count as u64;
        Ok(count)
    }
}

#[test]
fn an_hour_passes_in_bounded_memory() {
    let bytes = 3600 * 8_000 * 2;
    let mut header = riff(&[chunk(b"fmt ", &fmt(1, 1, 8_000, 16)), chunk(b"data", &[])]);
    header[40..44].copy_from_slice(&(bytes as u32).to_le_bytes());
    let mut reader = Reader::new(Endless { header: Cursor::new(header), left: bytes, largest_read: 0 }).unwrap();
    let (mut frames, mut most) = (0, 0);
    while let Some(run) = reader.next_frames().unwrap() {
        frames += run.len();
        most = most.max(run.len());
    }
    assert_eq!(frames, 3600 * 50);
    assert!(most <= 50, "{most} frames at once");
    assert_eq!(reader.heard_ms(), 3_600_000);
}

#[test]
fn reads_that_are_interrupted_or_short_change_nothing() {
    struct Grudging<'a>(&'a [u8], u32);
    impl Read for Grudging<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(3) {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let most = buffer.len().min(7);
            self.0.read(&mut buffer[..most])
        }
    }
    let file = riff(&[
        chunk(b"LIST", &[1; 99]),
        chunk(b"fmt ", &fmt(1, 1, 16_000, 16)),
        chunk(b"data", &pcm(16, &tone(16_000, 1))),
    ]);
    assert_tone(&read(Grudging(&file, 0)).unwrap(), "grudging");
}

#[test]
fn what_is_written_is_read_back() {
    let samples: Vec<i16> = (-5000..5000).collect();
    let mut file = Cursor::new(Vec::new());
    write(&mut file, 16_000, &samples).unwrap();
    assert_eq!(read(&file.get_ref()[..]).unwrap(), samples);
    let mut empty = Cursor::new(Vec::new());
    write(&mut empty, 22_050, &[]).unwrap();
    assert!(matches!(read(&empty.get_ref()[..]), Err(WavError::NoSamples)));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let _ = read(&bytes[..]);
        let _ = read(&[b"RIFF\0\0\0\0WAVE".as_slice(), &bytes].concat()[..]);
    }

    #[test]
    fn damaged_files_never_panic(damage in prop::collection::vec((0usize..80, any::<u8>()), 1..12), end in 0usize..3000) {
        let data = pcm(16, &tone(16_000, 1))[..2000].to_vec();
        let mut file = riff(&[chunk(b"fmt ", &extensible(1, 1, 16_000, 16, 16)), chunk(b"data", &data), chunk(b"LIST", &[1; 50])]);
        for (place, byte) in damage {
            file[place] = byte;
        }
        let _ = read(&file[..end.min(file.len())]);
    }
}
