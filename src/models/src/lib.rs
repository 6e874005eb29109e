//! Model manifest, download, verification and choice.
