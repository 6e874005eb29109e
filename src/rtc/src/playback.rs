//! What the client is to hear, frame by frame at the pace of its clock.
//!
//! Audio comes as fast as it is made and leaves as one frame every 20 ms, counted from the first: a late wake-up delays one frame and
//! moves no other. Frames are kept until the client has confirmed them, so that a call that moves to another network goes on where it was
//! heard last. A pure state machine: audio and the time are handed in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use vesta_audio::Resampler;
use vesta_realtime::ports::{Playback, Played};

/// Samples a second of what is played: no voice of ours has more than this can carry.
pub const RATE: u32 = 24_000;
/// Samples in a frame.
pub const FRAME_SAMPLES: usize = 480;
/// Length of a frame.
pub const FRAME: Duration = Duration::from_millis(20);
/// Ticks of Opus' RTP clock (48 kHz, RFC 7587) in a frame and in a millisecond.
const FRAME_TICKS: u32 = 960;
const TICKS_PER_MS: u128 = 48;
/// A frame that would be this late makes the clock begin anew instead: the client has long run dry.
const STALLED: Duration = Duration::from_millis(200);
/// Responses that are remembered to be cut off.
const MAX_CLEARED: usize = 16;
/// Frames that are kept for want of confirmation: ten seconds.
const MAX_UNCONFIRMED: usize = 500;
/// Audio that may wait, in samples: two minutes.
const MAX_WAITING: usize = 120 * RATE as usize;

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this frame.
    Send(Frame),
    /// Tell the session.
    Tell(Played),
}

/// 20 ms of sound.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// 24 kHz mono.
    pub samples: Box<[i16; FRAME_SAMPLES]>,
    /// Since the first frame of the call, in ticks of 1/48000 s; wraps.
    pub ticks: u32,
    /// The first frame after a pause.
    pub marker: bool,
    /// How late it is.
    pub late: Duration,
    /// Its number, counted from 0.
    pub number: u64,
}

/// Paces playback.
#[derive(Debug, Default)]
pub struct Player {
    responses: VecDeque<Response>,
    /// What does not wait for the clock.
    told: VecDeque<Played>,
    clock: Option<Clock>,
    /// Frames that were sent.
    sent: u64,
    /// Those of them that are not confirmed.
    unconfirmed: VecDeque<Unconfirmed>,
    /// The client confirms what it gets.
    confirms: bool,
    /// Nothing is sent: there is no way to the client.
    paused: bool,
    /// Responses that were cut off; what still comes of them is not played.
    cleared: VecDeque<String>,
}

#[derive(Debug)]
struct Unconfirmed {
    number: u64,
    response: String,
    samples: Vec<i16>,
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    /// When the next frame is due.
    next: Instant,
    /// The next frame's place on the RTP clock.
    ticks: u32,
    /// There was no frame when one was due.
    dry: bool,
}

impl Clock {
    /// Lets the pause be over at `now`.
    fn skip_to(&mut self, now: Instant) {
        let pause = now.saturating_duration_since(self.next).as_micros() * TICKS_PER_MS / 1_000;
        self.ticks = self.ticks.wrapping_add(pause as u32);
        self.next = self.next.max(now);
    }
}

#[derive(Debug)]
struct Response {
    id: String,
    samples: VecDeque<i16>,
    resampler: Option<Resampler>,
    rate: u32,
    begun: bool,
    ended: bool,
    /// It was told to be over; what is played of it is played again.
    told: bool,
    /// Samples that were sent.
    played: u64,
}

impl Response {
    fn new(id: String) -> Self {
        Self {
            id,
            samples: VecDeque::new(),
            resampler: None,
            rate: 0,
            begun: false,
            ended: false,
            told: false,
            played: 0,
        }
    }

    fn take(&mut self, rate: u32, samples: &[i16]) {
        if rate != self.rate {
            self.flush();
            self.rate = rate;
            match Resampler::new(rate, RATE) {
                Ok(resampler) => self.resampler = Some(resampler),
                Err(error) => tracing::warn!(%error, response = self.id, "a reply cannot be played"),
            }
        }
        if let Some(resampler) = &mut self.resampler {
            self.samples.extend(resampler.process(samples));
        }
    }

    fn flush(&mut self) {
        if let Some(mut resampler) = self.resampler.take() {
            self.samples.extend(resampler.flush());
        }
    }

    fn end(&mut self) {
        self.flush();
        self.ended = true;
    }

    fn has_frame(&self) -> bool {
        self.samples.len() >= FRAME_SAMPLES || (self.ended && !self.samples.is_empty())
    }

    fn is_over(&self) -> bool {
        self.ended && self.samples.is_empty()
    }

    /// The next frame; the last one of a response is filled up with silence.
    fn frame(&mut self) -> Box<[i16; FRAME_SAMPLES]> {
        let mut frame = Box::new([0; FRAME_SAMPLES]);
        for (place, sample) in frame.iter_mut().zip(self.samples.drain(..FRAME_SAMPLES.min(self.samples.len()))) {
            *place = sample;
            self.played += 1;
        }
        frame
    }

    /// Takes back samples that were not heard.
    fn take_back(&mut self, samples: &[i16]) {
        for sample in samples.iter().rev() {
            self.samples.push_front(*sample);
        }
        self.played = self.played.saturating_sub(samples.len() as u64);
    }

    fn played_ms(&self) -> u64 {
        self.played * 1_000 / u64::from(RATE)
    }
}

impl Player {
    /// A player with nothing to play.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether more audio may be handed in.
    pub fn has_room(&self) -> bool {
        self.responses.iter().map(|response| response.samples.len()).sum::<usize>() < MAX_WAITING
    }

    /// Takes what is to be played. Call [`Player::poll`] afterwards.
    pub fn take(&mut self, playback: Playback) {
        match playback {
            Playback::Audio { response, .. } | Playback::End { response } if self.cleared.contains(&response) => {}
            Playback::Audio { response, rate, samples } => {
                if let Some(response) = self.response(response) {
                    response.take(rate, &samples);
                }
            }
            Playback::End { response } => {
                if let Some(response) = self.response(response) {
                    response.end();
                }
            }
            Playback::Clear => {
                self.unconfirmed.clear();
                for response in self.responses.drain(..).filter(|response| !response.told) {
                    let played_ms = response.played_ms();
                    self.cleared.push_back(response.id.clone());
                    self.told.push_back(Played::Cleared { response: response.id, played_ms });
                }
                while self.cleared.len() > MAX_CLEARED {
                    self.cleared.pop_front();
                }
                self.run_dry();
            }
        }
    }

    /// The client has got the frames up to this number, save those that are lost for good.
    pub fn confirm(&mut self, number: u64) {
        self.confirms = true;
        while self.unconfirmed.front().is_some_and(|frame| frame.number <= number) {
            self.unconfirmed.pop_front();
        }
    }

    /// There is no way to the client, until [`Player::resume`]: nothing is sent, and what was not heard will be sent again. A client that
    /// confirms nothing may have heard all of it.
    pub fn pause(&mut self) {
        self.paused = true;
        self.run_dry();
        let unheard = std::mem::take(&mut self.unconfirmed);
        if !self.confirms {
            return;
        }
        for frame in unheard.into_iter().rev() {
            match self.responses.iter_mut().find(|response| response.id == frame.response) {
                Some(response) => response.take_back(&frame.samples),
                None => {
                    let mut response = Response::new(frame.response);
                    (response.begun, response.ended, response.told) = (true, true, true);
                    response.take_back(&frame.samples);
                    self.responses.push_front(response);
                }
            }
        }
    }

    /// There is a way to the client again.
    pub fn resume(&mut self) {
        self.paused = false;
    }

    fn run_dry(&mut self) {
        if let Some(clock) = &mut self.clock {
            clock.dry = true;
        }
    }

    /// The response of that id. A new one ends those before it: they are played in order, and nothing more comes for them.
    fn response(&mut self, id: String) -> Option<&mut Response> {
        if !self.responses.iter().any(|response| response.id == id) {
            self.responses.iter_mut().filter(|response| !response.ended).for_each(Response::end);
            self.responses.push_back(Response::new(id.clone()));
        }
        self.responses.iter_mut().find(|response| response.id == id)
    }

    /// The next thing to do at `now`. Call it until there is none.
    pub fn poll(&mut self, now: Instant) -> Option<Step> {
        if let Some(told) = self.told.pop_front() {
            return Some(Step::Tell(told));
        }
        if self.paused {
            return None;
        }
        let clock = self.clock.get_or_insert(Clock { next: now, ticks: 0, dry: true });
        let response = self.responses.front_mut();
        let Some(response) = response.filter(|response| response.has_frame() || response.is_over()) else {
            clock.dry |= now >= clock.next;
            return None;
        };
        if response.is_over() {
            if now < clock.next && response.begun {
                return None;
            }
            let (response, played_ms, told) = (std::mem::take(&mut response.id), response.played_ms(), response.told);
            self.responses.pop_front();
            clock.dry |= self.responses.is_empty();
            if told {
                return self.poll(now);
            }
            return Some(Step::Tell(Played::Stopped { response, played_ms }));
        }
        let marker = clock.dry || now.saturating_duration_since(clock.next) > STALLED;
        if marker {
            clock.skip_to(now);
        }
        if now < clock.next {
            return None;
        }
        if !response.begun {
            response.begun = true;
            return Some(Step::Tell(Played::Started { response: response.id.clone() }));
        }
        let before = response.played;
        let samples = response.frame();
        let number = self.sent;
        self.sent += 1;
        let real = usize::try_from(response.played - before).unwrap_or(FRAME_SAMPLES);
        let kept = samples.iter().take(real).copied().collect();
        self.unconfirmed.push_back(Unconfirmed { number, response: response.id.clone(), samples: kept });
        if self.unconfirmed.len() > MAX_UNCONFIRMED {
            self.unconfirmed.pop_front();
        }
        let late = now.saturating_duration_since(clock.next);
        let frame = Frame { samples, ticks: clock.ticks, marker, late, number };
        clock.dry = false;
        clock.next += FRAME;
        clock.ticks = clock.ticks.wrapping_add(FRAME_TICKS);
        Some(Step::Send(frame))
    }

    /// When to call [`Player::poll`] although nothing was handed in.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (clock, response) = (self.clock.filter(|_| !self.paused)?, self.responses.front()?);
        // A clock that has run dry waits for audio, not for a time.
        (!clock.dry || response.has_frame() || response.is_over()).then_some(clock.next)
    }
}
