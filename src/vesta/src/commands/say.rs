//! `vesta say`: a text by voice.

use std::io::{Cursor, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::SayArgs;
use crate::commands::{Host, Setting};
use crate::sound::Loudspeaker;

pub(crate) async fn run(setting: Setting, args: SayArgs) -> anyhow::Result<ExitCode> {
    let host = Host::find(&setting).await?;
    let text = args.text.join(" ");
    let wav = host.server.say(&text, args.voice.as_deref(), args.language.as_deref(), args.speed).await;
    host.leave().await;
    let wav = wav?;
    match args.output.as_deref() {
        Some(path) if path == Path::new("-") => std::io::stdout().lock().write_all(&wav)?,
        Some(path) => std::fs::write(path, &wav).with_context(|| format!("{} cannot be written", path.display()))?,
        None => play(&wav).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn play(wav: &[u8]) -> anyhow::Result<()> {
    let mut loudspeaker = Loudspeaker::open(None)
        .context("there is nothing to speak with; write a file with `vesta say … -o OUT.wav`")?;
    let mut reader = vesta_audio::wav::Reader::new(Cursor::new(wav))?;
    while let Some(samples) = reader.next_samples()? {
        loudspeaker.play(vesta_audio::SAMPLE_RATE, &samples);
    }
    loudspeaker.finish();
    loudspeaker.played().await;
    Ok(())
}
