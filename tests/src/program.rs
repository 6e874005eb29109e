//! Finds and runs the built programs.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// A built program: beside the test, where `cargo build` puts it.
///
/// # Panics
/// It was not built; `script/test` builds the workspace before it runs the tests.
pub fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own program");
    let folder = test.ancestors().find(|folder| folder.join(name).is_file());
    folder.unwrap_or_else(|| panic!("{name} is not built; run: cargo build --release --workspace")).join(name)
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_owned()
}

/// What a program wrote, and how it ended.
#[derive(Debug)]
pub struct Output {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// `vesta` with a data folder of its own, free ports everywhere, and nothing of the tester's environment.
pub fn vesta(data: &Path) -> Command {
    let mut command = Command::new(path("vesta"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VESTA_")) {
        command.env_remove(name);
    }
    command
        .env("VESTA_DATA", data)
        .env("VESTA_BROKER__LISTEN", "127.0.0.1:0")
        .env("VESTA_SERVER__LISTEN", "127.0.0.1:0")
        .env("VESTA_REACH__HTTPS", "127.0.0.1:0")
        .env("VESTA_REACH__DOORSTEP", "127.0.0.1:0")
        .env("VESTA_REACH__MDNS", "false")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub async fn run(command: &mut Command) -> Output {
    let output = command.output().await.expect("the program starts");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
