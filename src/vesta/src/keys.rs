//! The key that is held to talk.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use crossterm::event::{
    Event, KeyCode, KeyEventKind, KeyModifiers, KeyboardEnhancementFlags, PopKeyboardEnhancementFlags,
    PushKeyboardEnhancementFlags,
};
use crossterm::{execute, terminal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What the user does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// Begins to talk.
    Down,
    /// Stops talking.
    Up,
    /// Leaves.
    Quit,
}

/// How long a held key may take until it repeats the first time, and between two repeats. Terminals that do not tell
/// when a key is released show a held key only as repeats; usual keyboards repeat after 250 to 660 ms, then every 30 ms.
const FIRST_REPEAT: Duration = Duration::from_millis(750);
const REPEAT: Duration = Duration::from_millis(150);
/// How often the watching thread looks whether it should end.
const LOOK: Duration = Duration::from_millis(50);

/// How keys are read, until it is dropped.
pub(crate) struct Watching {
    source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The terminal tells presses and releases.
    Releases,
    /// The terminal tells presses and repeats.
    Repeats,
    /// Lines on standard input.
    Lines,
}

impl Watching {
    /// How to use it.
    pub(crate) fn hint(&self) -> &'static str {
        match self.source {
            Source::Releases | Source::Repeats => "hold Enter or space to talk; q ends it",
            Source::Lines => "a line on standard input starts a sentence, the next one ends it",
        }
    }

    /// Gives the terminal back.
    pub(crate) fn end(self) {
        drop(self);
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if self.source == Source::Releases {
            let _ = execute!(std::io::stderr(), PopKeyboardEnhancementFlags);
        }
        if self.source != Source::Lines {
            let _ = terminal::disable_raw_mode();
        }
    }
}

/// Reads keys on a thread of their own until `stop` is called or the program leaves.
pub(crate) fn watch(keys: mpsc::Sender<Key>, stop: CancellationToken) -> anyhow::Result<Watching> {
    if !std::io::stdin().is_terminal() {
        std::thread::Builder::new().name("keys".to_owned()).spawn(move || read_lines(&keys))?;
        return Ok(Watching { source: Source::Lines });
    }
    terminal::enable_raw_mode()?;
    let releases = terminal::supports_keyboard_enhancement().unwrap_or(false);
    if releases {
        execute!(std::io::stderr(), PushKeyboardEnhancementFlags(KeyboardEnhancementFlags::REPORT_EVENT_TYPES))?;
    }
    std::thread::Builder::new().name("keys".to_owned()).spawn(move || read_keys(&keys, &stop, releases))?;
    Ok(Watching { source: if releases { Source::Releases } else { Source::Repeats } })
}

fn read_lines(keys: &mpsc::Sender<Key>) {
    let mut talking = false;
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let key = match line.trim() {
            "q" | "quit" => Key::Quit,
            _ if talking => Key::Up,
            _ => Key::Down,
        };
        talking = key == Key::Down;
        if keys.blocking_send(key).is_err() {
            return;
        }
    }
    let _ = keys.blocking_send(Key::Quit);
}

fn read_keys(keys: &mpsc::Sender<Key>, stop: &CancellationToken, releases: bool) {
    let mut held = Held::default();
    while !stop.is_cancelled() {
        let wait = held.patience().unwrap_or(LOOK);
        let key = match crossterm::event::poll(wait) {
            Ok(true) => match crossterm::event::read() {
                Ok(event) => held.event(&event, releases),
                Err(_) => Some(Key::Quit),
            },
            Ok(false) => held.silence(),
            Err(_) => Some(Key::Quit),
        };
        if let Some(key) = key
            && (keys.blocking_send(key).is_err() || key == Key::Quit)
        {
            return;
        }
    }
}

/// Turns presses and repeats into one press and one release.
#[derive(Default)]
struct Held {
    presses: u32,
}

impl Held {
    /// How long the next repeat may take; `None` where the key is not held.
    fn patience(&self) -> Option<Duration> {
        match self.presses {
            0 => None,
            1 => Some(FIRST_REPEAT),
            _ => Some(REPEAT),
        }
    }

    fn event(&mut self, event: &Event, releases: bool) -> Option<Key> {
        let Event::Key(key) = event else { return None };
        let quit = match key.code {
            KeyCode::Char('q') | KeyCode::Esc => true,
            KeyCode::Char('c' | 'd') => key.modifiers.contains(KeyModifiers::CONTROL),
            _ => false,
        };
        if quit {
            return Some(Key::Quit);
        }
        if !matches!(key.code, KeyCode::Enter | KeyCode::Char(' ')) {
            return None;
        }
        match (key.kind, releases) {
            (KeyEventKind::Release, _) => {
                self.presses = 0;
                Some(Key::Up)
            }
            (_, true) => (key.kind == KeyEventKind::Press).then_some(Key::Down),
            (_, false) => {
                self.presses += 1;
                (self.presses == 1).then_some(Key::Down)
            }
        }
    }

    /// No repeat came in time: the key is no longer held.
    fn silence(&mut self) -> Option<Key> {
        let held = self.presses > 0;
        self.presses = 0;
        held.then_some(Key::Up)
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyEvent;

    use super::*;

    fn press(code: KeyCode) -> Event {
        Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn a_held_key_is_one_press_and_one_release() {
        let mut held = Held::default();
        assert_eq!(held.event(&press(KeyCode::Enter), false), Some(Key::Down));
        assert_eq!(held.patience(), Some(FIRST_REPEAT));
        for _ in 0..5 {
            assert_eq!(held.event(&press(KeyCode::Enter), false), None);
        }
        assert_eq!(held.patience(), Some(REPEAT));
        assert_eq!(held.silence(), Some(Key::Up));
        assert_eq!((held.patience(), held.silence()), (None, None));
    }

    #[test]
    fn a_terminal_that_tells_releases_is_believed() {
        let mut held = Held::default();
        assert_eq!(held.event(&press(KeyCode::Char(' ')), true), Some(Key::Down));
        assert_eq!(held.patience(), None);
        let release =
            Event::Key(KeyEvent::new_with_kind(KeyCode::Char(' '), KeyModifiers::NONE, KeyEventKind::Release));
        assert_eq!(held.event(&release, true), Some(Key::Up));
        assert_eq!(held.event(&press(KeyCode::Char('q')), true), Some(Key::Quit));
        assert_eq!(held.event(&press(KeyCode::Char('x')), true), None);
    }
}
