//! What can go wrong with a call.

use std::time::Duration;

use thiserror::Error;

/// Why a call could not be begun, changed or kept. Messages say what to do.
#[derive(Debug, Error)]
pub enum RtcError {
    /// The offer is longer than any client's.
    #[error("the offer has {0} bytes; {max} are the most", max = crate::MAX_OFFER)]
    OfferTooLong(usize),
    /// The offer is no session description.
    #[error("the offer is no SDP ({0}); send the `sdp` of the client's RTCSessionDescription as it is")]
    NoSdp(String),
    /// The offer lacks something that a call needs.
    #[error("the offer {0}")]
    Unusable(&'static str),
    /// The offer is SDP and contradicts itself or the call it is for.
    #[error("the offer cannot be answered: {0}")]
    Refused(String),
    /// A candidate is none.
    #[error("this is no ICE candidate ({0}); send the `candidate` of the client's RTCIceCandidate as it is")]
    NoCandidate(String),
    /// There are as many calls as there may be.
    #[error("there are already {0} calls, the most that [rtc] max_calls allows; end one, or try again later")]
    TooMany(usize),
    /// The call is not there.
    #[error("there is no call '{0}'; it has ended, or never began. Begin a new one")]
    NoCall(String),
    /// The call did not answer in time.
    #[error("the call did not answer within {0:?}; begin a new one")]
    Stuck(Duration),
    /// No port to listen on.
    #[error("no port in {ports} is free for {what} ({why}); set [rtc] {key} to others in vesta.toml")]
    NoPort {
        /// `calls over UDP` or `calls over TCP`.
        what: &'static str,
        /// The setting.
        key: &'static str,
        /// The ports that were tried.
        ports: String,
        /// What the system said last.
        why: std::io::Error,
    },
    /// libopus refused; its own message.
    #[error("the Opus codec failed: {0}")]
    Codec(String),
}

impl RtcError {
    pub(crate) fn codec(error: opus::Error) -> Self {
        Self::Codec(error.to_string())
    }
}
