//! Speaks to the house and looks at what it does: the state on MQTT, the words and the sound of the reply.

use serde_json::Value;
use vesta_tests::client::Listen;
use vesta_tests::server::Server;
use vesta_tests::speech::{join, music, noise, silence, speak, with_noise};
use vesta_tests::transcribe::transcribe;

/// The promise: somebody says a command, the lamp's state changes on MQTT, and the house answers by voice.
#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_command_switches_the_lamp_and_is_answered() {
    let server = Server::with_demo_home().await;
    server.ask("turn off the kitchen light").await;
    let mut states = server.watch("#").await;
    let mut client = server.listen(Listen::PushToTalk).await;

    let turn = client.command_by_voice(&speak("turn on the kitchen light")).await;

    assert_eq!(turn.transcript(), "turn on the kitchen light");
    assert_eq!(turn.outcome(), "done", "{:#?}", turn.events);
    states
        .until("the lamp's new state", |topic, payload| topic.contains("kitchen_light") && payload.contains("ON"))
        .await;
    assert_eq!(server.entity("light.kitchen_light").await["state"], "on");
    assert!(turn.said().to_lowercase().contains("kitchen light"), "{}", turn.said());
    let heard_back = transcribe(&server, &turn.reply, turn.rate).await;
    assert!(heard_back.contains("kitchen light"), "the reply sounds like '{heard_back}'");
}

/// Success is worded from the device's own state, so the state comes before the words.
#[tokio::test(flavor = "multi_thread")]
async fn the_action_is_confirmed_before_anything_is_said() {
    let server = Server::with_demo_home().await;
    let mut client = server.listen(Listen::PushToTalk).await;
    let turn = client.command_by_voice(&speak("turn on the bedroom light")).await;
    let place = |kind: &str| turn.events.iter().position(|event| event["type"] == kind);
    assert!(place("acted").unwrap() < place("say").unwrap());
    let acted = &turn.events[place("acted").unwrap()]["result"]["changed"][0];
    assert_eq!(
        (&acted["id"], &acted["after"], &acted["confirmed"]),
        (&"light.bedroom_light".into(), &"on".into(), &true.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn short_words_at_the_very_start_are_heard() {
    let server = Server::with_demo_home().await;
    for word in ["stop", "yes", "off"] {
        for listen in [Listen::PushToTalk, Listen::HandsFree] {
            let mut client = server.listen(listen).await;
            let spoken = speak(word);
            let start = spoken.iter().position(|sample| sample.abs() > 400).unwrap();
            client.speak(&join(&[&spoken[start..], &silence(1.5)])).await;
            client.end().await;
            let turn = client.turn().await.unwrap();
            assert_eq!(turn.transcript(), word, "{listen:?}: {:#?}", turn.events);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_inside_a_sentence_does_not_cut_it() {
    let server = Server::with_demo_home().await;
    server.ask("turn off the kitchen light").await;
    let spoken = join(&[&trimmed("turn on the"), &silence(0.6), &trimmed("kitchen light"), &silence(2.0)]);
    let mut client = server.listen(Listen::HandsFree).await;
    client.speak(&spoken).await;
    let turn = client.turn().await.unwrap();
    assert_eq!(turn.outcome(), "done", "{:#?}", turn.events);
    assert_eq!(server.entity("light.kitchen_light").await["state"], "on");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_noise_and_music_end_in_nothing_said_and_nothing_done() {
    let server = Server::with_demo_home().await;
    let mut commands = server.watch("#").await;
    let before = states(&server).await;
    commands.seen();
    for (name, sound) in
        [("silence", silence(30.0)), ("noise", noise(30.0, 1500.0, 7)), ("music", music(30.0, 6000.0, 7))]
    {
        for listen in [Listen::File, Listen::PushToTalk] {
            let mut client = server.listen(listen).await;
            client.send(&sound).await;
            client.end().await;
            client.bye().await;
            while let Some(turn) = client.turn().await {
                assert_eq!((turn.said(), turn.outcome()), ("", "nothing"), "{name}: {:#?}", turn.events);
                assert!(turn.reply.is_empty(), "{name}");
            }
        }
    }
    assert_eq!(states(&server).await, before);
    let sent: Vec<_> = commands.seen().into_iter().filter(|(topic, _)| topic.ends_with("/set")).collect();
    assert!(sent.is_empty(), "{sent:?}");
}

/// Lights, covers and switches: what noise must not touch. Sensors of the demo home drift by themselves.
async fn states(server: &Server) -> Vec<(String, Value)> {
    let home = server.get("/api/home").await;
    let entities = home["entities"].as_object().unwrap();
    let wanted = |id: &str| ["light.", "switch.", "cover.", "fan."].iter().any(|domain| id.starts_with(domain));
    entities.iter().filter(|(id, _)| wanted(id)).map(|(id, entity)| (id.clone(), entity["state"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_changes_nothing() {
    let server = Server::with_demo_home().await;
    let mut seen = server.watch("#").await;
    seen.seen();
    let answer = server.ask("is the kitchen light on").await;
    assert_eq!(answer["outcome"], "answered", "{answer:#}");
    let sent: Vec<_> = seen.seen().into_iter().filter(|(topic, _)| topic.ends_with("/set")).collect();
    assert!(sent.is_empty(), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_understood_in_noise() {
    let server = Server::with_demo_home().await;
    server.ask("turn off the kitchen light").await;
    let mut client = server.listen(Listen::PushToTalk).await;
    let turn = client.command_by_voice(&with_noise(&speak("turn on the kitchen light"), 15.0, 3)).await;
    assert_eq!(turn.outcome(), "done", "{:#?}", turn.events);
}

/// Two sentences in one file are two turns, both carried out in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_two_sentences_is_two_turns() {
    let server = Server::with_demo_home().await;
    let mut client = server.listen(Listen::File).await;
    client
        .send(&join(&[
            &speak("turn on the kitchen light"),
            &silence(2.0),
            &speak("turn off the kitchen light"),
            &silence(1.0),
        ]))
        .await;
    client.end().await;
    client.bye().await;
    let mut transcripts = Vec::new();
    while let Some(turn) = client.turn().await {
        transcripts.push(turn.transcript().to_owned());
    }
    assert_eq!(transcripts, ["turn on the kitchen light", "turn off the kitchen light"]);
    assert_eq!(server.entity("light.kitchen_light").await["state"], "off");
}

/// Words stop the house's own speech; the record says that it was interrupted.
#[tokio::test(flavor = "multi_thread")]
async fn speaking_over_the_reply_stops_it() {
    let server = Server::with_demo_home().await;
    let mut client = server.listen(Listen::PushToTalk).await;
    client.send(&speak("what time is it")).await;
    client.end().await;
    client.event("say").await;
    client.interrupt().await;
    assert_eq!(client.event("finished").await["outcome"], "answered");
    let turn = client.command_by_voice(&speak("turn on the kitchen light")).await;
    assert_eq!(turn.outcome(), "done", "the conversation goes on");
}

fn trimmed(text: &str) -> Vec<i16> {
    let spoken = speak(text);
    let loud = |sample: &i16| sample.abs() > 300;
    let start = spoken.iter().position(loud).unwrap();
    let end = spoken.iter().rposition(loud).unwrap();
    spoken[start..=end].to_vec()
}
