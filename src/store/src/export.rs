//! A turn as files that other programs read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::record::{Audio, TurnRecord};
use crate::waterfall;

/// Writes a turn into `folder`, which is made where it is missing: `turn.json`, `waterfall.svg`, and as far as there is audio
/// `heard.wav` and `reply.wav` (PCM, 16 bits, mono). Returns the files.
///
/// # Errors
/// [`StoreError::Export`] names the file that could not be written.
pub fn export(turn: &TurnRecord, folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    fs::create_dir_all(folder).map_err(|source| StoreError::Export { path: folder.to_owned(), source })?;
    let mut files = Vec::new();
    let mut write = |name: &str, write: &dyn Fn(&Path) -> io::Result<()>| {
        let path = folder.join(name);
        write(&path).map_err(|source| StoreError::Export { path: path.clone(), source })?;
        files.push(path);
        Ok(())
    };
    write("turn.json", &|path| {
        let mut json = serde_json::to_string_pretty(turn)?;
        json.push('\n');
        fs::write(path, json)
    })?;
    write("waterfall.svg", &|path| fs::write(path, waterfall::svg(turn)))?;
    for (name, audio) in [("heard.wav", &turn.heard), ("reply.wav", &turn.reply)] {
        if let Some(audio) = audio {
            write(name, &|path| write_wav(path, audio))?;
        }
    }
    Ok(files)
}

fn write_wav(path: &Path, audio: &Audio) -> io::Result<()> {
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: audio.rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let as_io = |error| match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    };
    let mut file = hound::WavWriter::create(path, format).map_err(as_io)?;
    for sample in &audio.samples {
        file.write_sample(*sample).map_err(as_io)?;
    }
    file.finalize().map_err(as_io)
}
