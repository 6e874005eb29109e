//! A whole model: which files are missing, whether they fit on the disk, one after the other into their places.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Url, redirect};

use crate::download::Download;
use crate::part::Part;
use crate::progress::{Reporter, Sink};
use crate::records::Entry;
use crate::{Model, Models, ModelsError, disk};

/// Left free on the disk after a pull.
const RESERVE: u64 = 64 << 20;
/// Redirections followed before giving up.
const MAX_REDIRECTS: usize = 10;

/// How patient a pull is.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// How long a server may send nothing before the connection is opened anew.
    pub stall: Duration,
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How often it is tried again without any progress in between.
    pub retries: u32,
    /// The first pause between two attempts; doubles with each.
    pub retry_pause: Duration,
    /// How the free space of a folder is found, in bytes; the system is asked where absent.
    pub free_space: Option<fn(&Path) -> std::io::Result<u64>>,
}

impl Default for PullOptions {
    fn default() -> Self {
        PullOptions {
            stall: Duration::from_secs(30),
            connect: Duration::from_secs(15),
            retries: 5,
            retry_pause: Duration::from_millis(500),
            free_space: None,
        }
    }
}

impl PullOptions {
    /// Refuses to begin what will not fit.
    pub(crate) fn check_space(&self, folder: &Path, missing: u64) -> Result<(), ModelsError> {
        if missing == 0 {
            return Ok(());
        }
        let free = self.free_space.unwrap_or(disk::free_space)(folder);
        let free = free.map_err(ModelsError::io("find the free space of", folder))?;
        let needed = missing.saturating_add(RESERVE);
        if free < needed {
            return Err(ModelsError::NoSpace { folder: folder.to_owned(), needed, free });
        }
        Ok(())
    }
}

/// What a pull did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Files that had been there before.
    pub already_there: usize,
    /// Files that were fetched.
    pub fetched: usize,
    /// Bytes of the model on the disk.
    pub bytes: u64,
    /// Files whose SHA-256 nobody had known; it is recorded now and enforced from now on.
    pub recorded: Vec<String>,
}

impl Models {
    /// Fetches what is missing of a model. Dropping the future stops it; what came in so far is kept and the next pull goes on
    /// there.
    ///
    /// # Errors
    /// Everything in [`ModelsError`] that has to do with names, disks, servers and checksums.
    pub async fn pull(&self, name: &str, progress: &mut Sink<'_>) -> Result<Pulled, ModelsError> {
        let model = self.find(name)?;
        if model.builtin {
            return Err(ModelsError::BuiltIn { name: name.to_owned() });
        }
        let folder = self.folder(name);
        std::fs::create_dir_all(&folder).map_err(ModelsError::io("create", &folder))?;
        let _guard = self.guard(name)?;
        self.options.check_space(&folder, missing_bytes(model, &folder))?;

        let client = client(&self.options)?;
        let mut report = Reporter::new(model, progress);
        let mut pulled = Pulled { already_there: 0, fetched: 0, bytes: 0, recorded: Vec::new() };
        for file in &model.files {
            report.begin(file);
            let target = folder.join(&file.name);
            if let Ok(there) = std::fs::metadata(&target) {
                pulled.already_there += 1;
                pulled.bytes += there.len();
                report.end(there.len());
                continue;
            }
            let recorded = self.records.entry(name, &file.name)?.map(|entry| (entry.sha256, true));
            let expected = file.sha256.clone().map(|sha256| (sha256, false)).or(recorded);
            let unknown = expected.is_none();
            let urls = file.urls.iter().map(|url| self.through_mirror(url)).collect();
            let download = Download { client: &client, options: &self.options, file, urls, target, expected };
            let fetched = download.run(&mut report).await?;
            if unknown {
                pulled.recorded.push(file.name.clone());
            }
            pulled.fetched += 1;
            pulled.bytes += fetched.size;
            report.end(fetched.size);
            self.records.record(Entry {
                model: name.to_owned(),
                name: file.name.clone(),
                sha256: fetched.sha256,
                size: fetched.size,
                url: fetched.url,
            })?;
        }
        Ok(pulled)
    }

    /// The address at the mirror, where one is set: the mirror's own, then the path of the original.
    fn through_mirror(&self, url: &str) -> String {
        let Some(mirror) = &self.mirror else { return url.to_owned() };
        let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or(url, |(_, path)| path);
        format!("{}/{path}", mirror.trim_end_matches('/'))
    }
}

/// Why paths cannot be appended to this address; `None` where they can.
pub(crate) fn unusable_as_mirror(mirror: &str) -> Option<String> {
    match Url::parse(mirror) {
        Err(error) => Some(error.to_string()),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            Some(format!("{}: is neither http nor https", url.scheme()))
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            Some("nothing can be appended behind a '?' or '#'".to_owned())
        }
        Ok(_) => None,
    }
}

fn missing_bytes(model: &Model, folder: &Path) -> u64 {
    let missing = model.files.iter().filter(|file| !folder.join(&file.name).exists());
    missing
        .map(|file| {
            let here = std::fs::metadata(Part::path_of(&folder.join(&file.name))).map_or(0, |part| part.len());
            file.size.saturating_sub(here)
        })
        .sum()
}

fn client(options: &PullOptions) -> Result<Client, ModelsError> {
    let policy = redirect::Policy::custom(|attempt| {
        let secure = |url: &Url| url.scheme() == "https";
        if attempt.previous().len() > MAX_REDIRECTS {
            attempt.error("it redirects in a circle")
        } else if attempt.previous().last().is_some_and(secure) && !secure(attempt.url()) {
            attempt.error("it redirects to an address without encryption")
        } else {
            attempt.follow()
        }
    });
    Client::builder()
        .user_agent(concat!("vesta/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect)
        .redirect(policy)
        .build()
        .map_err(|error| ModelsError::Client(error.to_string()))
}
