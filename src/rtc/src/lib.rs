//! WebRTC: what carries a Realtime session to and from a browser.
//!
//! - [`calls`]: all calls of a house: begin, change, end.
//! - `session`: the task of one call. `peer`: the call itself, without sockets and without a clock.
//!   `connection`: what is negotiated. `ended`: how calls end.
//! - [`jitter`]: packets to audio in order. [`playback`]: audio to frames at their time. [`codec`]: Opus. `feedback`: what clients report.
//! - `net`, `tcp`, `route`, `stun`, `reflexive`: the sockets that all calls share, and whose packet is whose.
//! - `sdp`: what an offer must have, and where a call can be reached.
//! - [`ice_servers`]: STUN and TURN servers for clients. [`observe`]: what is measured.
//!
//! ICE, DTLS, SCTP and SRTP are the `rtc` crate's. The crate knows no HTTP and no Realtime event, only [`vesta_realtime::ports`].
#![forbid(unsafe_code)]

pub mod calls;
pub mod codec;
mod connection;
mod ended;
pub mod error;
mod feedback;
pub mod ice_servers;
pub mod jitter;
mod net;
pub mod observe;
mod peer;
pub mod playback;
mod reflexive;
mod route;
mod sdp;
mod session;
mod stun;
mod tcp;

pub use calls::{Begun, Calls, RtcConfig};
pub use connection::MAX_MESSAGE;
pub use ended::Ended;
pub use error::RtcError;
pub use ice_servers::{IceServer, IceServers, TurnLogin};
pub use observe::{Observation, Observe};
pub use peer::CHANNEL;
pub use sdp::MAX_OFFER;
