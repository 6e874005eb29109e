//! `vesta hear`: the house hears a WAV file.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use vesta_audio::{FRAME_MS, Resampler};

use crate::cli::HearArgs;
use crate::commands::{Host, Setting};
use crate::remote::{Listen, Listener, Speaker, Told};
use crate::terminal;

/// Pieces of the file that are read ahead.
const AHEAD: usize = 50;

pub(crate) async fn run(setting: Setting, args: HearArgs) -> anyhow::Result<ExitCode> {
    // Before anything is started: a file that cannot be read is the user's first concern.
    let mut audio = open(&args.file)?;
    let host = Host::find(&setting).await?;
    let listen = Listen {
        hands_free: !args.push_to_talk,
        as_fast: !args.real_time,
        area: host.area(args.area.as_deref()).await?,
        source: "hear",
        rehearse: args.rehearse,
        mute: false,
    };
    let (speaker, listener) = host.server.listen(&listen).await?;
    let playing = play(&mut audio, speaker, args.real_time);
    let hearing = collect(listener, args.json);
    let (played, heard) = tokio::join!(playing, hearing);
    host.leave().await;
    played?;
    let heard = heard?;
    if let Some(path) = &args.reply {
        heard.write(path)?;
    }
    if heard.turns == 0 && !args.json {
        terminal::remark("nothing was said");
    }
    Ok(if heard.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The file's audio, decoded on a thread of its own; at most [`AHEAD`] frames are held.
fn open(path: &PathBuf) -> anyhow::Result<mpsc::Receiver<anyhow::Result<Vec<i16>>>> {
    let source: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?)
    };
    let name = path.display().to_string();
    let mut reader = vesta_audio::wav::Reader::new(BufReader::new(source)).with_context(|| name.clone())?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::Builder::new().name("wav".to_owned()).spawn(move || {
        loop {
            let frames = match reader.next_frames() {
                Ok(Some(frames)) => frames,
                Ok(None) => {
                    if reader.is_truncated() {
                        terminal::remark(format!("{name}: the file is cut off; what is there is heard"));
                    }
                    return;
                }
                Err(error) => {
                    let _ = sender.blocking_send(Err(anyhow::Error::new(error).context(name)));
                    return;
                }
            };
            for frame in frames {
                if sender.blocking_send(Ok(frame.to_vec())).is_err() {
                    return;
                }
            }
        }
    })?;
    Ok(receiver)
}

/// Sends the audio, frame by frame at the time it was spoken or as fast as it is taken.
async fn play(
    audio: &mut mpsc::Receiver<anyhow::Result<Vec<i16>>>,
    mut speaker: Speaker,
    real_time: bool,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut sent = 0u64;
    let mut broken = Ok(());
    while let Some(frame) = audio.recv().await {
        match frame {
            Ok(frame) => speaker.audio(&frame).await?,
            // What was heard up to here is still answered.
            Err(error) => {
                broken = Err(error);
                break;
            }
        }
        sent += 1;
        if real_time {
            sleep_until(began + Duration::from_millis(sent * FRAME_MS)).await;
        }
    }
    speaker.end().await?;
    speaker.bye().await?;
    broken
}

/// What came back.
#[derive(Default)]
struct Heard {
    turns: usize,
    failed: bool,
    reply: Vec<(u32, Vec<i16>)>,
}

impl Heard {
    /// Writes all replies, one after the other.
    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let rate = self.reply.first().map_or(vesta_audio::SAMPLE_RATE, |(rate, _)| *rate);
        let mut samples = Vec::new();
        // Voices differ in their rate; a file has one.
        for voice in self.reply.chunk_by(|one, next| one.0 == next.0) {
            let from = voice.first().map_or(rate, |(from, _)| *from);
            let mut resampler = Resampler::new(from, rate)?;
            voice.iter().for_each(|(_, piece)| samples.extend(resampler.process(piece)));
            samples.extend(resampler.flush());
        }
        let file = std::fs::File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
        vesta_audio::wav::write(std::io::BufWriter::new(file), rate, &samples)?;
        if samples.is_empty() {
            terminal::remark(format!("{}: the house said nothing", path.display()));
        }
        Ok(())
    }
}

async fn collect(mut listener: Listener, json: bool) -> anyhow::Result<Heard> {
    let mut heard = Heard::default();
    while let Some(told) = listener.next().await? {
        match told {
            Told::Audio { rate, samples, .. } => heard.reply.push((rate, samples)),
            Told::Event(event) => {
                if event["type"] == "finished" {
                    heard.turns += 1;
                    heard.failed |= matches!(event["outcome"].as_str(), Some("failed" | "refused"));
                }
                if json {
                    terminal::json(&event)?;
                } else {
                    show(&event);
                }
            }
        }
    }
    Ok(heard)
}

/// An event for a person; the growing transcript is only shown where it can be overwritten.
pub(crate) fn show(event: &Value) {
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    match event["type"].as_str() {
        Some("transcript") if !text("text").is_empty() => terminal::line(format!("heard: {}", text("text"))),
        Some("say") => terminal::line(format!("said:  {}", text("text"))),
        Some("announcement") => terminal::line(format!("tells: {}", text("text"))),
        Some("failed") => terminal::remark(format!("({}: {})", text("code"), text("detail"))),
        _ => {}
    }
}
