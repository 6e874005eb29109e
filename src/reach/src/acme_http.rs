//! The HTTP client for the ACME server.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::ReachError;

/// How long the server may take to answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// No answer of an ACME server is longer, in bytes.
const MAX_ANSWER: usize = 1 << 20;

pub(crate) struct Client(reqwest::Client);

impl Client {
    /// A client that trusts what the system trusts, and the authority in `ca_file`.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, ReachError> {
        let mut builder = reqwest::Client::builder().timeout(DEADLINE).connect_timeout(DEADLINE);
        if let Some(path) = ca_file {
            let pem = std::fs::read(path).map_err(|error| ReachError::unreadable(path, error))?;
            let wrong = |why: String| ReachError::Certificate { place: path.display().to_string(), why };
            let authorities = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| wrong(format!("no certificate authority can be read from it: {error}")))?;
            if authorities.is_empty() {
                return Err(wrong("there is no certificate authority in it".to_owned()));
            }
            builder = builder.tls_certs_merge(authorities);
        }
        let client = builder.build().map_err(|error| ReachError::Certificate {
            place: ca_file
                .map_or_else(|| "the system's certificate authorities".to_owned(), |path| path.display().to_string()),
            why: error.to_string(),
        })?;
        Ok(Self(client))
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Client {
    fn request(&self, request: http::Request<BodyWrapper<Bytes>>) -> Answer {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = body.collect().await;
            let request = http::Request::from_parts(parts, body.to_bytes());
            let request = reqwest::Request::try_from(request).map_err(other)?;
            let mut response = client.execute(request).await.map_err(other)?;
            let mut head = http::Response::new(());
            *head.status_mut() = response.status();
            *head.headers_mut() = std::mem::take(response.headers_mut());
            let mut whole = BytesMut::new();
            while let Some(piece) = response.chunk().await.map_err(other)? {
                if whole.len() + piece.len() > MAX_ANSWER {
                    return Err(Error::Other("the answer is too long".into()));
                }
                whole.extend_from_slice(&piece);
            }
            Ok(BytesResponse { parts: head.into_parts().0, body: Box::new(whole.freeze()) })
        })
    }
}

/// The error with its causes: reqwest's own text says only that something failed.
fn other(error: reqwest::Error) -> Error {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    Error::Other(text.into())
}
