//! Models against a server that cuts, corrupts, stalls, redirects and lies.
//!
//! - `server`: the server, which does as each request's script says
//! - `pulling`: downloads
//! - `keeping`: what is here: lists, checks, removal, choice, unpacking
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy's exceptions for tests do not reach the helpers of an integration test"
)]

mod keeping;
mod pulling;
mod server;
