//! Announces the house in the local network (RFC 6762, RFC 6763): its name, `_https._tcp` and `_vesta._tcp`.
//!
//! Where the name is taken, the daemon chooses the next: `vesta-2.local`.

use std::sync::Arc;
use std::time::Duration;

use mdns_sd::{DaemonEvent, IfKind, IfPredicate, ServiceDaemon, ServiceInfo};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::ReachError;
use crate::addresses::is_inner;
use crate::inner::Inner;
use crate::report::{Way, WayReport};

const SERVICES: [&str; 2] = ["_https._tcp.local.", "_vesta._tcp.local."];
/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Announces the house for as long as it stands, once HTTPS listens.
pub(crate) async fn keep(inner: Arc<Inner>, cancel: CancellationToken) {
    let Some(port) = inner.port_of(Way::Https, &cancel).await else { return };
    if let Err(error) = announce(&inner, port, &cancel).await {
        inner.report(WayReport::failed(
            Way::Mdns,
            error.to_string(),
            "Phones find the house by its address only.",
            "let UDP port 5353 pass the firewall, or set [reach] mdns = false",
        ));
        inner.announced(None);
    }
}

async fn announce(inner: &Inner, port: u16, cancel: &CancellationToken) -> Result<(), ReachError> {
    let failed = |error: mdns_sd::Error| ReachError::Mdns(error.to_string());
    let daemon = ServiceDaemon::new_with_port(inner.settings.mdns_port).map_err(failed)?;
    daemon
        .disable_interface(IfKind::Predicate(IfPredicate::new(|interface| is_inner(&interface.name))))
        .map_err(failed)?;
    let events = daemon.monitor().map_err(failed)?;
    let host = format!("{}.local.", inner.settings.reach.name);
    for service in SERVICES {
        let info = ServiceInfo::new(service, &inner.settings.reach.name, &host, "", port, &[("path", "/")][..]);
        daemon.register(info.map_err(failed)?.enable_addr_auto()).map_err(failed)?;
    }
    let mut name = host.clone();
    loop {
        let event = tokio::select! {
            event = events.recv_async() => event,
            () = cancel.cancelled() => break,
        };
        match event {
            Ok(DaemonEvent::Announce(..)) => told(inner, &name),
            Ok(DaemonEvent::NameChange(change)) if change.original.eq_ignore_ascii_case(&host) => {
                tracing::warn!(was = change.original, now = change.new_name, "another machine has the house's name");
                name = change.new_name;
                told(inner, &name);
            }
            Ok(DaemonEvent::Error(error)) => tracing::debug!(%error, "mDNS"),
            Ok(_) => {}
            Err(_) => return Err(ReachError::Mdns("the announcement ended by itself".to_owned())),
        }
    }
    farewell(&daemon).await;
    Ok(())
}

fn told(inner: &Inner, name: &str) {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let wanted = format!("{}.local", inner.settings.reach.name.to_ascii_lowercase());
    let mut report = WayReport::ready(Way::Mdns, format!("{name} is announced in the local network"));
    if name != wanted {
        report.means = Some(format!("Another machine is called {wanted}."));
        report.fix = Some("give this one another name: [reach] name = \"…\"".to_owned());
    }
    report.names = vec![name.clone()];
    // Whoever waits for the report finds the name.
    inner.announced(Some(name));
    inner.report(report);
}

/// Says goodbye, so that the name is forgotten at once.
async fn farewell(daemon: &ServiceDaemon) {
    if let Ok(done) = daemon.shutdown() {
        let _ = timeout(FAREWELL, done.recv_async()).await;
    }
}
