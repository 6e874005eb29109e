//! The broker as its clients see it: real sockets, real files.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a test that fails")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Outgoing, Packet,
    Publish, QoS,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use vesta_broker::{Broker, BrokerConfig, BrokerError, User};

/// Longer than anything here takes on a busy machine; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

fn config(folder: &Path) -> BrokerConfig {
    BrokerConfig { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..BrokerConfig::new(folder) }
}

fn options(broker: SocketAddr, id: &str) -> MqttOptions {
    let mut options = MqttOptions::new(id, broker.ip().to_string(), broker.port());
    options.set_max_packet_size(2 * 1024 * 1024, 2 * 1024 * 1024);
    options
}

/// A client that is polled by hand, so that a test decides when it goes away.
struct Client {
    handle: AsyncClient,
    events: EventLoop,
}

impl Client {
    async fn connect(options: MqttOptions) -> Self {
        let (handle, mut events) = AsyncClient::new(options, 100);
        loop {
            if let Event::Incoming(Packet::ConnAck(_)) = poll(&mut events).await.expect("connects") {
                return Self { handle, events };
            }
        }
    }

    async fn subscribe(&mut self, filter: &str) {
        self.handle.subscribe(filter, QoS::ExactlyOnce).await.expect("queued");
        self.until(|packet| matches!(packet, Packet::SubAck(_))).await;
    }

    /// Publishes with QoS 1 and waits for the broker's acknowledgement.
    async fn publish(&mut self, topic: &str, retain: bool, payload: &str) {
        self.handle.publish(topic, QoS::AtLeastOnce, retain, payload).await.expect("queued");
        self.until(|packet| matches!(packet, Packet::PubAck(_))).await;
    }

    async fn until(&mut self, mut wanted: impl FnMut(&Packet) -> bool) -> Packet {
        loop {
            if let Event::Incoming(packet) = poll(&mut self.events).await.expect("stays connected")
                && wanted(&packet)
            {
                return packet;
            }
        }
    }

    async fn next(&mut self) -> Publish {
        let Packet::Publish(publish) = self.until(|packet| matches!(packet, Packet::Publish(_))).await else {
            unreachable!()
        };
        publish
    }
}

async fn poll(events: &mut EventLoop) -> Result<Event, ConnectionError> {
    tokio::time::timeout(PATIENCE, events.poll()).await.expect("an event in time")
}

/// What a new client gets for `#`, once it has `count` messages and a marker published after them.
async fn retained(broker: SocketAddr, count: usize) -> BTreeMap<String, String> {
    let mut client = Client::connect(options(broker, "reader")).await;
    client.subscribe("#").await;
    let mut found = BTreeMap::new();
    loop {
        let publish = client.next().await;
        if !publish.retain {
            return found;
        }
        found.insert(publish.topic, String::from_utf8(publish.payload.to_vec()).expect("text"));
        if found.len() == count {
            client.handle.publish("marker", QoS::AtLeastOnce, false, "").await.expect("queued");
        }
    }
}

#[tokio::test]
async fn old_and_new_clients_talk_to_each_other_on_one_port() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(folder.path())).await.unwrap();
    assert_ne!(broker.address().port(), 0);

    let mut old = Client::connect(options(broker.address(), "old")).await;
    old.subscribe("from/new").await;

    let address = broker.address();
    let new_options = rumqttc::v5::MqttOptions::new("new", address.ip().to_string(), address.port());
    let (new, mut new_events) = rumqttc::v5::AsyncClient::new(new_options, 10);
    let new_task = tokio::spawn(async move {
        loop {
            use rumqttc::v5::mqttbytes::v5::Packet as Packet5;
            match new_events.poll().await.expect("stays connected") {
                rumqttc::v5::Event::Incoming(Packet5::Publish(publish)) => return publish,
                rumqttc::v5::Event::Incoming(Packet5::SubAck(_)) => {
                    new.publish("from/new", rumqttc::v5::mqttbytes::QoS::ExactlyOnce, false, "hello").await.unwrap();
                }
                rumqttc::v5::Event::Incoming(Packet5::ConnAck(_)) => {
                    new.subscribe("from/old", rumqttc::v5::mqttbytes::QoS::ExactlyOnce).await.unwrap();
                }
                _ => {}
            }
        }
    });
    let heard = old.next().await;
    assert_eq!((&heard.topic[..], &heard.payload[..], heard.qos), ("from/new", &b"hello"[..], QoS::ExactlyOnce));
    old.handle.publish("from/old", QoS::ExactlyOnce, false, "hi").await.unwrap();
    old.until(|packet| matches!(packet, Packet::PubComp(_))).await;
    let heard = tokio::time::timeout(PATIENCE, new_task).await.unwrap().unwrap();
    assert_eq!(&heard.payload[..], b"hi");
    broker.stop().await;
}

#[tokio::test]
async fn retained_messages_outlive_a_restart_and_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(folder.path())).await.unwrap();
    let mut client = Client::connect(options(broker.address(), "lamp")).await;
    client.publish("lamp/state", true, "OFF").await;
    client.publish("lamp/state", true, "ON").await;
    client.publish("fan/state", true, "OFF").await;
    client.publish("fan/state", true, "").await;
    client.publish("lamp/event", false, "pressed").await;
    let expected = BTreeMap::from([("lamp/state".to_owned(), "ON".to_owned())]);
    assert_eq!(retained(broker.address(), 1).await, expected);
    broker.stop().await;

    let broker = Broker::start(config(folder.path())).await.unwrap();
    assert_eq!(retained(broker.address(), 1).await, expected);
}

#[tokio::test]
async fn retained_messages_outlive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "broker_for_another_process", "--ignored", "--nocapture"])
        .env("VESTA_TEST_BROKER_FOLDER", folder.path())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let address = loop {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("says its address");
        if let Some((_, address)) = line.split_once("broker at ") {
            break address.parse().unwrap();
        }
    };
    let mut client = Client::connect(options(address, "lamp")).await;
    for number in 0..50 {
        client.publish(&format!("lamp/{number}"), true, "ON").await;
    }
    process.kill().await.unwrap();

    let broker = Broker::start(config(folder.path())).await.unwrap();
    assert_eq!(retained(broker.address(), 50).await.len(), 50, "everything acknowledged is there");
}

/// Not a test: the process that is killed above.
#[tokio::test]
#[ignore = "started by another test as a process of its own"]
async fn broker_for_another_process() {
    let Some(folder) = std::env::var_os("VESTA_TEST_BROKER_FOLDER") else { return };
    let began = std::time::Instant::now();
    let broker = Broker::start(config(Path::new(&folder))).await.unwrap();
    println!("started in {:?}", began.elapsed());
    println!("broker at {}", broker.address());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn thousands_of_retained_messages_reach_a_new_subscriber() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(folder.path())).await.unwrap();
    let mut client = Client::connect(options(broker.address(), "many")).await;
    let handle = client.handle.clone();
    let sender = tokio::spawn(async move {
        for number in 0..3_000 {
            handle.publish(format!("a/{number}"), QoS::AtLeastOnce, true, "x").await.unwrap();
        }
    });
    let mut acknowledged = 0;
    client
        .until(|packet| {
            acknowledged += usize::from(matches!(packet, Packet::PubAck(_)));
            acknowledged == 3_000
        })
        .await;
    sender.await.unwrap();

    let mut reader = Client::connect(options(broker.address(), "reader")).await;
    reader.subscribe("a/#").await;
    let mut topics = std::collections::BTreeSet::new();
    while topics.len() < 3_000 {
        topics.insert(reader.next().await.topic);
    }
}

#[tokio::test]
async fn a_last_will_is_sent_once_and_not_after_a_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(folder.path())).await.unwrap();
    let mut watcher = Client::connect(options(broker.address(), "watcher")).await;
    watcher.subscribe("will/#").await;

    let with_will = |id: &str| {
        let mut options = options(broker.address(), id);
        options.set_last_will(LastWill::new(format!("will/{id}"), "offline", QoS::AtLeastOnce, true));
        options
    };
    let mut polite = Client::connect(with_will("polite")).await;
    polite.handle.disconnect().await.unwrap();
    while !matches!(poll(&mut polite.events).await.unwrap(), Event::Outgoing(Outgoing::Disconnect)) {}
    drop(polite);
    drop(Client::connect(with_will("lost")).await);

    let will = watcher.next().await;
    assert_eq!((&will.topic[..], &will.payload[..]), ("will/lost", &b"offline"[..]));
    let mut other = Client::connect(options(broker.address(), "other")).await;
    other.publish("will/marker", false, "now").await;
    assert_eq!(watcher.next().await.topic, "will/marker", "one will, and none from the polite client");
}

#[tokio::test]
async fn users_need_their_password() {
    let folder = tempfile::tempdir().unwrap();
    let users = vec![User { name: "anna".into(), password: "geheim".into() }];
    let broker = Broker::start(BrokerConfig { users, ..config(folder.path()) }).await.unwrap();
    let attempt = |name: Option<(&'static str, &'static str)>| {
        let mut options = options(broker.address(), "someone");
        if let Some((name, password)) = name {
            options.set_credentials(name, password);
        }
        async move {
            let (_client, mut events) = AsyncClient::new(options, 10);
            match poll(&mut events).await {
                Ok(Event::Incoming(Packet::ConnAck(ack))) => ack.code,
                Err(ConnectionError::ConnectionRefused(code)) => code,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(attempt(Some(("anna", "geheim"))).await, ConnectReturnCode::Success);
    assert_eq!(attempt(Some(("anna", "falsch"))).await, ConnectReturnCode::BadUserNamePassword);
    assert_eq!(attempt(Some(("otto", "geheim"))).await, ConnectReturnCode::BadUserNamePassword);
    assert_ne!(attempt(None).await, ConnectReturnCode::Success);
    assert!(!format!("{:?}", User { name: "anna".into(), password: "geheim".into() }).contains("geheim"));
}

#[tokio::test]
async fn an_open_port_without_users_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let refused = Broker::start(BrokerConfig { listen: everywhere, ..config(folder.path()) }).await.unwrap_err();
    assert!(matches!(refused, BrokerError::Exposed { .. }));
    assert!(refused.to_string().contains("add at least one user"), "{refused}");

    let users = vec![User { name: "anna".into(), password: "geheim".into() }];
    let broker = Broker::start(BrokerConfig { listen: everywhere, users, ..config(folder.path()) }).await.unwrap();
    assert_eq!(broker.url(), format!("mqtt://127.0.0.1:{}", broker.address().port()));
}

#[tokio::test]
async fn users_that_cannot_be_meant_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (names, why) in
        [(&[("", "x")][..], "name is empty"), (&[("a", "")], "password is empty"), (&[("a", "x"), ("a", "y")], "twice")]
    {
        let users =
            names.iter().map(|(name, password)| User { name: (*name).into(), password: (*password).into() }).collect();
        let error = Broker::start(BrokerConfig { users, ..config(folder.path()) }).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test]
async fn port_and_folder_belong_to_one_broker_until_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let other_folder = tempfile::tempdir().unwrap();
    let first = Broker::start(config(folder.path())).await.unwrap();
    let address = first.address();
    // A connected client must not keep the port.
    let _client = Client::connect(options(address, "client")).await;

    let same_port = BrokerConfig { listen: address, ..config(other_folder.path()) };
    let error = Broker::start(same_port.clone()).await.unwrap_err();
    assert!(matches!(error, BrokerError::PortTaken { listen } if listen == address), "{error}");
    let error = Broker::start(config(folder.path())).await.unwrap_err();
    assert!(matches!(error, BrokerError::InUse { .. }), "{error}");

    let second = Broker::start(config(other_folder.path())).await.unwrap();
    assert_ne!(second.address(), address, "two brokers side by side");
    second.stop().await;

    first.stop().await;
    let again = Broker::start(BrokerConfig { listen: address, ..config(folder.path()) }).await.unwrap();
    drop(again);
    Broker::start(BrokerConfig { listen: address, ..config(folder.path()) }).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let error = Broker::start(config(&file)).await.unwrap_err();
    assert!(matches!(error, BrokerError::Folder { .. }), "{error}");
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_kept_aside_and_the_broker_starts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broker.db"), "this is no database, whatever its name says; it is only a text")
        .unwrap();
    let broker = Broker::start(config(folder.path())).await.unwrap();
    Client::connect(options(broker.address(), "lamp")).await.publish("lamp/state", true, "ON").await;
    broker.stop().await;
    let kept = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .find(|entry| entry.file_name().to_string_lossy().contains("damaged"))
        .expect("kept aside");
    assert!(std::fs::read_to_string(kept.path()).unwrap().starts_with("this is no database"));
    let broker = Broker::start(config(folder.path())).await.unwrap();
    assert_eq!(retained(broker.address(), 1).await.len(), 1);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    Broker::start(config(folder.path())).await.unwrap().stop().await;
    let database = rusqlite::Connection::open(folder.path().join("broker.db")).unwrap();
    database.execute_batch("PRAGMA user_version = 99").unwrap();
    database.close().unwrap();
    let error = Broker::start(config(folder.path())).await.unwrap_err();
    assert!(matches!(error, BrokerError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn a_message_with_an_expiry_keeps_it_across_a_restart() {
    use rumqttc::v5::mqttbytes::v5::{Packet as Packet5, PublishProperties};
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(folder.path())).await.unwrap();
    let connect = |broker: &Broker, id: &str| {
        let address = broker.address();
        rumqttc::v5::AsyncClient::new(rumqttc::v5::MqttOptions::new(id, address.ip().to_string(), address.port()), 10)
    };
    let (client, mut events) = connect(&broker, "writer");
    let properties = PublishProperties {
        message_expiry_interval: Some(1_000),
        content_type: Some("text/plain".into()),
        ..PublishProperties::default()
    };
    client
        .publish_with_properties("note", rumqttc::v5::mqttbytes::QoS::AtLeastOnce, true, "text", properties)
        .await
        .unwrap();
    while !matches!(events.poll().await.unwrap(), rumqttc::v5::Event::Incoming(Packet5::PubAck(_))) {}
    broker.stop().await;

    let broker = Broker::start(config(folder.path())).await.unwrap();
    let (client, mut events) = connect(&broker, "reader");
    client.subscribe("note", rumqttc::v5::mqttbytes::QoS::AtLeastOnce).await.unwrap();
    let publish = loop {
        if let rumqttc::v5::Event::Incoming(Packet5::Publish(publish)) = events.poll().await.unwrap() {
            break publish;
        }
    };
    let properties = publish.properties.expect("kept");
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
    assert!((1..=1_000).contains(&properties.message_expiry_interval.expect("kept")));
}

#[tokio::test]
async fn garbage_on_the_port_disturbs_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(config(folder.path())).await.unwrap();
    for garbage in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0x10, 0xff, 0xff, 0xff, 0x7f], &[0x10, 0x00], &[0x30; 3]]
    {
        let mut socket = tokio::net::TcpStream::connect(broker.address()).await.unwrap();
        socket.write_all(garbage).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // Closed or reset, both are an end.
        let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut rest)).await.expect("an end");
    }
    let mut client = Client::connect(options(broker.address(), "sane")).await;
    client.publish("still/alive", false, "yes").await;
}
