//! Engines against workers and servers that are as good, as bad and as mortal as the test wants them to be.
//!
//! - `fake`: a worker process (this very test program, started again) and servers inside the test
//! - `reference`: servers built on the PyPI package `wyoming`
//! - `supervision`: start, failure, restart, stop
//! - `hearing`: speech to text, with workers that die
//! - `speaking`: text to speech, with workers that die
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "clippy's exceptions for tests do not reach the helpers of an integration test"
)]

mod fake;
mod hearing;
mod reference;
mod speaking;
mod supervision;
