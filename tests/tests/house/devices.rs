//! Brokers that are not there, that go and come back; servers that are killed.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use vesta_broker::{Broker, BrokerConfig};
use vesta_tests::program;
use vesta_tests::server::Start;

/// A port that is free now.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn broker(listen: SocketAddr, data: &Path) -> Broker {
    let mut config = BrokerConfig::new(data);
    config.listen = listen;
    Broker::start(config).await.unwrap()
}

/// Down at start, there, lost in the middle, back again: the state is right afterwards, the user is told, and nothing is
/// sent late or twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_and_goes() {
    let (address, data) = (free_address(), tempfile::tempdir().unwrap());
    let server = Start::new().env("VESTA_MQTT__URL", &format!("mqtt://{address}")).start().await;
    let answer = server.ask("turn on the kitchen light").await;
    assert_ne!(answer["outcome"], "done", "there is no broker yet: {answer:#}");
    assert!(!answer["said"].as_str().unwrap().is_empty(), "and the user is told");

    let first = broker(address, data.path()).await;
    server.demo_home_answers().await;
    let answer = server.ask("turn on the kitchen light").await;
    assert_eq!(answer["outcome"], "done", "{answer:#}");

    first.stop().await;
    server.until("the broker is missed", |status| status["link"] != "connected").await;
    let answer = server.ask("turn off the kitchen light").await;
    assert_eq!(answer["error"]["code"], "broker_down", "{answer:#}");
    assert!(!answer["said"].as_str().unwrap().is_empty());

    let second = broker(address, data.path()).await;
    let mut commands = vesta_tests::mqtt::Watch::start(&second.url(), "#").await;
    // What the broker retained says that the devices are there; they are once they have come back themselves.
    server.logged("the demo home is connected", 2).await;
    server.demo_home_answers().await;
    assert_eq!(server.entity("light.kitchen_light").await["state"], "on", "the refused command was not sent late");
    let answer = server.ask("turn off the kitchen light").await;
    assert_eq!(answer["outcome"], "done", "{answer:#}");
    assert_eq!(server.entity("light.kitchen_light").await["state"], "off");
    let sent = commands
        .seen()
        .into_iter()
        .filter(|(topic, _)| topic.contains("kitchen_light") && topic.ends_with("/set"))
        .count();
    assert_eq!(sent, 1, "one command, sent once");
    second.stop().await;
}

/// What the user was told is on disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_still_known_after_kill_9() {
    let data = tempfile::tempdir().unwrap();
    let server = Start::new().data(data.path()).start().await;
    server.settled().await;
    let answer = server.ask("turn on the kitchen light").await;
    assert_eq!(answer["outcome"], "done");
    server.kill().await;

    let listed = program::run(program::vesta(data.path()).args(["turns", "list", "--json"])).await;
    let turns: Vec<serde_json::Value> = listed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let turn = turns.iter().find(|turn| turn["id"] == answer["turn"]).expect("the turn's record");
    assert_eq!((&turn["outcome"], &turn["spoken"]), (&"done".into(), &answer["said"]));

    let again = Start::new().data(data.path()).start().await;
    again.demo_home_answers().await;
    assert_eq!(again.stop().await, Some(0));
}

/// Device states are retained by the broker inside Vesta and survive the server.
#[tokio::test(flavor = "multi_thread")]
async fn retained_messages_survive_kill_9() {
    let data = tempfile::tempdir().unwrap();
    let server = Start::new().data(data.path()).no_demo().start().await;
    let watch = server.watch("#").await;
    let config = r#"{"name":"Shed Lamp","unique_id":"shed","command_topic":"shed/set","state_topic":"shed/state"}"#;
    watch.publish("homeassistant/light/shed/config", config, true).await;
    watch.publish("shed/state", "ON", true).await;
    server.becomes("light.shed_lamp", "on").await;
    server.kill().await;
    let again = Start::new().data(data.path()).no_demo().start().await;
    again.becomes("light.shed_lamp", "on").await;
}

/// A device that takes a command and never confirms it: the house says so, and does not say that it is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_does_not_confirm_is_said_as_such() {
    let server = Start::new().no_demo().env("VESTA_TURN__ACTION_DEADLINE_MS", "300").start().await;
    let mut watch = server.watch("#").await;
    let config = r#"{"name":"Deaf Lamp","unique_id":"deaf","command_topic":"deaf/set","state_topic":"deaf/state"}"#;
    watch.publish("homeassistant/light/deaf/config", config, true).await;
    watch.publish("deaf/state", "OFF", true).await;
    server.until("the lamp is known", |status| status["available"] == 1).await;
    let answer = server.ask("turn on the deaf lamp").await;
    assert_eq!(answer["error"]["code"], "no_answer", "{answer:#}");
    watch.until("the command", |topic, payload| topic == "deaf/set" && payload == "ON").await;
}

/// "The alarm" is what wakes somebody; where none is set, it is the siren.
#[tokio::test(flavor = "multi_thread")]
async fn the_alarm_is_turned_off_whichever_it_is() {
    let server = Start::new().no_demo().start().await;
    let mut watch = server.watch("#").await;
    let config = r#"{"name":"Hall Siren","unique_id":"siren","command_topic":"siren/set","state_topic":"siren/state"}"#;
    watch.publish("homeassistant/siren/hall/config", config, true).await;
    watch.publish("siren/state", "ON", true).await;
    server.becomes("siren.hall_siren", "on").await;
    server.ask("wake me tomorrow at seven").await;
    let woken = server.ask("turn off the alarm").await;
    assert_eq!(woken["said"], "The alarm tomorrow at 7 o'clock in the morning is cancelled.", "{woken:#}");
    for other in ["cancel the seven o'clock alarm", "cancel tomorrow's alarm", "don't wake me up"] {
        assert_eq!(server.ask(other).await["error"]["code"], "no_alarm", "{other}: no siren is meant");
    }
    let (answer, _) = tokio::join!(server.ask("turn off the alarm"), async {
        watch.until("the command", |topic, payload| topic == "siren/set" && payload.contains("OFF")).await;
        watch.publish("siren/state", "OFF", true).await;
    });
    assert_eq!((&answer["said"], &answer["outcome"]), (&"The alarm is silent.".into(), &"done".into()), "{answer:#}");
}
