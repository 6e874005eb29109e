//! How the house is reached: what is configured, and what people are told when the server starts.

use std::io::IsTerminal;
use std::time::Duration;

use tokio::time::timeout;
use vesta_reach::{Door, Link, Links, Reach, Settings, Way, WayState, qr};

use crate::commands::Setting;
use crate::terminal;

/// How long the start waits for the name to be announced and for certificates that are on disk.
const SETTLE: Duration = Duration::from_secs(4);
/// Room between two QR codes.
const GAP: &str = "    ";

/// What is configured.
pub(crate) fn settings(setting: &Setting) -> Settings {
    let config = &setting.config;
    let mut settings = Settings::new(setting.folder.path().join("reach"));
    settings.reach = config.reach.clone();
    settings.tailscale = config.tailscale.clone();
    settings.acme = config.acme.clone();
    settings.certificate = config.certificate.clone();
    settings.hosts = config.server.hosts.clone();
    settings
}

/// Waits until each way works or has failed for the first time, but not for long: a certificate that is being ordered
/// may take minutes.
pub(crate) async fn settled(reach: &Reach) {
    let mut changes = reach.changes();
    let decided = async {
        while reach.report().iter().any(|report| report.state == WayState::Starting) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    let _ = timeout(SETTLE, decided).await;
}

/// Tells people on standard output what to open, with QR codes for phones. `sign_in` is the path of a link that signs in
/// once, such as `/welcome#…`, where nobody has signed in yet.
pub(crate) fn greet(here: &str, reach: &Reach, sign_in: Option<&str>) {
    let links = reach.links();
    let way_in = sign_in.unwrap_or("/");
    // Passkeys are for names, not for addresses.
    let here = here.replace("127.0.0.1", "localhost").replace("0.0.0.0", "localhost");
    let mut lines = vec![String::new(), format!("  On this machine   {here}{way_in}")];
    if let Some(trust) = &links.trust {
        lines.push(format!("  A new phone first {trust}   (there it learns to trust this house)"));
    }
    let best = links.secure.first().map(|link| format!("{}{way_in}", link.url));
    if let Some(best) = &best {
        lines.push(format!("  On a phone        {best}"));
    }
    for (number, link) in other_ways(&links).enumerate() {
        lines.push(format!("  {:<17} {}{}", if number == 0 { "or" } else { "" }, link.url, remark(link)));
    }
    if let Some(authority) = reach.authority().filter(|_| links.trust.is_some()) {
        lines.push(String::new());
        lines.push(format!("  The authority of this house is \"{}\", fingerprint", authority.name()));
        lines.push(format!("  {}", authority.fingerprint()));
    }
    lines.push(String::new());
    lines.extend(codes(&links, best.as_deref(), sign_in.is_some()));
    lines.extend(troubles(reach));
    lines.iter().for_each(terminal::line);
}

fn other_ways(links: &Links) -> impl Iterator<Item = &Link> {
    // One address more is enough where the name does not work; the others are in `vesta check`.
    let addresses = links.secure.iter().skip(1).filter(|link| link.way == Way::LocalAuthority).take(1);
    links.secure.iter().skip(1).filter(|link| link.way != Way::LocalAuthority).chain(addresses)
}

fn remark(link: &Link) -> &'static str {
    match link.way {
        Way::Tailscale => "   (in your tailnet, at home and away)",
        _ => "",
    }
}

/// The QR codes: where the phone must first learn to trust the house, that comes first.
fn codes(links: &Links, best: Option<&str>, first_start: bool) -> Vec<String> {
    let Some(best) = best else { return Vec::new() };
    let colour = std::io::stdout().is_terminal();
    let (trust, enter) = match (&links.trust, first_start) {
        (Some(trust), _) => (Some((trust.as_str(), "1. New phone: trust this house")), "2. Then open Vesta"),
        (None, true) => (None, "Open Vesta (this link works once)"),
        (None, false) => (None, "Open Vesta"),
    };
    let both = [trust, Some((best, enter))];
    let drawn: Vec<(Vec<String>, &str, usize)> = both
        .into_iter()
        .flatten()
        .filter_map(|(url, title)| {
            let rows = qr(url, colour).inspect_err(|error| tracing::warn!(%error, "no QR code")).ok()?;
            // Two rows of modules are one row of text, and each module is one column.
            let width = rows.len() * 2;
            Some((rows, title, width))
        })
        .collect();
    let needed: usize = drawn.iter().map(|(_, title, width)| width.max(&title.chars().count()) + GAP.len()).sum();
    if needed <= terminal::width() { beside(&drawn) } else { below(&drawn) }
}

fn beside(drawn: &[(Vec<String>, &str, usize)]) -> Vec<String> {
    let height = drawn.iter().map(|(rows, ..)| rows.len()).max().unwrap_or_default();
    let titles: String = drawn.iter().map(|(_, title, width)| format!("{title:width$}{GAP}")).collect();
    let mut lines = vec![format!("  {}", titles.trim_end())];
    for number in 0..height {
        let row = |(rows, _, width): &(Vec<String>, &str, usize)| match rows.get(number) {
            Some(row) => format!("{row}{GAP}"),
            None => " ".repeat(width + GAP.len()),
        };
        lines.push(format!("  {}", drawn.iter().map(row).collect::<String>().trim_end_matches(' ')));
    }
    lines.push(String::new());
    lines
}

fn below(drawn: &[(Vec<String>, &str, usize)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (rows, title, _) in drawn {
        lines.push(format!("  {title}"));
        lines.extend(rows.iter().map(|row| format!("  {row}")));
        lines.push(String::new());
    }
    lines
}

/// What does not work, so that nobody looks for the fault at the phone.
fn troubles(reach: &Reach) -> Vec<String> {
    let mut lines = Vec::new();
    if reach.settings().reach.https == Door::Off && reach.settings().reach.public_url.is_none() {
        lines.push("  HTTPS is switched off ([reach] https in vesta.toml): phones have no microphone here.".to_owned());
    }
    for report in reach.report().into_iter().filter(|report| report.state == WayState::Failed) {
        lines.push(format!("  ✗ {}", report.found));
        lines.extend(report.means.into_iter().map(|means| format!("    {means}")));
        lines.extend(report.fix.into_iter().map(|fix| format!("    → {fix}")));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// What a way is called in `vesta check`.
pub(crate) fn title(way: Way) -> &'static str {
    match way {
        Way::Files => "certificate",
        Way::Acme => "own domain",
        Way::Tailscale => "Tailscale",
        Way::LocalAuthority => "authority",
        Way::Proxy => "reverse proxy",
        Way::Https => "HTTPS",
        Way::Doorstep => "doorstep",
        Way::AcmeHttp => "ACME over HTTP",
        Way::Mdns => "local name",
    }
}
