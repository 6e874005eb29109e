//! One file over HTTP: resumed where it stopped, checked while it comes in, in its place only when it is right.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{self, HeaderMap};
use reqwest::{Client, Response, StatusCode};
use tokio::time::timeout;

use crate::part::{Part, Resume};
use crate::progress::Reporter;
use crate::{ModelFile, ModelsError, PullOptions, Step, disk};

/// The longest that a server may ask to wait.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// What is to be fetched, and where to.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) options: &'a PullOptions,
    pub(crate) file: &'a ModelFile,
    /// The places to try, in order.
    pub(crate) urls: Vec<String>,
    pub(crate) target: PathBuf,
    /// The SHA-256 that it has to have, and whether `models.lock` says so rather than the manifest.
    pub(crate) expected: Option<(String, bool)>,
}

/// What was fetched.
pub(crate) struct Fetched {
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) url: String,
}

/// How one connection ended.
enum End {
    /// Everything is here.
    Complete,
    /// It broke; what came in is kept. The pause may be the server's wish.
    Cut { why: String, pause: Option<Duration> },
    /// This place will not give the file.
    Elsewhere(ModelsError),
}

impl Download<'_> {
    /// Fetches the file.
    pub(crate) async fn run(&self, report: &mut Reporter<'_>) -> Result<Fetched, ModelsError> {
        report.step(Step::Checking);
        let mut resumed = true;
        loop {
            let target = self.target.clone();
            let part = blocking(&self.target, move || Part::open(&target)).await??;
            resumed &= part.length() > 0;
            report.here(part.length(), 0);
            match self.fetch(part, report).await {
                // What had been on the disk may have been spoiled, or the source has changed since: a fresh copy decides.
                Err(ModelsError::Checksum { .. }) if resumed => resumed = false,
                result => return result,
            }
        }
    }

    async fn fetch(&self, mut part: Part, report: &mut Reporter<'_>) -> Result<Fetched, ModelsError> {
        let mut refusal = None;
        for url in &self.urls {
            match self.fetch_from(url, &mut part, report).await? {
                None => return self.finish(url, part, report).await,
                Some(error) => {
                    tracing::info!(url, %error, "trying the next place");
                    refusal.get_or_insert(error);
                }
            }
        }
        // Nothing came of it at all: leave nothing behind.
        if part.length() == 0 {
            part.discard()?;
        }
        let nowhere = || ModelsError::NotAModel { file: self.file.name.clone(), why: "it has no address".to_owned() };
        Err(refusal.unwrap_or_else(nowhere))
    }

    /// Fetches from one place, with retries. `Some`: this place will not give it, and why.
    async fn fetch_from(
        &self,
        url: &str,
        part: &mut Part,
        report: &mut Reporter<'_>,
    ) -> Result<Option<ModelsError>, ModelsError> {
        let mut attempts = 0;
        loop {
            let before = part.length();
            let (why, wish) = match self.connect(url, part, report).await? {
                End::Complete => return Ok(None),
                End::Elsewhere(error) => return Ok(Some(error)),
                End::Cut { why, pause } => (why, pause),
            };
            attempts = if part.length() > before { 1 } else { attempts + 1 };
            if attempts > self.options.retries {
                return Ok(Some(ModelsError::Network { url: url.to_owned(), why, attempts, kept: part.length() }));
            }
            let doubled = self.options.retry_pause.saturating_mul(1 << (attempts - 1).min(8));
            let pause = wish.unwrap_or(doubled).min(MAX_RETRY_AFTER);
            report.step(Step::Retrying { why, attempt: attempts, pause });
            tokio::time::sleep(pause).await;
        }
    }

    /// One connection: asks for what is missing and takes it in.
    async fn connect(&self, url: &str, part: &mut Part, report: &mut Reporter<'_>) -> Result<End, ModelsError> {
        report.step(Step::Connecting { url: url.to_owned() });
        let mut request = self.client.get(url).header(header::ACCEPT_ENCODING, "identity");
        match self.condition(url, part) {
            Some(_) if part.length() == 0 => {}
            Some(condition) => {
                request = request.header(header::RANGE, format!("bytes={}-", part.length()));
                if let Some(validator) = condition {
                    request = request.header(header::IF_RANGE, validator);
                }
            }
            None => part.restart()?,
        }
        let response = match timeout(self.options.stall, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Ok(cut(&error)),
            Err(_) => return Ok(self.stalled()),
        };
        let from = match self.accept(url, &response, part)? {
            Ok(from) => from,
            Err(end) => return Ok(end),
        };
        report.here(from, 0);
        if let Some(total) = part.resume.total {
            report.size(total);
            self.check_space(total.saturating_sub(from))?;
        }
        report.step(Step::Receiving { from });
        self.receive(url, response, part, report).await
    }

    /// How to ask for the rest of what is here. `Some(None)`: without a condition, since the digest will tell in the end. `None`: what
    /// is here cannot be continued.
    fn condition(&self, url: &str, part: &Part) -> Option<Option<String>> {
        match &part.resume.validator {
            Some(validator) if part.resume.url == url => Some(Some(validator.clone())),
            _ if self.expected.is_some() || part.length() == 0 => Some(None),
            _ => None,
        }
    }

    /// Looks at the answer's head. `Ok(Ok(from))`: the body goes on at that place of the file.
    fn accept(&self, url: &str, response: &Response, part: &mut Part) -> Result<Result<u64, End>, ModelsError> {
        let status = response.status();
        let headers = response.headers();
        let total = match status {
            StatusCode::OK => {
                part.restart()?;
                response.content_length()
            }
            StatusCode::PARTIAL_CONTENT => match content_range(headers) {
                Some((from, total)) if from == part.length() => total.or(part.resume.total),
                _ => {
                    part.restart()?;
                    let why = "the server sent another piece than was asked for".to_owned();
                    return Ok(Err(End::Cut { why, pause: None }));
                }
            },
            // There is nothing after what is here: it is complete already, or it is not this file at all.
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let total = range_total(headers).or(part.resume.total);
                if part.length() > 0 && total == Some(part.length()) {
                    return Ok(Err(End::Complete));
                }
                part.restart()?;
                let why = "what was here does not fit the file any more".to_owned();
                return Ok(Err(End::Cut { why, pause: None }));
            }
            _ => return Ok(Err(self.refused(url, status, headers))),
        };
        part.remember(Resume { url: url.to_owned(), validator: validator(headers), total })?;
        Ok(Ok(part.length()))
    }

    fn refused(&self, url: &str, status: StatusCode, headers: &HeaderMap) -> End {
        let (url, code) = (url.to_owned(), status.as_u16());
        match code {
            404 | 410 => End::Elsewhere(ModelsError::Gone { url, status: code }),
            401 | 403 | 451 => {
                let folder = self.target.parent().map(Path::to_owned).unwrap_or_default();
                End::Elsewhere(ModelsError::Forbidden { url, status: code, folder })
            }
            408 | 425 | 429 | 500.. => {
                let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                End::Cut {
                    why: format!("the server answers with HTTP {status}"),
                    pause: seconds.map(Duration::from_secs),
                }
            }
            _ => End::Elsewhere(ModelsError::Refused { url, status: code }),
        }
    }

    /// Takes in the body.
    async fn receive(
        &self,
        url: &str,
        mut response: Response,
        part: &mut Part,
        report: &mut Reporter<'_>,
    ) -> Result<End, ModelsError> {
        let from = part.length();
        loop {
            let bytes = match timeout(self.options.stall, response.chunk()).await {
                Ok(Ok(Some(bytes))) => bytes,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Ok(cut(&error)),
                Err(_) => return Ok(self.stalled()),
            };
            part.push(&bytes).map_err(|error| self.write_failed(error))?;
            if let Err(why) = part.looks_right(self.file.format, false) {
                part.restart()?;
                return Ok(End::Elsewhere(ModelsError::NotAModel {
                    file: format!("{} from {url}", self.file.name),
                    why,
                }));
            }
            report.here(part.length(), bytes.len() as u64);
            report.step(Step::Receiving { from });
        }
        match part.resume.total {
            Some(total) if part.length() < total => Ok(End::Cut {
                why: format!("the server stopped after {} of {total} bytes", part.length()),
                pause: None,
            }),
            _ => Ok(End::Complete),
        }
    }

    /// Everything is here: checks it and puts it in its place.
    async fn finish(&self, url: &str, part: Part, report: &mut Reporter<'_>) -> Result<Fetched, ModelsError> {
        report.step(Step::Finishing);
        let name = self.file.name.clone();
        if let Err(why) = part.looks_right(self.file.format, true) {
            part.discard()?;
            return Err(ModelsError::NotAModel { file: format!("{name} from {url}"), why });
        }
        let (sha256, size) = (part.sha256(), part.length());
        if let Some((expected, recorded)) = &self.expected
            && *expected != sha256
        {
            part.discard()?;
            let (expected, recorded) = (expected.clone(), *recorded);
            return Err(ModelsError::Checksum { file: name, expected, actual: sha256, recorded });
        }
        let target = self.target.clone();
        blocking(&self.target, move || part.finish(&target)).await??;
        Ok(Fetched { sha256, size, url: url.to_owned() })
    }

    fn check_space(&self, needed: u64) -> Result<(), ModelsError> {
        let folder = self.target.parent().unwrap_or(&self.target);
        self.options.check_space(folder, needed)
    }

    fn write_failed(&self, error: std::io::Error) -> ModelsError {
        if error.kind() == std::io::ErrorKind::StorageFull {
            let folder = self.target.parent().unwrap_or(&self.target).to_owned();
            let free = disk::free_space(&folder).unwrap_or(0);
            return ModelsError::NoSpace { folder, needed: self.file.size, free };
        }
        ModelsError::io("write", &Part::path_of(&self.target))(error)
    }

    fn stalled(&self) -> End {
        End::Cut { why: format!("nothing came for {:?}", self.options.stall), pause: None }
    }
}

/// A connection that could not be made or broke. The innermost reason says the most.
fn cut(error: &reqwest::Error) -> End {
    let mut why: &dyn std::error::Error = error;
    while let Some(inner) = why.source() {
        why = inner;
    }
    End::Cut { why: why.to_string(), pause: None }
}

/// What identifies this very version of a file: a strong entity tag, or the date of its last change.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let strong = text(header::ETAG).filter(|tag| !tag.starts_with("W/"));
    strong.or_else(|| text(header::LAST_MODIFIED)).map(str::to_owned)
}

/// The first byte's place and the size of the whole, out of `Content-Range: bytes 100-199/200`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (span, total) = range.split_once('/')?;
    let (from, _) = span.split_once('-')?;
    Some((from.trim().parse().ok()?, total.trim().parse().ok()))
}

/// The size of the whole, out of `Content-Range: bytes */200`.
fn range_total(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.trim().parse().ok()
}

/// Runs what blocks beside the runtime.
async fn blocking<T: Send + 'static>(path: &Path, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ModelsError> {
    let failed = |error: tokio::task::JoinError| ModelsError::io("work on", path)(std::io::Error::other(error));
    tokio::task::spawn_blocking(work).await.map_err(failed)
}
