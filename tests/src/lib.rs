//! What the whole-program tests and benchmarks share.
