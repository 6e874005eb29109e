//! Text-to-speech worker: a Wyoming service over Piper voices (piper-rs, ONNX Runtime), which speaks through eSpeak NG itself where no
//! voice is installed or usable, so that there is always a voice.
//!
//! - [`cli`]: the command line
//! - [`session`]: one connection, from the first request to the last sample
//! - [`speech`]: all voices behind one door; [`choose`]: which of them speaks
//! - [`espeak`], [`piper`]: the engines, each on a thread of its own behind a bounded queue
//! - [`text`]: from written text to clauses that can be spoken; the words are in `normalise/<language>.toml`
//! - [`info`]: what the worker says about itself
//!
//! Deliberately absent: any language in Rust, and any download.

mod choose;
mod cli;
mod espeak;
mod info;
mod piper;
mod session;
mod speech;
mod text;

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use vesta_wyoming::{Listener, ServeOptions};

use choose::Defaults;
use cli::Arguments;
use espeak::Espeak;
use piper::Piper;
use speech::Speech;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,ort=warn"));
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .with_ansi(false)
        .without_time()
        .init();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The supervisor shows the last line of standard error. Nobody is left to tell where that is closed.
            let _ = writeln!(std::io::stderr(), "vesta-tts-piper: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    end_with_signals(&shutdown)?;
    if !arguments.detached {
        end_with_input(&shutdown)?;
    }
    let speech = voices(&arguments).await?;
    let listener =
        Listener::bind(&arguments.uri).await.with_context(|| format!("cannot listen on {}", arguments.uri))?;
    announce(&listener, &speech)?;
    let warming = tokio::spawn({
        let speech = speech.clone();
        async move {
            if let Err(error) = speech.warm_up().await {
                tracing::error!(%error, "nothing can be spoken");
            }
        }
    });
    let max_chars = arguments.max_chars;
    let handler = move |connection| session::serve(speech.clone(), max_chars, connection);
    vesta_wyoming::serve(listener, ServeOptions::default(), handler, shutdown).await;
    warming.abort();
    Ok(())
}

async fn voices(arguments: &Arguments) -> anyhow::Result<Speech> {
    let espeak = Espeak::start(arguments.espeak_data.as_deref()).await?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let threads = arguments.threads.map_or(cores, usize::from);
    let piper = Piper::start(arguments.onnxruntime(), threads).context("cannot start a thread for Piper voices")?;
    for folder in &arguments.voices {
        if !folder.is_dir() {
            tracing::warn!(folder = %folder.display(), "there is no such folder of voices");
        }
    }
    let defaults =
        Defaults { voice: arguments.voice.clone(), language: arguments.language.clone(), speed: arguments.speed };
    let speech = Speech::new(espeak, piper, arguments.voices.clone(), defaults);
    let chosen = speech.choose(None);
    if !chosen.notes.is_empty() {
        tracing::warn!("{}", chosen.notes.join("; "));
    }
    tracing::info!(espeak_data = speech.espeak_data(), "{}", info::summary(&speech, &speech.installed()));
    Ok(speech)
}

/// The handshake: one line of JSON on standard output.
fn announce(listener: &Listener, speech: &Speech) -> anyhow::Result<()> {
    let ready = serde_json::json!({ "ready": {
        "uri": listener.uri().context("the system does not say where it listens")?.to_string(),
        "name": info::NAME,
        "model": speech.choose(None).voice_name(),
        "languages": info::languages(speech),
    }});
    let mut out = std::io::stdout().lock();
    writeln!(out, "{ready}").and_then(|()| out.flush()).context("standard output is closed")
}

fn end_with_signals(shutdown: &CancellationToken) -> anyhow::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).context("cannot listen for signals")?;
        let shutdown = shutdown.clone();
        tokio::spawn(async move {
            signals.recv().await;
            shutdown.cancel();
        });
    }
    Ok(())
}

/// Ends the worker when its standard input ends, so that it cannot outlive a killed parent. A thread of its own reads, since a read in
/// tokio's pool would keep the runtime from ending.
fn end_with_input(shutdown: &CancellationToken) -> anyhow::Result<()> {
    let shutdown = Arc::new(shutdown.clone());
    let watch = move || {
        let mut scratch = [0; 256];
        while std::io::stdin().read(&mut scratch).is_ok_and(|count| count > 0) {}
        shutdown.cancel();
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(watch).context("cannot watch standard input")?;
    Ok(())
}
