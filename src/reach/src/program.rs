//! Runs another program with a deadline.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::ReachError;

/// Nobody needs more of a program's output than this, in bytes.
const MAX_OUTPUT: u64 = 1 << 20;

/// What `program` writes to standard output.
///
/// # Errors
/// It is not there, does not end in time (it is then killed), or ends with a failure; its last words are in the message.
pub(crate) async fn run<S: AsRef<OsStr>>(program: &Path, args: &[S], deadline: Duration) -> Result<String, ReachError> {
    let first = args.first().map(|arg| arg.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
    let name = format!("{} {first}", program.display());
    let failed = |why: String| ReachError::Program { program: name.trim().to_owned(), why };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failed("is not there; install it, or write its whole path".to_owned()),
        _ => failed(format!("cannot be started: {error}")),
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = timeout(deadline, async {
        let (out, err) = tokio::join!(all(stdout), all(stderr));
        (out, err, child.wait().await)
    });
    let Ok((out, err, status)) = ended.await else {
        return Err(failed(format!("did not end within {} s", deadline.as_secs())));
    };
    let status = status.map_err(|error| failed(format!("cannot be waited for: {error}")))?;
    if status.success() {
        return Ok(out);
    }
    let said = if err.trim().is_empty() { out } else { err };
    let tail: Vec<_> = said.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
    let tail = tail.into_iter().rev().collect::<Vec<_>>().join(" | ");
    Err(failed(format!("failed ({status}): {tail}")))
}

async fn all(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let _ = stream.take(MAX_OUTPUT).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const SHELL: &str = "/bin/sh";

    async fn shell(script: &str, deadline: Duration) -> Result<String, String> {
        run(Path::new(SHELL), &["-c", script], deadline).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn output_and_failures_are_told() {
        let long = Duration::from_secs(60);
        assert_eq!(shell("echo yes", long).await.unwrap(), "yes\n");
        let error = shell("echo out; echo no rights >&2; exit 3", long).await.unwrap_err();
        assert!(error.contains("no rights") && error.contains('3'), "{error}");
        let error = run(Path::new("/nonexistent/tailscale"), &["status"], long).await.unwrap_err().to_string();
        assert!(error.contains("tailscale status is not there"), "{error}");
        let error = shell("exec sleep 600", Duration::from_millis(50)).await.unwrap_err();
        assert!(error.contains("did not end"), "{error}");
    }
}
