//! Playback, with a clock made of numbers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use vesta_realtime::ports::{Playback, Played};
use vesta_rtc::playback::{FRAME, Frame, Player, Step};

struct Clock {
    start: Instant,
    now: Duration,
    player: Player,
    sent: Vec<(Duration, Frame)>,
    told: Vec<Played>,
}

impl Clock {
    fn new() -> Self {
        Self { start: Instant::now(), now: Duration::ZERO, player: Player::new(), sent: Vec::new(), told: Vec::new() }
    }

    fn take(&mut self, playback: Playback) {
        self.player.take(playback);
        self.poll();
    }

    fn poll(&mut self) {
        while let Some(step) = self.player.poll(self.start + self.now) {
            match step {
                Step::Send(frame) => self.sent.push((self.now, frame)),
                Step::Tell(played) => self.told.push(played),
            }
        }
    }

    /// Goes on, waking up `late` after every time that was asked for.
    fn run(&mut self, until: Duration, late: Duration) {
        while let Some(due) = self.player.poll_timeout() {
            let due = due.saturating_duration_since(self.start) + late;
            if due > until {
                break;
            }
            self.now = self.now.max(due);
            self.poll();
        }
        self.now = until;
    }
}

fn audio(response: &str, milliseconds: usize) -> Playback {
    Playback::Audio { response: response.to_owned(), rate: 24_000, samples: vec![1; 24 * milliseconds] }
}

fn end(response: &str) -> Playback {
    Playback::End { response: response.to_owned() }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn frames_keep_their_pace_however_late_each_wake_up_is() {
    let mut clock = Clock::new();
    clock.take(audio("a", 10_000));
    clock.take(end("a"));
    clock.run(ms(20_000), ms(7));
    assert_eq!(clock.sent.len(), 500);
    for (number, (at, frame)) in clock.sent.iter().enumerate().skip(1) {
        assert_eq!(*at, FRAME * number as u32 + ms(7), "frame {number}: lateness does not add up");
        assert_eq!(frame.ticks, 960 * number as u32);
        assert_eq!((frame.marker, frame.late), (false, ms(7)));
    }
    assert!(clock.sent[0].1.marker);
    let (started, stopped) = ("a".to_owned(), "a".to_owned());
    assert_eq!(
        clock.told,
        [Played::Started { response: started }, Played::Stopped { response: stopped, played_ms: 10_000 }]
    );
}

#[test]
fn audio_that_is_made_too_slowly_continues_where_time_is() {
    let mut clock = Clock::new();
    clock.take(audio("a", 40));
    clock.run(ms(100), ms(0));
    clock.take(audio("a", 40));
    clock.take(end("a"));
    clock.run(ms(300), ms(0));
    let ticks: Vec<(u32, bool)> = clock.sent.iter().map(|(_, frame)| (frame.ticks, frame.marker)).collect();
    assert_eq!(ticks, [(0, true), (960, false), (4_800, true), (5_760, false)]);
}

#[test]
fn responses_are_played_in_order_without_a_gap() {
    let mut clock = Clock::new();
    clock.take(audio("a", 30));
    clock.take(audio("b", 20));
    clock.take(end("b"));
    clock.run(ms(500), ms(0));
    let times: Vec<Duration> = clock.sent.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [ms(0), ms(20), ms(40)]);
    assert_eq!(clock.sent[1].1.samples.iter().filter(|sample| **sample == 1).count(), 240, "filled up with silence");
    assert_eq!(clock.told.len(), 4);
    assert_eq!(clock.told[1], Played::Stopped { response: "a".to_owned(), played_ms: 30 });
    assert_eq!(clock.told[3], Played::Stopped { response: "b".to_owned(), played_ms: 20 });
}

#[test]
fn clear_drops_everything_and_says_how_much_was_sent() {
    let mut clock = Clock::new();
    clock.take(audio("a", 1_000));
    clock.take(audio("b", 1_000));
    clock.run(ms(105), ms(0));
    clock.take(Playback::Clear);
    clock.run(ms(1_000), ms(0));
    assert_eq!(clock.sent.len(), 6);
    assert_eq!(
        clock.told[1..],
        [
            Played::Cleared { response: "a".to_owned(), played_ms: 120 },
            Played::Cleared { response: "b".to_owned(), played_ms: 0 },
        ]
    );
    clock.take(Playback::Clear);
    assert_eq!(clock.told.len(), 3, "nothing to clear is nothing to tell");
    // What was still being made of them is not heard any more.
    clock.take(audio("a", 100));
    clock.take(end("a"));
    clock.take(end("b"));
    clock.run(ms(1_200), ms(0));
    assert_eq!((clock.sent.len(), clock.told.len()), (6, 3));
    clock.take(audio("c", 20));
    assert!(clock.sent[6].1.marker, "what comes next follows a pause");
}

#[test]
fn an_end_without_audio_and_a_rate_that_nobody_has_are_survived() {
    let mut clock = Clock::new();
    clock.take(end("a"));
    clock.take(Playback::Audio { response: "b".to_owned(), rate: 0, samples: vec![1; 100] });
    clock.take(end("b"));
    clock.run(ms(100), ms(0));
    let stopped = |response: &str| Played::Stopped { response: response.to_owned(), played_ms: 0 };
    assert_eq!(clock.told, [stopped("a"), stopped("b")]);
}

#[test]
fn a_machine_that_slept_does_not_send_the_past_in_one_burst() {
    let mut clock = Clock::new();
    clock.take(audio("a", 10_000));
    clock.run(ms(100), ms(0));
    let before = clock.sent.len();
    clock.now = ms(5_000);
    clock.poll();
    assert_eq!(clock.sent.len(), before + 1);
}

#[test]
fn two_minutes_are_enough_to_wait() {
    let mut player = Player::new();
    assert!(player.has_room());
    player.take(audio("a", 121_000));
    assert!(!player.has_room());
}

#[test]
fn a_call_that_moves_goes_on_where_it_was_heard_last() {
    let mut clock = Clock::new();
    let samples: Vec<i16> = (0..24 * 200).map(|n| (n / 480) as i16).collect();
    clock.take(Playback::Audio { response: "a".to_owned(), rate: 24_000, samples });
    clock.take(end("a"));
    clock.run(ms(105), ms(0));
    assert_eq!(clock.sent.len(), 6);
    // Frames 0 to 2 arrived; 3 to 5 went into the dead network.
    clock.player.confirm(2);
    clock.player.pause();
    clock.run(ms(1_000), ms(0));
    assert_eq!(clock.sent.len(), 6, "nothing is sent where nobody is");
    clock.player.resume();
    clock.poll();
    clock.run(ms(2_000), ms(0));
    let heard: Vec<i16> = clock.sent.iter().map(|(_, frame)| frame.samples[0]).collect();
    assert_eq!(heard, [0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8, 9]);
    assert!(clock.sent[6].1.marker && clock.sent[6].0 >= ms(1_000));
    assert_eq!(clock.told.last(), Some(&Played::Stopped { response: "a".to_owned(), played_ms: 200 }));
}

#[test]
fn what_was_lost_after_the_end_is_played_again_and_told_once() {
    let mut clock = Clock::new();
    clock.take(audio("a", 100));
    clock.take(end("a"));
    clock.run(ms(500), ms(0));
    clock.player.confirm(1);
    clock.player.pause();
    clock.player.resume();
    clock.poll();
    clock.run(ms(1_000), ms(0));
    assert_eq!((clock.sent.len(), clock.told.len()), (8, 2));
}

#[test]
fn a_client_that_confirms_nothing_hears_nothing_twice() {
    let mut clock = Clock::new();
    clock.take(audio("a", 200));
    clock.run(ms(105), ms(0));
    clock.player.pause();
    clock.player.resume();
    clock.poll();
    clock.run(ms(1_000), ms(0));
    assert_eq!(clock.sent.len(), 10);
}
