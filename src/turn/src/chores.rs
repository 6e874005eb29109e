//! Timers and lists: kept in memory as pure state machines, on disk before anything about them is said, and told to whoever
//! watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, Notify, broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use vesta_home::lists::{List, ListError, Lists};
use vesta_home::timers::{Due, Now, Timer, TimerError, TimerView, Timers};
use vesta_intents::ResponseInput;
use vesta_store::{Store, StoreError};

use crate::Assistant;
use crate::announce::{Announcement, AnnouncementKind, Audience};
use crate::conversation::{Client, Mode, Pace, Speaker, Voice};
use crate::error::TurnError;
use crate::event::TurnEvent;

const TIMER: &str = "timer";
const LIST: &str = "list";
/// Announcements that a slow listener may be behind.
const BACKLOG: usize = 16;
/// The wall clock may be set at any time, and timers of an earlier run count on it: it is looked at this often.
const LOOK: Duration = Duration::from_secs(20);
/// A ring that nobody could hear is tried again after this.
const UNHEARD: Duration = Duration::from_secs(15);
/// A command for later that is later than this is not done any more: who knows who is asleep by now.
const STALE_MS: u64 = 5 * 60_000;
/// A timer that is later than this says by how much.
const LATE_MS: u64 = 60_000;

/// What to write to disk: a thing, or `None` to delete it.
type Change = (String, Option<Value>);

pub(crate) struct Chores {
    /// Read from disk when they are first needed.
    kept: AsyncMutex<Option<Kept>>,
    timers: watch::Sender<Arc<Vec<TimerView>>>,
    pub(crate) lists: watch::Sender<Arc<Vec<List>>>,
    announcements: broadcast::Sender<Arc<Announcement>>,
    /// How many conversations each client has.
    present: Mutex<HashMap<String, usize>>,
    changed: Notify,
    began: Instant,
}

#[derive(Clone)]
struct Kept {
    timers: Timers,
    lists: Lists,
}

impl Chores {
    pub(crate) fn new() -> Self {
        Self {
            kept: AsyncMutex::new(None),
            timers: watch::Sender::default(),
            lists: watch::Sender::default(),
            announcements: broadcast::Sender::new(BACKLOG),
            present: Mutex::default(),
            changed: Notify::new(),
            began: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            steady_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            unix_ms: i64::try_from(unix.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// Changes the timers. They are as before where it fails, also on the way to the disk.
    pub(crate) async fn with_timers<T>(
        &self,
        store: &Store,
        work: impl FnOnce(&mut Timers, Now) -> Result<(T, Vec<Change>), TimerError>,
    ) -> Result<T, TurnError> {
        self.with(store, TIMER, |kept, now| Ok(work(&mut kept.timers, now)?)).await
    }

    /// Changes the lists; see [`Chores::with_timers`].
    pub(crate) async fn with_lists<T>(
        &self,
        store: &Store,
        work: impl FnOnce(&mut Lists) -> Result<(T, Vec<Change>), ListError>,
    ) -> Result<T, TurnError> {
        self.with(store, LIST, |kept, _| Ok(work(&mut kept.lists)?)).await
    }

    async fn with<T>(
        &self,
        store: &Store,
        kind: &'static str,
        work: impl FnOnce(&mut Kept, Now) -> Result<(T, Vec<Change>), TurnError>,
    ) -> Result<T, TurnError> {
        let mut place = self.kept.lock().await;
        let kept = match &*place {
            Some(kept) => kept,
            None => place.insert(read(store).await?),
        };
        let mut changed = kept.clone();
        let (result, changes) = work(&mut changed, self.now())?;
        let written = !changes.is_empty();
        if written {
            store.keep(kind, changes).await?;
        }
        self.show(&changed);
        *place = Some(changed);
        drop(place);
        if written {
            self.changed.notify_one();
        }
        Ok(result)
    }

    fn show(&self, kept: &Kept) {
        let timers = kept.timers.all(self.now());
        self.timers.send_if_modified(|shown| {
            // What is left changes by itself; whoever watches counts down from the end.
            let same = |a: &TimerView, b: &TimerView| {
                (&a.id, a.ends_ms.map(|ms| ms / 1_000), a.is_active, a.is_ringing, &a.name)
                    == (&b.id, b.ends_ms.map(|ms| ms / 1_000), b.is_active, b.is_ringing, &b.name)
            };
            let changed =
                shown.len() != timers.len() || shown.iter().zip(&timers).any(|(before, now)| !same(before, now));
            *shown = Arc::new(timers);
            changed
        });
        self.lists.send_if_modified(|shown| {
            let changed = shown.as_slice() != kept.lists.all();
            if changed {
                *shown = Arc::new(kept.lists.all().to_vec());
            }
            changed
        });
    }

    /// Whether anybody would hear an announcement.
    pub(crate) fn hears(&self, audience: &Audience) -> bool {
        let present = self.present();
        let conversations: usize = present.values().sum();
        let own = |client: &str| present.get(client).copied().unwrap_or(0);
        match audience {
            // Whoever watches without a conversation hears what is for more than one client.
            Audience::Everyone => self.announcements.receiver_count() > 0,
            Audience::Only(client) => own(client) > 0,
            Audience::AllBut(client) => self.announcements.receiver_count().max(conversations) > own(client),
        }
    }

    pub(crate) fn tell(&self, announcement: Announcement) -> bool {
        self.announcements.send(Arc::new(announcement)).is_ok()
    }

    /// A conversation of a client begins; it ends when what is returned is dropped.
    pub(crate) fn arrive(self: &Arc<Self>, client: &str) -> Present {
        *self.present().entry(client.to_owned()).or_default() += 1;
        // What rang unheard is tried again now that somebody is there.
        self.changed.notify_one();
        Present { chores: self.clone(), client: client.to_owned(), announcements: self.announcements.subscribe() }
    }

    fn present(&self) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(store: &Store) -> Result<Kept, StoreError> {
    fn all<T: serde::de::DeserializeOwned>(kind: &str, things: Vec<(String, Value)>) -> Vec<T> {
        let read = |(id, body)| match serde_json::from_value(body) {
            Ok(thing) => Some(thing),
            Err(error) => {
                tracing::warn!(kind, id, %error, "something that was kept cannot be used and is left out");
                None
            }
        };
        things.into_iter().filter_map(read).collect()
    }
    Ok(Kept {
        timers: Timers::restore(all::<Timer>(TIMER, store.kept(TIMER).await?)),
        lists: Lists::restore(all::<List>(LIST, store.kept(LIST).await?)),
    })
}

/// Somebody is there to hear announcements.
pub(crate) struct Present {
    chores: Arc<Chores>,
    client: String,
    announcements: broadcast::Receiver<Arc<Announcement>>,
}

impl Present {
    /// The next announcement for this client. Never returns where none will come.
    pub(crate) async fn announcement(&mut self) -> Arc<Announcement> {
        loop {
            match self.announcements.recv().await {
                Ok(announcement) if announcement.to.includes(&self.client) => return announcement,
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut present = self.chores.present();
        if let Some(count) = present.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                present.remove(&self.client);
            }
        }
    }
}

/// How to keep a timer on disk.
pub(crate) fn keep(timer: &Timer) -> Change {
    (timer.id.clone(), serde_json::to_value(timer).ok())
}

/// How to delete one.
pub(crate) fn forget(timer: &TimerView) -> Change {
    (timer.id.clone(), None)
}

impl Assistant {
    /// The timers, the one that ends first in front, and every change of them. What is left is as of the last change: count
    /// down from `ends_ms`. To change one, [`Assistant::act`] on `HassCancelTimer`, `HassPauseTimer`, … with its `id` as slot.
    pub fn timers(&self) -> watch::Receiver<Arc<Vec<TimerView>>> {
        self.chores.timers.subscribe()
    }

    /// The shopping list and the other lists, and every change of them.
    pub fn lists(&self) -> watch::Receiver<Arc<Vec<List>>> {
        self.chores.lists.subscribe()
    }

    /// Everything that the house says by itself from now on, for whoever has no [`Conversation`](crate::Conversation).
    /// Whoever subscribes counts as somebody who hears it.
    pub fn announcements(&self) -> broadcast::Receiver<Arc<Announcement>> {
        self.chores.announcements.subscribe()
    }

    /// Watches the timers until `cancel`: lets them ring and does the commands for later. Run it once, as a task.
    pub async fn watch_timers(&self, cancel: CancellationToken) {
        let mut unheard = false;
        loop {
            let changed = self.chores.changed.notified();
            let wait = match self.look_at_timers(&cancel).await {
                Ok((wait, heard)) => {
                    unheard = !heard;
                    wait
                }
                Err(error) => {
                    tracing::error!(%error, "the timers could not be read or kept; tried again");
                    Some(UNHEARD)
                }
            };
            let wait = wait.unwrap_or(LOOK).min(if unheard { UNHEARD } else { LOOK });
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(wait) => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    /// Does what is due. Returns how long nothing else will be, and whether all that rang was heard.
    async fn look_at_timers(&self, cancel: &CancellationToken) -> Result<(Option<Duration>, bool), TurnError> {
        let look = |timers: &mut Timers, now: Now| {
            let due = timers.due(now);
            let given_up = timers.given_up(now);
            let mut changes: Vec<Change> = timers.put_right(now).iter().map(keep).collect();
            changes.extend(given_up.iter().map(forget));
            Ok(((due, timers.next_ms(now)), changes))
        };
        let (due, next) = self.chores.with_timers(&self.parts.store, look).await?;
        let mut heard = true;
        for due in due {
            if due.timer.command.is_some() {
                self.do_later_command(due, cancel).await?;
            } else {
                heard &= self.ring(due).await?;
            }
        }
        Ok((next.map(Duration::from_millis), heard))
    }

    async fn ring(&self, due: Due) -> Result<bool, TurnError> {
        let timer = due.timer;
        let to = match &timer.client {
            Some(client) if self.chores.hears(&Audience::Only(client.clone())) => Audience::Only(client.clone()),
            _ => Audience::Everyone,
        };
        let key = if due.late_ms > LATE_MS { "late" } else { "finished" };
        self.learn(timer.language.as_deref()).await;
        let text = self.timer_words(key, &timer, due.late_ms);
        tracing::info!(timer = timer.id, text, "a timer is over");
        let heard =
            self.announce(AnnouncementKind::Timer, to, text, Some(timer.id.clone()), timer.language.as_deref()).await;
        if heard {
            let note = |timers: &mut Timers, _| {
                let left = timers.heard(&timer.id);
                Ok(((), vec![left.as_ref().map_or_else(|| forget(&timer), keep)]))
            };
            self.chores.with_timers(&self.parts.store, note).await?;
        }
        Ok(heard)
    }

    /// Does a command for later, and deletes it on disk when it is done. What went wrong is told.
    async fn do_later_command(&self, due: Due, cancel: &CancellationToken) -> Result<(), TurnError> {
        let timer = due.timer;
        self.learn(timer.language.as_deref()).await;
        let failure = if due.late_ms > STALE_MS {
            tracing::warn!(timer = timer.id, late_ms = due.late_ms, "a command for later is too late and is not done");
            Some(self.timer_words("too_late", &timer, due.late_ms))
        } else {
            later(self, &timer, cancel).await
        };
        let gone = |_: &mut Timers, _| Ok(((), vec![forget(&timer)]));
        self.chores.with_timers(&self.parts.store, gone).await?;
        if let Some(text) = failure {
            let (about, language) = (Some(timer.id.clone()), timer.language.as_deref());
            self.announce(AnnouncementKind::Command, Audience::Everyone, text, about, language).await;
        }
        Ok(())
    }

    /// What is said about a timer by itself; where the language has no words for it, its name, or how long it was.
    fn timer_words(&self, key: &str, timer: &TimerView, late_ms: u64) -> String {
        let mut slots = crate::act::timer_slots(timer);
        slots.insert("minutes_late".to_owned(), Value::from((late_ms + 30_000) / 60_000));
        let input = ResponseInput { slots, ..ResponseInput::default() };
        let words = self.language(timer.language.as_deref()).dictionary().respond("HassStartTimer", key, &input);
        words.unwrap_or_else(|_| {
            let length = format!("{}:{:02}:{:02}", timer.start_hours, timer.start_minutes, timer.start_seconds);
            timer.name.clone().or_else(|| timer.command.clone()).unwrap_or(length)
        })
    }
}

/// Does a command for later: a turn of its own, with a record. Returns what is to be told where it failed.
async fn later(assistant: &Assistant, timer: &TimerView, cancel: &CancellationToken) -> Option<String> {
    let command = timer.command.clone()?;
    let (events, mut told) = mpsc::channel(16);
    let client = Client {
        id: String::new(),
        speaker: Speaker::default(),
        language: timer.language.clone(),
        source: "timer".to_owned(),
        mode: Mode::PushToTalk,
        pace: Pace::AsFast,
        area: timer.area.clone(),
        wants_audio: false,
        voice: Voice::default(),
        rehearse: false,
        permissions: timer.permissions,
        events,
    };
    let listen = async {
        let (mut failed, mut said) = (false, None);
        while let Some(event) = told.recv().await {
            match event {
                TurnEvent::Failed { .. } => failed = true,
                TurnEvent::Say { text, .. } => said = Some(text),
                _ => {}
            }
        }
        said.filter(|_| failed)
    };
    let (said, ()) = tokio::join!(listen, assistant.ask(&command, client, cancel.child_token()));
    said
}
