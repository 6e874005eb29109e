//! Watches and sends MQTT messages.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, Publish, QoS};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::server::PATIENCE;

/// Two clients of one id throw each other out.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A client that watches a topic filter.
pub struct Watch {
    client: AsyncClient,
    messages: mpsc::Receiver<Publish>,
    driver: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Watch {
    /// Subscribes to `filter`; returns when the broker has confirmed it.
    pub async fn start(url: &str, filter: &str) -> Self {
        let address = url.trim_start_matches("mqtt://");
        let (host, port) = address.rsplit_once(':').expect("host:port");
        let mut options = MqttOptions::new(
            format!("watch-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)),
            host,
            port.parse().expect("a port"),
        );
        options.set_keep_alive(Duration::from_secs(30));
        let (client, mut events) = AsyncClient::new(options, 64);
        client.subscribe(filter, QoS::AtLeastOnce).await.expect("a subscription is sent");
        let (sender, messages) = mpsc::channel(4096);
        let (confirm, confirmed) = tokio::sync::oneshot::channel();
        let driver = tokio::spawn(async move {
            let mut confirm = Some(confirm);
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        if sender.send(message).await.is_err() {
                            return;
                        }
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        if let Some(confirm) = confirm.take() {
                            let _ = confirm.send(());
                        }
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        timeout(PATIENCE, confirmed).await.expect("the broker answers in time").expect("the broker confirms");
        Self { client, messages, driver }
    }

    /// Sends a message.
    pub async fn publish(&self, topic: &str, payload: &str, retain: bool) {
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload).await.expect("a message is sent");
    }

    /// The next message that `accept` takes; others are passed over.
    pub async fn until(&mut self, what: &str, accept: impl Fn(&str, &str) -> bool) -> (String, String) {
        let waiting = async {
            while let Some(message) = self.messages.recv().await {
                let payload = String::from_utf8_lossy(&message.payload).into_owned();
                if accept(&message.topic, &payload) {
                    return Some((message.topic, payload));
                }
            }
            None
        };
        timeout(PATIENCE, waiting).await.ok().flatten().unwrap_or_else(|| panic!("never seen on MQTT: {what}"))
    }

    /// What has arrived and was not looked at yet.
    pub fn seen(&mut self) -> Vec<(String, String)> {
        std::iter::from_fn(|| self.messages.try_recv().ok())
            .map(|message| (message.topic, String::from_utf8_lossy(&message.payload).into_owned()))
            .collect()
    }
}
