//! The demo home on a real broker.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vesta_broker::{Broker, BrokerConfig, User};
use vesta_demo_home::{DemoConfig, DemoError, House};

const PATIENCE: Duration = Duration::from_secs(30);

async fn broker(folder: &Path, port: u16) -> Broker {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Broker::start(BrokerConfig { listen, ..BrokerConfig::new(folder) }).await.expect("a broker")
}

fn start(config: DemoConfig) -> (JoinHandle<Result<(), DemoError>>, CancellationToken) {
    let cancel = CancellationToken::new();
    (tokio::spawn(vesta_demo_home::run(config, cancel.clone())), cancel)
}

/// Reads along and keeps the last payload of each topic.
struct Watcher {
    client: AsyncClient,
    events: EventLoop,
    topics: BTreeMap<String, String>,
}

impl Watcher {
    async fn new(address: SocketAddr) -> Self {
        let mut options = MqttOptions::new("watcher", address.ip().to_string(), address.port());
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, events) = AsyncClient::new(options, 100);
        client.subscribe("#", QoS::AtLeastOnce).await.unwrap();
        Self { client, events, topics: BTreeMap::new() }
    }

    async fn until(&mut self, done: impl Fn(&BTreeMap<String, String>) -> bool) {
        let work = async {
            while !done(&self.topics) {
                match self.events.poll().await {
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        self.topics.insert(publish.topic, String::from_utf8(publish.payload.to_vec()).unwrap());
                    }
                    // rumqttc connects again, but does not subscribe again.
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        self.client.subscribe("#", QoS::AtLeastOnce).await.unwrap();
                    }
                    Ok(_) => {}
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, work).await.expect("in time");
    }

    async fn until_is(&mut self, topic: &str, payload: &str) {
        self.until(|topics| topics.get(topic).is_some_and(|found| found == payload)).await;
    }

    async fn send(&self, topic: &str, payload: &str) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).await.unwrap();
    }
}

const AVAILABILITY: &str = "vesta-demo/availability";

#[tokio::test]
async fn it_announces_obeys_and_says_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker(folder.path(), 0).await;
    let (home, cancel) = start(DemoConfig { mqtt_url: broker.url(), ..DemoConfig::default() });
    let mut watcher = Watcher::new(broker.address()).await;
    watcher.until_is(AVAILABILITY, "online").await;
    let all = House::new("homeassistant", 1).announce().len();
    watcher.until(|topics| topics.len() >= all).await;
    assert!(watcher.topics.contains_key("homeassistant/light/vesta_demo/kitchen_light/config"));

    watcher.send("vesta-demo/hallway_light/set", "1").await;
    watcher.until_is("vesta-demo/hallway_light/state", "1").await;
    watcher.send("vesta-demo/garage_door/set", "OPEN").await;
    watcher.until_is("vesta-demo/garage_door/state", "opening").await;

    watcher.topics.clear();
    watcher.send("homeassistant/status", "online").await;
    watcher.until(|topics| topics.len() > all).await;

    cancel.cancel();
    tokio::time::timeout(PATIENCE, home).await.unwrap().unwrap().unwrap();
    watcher.until_is(AVAILABILITY, "offline").await;
}

#[tokio::test]
async fn it_comes_back_when_the_broker_does_and_waits_for_one_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = broker(folder.path(), 0).await;
    let address = first.address();
    let url = first.url();
    first.stop().await;

    let (_home, cancel) = start(DemoConfig { mqtt_url: url, ..DemoConfig::default() });
    let second = broker(folder.path(), address.port()).await;
    let mut watcher = Watcher::new(address).await;
    watcher.until_is(AVAILABILITY, "online").await;
    second.stop().await;

    // An empty folder: what is seen now was announced again.
    let empty = tempfile::tempdir().unwrap();
    let third = broker(empty.path(), address.port()).await;
    let mut watcher = Watcher::new(address).await;
    watcher.until_is(AVAILABILITY, "online").await;
    watcher.send("vesta-demo/hallway_light/set", "1").await;
    watcher.until_is("vesta-demo/hallway_light/state", "1").await;
    cancel.cancel();
    drop(third);
}

#[tokio::test]
async fn a_lost_home_is_reported_offline() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker(folder.path(), 0).await;
    let (home, _cancel) = start(DemoConfig { mqtt_url: broker.url(), ..DemoConfig::default() });
    let mut watcher = Watcher::new(broker.address()).await;
    watcher.until_is(AVAILABILITY, "online").await;
    home.abort();
    watcher.until_is(AVAILABILITY, "offline").await;
}

#[tokio::test]
async fn slow_devices_answer_later_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker(folder.path(), 0).await;
    let latency = Duration::from_millis(100);
    let (_home, cancel) = start(DemoConfig { mqtt_url: broker.url(), latency, ..DemoConfig::default() });
    let mut watcher = Watcher::new(broker.address()).await;
    watcher.until_is(AVAILABILITY, "online").await;
    let sent = std::time::Instant::now();
    watcher.send("vesta-demo/hallway_light/set", "1").await;
    watcher.send("vesta-demo/garage_light/set", "1").await;
    watcher.until_is("vesta-demo/garage_light/state", "1").await;
    // The other way round than a deadline: a busy machine can only make it later.
    assert!(sent.elapsed() >= latency);
    assert_eq!(watcher.topics.get("vesta-demo/hallway_light/state").map(String::as_str), Some("1"));
    cancel.cancel();
}

#[tokio::test]
async fn it_can_be_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let broker = broker(folder.path(), 0).await;
    let config = DemoConfig { mqtt_url: broker.url(), ..DemoConfig::default() };
    let (home, cancel) = start(config.clone());
    let mut watcher = Watcher::new(broker.address()).await;
    watcher.until_is(AVAILABILITY, "online").await;
    cancel.cancel();
    home.await.unwrap().unwrap();
    vesta_demo_home::forget(config).await.unwrap();

    watcher.client.publish("marker", QoS::AtLeastOnce, true, "here").await.unwrap();
    watcher.until_is("marker", "here").await;
    let mut late = Watcher::new(broker.address()).await;
    late.until_is("marker", "here").await;
    assert_eq!(late.topics.len(), 1, "{:?}", late.topics.keys());
}

#[tokio::test]
async fn wrong_credentials_and_no_broker_are_errors_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let users = vec![User { name: "anna".into(), password: "geheim".into() }];
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let broker = Broker::start(BrokerConfig { listen, users, ..BrokerConfig::new(folder.path()) }).await.unwrap();
    let wrong = DemoConfig {
        mqtt_url: broker.url(),
        username: Some("anna".into()),
        password: Some("falsch".into()),
        ..DemoConfig::default()
    };
    let error = vesta_demo_home::run(wrong.clone(), CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, DemoError::Refused { .. }), "{error}");
    let right = DemoConfig { password: Some("geheim".into()), ..wrong };
    let (home, cancel) = start(right);
    cancel.cancel();
    home.await.unwrap().unwrap();
    assert!(matches!(
        vesta_demo_home::run(
            DemoConfig { mqtt_url: "nowhere".into(), ..DemoConfig::default() },
            CancellationToken::new()
        )
        .await,
        Err(DemoError::Url { .. })
    ));
}
