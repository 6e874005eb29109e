//! Sentence templates in the HassIL format to intent and slots: pure, no input or output, no language in Rust.
