//! Timers and lists, from typed words to what is heard.

use vesta_tests::client::Listen;
use vesta_tests::server::{Server, Start};

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_timer_rings_aloud() {
    let server = Server::with_demo_home().await;
    let mut client = server.listen(Listen::PushToTalk).await;
    let answer = server.ask("set a pasta timer for one second").await;
    assert_eq!(answer["outcome"], "done", "{answer:#}");
    let (mut text, mut samples) = (String::new(), 0);
    while let Some((event, audio)) = client.next().await {
        samples += audio.len();
        match event["type"].as_str().unwrap_or_default() {
            "announcement" => text = event["text"].as_str().unwrap_or_default().to_owned(),
            "finished" => break,
            _ => {}
        }
    }
    assert_eq!(text, "Time is up: pasta.");
    assert!(samples > 20_000, "a chime and a voice: {samples} samples");
    let answer = server.ask("stop").await;
    assert_eq!(answer["outcome"], "done", "{answer:#}");
    client.bye().await;
    assert_eq!(server.stop().await, Some(0));
}

/// What was put on a list, and a timer that runs, are there after the server was killed.
#[tokio::test(flavor = "multi_thread")]
async fn lists_and_timers_survive_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let server = Start::new().data(data.path()).start().await;
    for text in ["add oat milk and bread to the shopping list", "set a roast timer for two hours"] {
        let answer = server.ask(text).await;
        assert_eq!(answer["outcome"], "done", "{answer:#}");
    }
    server.kill().await;
    let server = Start::new().data(data.path()).start().await;
    let answer = server.ask("what is on the shopping list").await;
    assert_eq!(answer["said"], "There are 2 things on the shopping list: oat milk and bread.");
    let answer = server.ask("how long is left on the roast timer").await;
    let said = answer["said"].as_str().unwrap();
    assert!(said.starts_with("2 hours left") || said.starts_with("1 hour"), "{said}");
    assert_eq!(server.stop().await, Some(0));
}

/// A command for later turns off a light that was on, in the demo home.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_for_later_is_done() {
    let server = Server::with_demo_home().await;
    server.ask("turn on the kitchen light").await;
    let answer = server.ask("turn off the kitchen light in one second").await;
    assert_eq!(answer["said"], "I will do that in 1 second.", "{answer:#}");
    server.becomes("light.kitchen_light", "off").await;
    assert_eq!(server.stop().await, Some(0));
}
