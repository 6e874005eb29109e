//! Vesta's speech-to-text worker: a Wyoming service over whisper.cpp.
//!
//! A program of its own, because ggml aborts the process on some errors and because several copies of it cannot be linked together.
//! Top down:
//!
//! - `main`: the worker's life: load, listen, say "ready", serve, end.
//! - [`options`]: the command line.
//! - [`client`]: one client's connection; turns events into calls of the next two and back.
//! - [`ear`]: audio chunks of any format to 20 ms frames, voiced or not.
//! - [`listener`]: one transcription, without I/O: what to decode next, what to tell, when it is complete.
//! - [`part`]: a window and what was heard in it so far.
//! - [`window`]: a stretch of audio decoded in one piece.
//! - [`words`]: tokens as words, and what two decodes agree on.
//! - [`guard`]: whether a decode is to be believed.
//! - [`pool`]: the decoder threads and who is served next.
//! - [`decoder`]: one pass of encoder and decoder.
//! - [`search`]: the likeliest texts, by going back in the decoder.
//! - [`abort`]: ends a pass in the middle. The only unsafe code.
//! - [`model`], [`header`]: a model's file.

mod abort;
mod client;
mod decoder;
mod ear;
mod guard;
mod header;
mod listener;
mod model;
mod options;
mod part;
mod pool;
mod search;
mod window;
mod words;

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use vesta_wyoming::{Listener as Socket, ServeOptions};

use crate::client::Service;
use crate::decoder::DecoderOptions;
use crate::listener::ListenerOptions;
use crate::model::Model;
use crate::options::Options;
use crate::pool::Pool;

/// Width of Whisper tiny. Smaller models decode on one thread, and are quicker without the words agreed on.
const WIDTH_OF_TINY: u32 = 384;
/// Alternatives to a transcript that smaller models look for.
const ALTERNATIVES: usize = 8;
/// The most that anybody may ask for: they travel in one message.
const MOST_ALTERNATIVES: usize = 64;
/// Samples at 16 kHz that one encoder position stands for: 20 ms.
const SAMPLES_PER_POSITION: usize = 320;
/// A connection over which nothing comes for so long is closed.
const IDLE: Duration = Duration::from_secs(3600);
/// How long running transcriptions may go on after the end was asked for.
const DRAIN: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let options = Options::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .without_time()
        .init();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The supervisor shows the last line of standard error.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    whisper_rs::install_logging_hooks();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(serve(options));
    runtime.shutdown_timeout(DRAIN);
    result
}

async fn serve(options: Options) -> Result<()> {
    let service = tokio::task::spawn_blocking({
        let uri = options.uri.clone();
        move || load(&options).map(|service| (service, options, uri))
    });
    let (service, options, uri) = service.await.context("loading the model failed")??;
    let socket = Socket::bind(&uri).await.with_context(|| format!("cannot listen on {uri}"))?;
    let shutdown = shutdown(options.detached)?;
    announce(&socket.uri()?.to_string(), &service.model)?;

    let serving = ServeOptions {
        max_connections: options.max_sessions,
        idle_timeout: Some(IDLE),
        drain: DRAIN,
        ..ServeOptions::default()
    };
    let service = Arc::new(service);
    let handler = {
        let service = Arc::clone(&service);
        move |connection| client::serve(connection, Arc::clone(&service))
    };
    vesta_wyoming::serve(socket, serving, handler, shutdown).await;
    tracing::info!("ended");
    Ok(())
}

/// Loads the model and starts its decoders.
fn load(options: &Options) -> Result<Service> {
    let model = match &options.model {
        Some(path) => Model::load(path, options.name.clone(), options.flash_attention)?,
        None => Model::built_in(options.name.clone(), options.flash_attention)?,
    };
    let model = Arc::new(model);
    let language = match options.language.as_str() {
        "auto" => None,
        wish => match model.language_id(wish) {
            Some(id) => Some(id),
            None => bail!(
                "the model {} does not understand {wish:?}; it understands: {}",
                model.name,
                model.languages.join(", ")
            ),
        },
    };
    let big = model.width >= WIDTH_OF_TINY;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Half the cores: ggml's threads wait for each other by spinning, so that on a busy machine one more makes a decode many times slower.
    let threads = options.threads.unwrap_or(if big { (cores / 2).min(4) } else { 1 }).clamp(1, 64);
    let decoders = options.decoders.unwrap_or((cores / threads).clamp(1, 4)).clamp(1, 64);
    let decoding = DecoderOptions {
        threads,
        rule: options.rule(),
        // A step of a big model takes as long as the whole search of a small one.
        alternatives: options.alternatives.unwrap_or(if big { 0 } else { ALTERNATIVES }).min(MOST_ALTERNATIVES),
        margin: options.alternative_margin.max(0.0),
        fixed_rate: options.fixed_tokens_per_second,
    };
    let fits = options.rule().most(model.audio_ctx) as usize * SAMPLES_PER_POSITION;
    let listening = ListenerOptions {
        thresholds: options.thresholds(),
        max_window: fits.min(options.max_seconds as usize * vesta_audio::SAMPLE_RATE as usize),
        keep_agreed: options.keep_agreed.unwrap_or(big),
        big,
        alternatives: decoding.alternatives > 0 && decoding.fixed_rate.is_none(),
        believe: options.fixed_tokens_per_second.is_some(),
    };
    let pool = Pool::start(&model, decoders, decoding)?;
    tracing::info!(model = model.name, languages = model.languages.len(), threads, decoders, "model loaded");
    Ok(Service { model, pool, listening, language })
}

/// Tells the supervisor where the service is.
fn announce(uri: &str, model: &Model) -> Result<()> {
    let ready = serde_json::json!({
        "ready": { "uri": uri, "name": client::NAME, "model": model.name, "languages": model.languages }
    });
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{ready}")
        .and_then(|()| stdout.flush())
        .context("cannot say that the worker is ready: nobody reads its output")
}

/// Cancelled on SIGTERM, on Ctrl-C, and when standard input is closed unless the worker is detached.
fn shutdown(detached: bool) -> Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let cancel = token.clone();
    tokio::spawn(async move {
        let why = tokio::select! {
            _ = terminate.recv() => "terminated",
            _ = interrupt.recv() => "interrupted",
            () = cancel.cancelled() => "standard input was closed",
        };
        tracing::info!(why, "ending");
        cancel.cancel();
    });
    if !detached {
        let cancel = token.clone();
        // A thread of its own: a blocking read cannot be cancelled, and must not hold the runtime's end up.
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            let mut stdin = std::io::stdin().lock();
            let mut buffer = [0; 256];
            while stdin.read(&mut buffer).is_ok_and(|read| read > 0) {}
            cancel.cancel();
        })?;
    }
    Ok(token)
}
