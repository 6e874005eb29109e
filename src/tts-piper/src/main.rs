//! Text-to-speech worker.
fn main() {}
