//! How many connections there may be, and who makes room.
//!
//! Whoever only opens connections and says nothing must not keep others out: where there is no room, the connection
//! that has waited longest without a request ends.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The share of all connections that one address may have: a quarter.
const SHARE: usize = 4;

/// Everybody who is connected.
pub(crate) struct Crowd {
    most: usize,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    next: u64,
    count: usize,
    by_address: HashMap<IpAddr, usize>,
    /// Connections without a request yet, the oldest first.
    silent: BTreeMap<u64, (IpAddr, CancellationToken)>,
}

/// One connection's place. It is free again when this is dropped.
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    address: IpAddr,
    /// Called when somebody else gets the place.
    pub(crate) lost: CancellationToken,
}

impl Crowd {
    /// Room for `most` connections.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, inside: Mutex::default() })
    }

    /// A place for a connection from `address`, if there is one. This machine and trusted proxies, which speak for many,
    /// are `host`s and may take them all.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, host: bool) -> Option<Place> {
        let mut inside = self.inside();
        let here = inside.by_address.get(&address).copied().unwrap_or_default();
        let crowded = !host && here >= self.most / SHARE;
        if crowded || inside.count >= self.most {
            let gives_way = |entry: &(&u64, &(IpAddr, CancellationToken))| !crowded || entry.1.0 == address;
            let oldest = inside.silent.iter().find(gives_way).map(|(number, _)| *number)?;
            inside.leave(oldest);
        }
        let number = inside.next;
        inside.next += 1;
        inside.count += 1;
        *inside.by_address.entry(address).or_default() += 1;
        let lost = CancellationToken::new();
        inside.silent.insert(number, (address, lost.clone()));
        Some(Place { crowd: self.clone(), number, address, lost })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Takes a silent connection's place.
    fn leave(&mut self, number: u64) {
        if let Some((address, lost)) = self.silent.remove(&number) {
            lost.cancel();
            self.forget(address);
        }
    }

    fn forget(&mut self, address: IpAddr) {
        self.count = self.count.saturating_sub(1);
        if let Some(here) = self.by_address.get_mut(&address) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Place {
    /// A request came: the place is kept for as long as the connection.
    pub(crate) fn spoke(&self) {
        self.crowd.inside().silent.remove(&self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside();
        inside.silent.remove(&self.number);
        // Whoever lost the place has been counted out already.
        if !self.lost.is_cancelled() {
            inside.forget(self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 168, 1, last])
    }

    #[test]
    fn the_silent_make_room_and_the_busy_do_not() {
        let crowd = Crowd::new(4);
        let places: Vec<_> = (1..=4).map(|last| crowd.enter(ip(last), false).unwrap()).collect();
        places[0].spoke();
        let fifth = crowd.enter(ip(5), false).unwrap();
        let lost: Vec<_> = places.iter().map(|place| place.lost.is_cancelled()).collect();
        assert_eq!(lost, [false, true, false, false], "the oldest that has said nothing");
        fifth.spoke();
        places[2].spoke();
        places[3].spoke();
        assert!(crowd.enter(ip(6), false).is_none(), "everybody inside has work");
        drop(fifth);
        assert!(crowd.enter(ip(6), false).is_some());
    }

    #[test]
    fn one_address_takes_a_quarter_and_a_proxy_all() {
        let crowd = Crowd::new(16);
        let busy: Vec<_> = (0..4)
            .map(|_| {
                let place = crowd.enter(ip(1), false).unwrap();
                place.spoke();
                place
            })
            .collect();
        assert!(crowd.enter(ip(1), false).is_none());
        let other = crowd.enter(ip(2), false).unwrap();
        drop(busy);
        let proxied: Vec<_> = (0..15).map(|_| crowd.enter(ip(3), true).unwrap()).collect();
        assert!(!other.lost.is_cancelled());
        drop((proxied, other));
        let inside = crowd.inside();
        assert_eq!((inside.count, inside.by_address.len(), inside.silent.len()), (0, 0, 0));
    }

    #[test]
    fn silent_connections_of_one_address_replace_each_other_only() {
        let crowd = Crowd::new(16);
        let other = crowd.enter(ip(2), false).unwrap();
        let flood: Vec<_> = (0..500).map(|_| crowd.enter(ip(1), false).unwrap()).collect();
        assert!(!other.lost.is_cancelled());
        assert_eq!(flood.iter().filter(|place| !place.lost.is_cancelled()).count(), 4);
        drop(flood);
        drop(other);
        assert_eq!(crowd.inside().count, 0);
    }
}
