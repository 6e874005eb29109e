//! Who lives here, what they sign in with, and what each may do.
//!
//! - [`role`]: roles, actions, and the one table that joins them
//! - [`model`]: people, devices, tokens, invitations, the audit log's lines
//! - [`people`]: the handle: who presents a secret, changes to people, the end of what is revoked or expired
//! - `sign_in`: ways in: the first owner's link, invitations, further devices by link or by code
//! - `passkeys`: the way in without anything to type
//! - `devices`: devices, invitations, API tokens: list, make, change, revoke
//! - `client_secrets`, `pairings`: what lives for minutes, in memory
//! - [`throttle`]: slows down whoever fails. Pure
//! - [`clock`]: the wall clock and the time that passed
//! - `live`: what is in use, and its end. Pure
//! - `secret`, `code`: random secrets for machines, short codes for people, and what is kept of them
//! - `database`: the file
//! - [`error`]: what can go wrong, and what to do about it
//!
//! The crate knows no HTTP.
#![forbid(unsafe_code)]

mod client_secrets;
pub mod clock;
mod code;
mod database;
mod devices;
pub mod error;
mod live;
pub mod model;
mod pairings;
mod passkeys;
pub mod people;
pub mod role;
mod secret;
mod sign_in;
pub mod throttle;

pub use clock::{Clock, Moment};
pub use code::Code;
pub use error::{NoPasskeys, PeopleError};
pub use model::{
    Actor, AuditEntry, Device, Identity, Invite, LOCAL, Link, LinkKind, Pairing, PasskeyInfo, Person, Session, Token,
};
pub use passkeys::{Ceremony, passkeys_possible};
pub use people::People;
pub use role::{Action, Role};
pub use secret::Secret;
pub use sign_in::SignedIn;
