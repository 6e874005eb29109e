//! One worker process: its pipes, its handshake, its end.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::WorkerCommand;
use crate::output::{Handshake, LineSplitter, StderrTail};

/// How long the last lines of stderr may take after the worker's end; a grandchild may hold the pipe open for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A running worker. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    /// Held open for as long as the worker is to live: its end of file is what tells an orphan to go.
    stdin: Option<ChildStdin>,
    handshakes: mpsc::Receiver<Handshake>,
    tail: StderrTail,
    stderr: Option<AbortOnDropHandle<()>>,
    _stdout: Option<AbortOnDropHandle<()>>,
    status: Option<ExitStatus>,
}

impl Worker {
    /// Starts the program. The error says what could not be started and why.
    pub(crate) fn spawn(command: &WorkerCommand) -> Result<Worker, String> {
        let mut process = Command::new(&command.program);
        process
            .args(&command.args)
            .envs(command.env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A process group of its own: Ctrl-C in the terminal must reach Vesta alone, which then stops its workers in order.
        #[cfg(unix)]
        process.process_group(0);
        let mut child =
            process.spawn().map_err(|error| format!("cannot start {}: {error}", command.program.display()))?;

        let name = command.program.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let tail = StderrTail::default();
        let (handshake_sender, handshakes) = mpsc::channel(1);
        let stdout = child.stdout.take().map(|pipe| {
            let name = name.clone();
            spawn_reader(pipe, move |line| match Handshake::parse(&line) {
                // Only the first one counts; the channel has room for exactly that.
                Some(handshake) => drop(handshake_sender.try_send(handshake)),
                None => tracing::debug!(worker = name, "{line}"),
            })
        });
        let stderr = child.stderr.take().map(|pipe| {
            let tail = tail.clone();
            spawn_reader(pipe, move |line| {
                tracing::info!(worker = name, "{line}");
                tail.push(line);
            })
        });
        let stdin = child.stdin.take();
        Ok(Worker { child, stdin, handshakes, tail, stderr, _stdout: stdout, status: None })
    }

    /// The process id, while the process has not been waited for.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the line that says the worker is ready. The error says what happened instead.
    pub(crate) async fn handshake(&mut self, deadline: Duration) -> Result<Handshake, String> {
        let handshakes = &mut self.handshakes;
        let child = &mut self.child;
        tokio::select! {
            biased;
            Some(handshake) = handshakes.recv() => return Ok(handshake),
            status = child.wait() => self.status = status.ok(),
            () = tokio::time::sleep(deadline) => {
                return Err(format!("it did not say that it is ready within {deadline:?}"));
            }
        }
        // The line may have come together with the end: then the end is what matters.
        Err(format!("it ended before it was ready, with {}", describe(self.status)))
    }

    /// Waits for the end of the process and says how it ended.
    pub(crate) async fn ended(&mut self) -> String {
        self.status = self.child.wait().await.ok();
        format!("it ended with {}", describe(self.status))
    }

    /// Whether something outside killed it, as `kill -9` or a machine out of memory does.
    pub(crate) fn was_killed(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            const SIGKILL: i32 = 9;
            self.status.and_then(|status| status.signal()) == Some(SIGKILL)
        }
        #[cfg(not(unix))]
        false
    }

    /// Kills the process, if it still runs, and reaps it.
    pub(crate) async fn kill(&mut self) {
        self.stdin = None;
        if self.status.is_none() {
            // It may have ended by itself in the meantime; either way it is gone afterwards.
            let _ = self.child.kill().await;
        }
    }

    /// Ends the worker in order: closes its stdin, gives it `grace` to finish, then kills it.
    pub(crate) async fn stop(&mut self, grace: Duration) {
        self.stdin = None;
        match tokio::time::timeout(grace, self.child.wait()).await {
            Ok(status) => self.status = status.ok(),
            Err(_) => {
                tracing::warn!(pid = self.pid(), "worker did not end by itself, killing it");
                self.kill().await;
            }
        }
    }

    /// The last lines of stderr, complete as far as they come within a moment.
    pub(crate) async fn stderr_tail(&mut self) -> Vec<String> {
        if let Some(reader) = self.stderr.take() {
            let _ = tokio::time::timeout(LAST_WORDS, reader).await;
        }
        self.tail.lines()
    }
}

/// Reads a pipe to its end, line by line, in a task that ends with its handle.
fn spawn_reader(
    mut pipe: impl AsyncRead + Unpin + Send + 'static,
    mut take: impl FnMut(String) + Send + 'static,
) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut splitter = LineSplitter::default();
        let mut buffer = vec![0_u8; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
            let Some(bytes) = buffer.get(..read) else { break };
            splitter.push(bytes).into_iter().for_each(&mut take);
        }
        splitter.finish().into_iter().for_each(&mut take);
    }))
}

fn describe(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "an unknown status".to_owned(), |status| status.to_string())
}
