//! How calls end.

/// Why a call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Somebody asked for it.
    HungUp,
    /// The client closed it.
    Closed,
    /// Nothing was heard of the client any more.
    Silent,
    /// The client never connected.
    NeverConnected,
    /// DTLS or SCTP failed.
    Failed,
    /// The session behind it is over.
    SessionOver,
    /// The client takes nothing of what it is told.
    Stuck,
}

impl Ended {
    /// A stable name for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::HungUp => "hung_up",
            Self::Closed => "closed",
            Self::Silent => "silent",
            Self::NeverConnected => "never_connected",
            Self::Failed => "failed",
            Self::SessionOver => "session_over",
            Self::Stuck => "stuck",
        }
    }
}
