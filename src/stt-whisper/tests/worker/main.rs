//! The worker as a whole: started as the supervisor starts it, spoken to over Wyoming, hearing real (synthetic) speech with a real model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod lifecycle;
mod speech;
mod transcription;
mod worker;
