//! Who lives here, and what each may do.
//!
//! - [`role`]: roles, actions, and the one table that joins them.
//!
//! The crate knows no HTTP.
#![forbid(unsafe_code)]

pub mod role;

pub use role::{Action, Role};
