//! Why the demo home could not start.

/// A demo home that could not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The broker's URL makes no sense.
    #[error("\"{url}\" is no broker's URL: {why}; write it as mqtt://host:1883")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No certificates to check the broker's against.
    #[error(
        "this machine has no certificates to check an encrypted broker with: {why}; install them (Debian: ca-certificates) or use mqtt://"
    )]
    Certificates {
        /// What the system said.
        why: String,
    },
    /// The broker wants other credentials.
    #[error("the MQTT broker at {url} refused the demo home: {why}; check user name and password")]
    Refused {
        /// The broker.
        url: String,
        /// The broker's reason.
        why: String,
    },
    /// The broker could not be reached in a call that does not wait for it.
    #[error("the MQTT broker at {url} did not answer: {why}; check that it runs and that the address is right")]
    Unreachable {
        /// The broker.
        url: String,
        /// What went wrong.
        why: String,
    },
}
