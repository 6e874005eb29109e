//! Slows down whoever fails to sign in. Pure: time is passed in.
//!
//! A few failures cost nothing. After that each failure doubles the wait, up to a limit; some time without a failure
//! forgives everything. Memory is bounded: of more keys than fit, those are forgotten whose wait ends first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Who is slowed down.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A network address.
    Address(IpAddr),
    /// A person's account, by id.
    Account(String),
    /// Everybody together, against guesses from many addresses.
    Everybody,
}

impl Key {
    /// The key of an address: of IPv6 the /64, because a single household or host has all of it.
    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Self::Address(IpAddr::V6(network.into()))
            }
            address @ IpAddr::V4(_) => Self::Address(address),
        }
    }

    /// Failures that cost nothing.
    fn free(&self) -> u32 {
        match self {
            Self::Address(_) | Self::Account(_) => 5,
            Self::Everybody => 100,
        }
    }

    /// The longest wait.
    fn longest(&self) -> Duration {
        match self {
            Self::Address(_) => Duration::from_secs(15 * 60),
            Self::Account(_) => Duration::from_secs(5 * 60),
            Self::Everybody => Duration::from_secs(10),
        }
    }
}

/// Time without a failure after which everything is forgiven.
const FORGIVEN_AFTER: Duration = Duration::from_secs(3_600);
/// Wait after the first failure that costs something.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Keys that are remembered.
const CAPACITY: usize = 4_096;
/// Keys that make room where there are too many.
const FORGOTTEN: usize = CAPACITY / 16;

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    last: Duration,
    until: Duration,
}

/// Remembers failures.
#[derive(Debug, Default)]
pub struct Throttle {
    entries: HashMap<Key, Entry>,
}

impl Throttle {
    /// Whether all of `keys` may try now.
    ///
    /// # Errors
    /// How long they have to wait.
    pub fn check(&self, keys: &[Key], now: Duration) -> Result<(), Duration> {
        let waits = keys.iter().filter_map(|key| self.entries.get(key)).map(|entry| entry.until.saturating_sub(now));
        match waits.max() {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    /// Notes a failure of each of `keys`.
    pub fn failed(&mut self, keys: &[Key], now: Duration) {
        for key in keys {
            self.make_room(key, now);
            let entry = self.entries.entry(key.clone()).or_insert(Entry { failures: 0, last: now, until: now });
            if now.saturating_sub(entry.last) >= FORGIVEN_AFTER {
                entry.failures = 0;
            }
            entry.failures = entry.failures.saturating_add(1);
            entry.last = now;
            if let Some(beyond) = entry.failures.checked_sub(key.free() + 1) {
                let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(beyond)).min(key.longest());
                entry.until = now + wait;
            }
        }
    }

    /// Forgets the failures of `keys`: somebody signed in.
    pub fn succeeded(&mut self, keys: &[Key]) {
        for key in keys {
            // One success among many strangers' failures forgives nothing.
            if *key != Key::Everybody {
                self.entries.remove(key);
            }
        }
    }

    /// Keys that are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody failed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn make_room(&mut self, key: &Key, now: Duration) {
        if self.entries.len() < CAPACITY || self.entries.contains_key(key) {
            return;
        }
        self.entries.retain(|_, entry| now.saturating_sub(entry.last) < FORGIVEN_AFTER);
        if self.entries.len() < CAPACITY {
            return;
        }
        let others = self.entries.iter().filter(|(key, _)| **key != Key::Everybody);
        let mut ends: Vec<_> = others.map(|(_, entry)| (entry.until, entry.last)).collect();
        // Many at a time, so that the next ones find room.
        let (_, limit, _) = ends.select_nth_unstable(FORGOTTEN);
        let limit = *limit;
        let mut room = FORGOTTEN;
        self.entries.retain(|key, entry| {
            let gentle = *key != Key::Everybody && (entry.until, entry.last) <= limit && room > 0;
            room -= usize::from(gentle);
            !gentle
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn address(number: u32) -> Key {
        Key::address(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    #[test]
    fn a_thousand_attempts_from_one_address_take_days() {
        let (mut throttle, mut now, mut tries) = (Throttle::default(), Duration::ZERO, 0);
        while tries < 1_000 {
            match throttle.check(&[address(1)], now) {
                Ok(()) => {
                    throttle.failed(&[address(1)], now);
                    tries += 1;
                }
                Err(wait) => now += wait,
            }
        }
        assert!(now > Duration::from_secs(10 * 86_400), "{now:?}");
        assert_eq!(throttle.len(), 1);
    }

    #[test]
    fn a_few_mistakes_cost_nothing_and_success_forgives() {
        let mut throttle = Throttle::default();
        let second = Duration::from_secs(1);
        for _ in 0..5 {
            throttle.failed(&[address(1)], second);
            assert_eq!(throttle.check(&[address(1)], second), Ok(()));
        }
        throttle.failed(&[address(1)], second);
        assert_eq!(throttle.check(&[address(1)], second), Err(second));
        assert_eq!(throttle.check(&[address(2), address(1)], second), Err(second), "the longest wait counts");
        assert_eq!(throttle.check(&[address(2)], second), Ok(()), "others do not wait");
        throttle.failed(&[address(1)], second * 2);
        assert_eq!(throttle.check(&[address(1)], second * 2), Err(second * 2));
        throttle.succeeded(&[address(1)]);
        assert_eq!(throttle.check(&[address(1)], second * 2), Ok(()));
        assert!(throttle.is_empty());
    }

    #[test]
    fn an_hour_of_quiet_forgives() {
        let mut throttle = Throttle::default();
        for _ in 0..20 {
            throttle.failed(&[address(1)], Duration::ZERO);
        }
        let later = FORGIVEN_AFTER + Duration::from_secs(1);
        throttle.failed(&[address(1)], later);
        assert_eq!(throttle.check(&[address(1)], later), Ok(()));
    }

    #[test]
    fn a_whole_network_counts_as_one() {
        let key = |text: &str| Key::address(IpAddr::V6(text.parse::<Ipv6Addr>().unwrap()));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:10.0.0.1"), Key::address("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let mut throttle = Throttle::default();
        for _ in 0..10 {
            throttle.failed(&[address(7), Key::Everybody], Duration::ZERO);
        }
        for number in 100..50_000 {
            throttle.failed(&[address(number), Key::Everybody], Duration::from_secs(1));
        }
        assert!(throttle.len() <= CAPACITY);
        assert!(throttle.check(&[address(7)], Duration::from_secs(1)).is_err());
        assert!(
            throttle.check(&[Key::Everybody], Duration::from_secs(1)).is_err(),
            "many addresses together wait as well"
        );
    }

    proptest! {
        #[test]
        fn nobody_waits_for_longer_than_the_longest_wait(failures in prop::collection::vec(0_u64..100_000, 1..200)) {
            let (mut throttle, mut now) = (Throttle::default(), Duration::ZERO);
            for pause in failures {
                now += Duration::from_millis(pause);
                throttle.failed(&[address(1)], now);
                if let Err(wait) = throttle.check(&[address(1)], now) {
                    prop_assert!(wait <= address(1).longest());
                }
            }
        }
    }
}
