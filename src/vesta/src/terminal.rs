//! What people see: lines, JSON, errors and the log.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use tracing_subscriber::EnvFilter;

/// Whether something could not be written to standard output.
static LOST: AtomicBool = AtomicBool::new(false);

/// Writes a line to standard output. A reader that is gone (`vesta … | head`) is no error. What cannot be written (a full disk) is told
/// once and makes the exit code one, but stops nothing: a server goes on without its lines.
pub(crate) fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let Err(error) = writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()) else { return };
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        // Nobody reads any more: the program ends like any other in a pipe. Workers notice the end of their input.
        #[allow(clippy::disallowed_methods)]
        std::process::exit(0);
    }
    if !LOST.swap(true, Ordering::Relaxed) {
        remark(format!("vesta: the output cannot be written: {error}"));
    }
}

/// The exit code of a command, unless some of what it had to say could not be written.
pub(crate) fn written(code: ExitCode) -> ExitCode {
    if LOST.load(Ordering::Relaxed) { ExitCode::FAILURE } else { code }
}

/// Writes a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string(value)?);
    Ok(())
}

/// Writes a remark to standard error.
pub(crate) fn remark(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}

/// Tells an error with its causes, and gives the exit code for it.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    let mut text = format!("vesta: {error}");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\n  because {cause}"));
    }
    remark(text);
    ExitCode::FAILURE
}

/// Starts the log on standard error: what `filter` says, else `VESTA_LOG`, else the server's news or a command's warnings.
pub(crate) fn start_log(filter: Option<&str>, server: bool) {
    // What a client sends that makes no sense is counted, not logged: nobody shall fill the disk with it.
    let usual = if server {
        "info,rmqtt=warn,rmqtt_net=warn,rmqtt_codec=warn,rumqttc=error,h2=warn,hyper=warn,\
         rtc=off,rtc_ice=off,rtc_dtls=off,rtc_sctp=off,rtc_srtp=off,rtc_datachannel=off,rtc_interceptor=off"
    } else {
        "warn,vesta_home=error,vesta_engines=error,rumqttc=off,rmqtt=error,rmqtt_net=off"
    };
    let filter = match filter {
        Some(filter) => EnvFilter::new(filter),
        None => EnvFilter::try_from_env("VESTA_LOG").unwrap_or_else(|_| EnvFilter::new(usual)),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Columns of the terminal, or 100 where there is none.
pub(crate) fn width() -> usize {
    crossterm::terminal::size().map_or(100, |(columns, _)| usize::from(columns).clamp(40, 200))
}
