//! Speech-to-text worker.
fn main() {}
