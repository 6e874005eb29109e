//! All timers of the house.

use super::which::{Kind, Which};
use super::{MAX_LENGTH_MS, MAX_TIMERS, Now, Timer, TimerError, TimerState, TimerView};
use crate::model::AreaId;
use crate::permissions::Permissions;

/// How long a timer that is over waits before it rings again, in milliseconds.
const RING_EVERY_MS: u64 = 15_000;
/// How often it rings and is heard before it gives up.
const RINGS: u32 = 8;
/// A timer that nobody could hear gives up this long after it was over: a day, in milliseconds.
const WAITS_MS: i64 = 24 * 3_600_000;
/// How far the wall clock may drift from the steady one before what is on disk is put right.
const DRIFT_MS: u64 = 1_000;
/// By how much summer time moves the clock.
const CLOCK_CHANGE_MS: u64 = 3_600_000;
/// Longest name or command that is kept, in characters.
const MAX_TEXT: usize = 300;

/// What to start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// A new id.
    pub id: String,
    /// See [`Timer`].
    pub name: Option<String>,
    /// See [`Timer`].
    pub area: Option<AreaId>,
    /// See [`Timer`].
    pub client: Option<String>,
    /// See [`Timer`].
    pub command: Option<String>,
    /// See [`Timer`].
    pub permissions: Permissions,
    /// See [`Timer`].
    pub language: Option<String>,
    /// How long, in milliseconds. Where it is for a time of day, what is left until then.
    pub length_ms: u64,
    /// The time of day that it is for, in milliseconds since 1970.
    pub at_ms: Option<i64>,
}

/// All timers. Methods that change something return the timers that must be kept on disk now.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    pub(super) timers: Vec<Kept>,
}

#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) timer: Timer,
    /// When it ends or rings next on the steady clock; `None` where the wall clock counts.
    at_steady_ms: Option<u64>,
}

impl Kept {
    /// Milliseconds until it ends or rings next.
    fn wait(&self, now: Now) -> Option<u64> {
        let by_wall = |at_ms: i64| u64::try_from(at_ms.saturating_sub(now.unix_ms)).unwrap_or(0);
        match (self.timer.state, self.at_steady_ms) {
            (TimerState::Paused { .. }, _) => None,
            (_, Some(at)) => Some(at.saturating_sub(now.steady_ms)),
            (TimerState::Running { ends_ms }, None) => Some(by_wall(ends_ms)),
            (TimerState::Ringing { .. }, None) => Some(0),
        }
    }

    pub(super) fn left(&self, now: Now) -> u64 {
        match self.timer.state {
            TimerState::Running { .. } => self.wait(now).unwrap_or(0),
            TimerState::Paused { left_ms } => left_ms,
            TimerState::Ringing { .. } => 0,
        }
    }

    fn run(&mut self, left_ms: u64, now: Now) {
        self.timer.state = TimerState::Running { ends_ms: now.unix_ms.saturating_add_unsigned(left_ms) };
        self.at_steady_ms = (!self.timer.by_clock).then(|| now.steady_ms.saturating_add(left_ms));
    }

    pub(super) fn view(&self, now: Now) -> TimerView {
        TimerView::new(&self.timer, self.left(now), now.unix_ms)
    }

    fn is(&self) -> &'static str {
        match self.timer.state {
            TimerState::Running { .. } => "running",
            TimerState::Paused { .. } => "paused",
            TimerState::Ringing { .. } => "ringing",
        }
    }

    fn already(&self, now: Now) -> TimerError {
        TimerError::Already { is: self.is(), timer: Box::new(self.view(now)) }
    }
}

pub(super) fn rings(kept: &Kept) -> bool {
    matches!(kept.timer.state, TimerState::Ringing { .. })
}

/// A timer that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The timer.
    pub timer: TimerView,
    /// Milliseconds since it was over: more than a moment only where the house did not run or nobody listened.
    pub late_ms: u64,
}

impl Timers {
    /// The timers of an earlier run. They count on the wall clock: a machine without a battery for its clock starts with a
    /// wrong time, and rings rightly as soon as it is told the right one.
    pub fn restore(timers: impl IntoIterator<Item = Timer>) -> Self {
        let kept = timers.into_iter().take(MAX_TIMERS).map(|mut timer| {
            timer.length_ms = timer.length_ms.min(MAX_LENGTH_MS);
            if let TimerState::Paused { left_ms } = &mut timer.state {
                *left_ms = (*left_ms).min(MAX_LENGTH_MS);
            }
            Kept { timer, at_steady_ms: None }
        });
        Self { timers: kept.collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    /// All of them, the one that ends first in front, those that stand still at the end.
    pub fn all(&self, now: Now) -> Vec<TimerView> {
        let mut views: Vec<TimerView> = self.timers.iter().map(|kept| kept.view(now)).collect();
        views.sort_by_key(|view| (view.ends_ms.is_none(), view.left_ms));
        views
    }

    /// Starts a timer.
    ///
    /// # Errors
    /// It has no length or too much of it, or there are too many.
    pub fn start(&mut self, request: Request, now: Now) -> Result<Timer, TimerError> {
        if request.length_ms == 0 {
            return Err(TimerError::NoLength);
        }
        // A week by the clock may have an hour more.
        if request.length_ms > MAX_LENGTH_MS + u64::from(request.at_ms.is_some()) * CLOCK_CHANGE_MS {
            return Err(TimerError::TooLong);
        }
        if self.timers.len() >= MAX_TIMERS {
            return Err(TimerError::TooMany);
        }
        let short = |text: Option<String>| {
            text.map(|text| text.trim().chars().take(MAX_TEXT).collect::<String>()).filter(|text| !text.is_empty())
        };
        let timer = Timer {
            id: request.id,
            name: short(request.name),
            area: request.area,
            client: request.client,
            command: short(request.command),
            permissions: request.permissions,
            language: request.language,
            length_ms: request.length_ms,
            by_clock: request.at_ms.is_some(),
            state: TimerState::Paused { left_ms: request.length_ms },
        };
        let mut kept = Kept { timer, at_steady_ms: None };
        match request.at_ms {
            Some(ends_ms) => kept.timer.state = TimerState::Running { ends_ms },
            None => kept.run(request.length_ms, now),
        }
        let timer = kept.timer.clone();
        self.timers.push(kept);
        Ok(timer)
    }

    /// The timers that are meant, in the order of their ends; all where nothing is said.
    pub fn find(&self, which: &Which, now: Now) -> Vec<TimerView> {
        let mut views: Vec<TimerView> = self.fitting(which).into_iter().map(|kept| kept.view(now)).collect();
        views.sort_by_key(|view| (view.ends_ms.is_none(), view.left_ms));
        views
    }

    /// Adds time to a timer, also to one that rings: it then runs again.
    ///
    /// # Errors
    /// No timer fits, several do, or it would become too long.
    pub fn add(&mut self, which: &Which, ms: u64, now: Now) -> Result<Timer, TimerError> {
        let kept = self.the_one_that(which, now, rings)?;
        let left = kept.left(now).saturating_add(ms);
        if left > MAX_LENGTH_MS {
            return Err(TimerError::TooLong);
        }
        match &mut kept.timer.state {
            TimerState::Paused { left_ms } => *left_ms = left,
            _ => kept.run(left, now),
        }
        Ok(kept.timer.clone())
    }

    /// Takes time off a timer.
    ///
    /// # Errors
    /// No timer fits, several do, or there is not that much left.
    pub fn take_off(&mut self, which: &Which, ms: u64, now: Now) -> Result<Timer, TimerError> {
        let kept = self.the_one(which, now)?;
        let left = kept.left(now).checked_sub(ms).filter(|left| *left > 0);
        let Some(left) = left else {
            return Err(TimerError::TooShort { timer: Box::new(kept.view(now)) });
        };
        match &mut kept.timer.state {
            TimerState::Paused { left_ms } => *left_ms = left,
            _ => kept.run(left, now),
        }
        Ok(kept.timer.clone())
    }

    /// Makes a timer stand still.
    ///
    /// # Errors
    /// No timer fits, several do, or it does not run.
    pub fn pause(&mut self, which: &Which, now: Now) -> Result<Timer, TimerError> {
        let running = |kept: &Kept| matches!(kept.timer.state, TimerState::Running { .. });
        let kept = self.the_one_that(which, now, running)?;
        if !running(kept) {
            return Err(kept.already(now));
        }
        kept.timer.state = TimerState::Paused { left_ms: kept.left(now).max(1) };
        kept.at_steady_ms = None;
        Ok(kept.timer.clone())
    }

    /// Lets a timer that stands still go on.
    ///
    /// # Errors
    /// No timer fits, several do, or it does not stand still.
    pub fn resume(&mut self, which: &Which, now: Now) -> Result<Timer, TimerError> {
        let paused = |kept: &Kept| matches!(kept.timer.state, TimerState::Paused { .. });
        let kept = self.the_one_that(which, now, paused)?;
        let TimerState::Paused { left_ms } = kept.timer.state else {
            return Err(kept.already(now));
        };
        kept.run(left_ms, now);
        Ok(kept.timer.clone())
    }

    /// Does away with a timer. It is to be deleted on disk.
    ///
    /// # Errors
    /// No timer fits, or several do.
    pub fn cancel(&mut self, which: &Which, now: Now) -> Result<TimerView, TimerError> {
        let view = self.the_one_that(which, now, rings)?.view(now);
        self.timers.retain(|kept| kept.timer.id != view.id);
        Ok(view)
    }

    /// Does away with all timers that fit. They are to be deleted on disk.
    pub fn cancel_all(&mut self, which: &Which, now: Now) -> Vec<TimerView> {
        let mut views = self.find(which, now);
        // A timer for the pasta has a name as well, and nobody means it by "all reminders".
        if which.kind == Kind::Reminder {
            views.retain(|view| view.by_clock);
        }
        self.timers.retain(|kept| views.iter().all(|view| view.id != kept.timer.id));
        views
    }

    /// Ends what rings for this client, or all of it where nothing rings for it. To be deleted on disk.
    pub fn silence(&mut self, client: Option<&str>, now: Now) -> Vec<TimerView> {
        let ringing = |kept: &&Kept| rings(kept);
        let own: Vec<&Kept> =
            self.timers.iter().filter(ringing).filter(|kept| kept.timer.client.as_deref() == client).collect();
        let all: Vec<&Kept> = self.timers.iter().filter(ringing).collect();
        let views: Vec<TimerView> =
            (if own.is_empty() { all } else { own }).into_iter().map(|kept| kept.view(now)).collect();
        self.timers.retain(|kept| views.iter().all(|view| view.id != kept.timer.id));
        views
    }

    /// Those that are over or ring again now. Each rings until it was heard, see [`Timers::heard`]; those with a command ring
    /// not at all: they are gone with this, and to be deleted on disk once the command was done.
    pub fn due(&mut self, now: Now) -> Vec<Due> {
        let mut due = Vec::new();
        for kept in &mut self.timers {
            if kept.wait(now) != Some(0) {
                continue;
            }
            let since_ms = match kept.timer.state {
                TimerState::Running { ends_ms } => ends_ms.min(now.unix_ms),
                TimerState::Ringing { since_ms, .. } => since_ms,
                TimerState::Paused { .. } => continue,
            };
            let rung = if let TimerState::Ringing { rung, .. } = kept.timer.state { rung } else { 0 };
            kept.timer.state = TimerState::Ringing { since_ms, rung };
            kept.at_steady_ms = Some(now.steady_ms.saturating_add(RING_EVERY_MS));
            let late_ms = u64::try_from(now.unix_ms.saturating_sub(since_ms)).unwrap_or(0);
            due.push(Due { timer: kept.view(now), late_ms });
        }
        self.timers.retain(|kept| {
            let done = kept.timer.command.is_some() && matches!(kept.timer.state, TimerState::Ringing { .. });
            !done
        });
        due
    }

    /// Notes that somebody heard a timer ring. Returns what to keep on disk, or `None` where it gave up and is to be deleted.
    pub fn heard(&mut self, id: &str) -> Option<Timer> {
        let kept = self.timers.iter_mut().find(|kept| kept.timer.id == id)?;
        if let TimerState::Ringing { rung, .. } = &mut kept.timer.state {
            *rung += 1;
            if *rung >= RINGS {
                self.timers.retain(|kept| kept.timer.id != id);
                return None;
            }
        }
        Some(kept.timer.clone())
    }

    /// Timers that ring since a day and that nobody heard: taken away, and to be deleted on disk.
    pub fn given_up(&mut self, now: Now) -> Vec<TimerView> {
        let over = |kept: &Kept| {
            matches!(kept.timer.state, TimerState::Ringing { since_ms, .. }
                if now.unix_ms.saturating_sub(since_ms) > WAITS_MS)
        };
        let views = self.timers.iter().filter(|kept| over(kept)).map(|kept| kept.view(now)).collect();
        self.timers.retain(|kept| !over(kept));
        views
    }

    /// Milliseconds until [`Timers::due`] has something; `None` while nothing runs.
    pub fn next_ms(&self, now: Now) -> Option<u64> {
        self.timers.iter().filter_map(|kept| kept.wait(now)).min()
    }

    /// Timers whose end by the wall clock is no longer right because that clock was set: to be kept on disk anew.
    pub fn put_right(&mut self, now: Now) -> Vec<Timer> {
        let mut moved = Vec::new();
        for kept in &mut self.timers {
            let (TimerState::Running { ends_ms }, Some(at)) = (kept.timer.state, kept.at_steady_ms) else { continue };
            let right = now.unix_ms.saturating_add_unsigned(at.saturating_sub(now.steady_ms));
            if right.abs_diff(ends_ms) > DRIFT_MS {
                kept.timer.state = TimerState::Running { ends_ms: right };
                moved.push(kept.timer.clone());
            }
        }
        moved
    }
}
