//! The program: command line, configuration, wiring, shutdown.
//!
//! - [`cli`]: every command and option.
//! - [`config`]: `vesta.toml`, the environment, defaults.
//! - [`folder`]: the data folder: what lies where, and who runs in it.
//! - [`language`], [`home_assistant`]: the sentences that are understood.
//! - [`house`]: builds the house from its parts, for the server and for commands that run without one.
//! - [`workers`]: where its engines come from.
//! - [`reach`]: how others than this machine reach the house, and what people are told of it.
//! - [`remote`]: speaks to a running server.
//! - [`sound`], [`keys`]: microphone, loudspeaker, and the key that is held to talk.
//! - [`commands`]: one file a command.
//! - [`allocator`]: free memory goes back to the system.
#![deny(unsafe_code)]
// Reading a JSON value by key gives null where the key is missing; it does not panic. Nothing else is indexed here.
#![allow(clippy::indexing_slicing)]

mod allocator;
mod cli;
mod commands;
mod config;
mod folder;
mod home_assistant;
mod house;
mod keys;
mod language;
mod reach;
mod remote;
mod sound;
mod terminal;
mod workers;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    terminal::start_log(cli.log.as_deref(), cli.command.is_server());
    allocator::share_heaps();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return terminal::fail(&anyhow::Error::new(error).context("the runtime could not be started")),
    };
    let code = match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => terminal::fail(&error),
    };
    // A blocked read of standard input must not hold the program back.
    runtime.shutdown_background();
    terminal::written(code)
}
