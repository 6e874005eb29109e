//! The home against a real broker and a fake device: real sockets, events instead of sleeps.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a test that fails")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vesta_broker::{Broker, BrokerConfig};
use vesta_home::{Entity, Home, HomeConfig, IntentCall, Link, MqttConfig};

/// Longer than anything here takes on a busy machine; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than a device takes to answer on a busy machine.
const ANSWER: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: nothing happened"))
}

async fn broker_at(folder: &Path, port: u16) -> Broker {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Broker::start(BrokerConfig { listen, ..BrokerConfig::new(folder) }).await.expect("broker starts")
}

/// What a device does with a command.
type Answer = Box<dyn FnMut(&str, &str) -> Vec<(String, String)> + Send>;

/// A device: publishes what it is told to, answers commands, tells the test every command that it saw.
struct Device {
    client: AsyncClient,
    commands: mpsc::Receiver<(String, String)>,
    task: JoinHandle<()>,
}

impl Drop for Device {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Device {
    async fn connect(port: u16, id: &str, filters: &[&str], mut answer: Answer) -> Self {
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_max_packet_size(4 << 20, 4 << 20);
        let (client, mut events): (AsyncClient, EventLoop) = AsyncClient::new(options, 1_000);
        let (seen, commands) = mpsc::channel(1_000);
        for filter in filters {
            client.subscribe(*filter, QoS::AtLeastOnce).await.unwrap();
        }
        let (ready, mut subscribed) = mpsc::channel(filters.len().max(1));
        let sender = client.clone();
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        let _ = ready.send(()).await;
                    }
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        let text = String::from_utf8_lossy(&message.payload).into_owned();
                        let replies = answer(&message.topic, &text);
                        let _ = seen.send((message.topic, text)).await;
                        for (topic, payload) in replies {
                            sender.try_publish(topic, QoS::AtLeastOnce, true, payload).unwrap();
                        }
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        for _ in filters {
            within("subscription", subscribed.recv()).await;
        }
        Self { client, commands, task }
    }

    async fn publish(&self, topic: &str, payload: &str) {
        self.client.publish(topic, QoS::AtLeastOnce, true, payload).await.unwrap();
    }

    async fn command(&mut self) -> (String, String) {
        within("command", self.commands.recv()).await.expect("device runs")
    }
}

/// A device that says of its state what it was told.
fn obedient() -> Answer {
    Box::new(|topic, payload| {
        topic.strip_suffix("/set").map(|base| (base.to_owned(), payload.to_owned())).into_iter().collect()
    })
}

fn deaf() -> Answer {
    Box::new(|_, _| Vec::new())
}

fn config(port: u16, version: u8) -> HomeConfig {
    let mqtt = MqttConfig {
        url: format!("mqtt://127.0.0.1:{port}"),
        client_id: format!("vesta-test-{}", ID.fetch_add(1, Ordering::Relaxed)),
        version,
        max_backoff_ms: 200,
        ..MqttConfig::default()
    };
    HomeConfig { mqtt, deadline_ms: ANSWER.as_millis() as u64, ..HomeConfig::default() }
}

static ID: AtomicUsize = AtomicUsize::new(0);

const LAMP: &str = r#"{"name":"Lamp","command_topic":"lamp/set","state_topic":"lamp","availability_topic":"lamp/lwt"}"#;

async fn announce(device: &Device) {
    device.publish("homeassistant/light/lamp/config", LAMP).await;
    device.publish("lamp/lwt", "online").await;
    device.publish("lamp", "OFF").await;
}

/// Waits until an entity is as wanted, and returns it.
async fn entity(home: &Home, id: &str, wanted: impl Fn(&Entity) -> bool) -> Arc<Entity> {
    let mut changes = home.changes();
    within(id, async {
        loop {
            if let Some(entity) = home.snapshot().entities.get(id).filter(|entity| wanted(entity)) {
                return Arc::clone(entity);
            }
            changes.recv().await.expect("home runs");
        }
    })
    .await
}

async fn gone(home: &Home, id: &str) {
    let mut changes = home.changes();
    within(id, async {
        while home.snapshot().entities.contains_key(id) {
            changes.recv().await.expect("home runs");
        }
    })
    .await;
}

async fn link(home: &Home, wanted: impl FnMut(&Link) -> bool) {
    let mut link = home.link();
    within("link", link.wait_for(wanted)).await.expect("home runs");
}

fn call(intent: &str, name: &str) -> IntentCall {
    IntentCall { intent: intent.to_owned(), slots: [("name".to_owned(), name.into())].into(), ..IntentCall::default() }
}

#[tokio::test]
async fn a_command_is_done_when_the_device_says_so() {
    for version in [4, 5] {
        let folder = TempDir::new().unwrap();
        let broker = broker_at(folder.path(), 0).await;
        let port = broker.address().port();
        let mut device = Device::connect(port, "lamp", &["lamp/set"], obedient()).await;
        announce(&device).await;
        let cancel = CancellationToken::new();
        let home = vesta_home::start(config(port, version), cancel.clone()).await.unwrap();
        entity(&home, "light.lamp", |lamp| lamp.available && lamp.state.as_deref() == Some("off")).await;

        let outcome = within("call", home.call(call("HassTurnOn", "Lamp"))).await.unwrap();
        assert!(outcome.confirmed && outcome.changed[0].after.as_deref() == Some("on"), "{outcome:?}");
        assert_eq!(home.snapshot().entities["light.lamp"].state.as_deref(), Some("on"));
        assert_eq!(device.command().await, ("lamp/set".to_owned(), "ON".to_owned()));

        // A question publishes nothing: the next command that the device sees is the next command.
        let state = home.call(call("HassGetState", "Lamp")).await.unwrap();
        assert!(state.read_only);
        within("call", home.call(call("HassTurnOff", "Lamp"))).await.unwrap();
        assert_eq!(device.command().await.1, "OFF");
        cancel.cancel();
        within("end", home.stopped()).await;
        broker.stop().await;
    }
}

#[tokio::test]
async fn a_device_that_does_not_answer_is_named() {
    let folder = TempDir::new().unwrap();
    let broker = broker_at(folder.path(), 0).await;
    let port = broker.address().port();
    let device = Device::connect(port, "lamp", &["lamp/set"], deaf()).await;
    announce(&device).await;
    let home = vesta_home::start(config(port, 4), CancellationToken::new()).await.unwrap();
    entity(&home, "light.lamp", |lamp| lamp.available && lamp.state.is_some()).await;
    let short = IntentCall { deadline: Some(Duration::from_millis(50)), ..call("HassTurnOn", "Lamp") };
    let error = within("call", home.call(short)).await.unwrap_err();
    assert_eq!(error.code(), "no_answer");
    assert_eq!(error.slots()["name"], "Lamp");
    broker.stop().await;
}

#[tokio::test]
async fn announcements_updates_and_removals_are_followed_live() {
    let folder = TempDir::new().unwrap();
    let broker = broker_at(folder.path(), 0).await;
    let port = broker.address().port();
    let home = vesta_home::start(config(port, 4), CancellationToken::new()).await.unwrap();
    assert!(within("replay", home.settled()).await);
    let device = Device::connect(port, "lamp", &["lamp/set", "homeassistant/status"], obedient()).await;
    announce(&device).await;
    entity(&home, "light.lamp", |lamp| lamp.available).await;
    device.publish("lamp/lwt", "offline").await;
    entity(&home, "light.lamp", |lamp| !lamp.available).await;
    assert_eq!(home.call(call("HassTurnOn", "Lamp")).await.unwrap_err().code(), "unavailable");
    device.publish("homeassistant/light/lamp/config", &LAMP.replace("Lamp", "Reading lamp")).await;
    entity(&home, "light.lamp", |lamp| lamp.name == "Reading lamp").await;
    // Broken ones do no harm.
    device.publish("homeassistant/light/lamp/config", "{").await;
    device.publish("homeassistant/light/big/config", &format!("{{\"name\":\"{}\"}}", "x".repeat(600_000))).await;
    device.publish("lamp/lwt", "online").await;
    entity(&home, "light.lamp", |lamp| lamp.available && lamp.name == "Reading lamp").await;
    device.publish("homeassistant/light/lamp/config", "").await;
    gone(&home, "light.lamp").await;
    broker.stop().await;
}

#[tokio::test]
async fn birth_and_goodbye_and_last_will_are_published() {
    let folder = TempDir::new().unwrap();
    let broker = broker_at(folder.path(), 0).await;
    let port = broker.address().port();
    let mut device = Device::connect(port, "watcher", &["homeassistant/status"], deaf()).await;
    let status = |payload: &str| ("homeassistant/status".to_owned(), payload.to_owned());
    let cancel = CancellationToken::new();
    let home = vesta_home::start(config(port, 4), cancel.clone()).await.unwrap();
    assert_eq!(device.command().await, status("online"));
    cancel.cancel();
    within("end", home.stopped()).await;
    assert_eq!(device.command().await, status("offline"));
    // Without a goodbye the broker says it.
    let home = vesta_home::start(config(port, 4), CancellationToken::new()).await.unwrap();
    assert_eq!(device.command().await, status("online"));
    drop(home);
    assert_eq!(device.command().await, status("offline"));
    broker.stop().await;
}

#[tokio::test]
async fn a_broker_that_comes_late_goes_and_comes_back_is_survived() {
    let folder = TempDir::new().unwrap();
    // A port that is free now; the broker takes it later.
    let port = broker_port(folder.path()).await;
    let home = vesta_home::start(config(port, 4), CancellationToken::new()).await.unwrap();
    link(&home, |link| matches!(link, Link::Down { .. })).await;
    assert_eq!(home.call(call("HassTurnOn", "Lamp")).await.unwrap_err().code(), "broker_down");

    let broker = broker_at(folder.path(), port).await;
    link(&home, |link| *link == Link::Connected).await;
    let mut device = Device::connect(port, "lamp", &["lamp/set"], obedient()).await;
    announce(&device).await;
    device.publish("homeassistant/switch/plug/config", r#"{"name":"Plug","command_topic":"plug/set"}"#).await;
    entity(&home, "light.lamp", |lamp| lamp.available && lamp.state.as_deref() == Some("off")).await;
    entity(&home, "switch.plug", |_| true).await;
    within("call", home.call(call("HassTurnOn", "Lamp"))).await.unwrap();
    assert_eq!(device.command().await.1, "ON");
    drop(device);

    broker.stop().await;
    link(&home, |link| matches!(link, Link::Down { .. })).await;
    // Refused, and not sent later.
    assert_eq!(home.call(call("HassTurnOff", "Lamp")).await.unwrap_err().code(), "broker_down");
    assert_eq!(home.call(call("HassGetState", "Lamp")).await.unwrap_err().code(), "broker_down");

    let broker = broker_at(folder.path(), port).await;
    let mut device = Device::connect(port, "lamp2", &["lamp/set"], obedient()).await;
    // Somebody switched it by hand in the meantime.
    device.publish("lamp", "OFF").await;
    link(&home, |link| *link == Link::Connected).await;
    entity(&home, "light.lamp", |lamp| lamp.available && lamp.state.as_deref() == Some("off")).await;
    within("call", home.call(call("HassTurnOn", "Lamp"))).await.unwrap();
    assert_eq!(device.command().await.1, "ON", "only what was asked for now");
    assert!(device.commands.try_recv().is_err());
    broker.stop().await;
}

/// A port that nobody listens on.
async fn broker_port(folder: &Path) -> u16 {
    let broker = broker_at(folder, 0).await;
    let port = broker.address().port();
    broker.stop().await;
    port
}

#[tokio::test]
async fn the_demo_sized_home_is_there_after_one_replay() {
    let folder = TempDir::new().unwrap();
    let broker = broker_at(folder.path(), 0).await;
    let port = broker.address().port();
    let device = Device::connect(port, "many", &[], deaf()).await;
    for number in 0..300 {
        let config =
            format!(r#"{{"name":"Lamp {number}","command_topic":"l/{number}/set","state_topic":"l/{number}"}}"#);
        device.publish(&format!("homeassistant/light/l{number}/config"), &config).await;
        device.publish(&format!("l/{number}"), "ON").await;
    }
    let first = vesta_home::start(config(port, 4), CancellationToken::new()).await.unwrap();
    entity(&first, "light.lamp_299", |lamp| lamp.state.as_deref() == Some("on")).await;
    // All is kept by the broker now: a second home gets it from there alone.
    let home = vesta_home::start(config(port, 5), CancellationToken::new()).await.unwrap();
    entity(&home, "light.lamp_299", |lamp| lamp.state.as_deref() == Some("on")).await;
    assert!(within("replay", home.settled()).await);
    let lamps = home.snapshot().entities.values().filter(|lamp| lamp.state.as_deref() == Some("on")).count();
    assert_eq!(lamps, 300);
    broker.stop().await;
}

#[tokio::test]
async fn unusable_settings_are_explained() {
    let start = |change: fn(&mut HomeConfig)| async move {
        let mut config = config(1, 4);
        change(&mut config);
        vesta_home::start(config, CancellationToken::new()).await.unwrap_err().to_string()
    };
    assert!(start(|config| config.mqtt.url = "localhost".to_owned()).await.contains("mqtt://host:1883"));
    assert!(start(|config| config.mqtt.version = 3).await.contains("version 3"));
    assert!(start(|config| config.mqtt.client_id = " ".to_owned()).await.contains("client_id"));
    assert!(start(|config| config.discovery_prefix = "a/#".to_owned()).await.contains("discovery_prefix"));
    let missing = start(|config| {
        config.mqtt.url = "mqtts://localhost".to_owned();
        config.mqtt.ca_file = Some("/nonexistent/ca.pem".into());
    });
    assert!(missing.await.contains("/nonexistent/ca.pem"));
}

#[tokio::test]
#[ignore = "prints a figure: cargo nextest run --release -p vesta-home --run-ignored only --no-capture"]
async fn how_long_a_command_takes() {
    let folder = TempDir::new().unwrap();
    let broker = broker_at(folder.path(), 0).await;
    let port = broker.address().port();
    let device = Device::connect(port, "lamp", &["lamp/set"], obedient()).await;
    announce(&device).await;
    for version in [4, 5] {
        let home = vesta_home::start(config(port, version), CancellationToken::new()).await.unwrap();
        entity(&home, "light.lamp", |lamp| lamp.available && lamp.state.is_some()).await;
        let mut took = Vec::new();
        for _ in 0..200 {
            let started = std::time::Instant::now();
            within("call", home.call(call("HassToggle", "Lamp"))).await.unwrap();
            took.push(started.elapsed().as_secs_f64() * 1e3);
        }
        took.sort_by(f64::total_cmp);
        println!(
            "MQTT {version}: command to confirmation p50 {:.2} ms, p95 {:.2} ms, worst {:.2} ms",
            took[100], took[190], took[199]
        );
    }
    broker.stop().await;
}
