//! The link to the broker: connects, reconnects with growing pauses, hands messages on. Knows nothing of the home.
//!
//! Every connection is a new client with an empty queue and a clean session: nothing that could not be sent on one connection is
//! ever sent on a later one.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rumqttc::tokio_rustls::rustls::{ClientConfig, RootCertStore};
use rumqttc::v5;
use rumqttc::{AsyncClient, NetworkOptions, QoS, SubscribeFilter, TlsConfiguration, Transport};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::HomeError;
use crate::action::Publish;
use crate::config::MqttConfig;

/// Requests that may wait for the socket.
const QUEUE: usize = 8_192;
/// First pause after a lost or failed connection; doubled from one to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long an attempt to connect may take, seconds.
const CONNECT_S: u64 = 5;
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// Unacknowledged messages at a time.
const INFLIGHT: u16 = 200;
/// The longest packet of MQTT 3.1.1. A longer limit of our own would close the link for one retained picture, for ever.
const LONGEST_V4: usize = 268_435_460;
/// The longest packet that an MQTT 5 broker is asked to send; it leaves longer ones out.
const LONGEST_V5: u32 = 1024 * 1024;
/// Filters in one subscription: brokers limit the packet, not the number.
const FILTERS_AT_ONCE: usize = 100;

/// What happened on the link.
pub(crate) enum LinkEvent {
    Up(Client),
    Down(String),
    Message { topic: String, payload: Vec<u8>, retained: bool },
}

/// Sends on one connection.
#[derive(Clone)]
pub(crate) struct Client {
    sender: Sender,
    /// Ends this connection when something cannot be sent.
    pub(crate) hang_up: CancellationToken,
}

#[derive(Clone)]
enum Sender {
    V4(AsyncClient),
    V5(v5::AsyncClient),
}

/// The queue to the socket is full, or the connection is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotSent;

impl Client {
    pub(crate) fn publish(&self, message: &Publish) -> Result<(), NotSent> {
        let payload = message.payload.as_bytes();
        match &self.sender {
            Sender::V4(client) => {
                client.try_publish(&message.topic, qos(message.qos), message.retain, payload).map_err(|_| NotSent)
            }
            Sender::V5(client) => client
                .try_publish(&message.topic, qos5(message.qos), message.retain, payload.to_vec())
                .map_err(|_| NotSent),
        }
    }

    pub(crate) fn subscribe(&self, filters: &[(String, u8)]) -> Result<(), NotSent> {
        filters.chunks(FILTERS_AT_ONCE).try_for_each(|chunk| match &self.sender {
            Sender::V4(client) => {
                let filters = chunk.iter().map(|(path, level)| SubscribeFilter::new(path.clone(), qos(*level)));
                client.try_subscribe_many(filters).map_err(|_| NotSent)
            }
            Sender::V5(client) => {
                let filters =
                    chunk.iter().map(|(path, level)| v5::mqttbytes::v5::Filter::new(path.clone(), qos5(*level)));
                client.try_subscribe_many(filters).map_err(|_| NotSent)
            }
        })
    }

    pub(crate) fn unsubscribe(&self, filters: &[String]) -> Result<(), NotSent> {
        filters.iter().try_for_each(|filter| match &self.sender {
            Sender::V4(client) => client.try_unsubscribe(filter).map_err(|_| NotSent),
            Sender::V5(client) => client.try_unsubscribe(filter).map_err(|_| NotSent),
        })
    }

    pub(crate) fn disconnect(&self) -> Result<(), NotSent> {
        match &self.sender {
            Sender::V4(client) => client.try_disconnect().map_err(|_| NotSent),
            Sender::V5(client) => client.try_disconnect().map_err(|_| NotSent),
        }
    }
}

fn qos(level: u8) -> QoS {
    match level {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

fn qos5(level: u8) -> v5::mqttbytes::QoS {
    match level {
        0 => v5::mqttbytes::QoS::AtMostOnce,
        1 => v5::mqttbytes::QoS::AtLeastOnce,
        _ => v5::mqttbytes::QoS::ExactlyOnce,
    }
}

/// Everything that a connection needs, checked before the first one.
pub(crate) struct Dialler {
    options: Options,
    max_pause: Duration,
}

enum Options {
    V4(Box<rumqttc::MqttOptions>),
    V5(Box<v5::MqttOptions>),
}

impl Dialler {
    /// Reads the settings.
    ///
    /// # Errors
    /// When the address, the version or a certificate is not usable.
    pub(crate) fn new(config: &MqttConfig, will: Option<String>) -> Result<Self, HomeError> {
        let (tls, host, port) = address(&config.url)?;
        let transport = if tls { Transport::tls_with_config(tls_config(config)?) } else { Transport::tcp() };
        if config.client_id.trim().is_empty() {
            return Err(HomeError::Config("mqtt client_id must not be empty".to_owned()));
        }
        let keep_alive = Duration::from_secs(u64::from(config.keep_alive_s.max(5)));
        let options = match config.version {
            4 => {
                let mut options = rumqttc::MqttOptions::new(&config.client_id, host, port);
                options.set_transport(transport).set_keep_alive(keep_alive).set_inflight(INFLIGHT);
                options.set_max_packet_size(LONGEST_V4, LONGEST_V4).set_clean_session(true);
                if let Some(topic) = will {
                    options.set_last_will(rumqttc::LastWill::new(topic, "offline", QoS::AtLeastOnce, false));
                }
                if let Some(user) = &config.username {
                    options.set_credentials(user, config.password.as_deref().unwrap_or_default());
                }
                Options::V4(Box::new(options))
            }
            5 => {
                let mut options = v5::MqttOptions::new(&config.client_id, host, port);
                options.set_transport(transport).set_keep_alive(keep_alive).set_outgoing_inflight_upper_limit(INFLIGHT);
                options.set_clean_start(true).set_network_options(network()).set_connection_timeout(CONNECT_S);
                options.set_max_packet_size(Some(LONGEST_V5));
                if let Some(topic) = will {
                    let will = v5::mqttbytes::v5::LastWill::new(topic, "offline", qos5(1), false, None);
                    options.set_last_will(will);
                }
                if let Some(user) = &config.username {
                    options.set_credentials(user, config.password.as_deref().unwrap_or_default());
                }
                Options::V5(Box::new(options))
            }
            other => return Err(HomeError::Config(format!("mqtt version {other} is neither 4 (MQTT 3.1.1) nor 5"))),
        };
        Ok(Self { options, max_pause: Duration::from_millis(config.max_backoff_ms).max(FIRST_PAUSE) })
    }

    /// Keeps the link up until `cancel`. Ends after saying goodbye, or when nobody listens any more.
    pub(crate) async fn run(self, events: mpsc::Sender<LinkEvent>, cancel: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        loop {
            let (why, was_up) = self.connection(&events, &cancel).await;
            if cancel.is_cancelled() || events.send(LinkEvent::Down(why)).await.is_err() {
                return;
            }
            if was_up {
                pause = FIRST_PAUSE;
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(self.max_pause);
        }
    }

    /// One connection: why it ended, and whether it was ever up.
    async fn connection(&self, events: &mpsc::Sender<LinkEvent>, cancel: &CancellationToken) -> (String, bool) {
        let hang_up = CancellationToken::new();
        let mut socket = match &self.options {
            Options::V4(options) => {
                let (client, mut socket) = AsyncClient::new(rumqttc::MqttOptions::clone(options), QUEUE);
                let mut network = network();
                network.set_connection_timeout(CONNECT_S);
                socket.set_network_options(network);
                Socket::V4(client, Box::new(socket))
            }
            Options::V5(options) => {
                let (client, socket) = v5::AsyncClient::new(v5::MqttOptions::clone(options), QUEUE);
                Socket::V5(client, Box::new(socket))
            }
        };
        let mut was_up = false;
        loop {
            let step = tokio::select! {
                () = hang_up.cancelled() => return ("too much was waiting to be sent".to_owned(), was_up),
                () = cancel.cancelled() => {
                    if was_up {
                        // The home has put its goodbye into the queue; it must reach the socket.
                        let _ = timeout(GOODBYE, socket.drain()).await;
                    }
                    return ("stopped".to_owned(), was_up);
                }
                step = socket.step() => step,
            };
            let event = match step {
                Step::Up => {
                    was_up = true;
                    LinkEvent::Up(Client { sender: socket.sender(), hang_up: hang_up.clone() })
                }
                Step::Message { topic, payload, retained } => LinkEvent::Message { topic, payload, retained },
                Step::Refused(what) => {
                    tracing::warn!(what, "the broker refused a subscription: states of some devices stay unknown");
                    continue;
                }
                Step::Other | Step::Gone => continue,
                Step::Failed(why) => return (why, was_up),
            };
            tokio::select! {
                () = cancel.cancelled() => continue,
                sent = events.send(event) => if sent.is_err() {
                    return ("stopped".to_owned(), was_up);
                },
            }
        }
    }
}

enum Socket {
    V4(AsyncClient, Box<rumqttc::EventLoop>),
    V5(v5::AsyncClient, Box<v5::EventLoop>),
}

enum Step {
    Up,
    Message {
        topic: String,
        payload: Vec<u8>,
        retained: bool,
    },
    Refused(String),
    /// Our own goodbye is out.
    Gone,
    Other,
    Failed(String),
}

impl Socket {
    fn sender(&self) -> Sender {
        match self {
            Self::V4(client, _) => Sender::V4(client.clone()),
            Self::V5(client, _) => Sender::V5(client.clone()),
        }
    }

    async fn drain(&mut self) {
        while !matches!(self.step().await, Step::Gone | Step::Failed(_)) {}
    }

    async fn step(&mut self) -> Step {
        match self {
            Self::V4(_, socket) => match socket.poll().await {
                Ok(rumqttc::Event::Incoming(packet)) => match packet {
                    rumqttc::Packet::ConnAck(_) => Step::Up,
                    rumqttc::Packet::Publish(message) => Step::Message {
                        topic: message.topic,
                        payload: message.payload.into(),
                        retained: message.retain,
                    },
                    rumqttc::Packet::SubAck(ack)
                        if ack.return_codes.contains(&rumqttc::SubscribeReasonCode::Failure) =>
                    {
                        Step::Refused(format!("subscription {}", ack.pkid))
                    }
                    _ => Step::Other,
                },
                Ok(rumqttc::Event::Outgoing(rumqttc::Outgoing::Disconnect)) => Step::Gone,
                Ok(rumqttc::Event::Outgoing(_)) => Step::Other,
                Err(error) => Step::Failed(reason(&error)),
            },
            Self::V5(_, socket) => match socket.poll().await {
                Ok(v5::Event::Incoming(packet)) => match packet {
                    v5::mqttbytes::v5::Packet::ConnAck(_) => Step::Up,
                    v5::mqttbytes::v5::Packet::Publish(message) => match String::from_utf8(message.topic.into()) {
                        Ok(topic) => Step::Message { topic, payload: message.payload.into(), retained: message.retain },
                        Err(_) => Step::Other,
                    },
                    v5::mqttbytes::v5::Packet::SubAck(ack) => {
                        let refused = ack
                            .return_codes
                            .iter()
                            .any(|code| !matches!(code, v5::mqttbytes::v5::SubscribeReasonCode::Success(_)));
                        if refused { Step::Refused(format!("subscription {}", ack.pkid)) } else { Step::Other }
                    }
                    _ => Step::Other,
                },
                Ok(v5::Event::Outgoing(rumqttc::Outgoing::Disconnect)) => Step::Gone,
                Ok(v5::Event::Outgoing(_)) => Step::Other,
                Err(error) => Step::Failed(reason(&error)),
            },
        }
    }
}

/// An error and what is beneath it, in one line.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// Commands are short and somebody waits for them: they must not wait for company.
fn network() -> NetworkOptions {
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    network
}

/// Whether encrypted, host and port of `mqtt://host:port`.
fn address(url: &str) -> Result<(bool, String, u16), HomeError> {
    let wrong = |why: &str| {
        HomeError::Config(format!(
            "mqtt url {url:?}: {why}; write it as mqtt://host:1883, or mqtts://host:8883 for encryption"
        ))
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("the scheme is missing"))?;
    let (tls, default_port) = match scheme {
        "mqtt" | "tcp" => (false, 1883),
        "mqtts" | "ssl" => (true, 8883),
        _ => return Err(wrong("the scheme is not known")),
    };
    let rest = rest.trim_end_matches('/');
    if rest.contains('@') {
        return Err(wrong("user name and password have settings of their own"));
    }
    let (host, port) = match rest.strip_prefix('[') {
        Some(v6) => {
            let (host, tail) = v6.split_once(']').ok_or_else(|| wrong("a bracket is missing"))?;
            // The socket address of an IPv6 host keeps its brackets.
            (format!("[{host}]"), tail.strip_prefix(':'))
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (rest.to_owned(), None),
        },
    };
    if host.is_empty() || host.contains('/') {
        return Err(wrong("the host is missing"));
    }
    let port = match port {
        None => default_port,
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(|| wrong("the port is not a number"))?,
    };
    Ok((tls, host, port))
}

fn tls_config(config: &MqttConfig) -> Result<TlsConfiguration, HomeError> {
    let bad = |what: &str, error: &dyn std::fmt::Display| HomeError::Config(format!("{what}: {error}"));
    let mut roots = RootCertStore::empty();
    match &config.ca_file {
        Some(path) => {
            let what = format!("mqtt ca_file {}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(&what, &error))? {
                let certificate = certificate.map_err(|error| bad(&what, &error))?;
                roots.add(certificate).map_err(|error| bad(&what, &error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(HomeError::Config("no certificate authority is known: set mqtt ca_file".to_owned()));
    }
    // Named, because two cryptography libraries in one program make rustls refuse to choose.
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad("TLS", &error))?
        .with_root_certificates(roots);
    let tls = match (&config.client_certificate, &config.client_key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let what = format!("mqtt client_certificate {}", certificate.display());
            let chain = CertificateDer::pem_file_iter(certificate)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| bad(&what, &error))?;
            let key_what = format!("mqtt client_key {}", key.display());
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(&key_what, &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| bad(&what, &error))?
        }
        _ => return Err(HomeError::Config("mqtt client_certificate and client_key go together".to_owned())),
    };
    Ok(TlsConfiguration::Rustls(Arc::new(tls)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_explained() {
        assert_eq!(address("mqtt://broker").unwrap(), (false, "broker".to_owned(), 1883));
        assert_eq!(address("mqtts://broker/").unwrap(), (true, "broker".to_owned(), 8883));
        assert_eq!(address("tcp://10.0.0.1:2883").unwrap(), (false, "10.0.0.1".to_owned(), 2883));
        assert_eq!(address("mqtt://[::1]:1884").unwrap(), (false, "[::1]".to_owned(), 1884));
        for bad in ["", "broker", "http://x", "mqtt://", "mqtt://x:y", "mqtt://x:0", "mqtt://[::1", "mqtt://u:p@x"] {
            let error = address(bad).unwrap_err().to_string();
            assert!(error.contains("mqtt://host:1883"), "{bad}: {error}");
        }
    }
}
