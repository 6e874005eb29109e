//! Speech engines that die, that cannot start.

use vesta_tests::client::Listen;
use vesta_tests::server::{Server, Start};
use vesta_tests::speech::{silence, speak};

/// `kill -9` of one of the server's workers.
fn kill(server: &Server, program: &str) {
    for pid in server.workers(program) {
        let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        assert!(killed.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_utterance_survives_the_death_of_the_speech_to_text_worker_twenty_times() {
    let server = Server::with_demo_home().await;
    let spoken = speak("turn on the kitchen light");
    let (first, second) = spoken.split_at(spoken.len() / 2);
    for round in 0..20 {
        let mut client = server.listen(Listen::PushToTalk).await;
        client.send(first).await;
        client.event("speech_started").await;
        kill(&server, "vesta-stt-whisper");
        client.send(second).await;
        client.end().await;
        let turn = client.turn().await.unwrap();
        assert_eq!((turn.transcript(), turn.outcome()), ("turn on the kitchen light", "done"), "round {round}");
        assert!(!turn.reply.is_empty(), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_survives_the_death_of_the_text_to_speech_worker_twenty_times() {
    let server = Server::with_demo_home().await;
    let spoken = speak("what time is it");
    for round in 0..20 {
        let mut client = server.listen(Listen::PushToTalk).await;
        client.send(&spoken).await;
        kill(&server, "vesta-tts-piper");
        client.end().await;
        let turn = client.turn().await.unwrap();
        assert_eq!(turn.outcome(), "answered", "round {round}");
        assert!(turn.reply.len() > turn.rate as usize / 2, "round {round}: {} samples", turn.reply.len());
    }
}

/// The worker's address is taken, so it ends with an error at each start.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_start_is_said_aloud_once_and_writing_still_works() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Start::new().env("VESTA_STT__LISTEN", &taken.local_addr().unwrap().to_string()).start().await;
    server.until("the engine has failed", |status| status["engines"][0]["state"] == "failed").await;

    let mut room = server.listen(Listen::File).await;
    for _ in 0..2 {
        room.send(&speak("turn on the kitchen light")).await;
        room.send(&silence(2.0)).await;
    }
    room.bye().await;
    let mut aloud = Vec::new();
    while let Some(turn) = room.turn().await {
        assert_eq!(turn.error(), Some("stt_unavailable"), "{:#?}", turn.events);
        aloud.push(!turn.reply.is_empty());
    }
    assert_eq!(aloud, [true, false], "said aloud once");

    let answer = server.ask("turn on the kitchen light").await;
    assert_eq!(answer["outcome"], "done", "{answer:#}");
    let log = server.log();
    assert!(log.contains("cannot listen on"), "the worker's last words are logged: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_voice_the_answer_is_written() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Start::new().env("VESTA_TTS__LISTEN", &taken.local_addr().unwrap().to_string()).start().await;
    server.until("the engine has failed", |status| status["engines"][1]["state"] == "failed").await;
    let mut client = server.listen(Listen::PushToTalk).await;
    let turn = client.command_by_voice(&speak("what time is it")).await;
    assert_eq!((turn.outcome(), turn.error()), ("answered", Some("tts_unavailable")));
    assert!(!turn.said().is_empty() && turn.reply.is_empty());
}
