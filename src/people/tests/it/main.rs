//! People as the server uses them, on a real database, with clocks that the test sets.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod house;
mod passkeys;
mod signing_in;
mod tokens;
