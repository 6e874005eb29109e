//! The home and a broker that speaks TLS: the broker of these tests, behind a relay that takes the encryption off.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a test that fails")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rumqttc::tokio_rustls::TlsAcceptor;
use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;
use rumqttc::tokio_rustls::rustls::pki_types::PrivateKeyDer;
use rumqttc::tokio_rustls::rustls::server::WebPkiClientVerifier;
use rumqttc::tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use vesta_broker::{Broker, BrokerConfig};
use vesta_home::{Home, HomeConfig, HomeError, Link, MqttConfig};

/// Longer than anything here takes on a busy machine; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// An authority that signs for servers and clients, and the folder of its files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key.
struct Signed {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let authority = Self { issuer, folder };
        authority.write("ca.pem", &authority.issuer.pem());
        authority
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn sign(&self, name: &str) -> Signed {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Signed { certificate: parameters.signed_by(&key, &self.issuer).unwrap(), key }
    }

    /// What a server of this name needs; `clients` says whether they have to show a certificate of this authority.
    fn server(&self, name: &str, clients: bool) -> ServerConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let Signed { certificate, key } = self.sign(name);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

/// A broker behind a relay.
struct Encrypted {
    port: u16,
    _broker: Broker,
    _folder: TempDir,
    _relay: AbortOnDropHandle<()>,
}

impl Encrypted {
    async fn start(server: ServerConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let broker =
            Broker::start(BrokerConfig { listen, ..BrokerConfig::new(folder.path()) }).await.expect("broker starts");
        let behind = broker.address();
        let listener = TcpListener::bind(listen).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let relay = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    let Ok(mut outside) = acceptor.accept(socket).await else { return };
                    let Ok(mut inside) = TcpStream::connect(behind).await else { return };
                    let _ = copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        Self { port, _broker: broker, _folder: folder, _relay: AbortOnDropHandle::new(relay) }
    }

    fn config(&self, ca_file: Option<&Path>) -> MqttConfig {
        MqttConfig {
            url: format!("mqtts://127.0.0.1:{}", self.port),
            client_id: "vesta-test-encrypted".to_owned(),
            ca_file: ca_file.map(Path::to_owned),
            max_backoff_ms: 200,
            ..MqttConfig::default()
        }
    }
}

async fn start(mqtt: MqttConfig) -> Result<(Home, CancellationToken), HomeError> {
    let cancel = CancellationToken::new();
    let home = vesta_home::start(HomeConfig { mqtt, ..HomeConfig::default() }, cancel.clone()).await?;
    Ok((home, cancel))
}

/// How the home's first attempt to connect ends.
async fn link(mqtt: MqttConfig) -> Link {
    let (home, cancel) = start(mqtt).await.unwrap();
    let mut seen = home.link();
    let link = timeout(PATIENCE, seen.wait_for(|link| *link != Link::Connecting)).await.expect("in time").unwrap();
    let link = link.clone();
    cancel.cancel();
    link
}

async fn refusal(mqtt: MqttConfig) -> String {
    match link(mqtt).await {
        Link::Down { why } => why.to_lowercase(),
        link => panic!("{link:?}"),
    }
}

#[tokio::test]
async fn a_broker_with_a_certificate_of_a_known_authority_is_used_in_both_versions() {
    let authority = Authority::new();
    let broker = Encrypted::start(authority.server("127.0.0.1", false)).await;
    for version in [4, 5] {
        let mqtt = MqttConfig { version, ..broker.config(Some(&authority.ca_file())) };
        let (home, cancel) = start(mqtt).await.unwrap();
        assert!(timeout(PATIENCE, home.settled()).await.expect("in time"), "version {version}");
        assert_eq!(*home.link().borrow(), Link::Connected);
        cancel.cancel();
        timeout(PATIENCE, home.stopped()).await.expect("it ends");
    }
}

#[tokio::test]
async fn a_broker_that_cannot_prove_who_it_is_is_not_used() {
    let authority = Authority::new();
    let broker = Encrypted::start(authority.server("127.0.0.1", false)).await;
    let strange = Authority::new();
    let why = refusal(broker.config(Some(&strange.ca_file()))).await;
    assert!(why.contains("certificate"), "{why}");

    let other = Encrypted::start(authority.server("other.example", false)).await;
    let why = refusal(other.config(Some(&authority.ca_file()))).await;
    assert!(why.contains("certificate"), "{why}");
}

#[tokio::test]
async fn a_broker_that_asks_for_a_certificate_gets_it() {
    let authority = Authority::new();
    let broker = Encrypted::start(authority.server("127.0.0.1", true)).await;
    let Signed { certificate, key } = authority.sign("vesta");
    let mqtt = broker.config(Some(&authority.ca_file()));
    let known = MqttConfig {
        client_certificate: Some(authority.write("vesta.pem", &certificate.pem())),
        client_key: Some(authority.write("vesta.key", &key.serialize_pem())),
        ..mqtt.clone()
    };
    assert_eq!(link(known).await, Link::Connected);
    assert_ne!(link(mqtt).await, Link::Connected);
}

#[tokio::test]
async fn files_that_are_no_certificates_are_named() {
    let authority = Authority::new();
    let garbage = authority.write("garbage.pem", "not a certificate");
    let missing = authority.folder.path().join("missing.pem");
    let mqtt = MqttConfig { url: "mqtts://127.0.0.1:1".to_owned(), ..MqttConfig::default() };
    for ca_file in [&missing, &garbage] {
        let error = start(MqttConfig { ca_file: Some(ca_file.clone()), ..mqtt.clone() }).await.err().unwrap();
        assert!(error.to_string().contains("ca_file"), "{error}");
    }
    let ca_file = Some(authority.ca_file());
    let lonely = MqttConfig { ca_file: ca_file.clone(), client_certificate: ca_file, ..mqtt };
    let error = start(lonely).await.err().unwrap();
    assert!(error.to_string().contains("go together"), "{error}");
}
