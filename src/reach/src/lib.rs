//! How the house is reached: certificates, names, proxies, links. Knows no axum.
//!
//! - [`Reach`]: everything of a house that stands. The server asks it for certificates, clients and names.
//! - [`ReachConfig`] and its neighbours: the settings.
//! - [`authority`](Authority): the house's own certificate authority, which phones are asked to trust.
//! - `keepers`: the tasks that keep certificates good: the house's own, Tailscale's, by ACME, from files.
//! - [`Certificates`], [`Chain`]: what is shown to clients, replaced while connections are open.
//! - `schedule`: when something is renewed or tried again.
//! - [`TrustedProxies`]: who is really at the other end.
//! - `mdns`: the name in the local network.
//! - [`Links`], [`qr`]: what people open.
//! - [`examine`]: what `vesta check` says of a house that does not stand.
#![forbid(unsafe_code)]

mod acme;
mod acme_http;
mod addresses;
mod authority;
mod bind;
mod certificates;
mod chain;
mod config;
mod error;
mod examine;
mod inner;
mod keepers;
mod link;
mod mdns;
mod private_file;
mod profile;
mod program;
mod proxies;
mod qr;
mod report;
mod schedule;
mod tailscale;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use authority::{Authority, Names};
pub use bind::bind;
pub use certificates::Certificates;
pub use chain::{Chain, crypto};
pub use config::{
    AcmeChallenge, AcmeConfig, CertificateConfig, ClientHeader, Door, ProxyNet, ReachConfig, TailscaleConfig,
};
pub use error::ReachError;
pub use examine::examine;
pub use inner::{Clock, Settings};
pub use link::{Link, Links};
pub use profile::profile;
pub use proxies::{Client, Forwarding, TrustedProxies};
pub use qr::qr;
pub use report::{Way, WayReport, WayState};

use inner::Inner;

/// How a house is reached. Cheap to clone.
#[derive(Clone)]
pub struct Reach {
    inner: Arc<Inner>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    /// Whether others than this machine are let in.
    outside: bool,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reach").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl Reach {
    /// Opens the certificate authority and starts to keep certificates. What does not work is in [`Reach::report`]: a
    /// house that phones cannot reach still switches its lights.
    pub async fn start(settings: Settings) -> Self {
        let opening = settings.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let local = opening.reach.local_authority && opening.reach.https != Door::Off;
            local.then(|| {
                Authority::open(&opening.folder, &addresses::host_name(), &addresses::current(), (opening.clock)())
            })
        });
        let (authority, error) = match opened.await {
            Ok(Some(Ok(authority))) => (Some(Arc::new(authority)), None),
            Ok(Some(Err(error))) => (None, Some(error.to_string())),
            Ok(None) => (None, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let reach = Self {
            inner: Arc::new(Inner::new(settings, authority)),
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
            outside: true,
        };
        if let Some(error) = error {
            tracing::error!(error, "the house's certificate authority cannot be used");
            let means = "Phones in the house cannot be sure whom they speak to.";
            reach.inner.report(WayReport::failed(
                Way::LocalAuthority,
                error,
                means,
                "do what the message says, then restart Vesta",
            ));
        }
        let first = reach.inner.clone();
        let _ = tokio::task::spawn_blocking(move || keepers::renew_local(&first)).await;
        reach.keep();
        reach
    }

    /// For a house that only this machine reaches: no certificates, nothing announced.
    pub fn only_here(settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner::new(settings, None)),
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
            outside: false,
        }
    }

    fn keep(&self) {
        let (inner, cancel) = (|| self.inner.clone(), || self.cancel.clone());
        let settings = &self.inner.settings;
        if settings.reach.https == Door::Off {
            return;
        }
        self.tasks.spawn(keepers::local(inner(), cancel()));
        if settings.reach.mdns {
            let found = format!("{}.local is being announced", settings.reach.name);
            self.inner.report(WayReport::starting(Way::Mdns, found));
            self.tasks.spawn(mdns::keep(inner(), cancel()));
        }
        if settings.tailscale.enabled {
            self.inner.report(WayReport::starting(Way::Tailscale, "Tailscale is being asked"));
            self.tasks.spawn(keepers::tailscale(inner(), cancel()));
        }
        if !settings.acme.domains.is_empty() {
            let found = format!("a certificate for {} is being got", keepers::list(&settings.acme.domains));
            self.inner.report(WayReport::starting(Way::Acme, found));
            self.tasks.spawn(keepers::acme(inner(), cancel()));
        }
        if settings.certificate.chain.is_some() {
            self.inner.report(WayReport::starting(Way::Files, "the certificate files are being read"));
            self.tasks.spawn(keepers::files(inner(), cancel()));
        }
        if let Some(report) = examine::proxies(&settings.reach) {
            self.inner.report(report);
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// What is shown to clients.
    pub fn certificates(&self) -> &Arc<Certificates> {
        &self.inner.certificates
    }

    /// The house's own authority, where it has one.
    pub fn authority(&self) -> Option<&Authority> {
        self.inner.authority.as_deref()
    }

    /// TLS for the server: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, the certificate chosen at each handshake.
    ///
    /// # Errors
    /// The cryptography offers no such versions, which does not happen.
    pub fn tls(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(crypto())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.inner.certificates.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// The answer to an ACME server that asks for `/.well-known/acme-challenge/<token>`.
    pub fn challenge(&self, token: &str) -> Option<String> {
        self.inner.challenges.answer(token)
    }

    /// Who is at the other end of a request from `peer`, over TLS or not.
    pub fn client(&self, peer: IpAddr, tls: bool, said: &Forwarding<'_>) -> Client {
        let client = self.inner.proxies.client(peer, tls, said);
        // Proxies run where the server runs, or in the house; what strangers claim is no news, and once there is a proxy
        // that is trusted, what others in the house claim is none either.
        let none_yet = self.inner.settings.reach.trusted_proxies.is_empty();
        if client.unheeded && (client.address.is_loopback() || (none_yet && authority::is_private(client.address))) {
            self.unheeded(client.address);
        }
        client
    }

    /// Whether plain HTTP from `peer` is answered: this machine, and proxies that are trusted.
    pub fn may_speak_plainly(&self, peer: IpAddr) -> bool {
        peer.to_canonical().is_loopback() || self.inner.proxies.trust(peer)
    }

    fn unheeded(&self, proxy: IpAddr) {
        if self.inner.state().ways.get(&Way::Proxy).is_some_and(|report| report.state == WayState::Failed) {
            return;
        }
        tracing::warn!(%proxy, "a reverse proxy that is not in [reach] trusted_proxies passes requests on");
        self.inner.report(WayReport::failed(
            Way::Proxy,
            format!("{proxy} passes requests on and is not trusted"),
            "All its clients look like one, and their addresses are not known.",
            format!("if that is your reverse proxy, add \"{proxy}\" to [reach] trusted_proxies in vesta.toml"),
        ));
    }

    /// The doors that the server should open, and where.
    pub fn doors(&self) -> Vec<(Way, SocketAddr)> {
        if !self.outside {
            return Vec::new();
        }
        let settings = &self.inner.settings;
        let Some(https) = settings.reach.https.address() else { return Vec::new() };
        let doorstep = settings.reach.doorstep.address().filter(|_| self.inner.authority.is_some());
        let proves = !settings.acme.domains.is_empty() && settings.acme.challenge == AcmeChallenge::Http01;
        let acme = proves.then_some(settings.acme.http_listen);
        let others = [(Way::Doorstep, doorstep), (Way::AcmeHttp, acme)];
        let others = others.into_iter().filter_map(|(way, address)| Some((way, address?)));
        std::iter::once((Way::Https, https)).chain(others).collect()
    }

    /// A door is open at `address`.
    pub fn opened(&self, door: Way, address: SocketAddr) {
        let report = WayReport::ready(door, format!("listens on {address}"));
        self.inner.change(|state| {
            state.doors.insert(door, address);
            state.ways.insert(door, report);
        });
    }

    /// A door cannot be opened.
    pub fn refused(&self, door: Way, address: SocketAddr, error: &std::io::Error) {
        self.inner.report(examine::closed(door, address, error));
    }

    /// Where a door is open.
    pub fn door(&self, door: Way) -> Option<SocketAddr> {
        self.inner.state().doors.get(&door).copied()
    }

    /// The host names of the house, in lower case, beside loopback and addresses.
    pub fn hosts(&self) -> Arc<[String]> {
        self.inner.hosts()
    }

    /// What people open.
    pub fn links(&self) -> Links {
        link::links(&self.inner)
    }

    /// How it is with each way.
    pub fn report(&self) -> Vec<WayReport> {
        self.inner.state().ways.into_values().collect()
    }

    /// Tells of every change to report, names and certificates.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes()
    }

    /// Looks at addresses, files and the validity of certificates now.
    pub fn look(&self) {
        self.inner.wake.notify_waiters();
    }

    /// Ends the tasks and takes the name off the network.
    pub async fn stop(&self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
