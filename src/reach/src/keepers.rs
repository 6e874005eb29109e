//! The tasks that keep each certificate good while the house stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::authority::{Authority, Names};
use crate::chain::Chain;
use crate::config::AcmeChallenge;
use crate::inner::Inner;
use crate::report::{Way, WayReport, date};
use crate::schedule::{Backoff, renewal};
use crate::{ReachError, acme, addresses, authority, private_file, tailscale};

/// How often addresses, files and validity are looked at. No system tells of all of them, and a clock may jump.
const LOOK: Duration = Duration::from_secs(10);
/// How often Tailscale is asked for the machine's name.
const TAILSCALE_LOOK: Duration = Duration::from_secs(3600);
const TAILSCALE_BACKOFF: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(3600));
/// Public servers allow about five failures an hour.
const ACME_BACKOFF: (Duration, Duration) = (Duration::from_secs(900), Duration::from_secs(43_200));

/// Waits for the next look. Says whether the house still stands.
async fn pause(inner: &Inner, length: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(length) => true,
        () = inner.wake.notified() => true,
        () = cancel.cancelled() => false,
    }
}

/// Waits, and is not to be woken: after a failure.
async fn rest(length: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(length) => true,
        () = cancel.cancelled() => false,
    }
}

/// Keeps the certificate of the house's own authority for the names and addresses that it has.
pub(crate) async fn local(inner: Arc<Inner>, cancel: CancellationToken) {
    while pause(&inner, LOOK, &cancel).await {
        let inner = inner.clone();
        // Files are written durably, which takes its time.
        let _ = tokio::task::spawn_blocking(move || renew_local(&inner)).await;
    }
}

/// Makes the certificate of the house anew if that is due.
pub(crate) fn renew_local(inner: &Inner) {
    let current = addresses::current();
    if inner.state().addresses != current {
        inner.change(|state| state.addresses = current);
    }
    let Some(authority) = &inner.authority else { return };
    let all = inner.wanted();
    let allowed = authority.allowed(&all);
    renew_if_due(inner, authority, &allowed);
    tell_what_is_beyond(inner, &all, &allowed);
}

fn renew_if_due(inner: &Inner, authority: &Authority, wanted: &Names) {
    let shown = inner.certificates.of(Way::LocalAuthority);
    let Some(why) = authority::due(shown.as_deref(), wanted, inner.now()) else { return };
    let found = |chain: &Chain| {
        format!(
            "{}, trusted by phones that trust \"{}\"; renewed by itself before {}",
            list(chain.names()),
            authority.name(),
            date(chain.not_after())
        )
    };
    let file = inner.settings.folder.join("house.pem");
    // A restart shows the same certificate again: browsers remember exceptions by it.
    if shown.is_none()
        && let Some(kept) = kept(&file, authority.fingerprint())
        && authority::due(Some(&kept), wanted, inner.now()).is_none()
    {
        let found = found(&kept);
        return inner.show(Way::LocalAuthority, kept, found);
    }
    tracing::debug!(why, "the house's certificate is made anew");
    let made = authority.issue(wanted, inner.now()).and_then(|(chain, key)| {
        let made = Chain::from_pem("the house's certificate", &chain, &key)?;
        private_file::write(&file, &format!("{}\n{chain}{key}", issued_by(authority.fingerprint())))?;
        Ok(made)
    });
    match made {
        Ok(chain) => {
            let found = found(&chain);
            inner.show(Way::LocalAuthority, chain, found);
        }
        Err(error) => inner.report(WayReport::failed(
            Way::LocalAuthority,
            error.to_string(),
            "Phones in the house cannot be sure whom they speak to.",
            "do what the message says; it is tried again by itself",
        )),
    }
}

/// Reports the IPv4 addresses that the authority may not speak for.
fn tell_what_is_beyond(inner: &Inner, all: &Names, allowed: &Names) {
    let beyond = all.addresses.iter().filter(|own| own.is_ipv4() && !allowed.addresses.contains(own));
    let beyond: Vec<_> = beyond.map(ToString::to_string).collect();
    let folder = inner.settings.folder.display();
    let remark = (!beyond.is_empty()).then(|| {
        let means = format!("It may not speak for {}: browsers show a warning there.", list(&beyond));
        let fix = format!(
            "open the house by its name, or delete {folder}/authority.pem and {folder}/authority.key, restart, and let every \
             phone trust the house anew"
        );
        (means, fix)
    });
    inner.remark(Way::LocalAuthority, remark);
}

fn issued_by(fingerprint: &str) -> String {
    format!("Issued by the authority {fingerprint}")
}

fn kept(file: &Path, authority: &str) -> Option<Chain> {
    let text = private_file::read(file).ok()??;
    let same = text.lines().next() == Some(issued_by(authority).as_str());
    same.then(|| Chain::from_pem("the house's certificate", &text, &text).ok()).flatten()
}

/// Keeps the certificate for the name in the tailnet.
pub(crate) async fn tailscale(inner: Arc<Inner>, cancel: CancellationToken) {
    let file = inner.settings.folder.join("tailscale.pem");
    let mut backoff = Backoff::new(TAILSCALE_BACKOFF.0, TAILSCALE_BACKOFF.1);
    loop {
        let kept = tokio::select! {
            kept = keep_tailscale(&inner, &file) => kept,
            () = cancel.cancelled() => return,
        };
        let (go_on, wait) = match kept {
            Ok(()) => {
                backoff.reset();
                (pause(&inner, TAILSCALE_LOOK, &cancel).await, None)
            }
            Err(error) => (true, Some((backoff.failed(), error))),
        };
        if let Some((wait, error)) = wait {
            tracing::warn!(%error, retry_s = wait.as_secs(), "Tailscale is not used");
            let means = "The house cannot be reached by its name in the tailnet.";
            inner.report(WayReport::failed(Way::Tailscale, error.to_string(), means, tailscale::fix(&error)));
            if !rest(wait, &cancel).await {
                return;
            }
        }
        if !go_on {
            return;
        }
    }
}

async fn keep_tailscale(inner: &Inner, file: &Path) -> Result<(), ReachError> {
    let config = &inner.settings.tailscale;
    let name = tailscale::name(config).await?;
    inner.change(|state| state.tailnet = Some(name.clone()));
    let due = |chain: &Chain| !chain.is_for(&name) || inner.now() >= renewal(chain.not_before(), chain.not_after());
    let found = format!("https://{name}, in the whole tailnet");
    if inner.certificates.of(Way::Tailscale).is_some_and(|chain| !due(&chain)) {
        return Ok(());
    }
    if let Some(chain) = stored(file).filter(|chain| !due(chain)) {
        inner.show(Way::Tailscale, chain, found);
        return Ok(());
    }
    let text = tailscale::certificate(config, &name, &inner.settings.folder).await?;
    let chain = Chain::from_pem("tailscale cert", &text, &text)?;
    if !chain.is_for(&name) {
        return Err(ReachError::Tailscale(format!("tailscale cert gave a certificate that is not for {name}")));
    }
    private_file::write(file, &text)?;
    inner.show(Way::Tailscale, chain, found);
    Ok(())
}

/// Keeps the certificate for the owner's names.
pub(crate) async fn acme(inner: Arc<Inner>, cancel: CancellationToken) {
    let config = &inner.settings.acme;
    let file = acme_file(&inner.settings.folder);
    let due = |chain: &Chain| {
        let covers = config.domains.iter().all(|domain| chain.names().contains(&domain.to_ascii_lowercase()));
        !covers || inner.now() >= renewal(chain.not_before(), chain.not_after())
    };
    let found =
        |chain: &Chain| format!("{}, renewed by itself before {}", list(chain.names()), date(chain.not_after()));
    if let Some(chain) = stored(&file).filter(|chain| chain.is_valid(inner.now())) {
        let found = found(&chain);
        inner.show(Way::Acme, chain, found);
    }
    if config.challenge == AcmeChallenge::Http01 && inner.port_of(Way::AcmeHttp, &cancel).await.is_none() {
        return;
    }
    let mut backoff = Backoff::new(ACME_BACKOFF.0, ACME_BACKOFF.1);
    loop {
        if inner.certificates.of(Way::Acme).is_none_or(|chain| due(&chain)) {
            let got = tokio::select! {
                got = get_acme(&inner, &file) => got,
                () = cancel.cancelled() => return,
            };
            match got {
                Ok(chain) => {
                    backoff.reset();
                    let found = found(&chain);
                    inner.show(Way::Acme, chain, found);
                }
                Err(error) => {
                    let wait = backoff.failed();
                    acme_failed(&inner, &error, wait);
                    if !rest(wait, &cancel).await {
                        return;
                    }
                    continue;
                }
            }
        }
        if !pause(&inner, LOOK, &cancel).await {
            return;
        }
    }
}

async fn get_acme(inner: &Inner, file: &Path) -> Result<Chain, ReachError> {
    let settings = &inner.settings;
    let text = acme::obtain(&settings.acme, &settings.folder, &inner.challenges).await?;
    let chain = Chain::from_pem(&settings.acme.directory, &text, &text)?;
    private_file::write(file, &text)?;
    Ok(chain)
}

fn acme_failed(inner: &Inner, error: &ReachError, wait: Duration) {
    tracing::warn!(%error, retry_s = wait.as_secs(), "no certificate by ACME");
    let config = &inner.settings.acme;
    let fix = match config.challenge {
        AcmeChallenge::Http01 => format!(
            "let port 80 of {} lead to {} of this machine, then restart Vesta; it is tried again in {} minutes anyway",
            list(&config.domains),
            config.http_listen,
            wait.as_secs() / 60
        ),
        AcmeChallenge::Dns01 => format!(
            "try the program by hand: {} add _acme-challenge.{} test",
            config.dns_hook.as_ref().map(|hook| hook.display().to_string()).unwrap_or_default(),
            config.domains.first().map_or("", |name| name.trim_start_matches("*."))
        ),
    };
    let shown = inner.certificates.of(Way::Acme);
    let means = match shown.filter(|chain| chain.is_valid(inner.now())) {
        Some(chain) => format!("The certificate that is there ends on {}.", date(chain.not_after())),
        None => "Browsers do not trust the house under its own name.".to_owned(),
    };
    inner.report(WayReport::failed(Way::Acme, error.to_string(), &means, fix));
}

/// Where the certificate by ACME is kept.
pub(crate) fn acme_file(folder: &Path) -> PathBuf {
    folder.join("acme.pem")
}

/// A certificate with its key in one file, if there is one that can be used.
pub(crate) fn stored(file: &Path) -> Option<Chain> {
    let text = private_file::read(file).ok()??;
    Chain::from_pem(&file.display().to_string(), &text, &text).ok()
}

/// Shows the certificate files and looks for changes. Files that do not fit are left alone: something is at work on them.
pub(crate) async fn files(inner: Arc<Inner>, cancel: CancellationToken) {
    let mut seen = None;
    loop {
        look_at_files(&inner, &mut seen);
        if !pause(&inner, LOOK, &cancel).await {
            return;
        }
    }
}

fn look_at_files(inner: &Inner, seen: &mut Option<Result<String, String>>) {
    let Some((chain_file, key_file)) =
        inner.settings.certificate.chain.as_deref().zip(inner.settings.certificate.key.as_deref())
    else {
        return;
    };
    let texts = read_pair(chain_file, key_file);
    let print = texts
        .as_ref()
        .map(|(chain, key)| crate::chain::fingerprint(format!("{chain}{key}").as_bytes()))
        .map_err(ToString::to_string);
    if seen.as_ref() == Some(&print) {
        return;
    }
    *seen = Some(print);
    let read = texts.and_then(|(chain, key)| Chain::from_pem(&chain_file.display().to_string(), &chain, &key));
    match read {
        Ok(chain) => {
            let found = format!("{}, valid until {}", list(chain.names()), date(chain.not_after()));
            inner.show(Way::Files, chain, found);
        }
        Err(error) => {
            tracing::warn!(%error, "the certificate files are not used");
            let means = if inner.certificates.of(Way::Files).is_some() {
                "The certificate that was read before is still shown."
            } else {
                "The certificate is not shown."
            };
            inner.report(WayReport::failed(
                Way::Files,
                error.to_string(),
                means,
                "correct [certificate] in vesta.toml, or the files; they are read again by themselves",
            ));
        }
    }
}

/// The texts of certificate and key.
pub(crate) fn read_pair(chain: &Path, key: &Path) -> Result<(String, String), ReachError> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| ReachError::unreadable(path, error));
    Ok((read(chain)?, read(key)?))
}

pub(crate) fn list(names: &[String]) -> String {
    names.join(", ")
}
