//! Where a Wyoming service is: `tcp://host:port` or `unix:///path`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The address of a Wyoming service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Uri {
    /// A host name or IP address (IPv6 without brackets) and a port.
    Tcp {
        /// Host name or IP address.
        host: String,
        /// Port; 0 lets the system choose one when listening.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// Why a text is not the address of a Wyoming service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the address of a Wyoming service: {why}")]
pub struct UriError {
    text: String,
    why: String,
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Uri, UriError> {
        let fail = |why: String| UriError { text: text.to_owned(), why };
        let Some((scheme, rest)) = text.trim().split_once("://") else {
            let guess = if text.trim().is_empty() { "host:10300" } else { text.trim() };
            return Err(fail(format!("it needs a scheme: write tcp://{guess} or unix:///path/to/socket")));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "tcp" => tcp(rest.trim_end_matches('/')).map_err(fail),
            "unix" if rest.starts_with('/') && rest.len() > 1 => Ok(Uri::Unix(PathBuf::from(rest))),
            "unix" => Err(fail("the socket's path must be absolute: write unix:///path/to/socket".to_owned())),
            other => {
                Err(fail(format!("{other}:// is not spoken here: write tcp://host:port or unix:///path/to/socket")))
            }
        }
    }
}

fn tcp(rest: &str) -> Result<Uri, String> {
    let Some((host, port)) = rest.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) else {
        let host = if rest.is_empty() { "host" } else { rest };
        return Err(format!("the port is missing: write tcp://{host}:10300 with the service's port"));
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains(':') {
        return Err(format!("an IPv6 address needs brackets: write tcp://[{host}]:{port}"));
    }
    let host = bare.unwrap_or(host);
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@' | '[' | ']')) {
        return Err("the host is missing or malformed: write tcp://host:port".to_owned());
    }
    let port = port.parse().map_err(|_| format!("{port:?} is not a port: ports are numbers from 1 to 65535"))?;
    Ok(Uri::Tcp { host: host.to_owned(), port })
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Uri::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Uri::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Uri::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl TryFrom<String> for Uri {
    type Error = UriError;

    fn try_from(text: String) -> Result<Uri, UriError> {
        text.parse()
    }
}

impl From<Uri> for String {
    fn from(uri: Uri) -> String {
        uri.to_string()
    }
}
