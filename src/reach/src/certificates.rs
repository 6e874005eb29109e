//! The certificates that are shown to clients, replaced while connections are open.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::chain::Chain;
use crate::report::Way;

/// Chooses a certificate for each handshake. A replaced one is shown from the next handshake on.
#[derive(Debug, Default)]
pub struct Certificates {
    chains: RwLock<BTreeMap<Way, Arc<Chain>>>,
}

impl Certificates {
    /// Shows `chain` from now on in the place of an earlier one of that way.
    pub(crate) fn put(&self, way: Way, chain: Arc<Chain>) {
        self.chains.write().unwrap_or_else(PoisonError::into_inner).insert(way, chain);
    }

    /// The certificate of a way.
    pub fn of(&self, way: Way) -> Option<Arc<Chain>> {
        self.chains.read().unwrap_or_else(PoisonError::into_inner).get(&way).cloned()
    }

    /// All names that certificates are for.
    pub(crate) fn names(&self) -> Vec<String> {
        let chains = self.chains.read().unwrap_or_else(PoisonError::into_inner);
        chains.values().flat_map(|chain| chain.names().iter().cloned()).collect()
    }

    /// The certificate for a client that asks for `name`, or for none because it called an address.
    fn choose(&self, name: Option<&str>) -> Option<Arc<Chain>> {
        let chains = self.chains.read().unwrap_or_else(PoisonError::into_inner);
        let name = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let fitting = name.and_then(|name| chains.values().find(|chain| chain.is_for(&name)));
        // Addresses are only in the certificates that the house makes itself.
        fitting.or_else(|| chains.get(&Way::LocalAuthority)).or_else(|| chains.values().next()).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name()).map(|chain| chain.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::tests::made_for;

    fn chain(names: &[&str]) -> Arc<Chain> {
        let (chain, key) = made_for(names);
        Arc::new(Chain::from_pem("test", &chain, &key).unwrap())
    }

    #[test]
    fn the_name_chooses_the_certificate() {
        let certificates = Certificates::default();
        assert!(certificates.choose(Some("vesta.local")).is_none());
        let (own, public) = (chain(&["vesta.local", "192.168.1.4"]), chain(&["vesta.example.org"]));
        certificates.put(Way::Acme, public.clone());
        assert_eq!(certificates.choose(None).unwrap().fingerprint(), public.fingerprint());
        certificates.put(Way::LocalAuthority, own.clone());
        for (name, expected) in [
            (Some("VESTA.example.org"), &public),
            (Some("vesta.example.org."), &public),
            (Some("vesta.local"), &own),
            (Some("elsewhere.example"), &own),
            (None, &own),
        ] {
            assert_eq!(certificates.choose(name).unwrap().fingerprint(), expected.fingerprint(), "{name:?}");
        }
        let renewed = chain(&["vesta.example.org"]);
        certificates.put(Way::Acme, renewed.clone());
        assert_eq!(certificates.choose(Some("vesta.example.org")).unwrap().fingerprint(), renewed.fingerprint());
    }
}
