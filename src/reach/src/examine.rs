//! What `vesta check` says of the ways to a house that does not stand: nothing is started, ordered or announced.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

use crate::authority::Authority;
use crate::bind::bind;
use crate::chain::Chain;
use crate::config::{AcmeChallenge, Door, ReachConfig};
use crate::inner::Settings;
use crate::keepers::{acme_file, list, read_pair, stored};
use crate::report::{Way, WayReport, date};
use crate::{addresses, tailscale};

/// How it is with each way that is configured.
pub async fn examine(settings: &Settings) -> Vec<WayReport> {
    let mut reports = Vec::new();
    reports.extend(proxies(&settings.reach));
    let Door::At(https) = settings.reach.https else {
        if settings.reach.public_url.is_none() {
            reports.push(WayReport {
                means: Some("Phones have no microphone here: browsers give it to HTTPS alone.".to_owned()),
                fix: Some(
                    "set [reach] https in vesta.toml, or put a reverse proxy in front (docs/reach.md)".to_owned(),
                ),
                ..WayReport::ready(Way::Https, "switched off")
            });
        }
        return reports;
    };
    reports.extend(door(Way::Https, https));
    if settings.reach.local_authority {
        reports.extend(settings.reach.doorstep.address().and_then(|address| door(Way::Doorstep, address)));
        reports.push(local(settings));
    }
    if settings.tailscale.enabled {
        reports.push(match tailscale::name(&settings.tailscale).await {
            Ok(name) => WayReport::ready(Way::Tailscale, format!("https://{name}, in the whole tailnet")),
            Err(error) => WayReport::failed(
                Way::Tailscale,
                error.to_string(),
                "The house cannot be reached by its name in the tailnet.",
                tailscale::fix(&error),
            ),
        });
    }
    reports.extend(acme(settings));
    reports.extend(files(settings));
    reports
}

/// A door that cannot be opened.
pub(crate) fn closed(way: Way, address: SocketAddr, error: &std::io::Error) -> WayReport {
    let (key, means) = match way {
        Way::Doorstep => ("[reach] doorstep", "New phones cannot learn to trust the house."),
        Way::AcmeHttp => ("[acme] http_listen", "The ACME server cannot see that the name is yours."),
        _ => ("[reach] https", "Phones cannot reach the house."),
    };
    let fix = match error.kind() {
        ErrorKind::AddrInUse => {
            format!("end what uses port {}, or set {key} in vesta.toml; it is tried again by itself", address.port())
        }
        ErrorKind::PermissionDenied if address.port() < 1024 => format!(
            "ports below 1024 need a right: sudo setcap cap_net_bind_service=+ep \"$(command -v vesta)\"; or set {key} to a higher port and let the router lead {} to it",
            address.port()
        ),
        _ => format!("set {key} in vesta.toml to an address of this machine"),
    };
    WayReport::failed(way, format!("{address}: {error}"), means, fix)
}

fn door(way: Way, address: SocketAddr) -> Option<WayReport> {
    bind(address).err().map(|error| closed(way, address, &error))
}

/// What is known of reverse proxies.
pub(crate) fn proxies(config: &ReachConfig) -> Option<WayReport> {
    let nets: Vec<_> = config.trusted_proxies.iter().map(|net| String::from(*net)).collect();
    match (&config.public_url, nets.is_empty()) {
        (None, true) => None,
        (Some(url), true) => Some(WayReport::failed(
            Way::Proxy,
            format!("people open {url}, and no proxy is trusted"),
            "All clients look like one, and none like it comes over HTTPS.",
            "add the proxy's address to [reach] trusted_proxies in vesta.toml, such as \"127.0.0.1\"",
        )),
        (url, false) => {
            let mut report = WayReport::ready(Way::Proxy, format!("{} may say who the client is", list(&nets)));
            match url {
                Some(url) => report.found.push_str(&format!("; people open {url}")),
                None => {
                    report.means = Some("The link that is printed does not lead through the proxy.".to_owned());
                    report.fix = Some("set [reach] public_url to the address that people open".to_owned());
                }
            }
            Some(report)
        }
    }
}

fn local(settings: &Settings) -> WayReport {
    if !Authority::exists(&settings.folder) {
        return WayReport::ready(Way::LocalAuthority, "is made when the server starts for the first time");
    }
    match Authority::open(&settings.folder, &addresses::host_name(), &addresses::current(), (settings.clock)()) {
        Ok(authority) => WayReport::ready(
            Way::LocalAuthority,
            format!("\"{}\", fingerprint {}", authority.name(), authority.fingerprint()),
        ),
        Err(error) => WayReport::failed(
            Way::LocalAuthority,
            error.to_string(),
            "Phones in the house cannot be sure whom they speak to.",
            "do what the message says",
        ),
    }
}

fn acme(settings: &Settings) -> Vec<WayReport> {
    let config = &settings.acme;
    if config.domains.is_empty() {
        return Vec::new();
    }
    let mut reports = Vec::new();
    if config.challenge == AcmeChallenge::Http01 {
        reports.extend(door(Way::AcmeHttp, config.http_listen));
    }
    if let Some(hook) = config.dns_hook.as_deref().filter(|_| config.challenge == AcmeChallenge::Dns01)
        && !is_program(hook)
    {
        reports.push(WayReport::failed(
            Way::Acme,
            format!("{} is no program", hook.display()),
            "The ACME server cannot see that the name is yours.",
            format!("write it (docs/reach.md says what it must do), then: chmod +x {}", hook.display()),
        ));
        return reports;
    }
    reports.push(match stored(&acme_file(&settings.folder)).filter(|chain| chain.is_valid((settings.clock)())) {
        Some(chain) => {
            WayReport::ready(Way::Acme, format!("{}, valid until {}", list(chain.names()), date(chain.not_after())))
                .with(&chain)
        }
        None => WayReport::starting(
            Way::Acme,
            format!("a certificate for {} is got when the server runs", list(&config.domains)),
        ),
    });
    reports
}

fn files(settings: &Settings) -> Option<WayReport> {
    let (chain, key) = settings.certificate.chain.as_deref().zip(settings.certificate.key.as_deref())?;
    let read = read_pair(chain, key).and_then(|(text, key)| Chain::from_pem(&chain.display().to_string(), &text, &key));
    let means = "The certificate is not shown.";
    Some(match read {
        Ok(chain) if !chain.is_valid((settings.clock)()) => WayReport::failed(
            Way::Files,
            format!(
                "{} is valid from {} to {} only",
                list(chain.names()),
                date(chain.not_before()),
                date(chain.not_after())
            ),
            "Browsers refuse the certificate.",
            "renew the files; they are read again by themselves",
        ),
        Ok(chain) => {
            WayReport::ready(Way::Files, format!("{}, valid until {}", list(chain.names()), date(chain.not_after())))
                .with(&chain)
        }
        Err(error) => {
            WayReport::failed(Way::Files, error.to_string(), means, "correct [certificate] in vesta.toml, or the files")
        }
    })
}

fn is_program(path: &Path) -> bool {
    let Ok(facts) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    let executable = std::os::unix::fs::PermissionsExt::mode(&facts.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let executable = true;
    facts.is_file() && executable
}
