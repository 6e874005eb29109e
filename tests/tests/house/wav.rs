//! Sound files of every kind: the right result or a clear error.

use std::path::{Path, PathBuf};

use vesta_tests::program::{self, Output};
use vesta_tests::server::Server;
use vesta_tests::speech::{RATE, speak};

/// A WAV file with a plain header.
fn wav(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let align = channels * bits / 8;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(format.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(align)).to_le_bytes());
    bytes.extend(align.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// Speech at another rate, by linear interpolation.
fn at_rate(samples: &[i16], rate: usize) -> Vec<f64> {
    let count = samples.len() * rate / RATE;
    let at = |index: usize| f64::from(samples.get(index).copied().unwrap_or(0)) / 32768.0;
    (0..count)
        .map(|index| {
            let place = index as f64 * RATE as f64 / rate as f64;
            let (whole, part) = (place.floor() as usize, place.fract());
            at(whole) * (1.0 - part) + at(whole + 1) * part
        })
        .collect()
}

fn pcm16(samples: &[f64]) -> Vec<u8> {
    samples.iter().flat_map(|sample| ((sample * 32767.0) as i16).to_le_bytes()).collect()
}

async fn hear(server: &Server, file: &Path) -> Output {
    program::run(program::vesta(server.data()).arg("hear").arg(file).arg("--push-to-talk")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_usual_format_is_heard() {
    let server = Server::with_demo_home().await;
    let spoken = speak("turn on the kitchen light");
    let plain = at_rate(&spoken, RATE);
    let stereo: Vec<f64> = at_rate(&spoken, 44_100).into_iter().flat_map(|sample| [sample, sample]).collect();
    let mut wrong_length = wav(1, 1, 16_000, 16, &pcm16(&plain));
    wrong_length[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut cut = wav(1, 1, 16_000, 16, &pcm16(&plain));
    cut.truncate(cut.len() - 1001);
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("8-bit", wav(1, 1, 16_000, 8, &plain.iter().map(|sample| (sample * 127.0 + 128.0) as u8).collect::<Vec<_>>())),
        (
            "24-bit",
            wav(
                1,
                1,
                16_000,
                24,
                &plain
                    .iter()
                    .flat_map(|sample| ((sample * 8_388_607.0) as i32).to_le_bytes()[..3].to_vec())
                    .collect::<Vec<_>>(),
            ),
        ),
        (
            "float",
            wav(3, 1, 16_000, 32, &plain.iter().flat_map(|sample| (*sample as f32).to_le_bytes()).collect::<Vec<_>>()),
        ),
        ("8 kHz", wav(1, 1, 8_000, 16, &pcm16(&at_rate(&spoken, 8_000)))),
        ("44.1 kHz stereo", wav(1, 2, 44_100, 16, &pcm16(&stereo))),
        ("length unknown", wrong_length),
        ("cut off", cut),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let file = folder.path().join("heard.wav");
        std::fs::write(&file, bytes).unwrap();
        let output = hear(&server, &file).await;
        assert!(output.stdout.contains("heard: turn on the kitchen light"), "{name}: {output:#?}");
        assert_eq!(output.code, Some(0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_sound_gets_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    let mut wrong_header = wav(1, 1, 16_000, 16, &[0; 3200]);
    wrong_header[22..24].copy_from_slice(&0u16.to_le_bytes());
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("text", b"turn on the kitchen light\n".to_vec()),
        ("header only", wav(1, 1, 16_000, 16, &[])),
        ("no channels", wrong_header),
        ("half a header", wav(1, 1, 16_000, 16, &[])[..20].to_vec()),
    ];
    for (name, bytes) in files {
        let file = folder.path().join("wrong.wav");
        std::fs::write(&file, bytes).unwrap();
        let output = program::run(program::vesta(data.path()).arg("hear").arg(&file)).await;
        assert_eq!(output.code, Some(1), "{name}: {output:#?}");
        assert!(output.stderr.contains("wrong.wav") && output.stderr.len() > 60, "{name}: {}", output.stderr);
        assert!(!output.stderr.contains("panicked"), "{name}: {}", output.stderr);
    }
    let missing: PathBuf = folder.path().join("missing.wav");
    let output = program::run(program::vesta(data.path()).arg("hear").arg(&missing)).await;
    assert!(output.code == Some(1) && output.stderr.contains("missing.wav"), "{output:#?}");
}

/// An hour of silence with one command near its end, in bounded memory: the file is a sparse one of 115 MB.
#[tokio::test(flavor = "multi_thread")]
async fn an_hour_long_file_is_heard_to_its_end() {
    use std::io::{Seek, SeekFrom, Write};
    let server = Server::with_demo_home().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hour.wav");
    let spoken: Vec<u8> = speak("turn on the kitchen light").iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let length = 3600 * RATE as u64 * 2;
    let mut header = wav(1, 1, 16_000, 16, &[]);
    header[40..44].copy_from_slice(&(length as u32).to_le_bytes());
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(&header).unwrap();
    file.set_len(44 + length).unwrap();
    file.seek(SeekFrom::Start(44 + length - 2 * 16_000 * 4)).unwrap();
    file.write_all(&spoken).unwrap();
    drop(file);

    let before = resident_kilobytes(server.pid());
    let output = program::run(program::vesta(server.data()).arg("hear").arg(&path)).await;
    assert!(output.stdout.contains("heard: turn on the kitchen light"), "{output:#?}");
    let grown = resident_kilobytes(server.pid()).saturating_sub(before);
    assert!(grown < 30_000, "the server grew by {grown} kB");
}

fn resident_kilobytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
        .unwrap_or(0)
}
