//! Tailscale: the machine's name in its tailnet, and the certificate that Tailscale gets for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::config::TailscaleConfig;
use crate::{ReachError, private_file, program};

/// How long Tailscale may take to say how it is.
const STATUS_DEADLINE: Duration = Duration::from_secs(10);
/// How long it may take to get a certificate, which it does from a public authority.
const CERT_DEADLINE: Duration = Duration::from_secs(120);
/// Where the program lies on macOS, where it is usually not on the PATH.
const MAC_PROGRAM: &str = "/Applications/Tailscale.app/Contents/MacOS/Tailscale";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    backend_state: String,
    #[serde(rename = "Self")]
    this: Option<This>,
    cert_domains: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct This {
    #[serde(rename = "DNSName")]
    dns_name: Option<String>,
}

/// The machine's name in its tailnet, in lower case and without a dot at the end.
///
/// # Errors
/// Tailscale is not there, not connected, or gets no certificates; the message says which command helps.
pub(crate) async fn name(config: &TailscaleConfig) -> Result<String, ReachError> {
    let out = program::run(&found(&config.program), &["status", "--json", "--peers=false"], STATUS_DEADLINE).await?;
    named(&out)
}

fn named(status: &str) -> Result<String, ReachError> {
    let status: Status = serde_json::from_str(status)
        .map_err(|error| ReachError::Tailscale(format!("`tailscale status --json` wrote something else: {error}")))?;
    if status.backend_state != "Running" {
        return Err(ReachError::Tailscale(format!("Tailscale is not connected ({})", status.backend_state)));
    }
    let name = status.this.and_then(|this| this.dns_name).unwrap_or_default();
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let sound = name.contains('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    if !sound {
        return Err(ReachError::Tailscale("this machine has no name in its tailnet; MagicDNS is off".to_owned()));
    }
    let certified = status.cert_domains.unwrap_or_default();
    if !certified.iter().any(|domain| domain.eq_ignore_ascii_case(&name)) {
        return Err(ReachError::Tailscale(format!("the tailnet gives no certificates for {name}; HTTPS is off")));
    }
    Ok(name)
}

/// A certificate for `name` with its key, as one PEM text.
pub(crate) async fn certificate(config: &TailscaleConfig, name: &str, folder: &Path) -> Result<String, ReachError> {
    let (chain, key) = (folder.join("tailscale.crt.tmp"), folder.join("tailscale.key.tmp"));
    // Tailscale writes into files that are there already with the rights that they have.
    private_file::write(&key, "")?;
    private_file::write(&chain, "")?;
    let args = [
        "cert".to_owned(),
        format!("--cert-file={}", chain.display()),
        format!("--key-file={}", key.display()),
        name.to_owned(),
    ];
    let ran = program::run(&found(&config.program), &args, CERT_DEADLINE).await;
    let read = |path: &Path| private_file::read(path).map(Option::unwrap_or_default);
    let texts = ran.and_then(|_| Ok(format!("{}\n{}", read(&chain)?, read(&key)?)));
    let _ = std::fs::remove_file(&chain);
    let _ = std::fs::remove_file(&key);
    texts
}

/// What mends an error.
pub(crate) fn fix(error: &ReachError) -> &'static str {
    let text = error.to_string();
    if text.contains("is not there") {
        "install Tailscale (https://tailscale.com/download), then: sudo tailscale up"
    } else if text.contains("not connected") {
        "sudo tailscale up"
    } else if text.contains("MagicDNS") || text.contains("HTTPS is off") {
        "switch on MagicDNS and HTTPS certificates on the DNS page of Tailscale's admin console, then: sudo tailscale up"
    } else if text.to_lowercase().contains("access denied") || text.contains("permission") {
        "sudo tailscale set --operator=$USER"
    } else {
        "look at: tailscale status; then: tailscale cert NAME"
    }
}

fn found(program: &Path) -> PathBuf {
    let mac = Path::new(MAC_PROGRAM);
    if cfg!(target_os = "macos") && program == Path::new("tailscale") && mac.is_file() {
        return mac.to_owned();
    }
    program.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: &str, name: &str, domains: &str) -> String {
        format!(
            r#"{{"BackendState":"{state}","Self":{{"DNSName":"{name}"}},"CertDomains":{domains},"Version":"1.98"}}"#
        )
    }

    #[test]
    fn the_name_is_read_and_what_is_missing_is_told() {
        let name = named(&status("Running", "Attic.tail1a2b.ts.net.", r#"["attic.tail1a2b.ts.net"]"#)).unwrap();
        assert_eq!(name, "attic.tail1a2b.ts.net");
        for (text, said, mended) in [
            (status("NeedsLogin", "", "null"), "not connected (NeedsLogin)", "tailscale up"),
            (status("Running", "", "null"), "MagicDNS", "admin console"),
            (status("Running", "attic.tail1a2b.ts.net.", "null"), "HTTPS is off", "HTTPS certificates"),
            (status("Running", "attic\\nx.ts.net.", "[]"), "no name", "admin console"),
            ("<html>".to_owned(), "something else", "tailscale status"),
        ] {
            let error = named(&text).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert!(fix(&error).contains(mended), "{}", fix(&error));
        }
    }
}
