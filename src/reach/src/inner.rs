//! What the tasks of [`Reach`](crate::Reach) share.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::acme::Challenges;
use crate::addresses;
use crate::authority::{Authority, Names};
use crate::certificates::Certificates;
use crate::chain::Chain;
use crate::config::{AcmeConfig, CertificateConfig, ReachConfig, TailscaleConfig};
use crate::proxies::TrustedProxies;
use crate::report::{Way, WayReport, WayState};

/// Tells the time; tests have one that they can turn.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Everything that is set.
#[derive(Clone)]
pub struct Settings {
    /// `[reach]`
    pub reach: ReachConfig,
    /// `[tailscale]`
    pub tailscale: TailscaleConfig,
    /// `[acme]`
    pub acme: AcmeConfig,
    /// `[certificate]`
    pub certificate: CertificateConfig,
    /// `[server] hosts`
    pub hosts: Vec<String>,
    /// Where keys and certificates are kept.
    pub folder: PathBuf,
    /// Tells the time.
    pub clock: Clock,
    /// UDP port of multicast DNS; 5353 but for tests.
    pub mdns_port: u16,
}

impl Settings {
    /// The defaults, with keys and certificates in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            reach: ReachConfig::default(),
            tailscale: TailscaleConfig::default(),
            acme: AcmeConfig::default(),
            certificate: CertificateConfig::default(),
            hosts: Vec::new(),
            folder,
            clock: Arc::new(SystemTime::now),
            mdns_port: mdns_sd::MDNS_PORT,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("reach", &self.reach)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) authority: Option<Arc<Authority>>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) challenges: Challenges,
    /// Look at addresses and validity now.
    pub(crate) wake: Notify,
    state: RwLock<State>,
    /// Computed at each change, since every request asks for them.
    hosts: RwLock<Arc<[String]>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) ways: BTreeMap<Way, WayReport>,
    /// The name that is announced in the local network, such as `vesta.local`.
    pub(crate) announced: Option<String>,
    pub(crate) doors: BTreeMap<Way, SocketAddr>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) tailnet: Option<String>,
}

impl Inner {
    pub(crate) fn new(settings: Settings, authority: Option<Arc<Authority>>) -> Self {
        let proxies = TrustedProxies::new(&settings.reach.trusted_proxies, settings.reach.client_address_header);
        let inner = Self {
            settings,
            certificates: Arc::default(),
            authority,
            proxies,
            challenges: Challenges::default(),
            wake: Notify::new(),
            state: RwLock::default(),
            hosts: RwLock::new(Arc::from([])),
            changes: watch::Sender::new(0),
        };
        inner.changed();
        inner
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.settings.clock)()
    }

    pub(crate) fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the state and tells everybody who waits for changes.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
        self.changed();
    }

    fn changed(&self) {
        *self.hosts.write().unwrap_or_else(PoisonError::into_inner) = self.all_hosts().into();
        self.changes.send_modify(|number| *number = number.wrapping_add(1));
    }

    /// Host names of the house, in lower case, beside loopback and addresses.
    pub(crate) fn hosts(&self) -> Arc<[String]> {
        self.hosts.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn all_hosts(&self) -> Vec<String> {
        let Names { mut hosts, .. } = self.wanted();
        hosts.extend(self.certificates.names().into_iter().filter(|name| !name.starts_with("*.")));
        hosts.extend(self.settings.acme.domains.iter().map(|domain| domain.to_ascii_lowercase()));
        hosts.extend(self.state().tailnet);
        hosts.extend(self.settings.reach.public_host().map(str::to_ascii_lowercase));
        hosts.sort();
        hosts.dedup();
        hosts
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn report(&self, report: WayReport) {
        self.change(|state| {
            state.ways.insert(report.way, report);
        });
    }

    /// Adds to the report of a way that works what could be better about it, or takes that away.
    pub(crate) fn remark(&self, way: Way, remark: Option<(String, String)>) {
        let (means, fix) = remark.unzip();
        let Some(report) = self.state().ways.remove(&way).filter(|report| report.state == WayState::Ready) else {
            return;
        };
        if (&report.means, &report.fix) != (&means, &fix) {
            self.report(WayReport { means, fix, ..report });
        }
    }

    /// Shows a new certificate.
    pub(crate) fn show(&self, way: Way, chain: Chain, found: String) {
        tracing::info!(?way, names = ?chain.names(), until = %crate::report::date(chain.not_after()), "a certificate is shown");
        let report = WayReport::ready(way, found).with(&chain);
        self.certificates.put(way, Arc::new(chain));
        self.report(report);
    }

    /// The announced name has changed; certificates follow.
    pub(crate) fn announced(&self, name: Option<String>) {
        let mut differs = false;
        self.change(|state| {
            differs = state.announced != name;
            state.announced = name;
        });
        if differs {
            self.wake.notify_waiters();
        }
    }

    /// The port of a door once it is open; `None` when the house ends first.
    pub(crate) async fn port_of(&self, door: Way, cancel: &CancellationToken) -> Option<u16> {
        let mut changes = self.changes();
        loop {
            if let Some(address) = self.state().doors.get(&door) {
                return Some(address.port());
            }
            tokio::select! {
                changed = changes.changed() => changed.ok()?,
                () = cancel.cancelled() => return None,
            }
        }
    }

    /// Names and addresses that a certificate of the house should be for.
    pub(crate) fn wanted(&self) -> Names {
        let state = self.state();
        let host = addresses::host_name();
        let own = format!("{}.local", self.settings.reach.name.to_ascii_lowercase());
        let mut hosts = vec![own];
        hosts.extend(state.announced);
        hosts.push("localhost".to_owned());
        if !host.is_empty() {
            hosts.push(format!("{host}.local"));
            hosts.push(host);
        }
        hosts.extend(self.settings.hosts.iter().map(|host| host.to_ascii_lowercase()));
        let mut seen = std::collections::HashSet::new();
        hosts.retain(|host| seen.insert(host.clone()));
        let mut addresses = state.addresses;
        addresses.extend([IpAddr::from([127, 0, 0, 1]), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)]);
        Names { hosts, addresses }
    }
}
