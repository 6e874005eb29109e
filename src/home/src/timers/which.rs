//! Which timer is meant.

use super::machine::{Kept, Timers, rings};
use super::{Now, Timer, TimerError, TimerState};
use crate::model::AreaId;
use crate::text::fold;

/// Whether timers or alarms are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Either; of both, the timer.
    #[default]
    TimerFirst,
    /// Either, by a word that languages have for both; of both, the alarm.
    AlarmFirst,
    /// Neither an alarm nor a reminder for a time of day.
    Timer,
    /// A timer with a name, by length or by the clock.
    Reminder,
    /// An alarm. What rings is called one too, where no alarm is set.
    Alarm,
    /// An alarm, and nothing else that rings.
    SetAlarm,
}

/// Which timer is meant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Which {
    /// By its id: nothing else counts.
    pub id: Option<String>,
    /// By its name.
    pub name: Option<String>,
    /// By its room.
    pub area: Option<AreaId>,
    /// By the length it was started for, in milliseconds.
    pub length_ms: Option<u64>,
    /// Timers or alarms.
    pub kind: Kind,
    /// By the moments it may be for, in milliseconds since 1970.
    pub ends_ms: Option<Vec<i64>>,
    /// By the day they are for: from when until before when, in milliseconds since 1970.
    pub day_ms: Option<(i64, i64)>,
    /// Who asks: of several, the one that was set there is meant.
    pub client: Option<String>,
    /// Where it is asked: the same.
    pub speaker_area: Option<AreaId>,
}

impl Which {
    /// Why there is none that fits, of so many.
    pub fn none(&self, timers: usize) -> TimerError {
        match self.kind {
            Kind::Alarm | Kind::SetAlarm => TimerError::NoAlarm,
            Kind::Reminder => TimerError::NoReminder,
            _ => TimerError::None { timers },
        }
    }
}

impl Timers {
    pub(super) fn the_one(&mut self, which: &Which, now: Now) -> Result<&mut Kept, TimerError> {
        self.the_one_that(which, now, |_| true)
    }

    /// The one timer that is meant; of several, `likely` ones first, then those of the client, then those of the room.
    pub(super) fn the_one_that(
        &mut self,
        which: &Which,
        now: Now,
        likely: impl Fn(&Kept) -> bool,
    ) -> Result<&mut Kept, TimerError> {
        let mut fitting = self.fitting(which);
        let own = |kept: &Kept| which.client.is_some() && kept.timer.client == which.client;
        let near = |kept: &Kept| which.speaker_area.is_some() && kept.timer.area == which.speaker_area;
        let timer = |kept: &Kept| !kept.timer.rings_by_clock();
        let steps: [&dyn Fn(&Kept) -> bool; 4] = [&likely, &timer, &own, &near];
        for step in steps {
            if fitting.len() > 1 && fitting.iter().any(|kept| step(kept)) {
                fitting.retain(|kept| step(kept));
            }
        }
        let same = |a: &Kept, b: &Kept| {
            // Alarms are told apart by when they ring, not by when they were set.
            let when =
                if a.timer.by_clock { a.timer.state == b.timer.state } else { a.timer.length_ms == b.timer.length_ms };
            a.timer.by_clock == b.timer.by_clock
                && when
                && a.timer.name.as_deref().map(fold) == b.timer.name.as_deref().map(fold)
                && a.timer.command == b.timer.command
        };
        // Timers that cannot be told apart by any words: the one that ends first.
        fitting.sort_by_key(|kept| kept.left(now));
        let id = match fitting.as_slice() {
            [] => return Err(which.none(self.timers.len())),
            [first, rest @ ..] if rest.iter().all(|other| same(first, other)) => first.timer.id.clone(),
            several => {
                return Err(TimerError::Several { timers: several.iter().map(|kept| kept.view(now)).collect() });
            }
        };
        let timers = self.timers.len();
        self.timers.iter_mut().find(|kept| kept.timer.id == id).ok_or(TimerError::None { timers })
    }

    pub(super) fn fitting(&self, which: &Which) -> Vec<&Kept> {
        if let Some(id) = &which.id {
            return self.timers.iter().filter(|kept| kept.timer.id == *id).collect();
        }
        let folded = which.name.as_deref().map(fold);
        let in_words = |text: &str, part: &str| {
            let words: Vec<&str> = text.split(' ').collect();
            let part: Vec<&str> = part.split(' ').collect();
            words.windows(part.len().max(1)).any(|window| window == part)
        };
        let fits =
            |kept: &&Kept, exactly: bool| {
                let timer = &kept.timer;
                let named = folded.as_deref().is_none_or(|wanted| {
                    // A command for later is called by its words.
                    [timer.name.as_deref(), timer.command.as_deref()].into_iter().flatten().map(fold).any(|own| {
                        if exactly { own == wanted } else { in_words(&own, wanted) || in_words(wanted, &own) }
                    })
                });
                named
                    && (which.area.is_none() || which.area == timer.area)
                    && which.length_ms.is_none_or(|length| !timer.by_clock && timer.length_ms == length)
                    && match which.kind {
                        Kind::TimerFirst | Kind::AlarmFirst => true,
                        Kind::Timer => !timer.rings_by_clock(),
                        Kind::Reminder => timer.is_reminder(),
                        Kind::Alarm => timer.is_alarm() || rings(kept),
                        Kind::SetAlarm => timer.is_alarm(),
                    }
                    && which.ends_ms.as_ref().is_none_or(|moments| {
                        ends_at(timer).is_some_and(|own| moments.iter().any(|at| minute(*at) == own))
                    })
                    && which.day_ms.is_none_or(|(from, to)| {
                        ends_at(timer).is_some_and(|own| (minute(from)..minute(to)).contains(&own))
                    })
            };
        let mut fitting: Vec<&Kept> = self.timers.iter().filter(|kept| fits(kept, true)).collect();
        if fitting.is_empty() {
            fitting = self.timers.iter().filter(|kept| fits(kept, false)).collect();
        }
        let alarm = |kept: &&Kept| kept.timer.is_alarm();
        if matches!(which.kind, Kind::Alarm | Kind::AlarmFirst) && fitting.iter().any(alarm) {
            fitting.retain(alarm);
        }
        fitting
    }
}

/// When a timer for a time of day rings, or rang, to the minute.
fn ends_at(timer: &Timer) -> Option<i64> {
    match timer.state {
        TimerState::Running { ends_ms: at } | TimerState::Ringing { since_ms: at, .. } if timer.by_clock => {
            Some(minute(at))
        }
        _ => None,
    }
}

fn minute(ms: i64) -> i64 {
    ms.div_euclid(60_000)
}
