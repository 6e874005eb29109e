//! The last moments of a stream, for words that were spoken before anybody listened.

use std::collections::VecDeque;

use crate::{FRAME_MS, Frame};

/// A ring of the latest frames.
#[derive(Clone, Debug)]
pub struct PreRoll {
    frames: VecDeque<Frame>,
    capacity: usize,
}

impl PreRoll {
    /// A ring that keeps the last `ms` milliseconds, rounded up to whole frames.
    pub fn new(ms: u64) -> PreRoll {
        let capacity = usize::try_from(ms.div_ceil(FRAME_MS)).unwrap_or(usize::MAX);
        PreRoll { frames: VecDeque::new(), capacity }
    }

    /// Keeps this frame, and forgets the oldest one where the ring is full.
    pub fn push(&mut self, frame: Frame) {
        if self.capacity == 0 {
            return;
        }
        if self.frames.len() == self.capacity {
            self.frames.pop_front();
        }
        self.frames.push_back(frame);
    }

    /// Takes all frames out, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = Frame> + '_ {
        self.frames.drain(..)
    }

    /// How much the ring holds, in milliseconds.
    pub fn held_ms(&self) -> u64 {
        self.frames.len() as u64 * FRAME_MS
    }
}
