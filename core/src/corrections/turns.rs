//! Corrections of one device take turns; each knows the record of the one before.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::model::{DeviceId, Offset};

/// Turns for all devices: those that share one wait for each other, too, which costs time and nothing else.
const TURNS: usize = 1024;

/// The turns; each holds the journal offset behind the last correction that was made in it.
pub(super) struct Turns(Vec<Arc<Mutex<Offset>>>);

/// The turns of the devices that a correction concerns.
pub(crate) struct Held(Vec<OwnedMutexGuard<Offset>>);

impl Turns {
    /// Nobody knows which records below `end` are corrections.
    pub(super) fn new(end: Offset) -> Self {
        Self((0..TURNS).map(|_| Arc::new(Mutex::new(end))).collect())
    }

    /// Waits for the turns of both devices.
    pub(super) async fn hold(&self, one: DeviceId, other: DeviceId) -> Held {
        self.hold_all([one, other]).await
    }

    /// Waits for the turns of all these devices.
    pub(super) async fn hold_all(&self, devices: impl IntoIterator<Item = DeviceId>) -> Held {
        // always in the same order, so that no two wait for each other
        let places: BTreeSet<usize> = devices
            .into_iter()
            .map(|device| device.0 as usize % TURNS)
            .collect();
        let mut held = Vec::with_capacity(places.len());
        for turn in places.iter().filter_map(|place| self.0.get(*place)) {
            held.push(Arc::clone(turn).lock_owned().await);
        }
        Held(held)
    }
}

impl Held {
    /// Behind the last corrections of these devices.
    pub(super) fn end(&self) -> Offset {
        self.0.iter().map(|turn| **turn).max().unwrap_or_default()
    }

    /// Behind the last corrections of these devices that are not followed by one of `ours`; whoever made ours had all
    /// before them stored.
    pub(crate) fn end_but(&self, ours: &HashSet<Offset>) -> Offset {
        let ends = self.0.iter().map(|turn| **turn);
        ends.filter(|end| !ours.contains(end)).max().unwrap_or_default()
    }

    /// Notes a correction.
    pub(super) fn note(&mut self, end: Offset) {
        for turn in &mut self.0 {
            **turn = end.max(**turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_device_waits_for_its_turn_and_others_do_not() {
        let turns = Turns::new(Offset(3));
        let soon = Duration::from_millis(20);
        let mut held = turns.hold(DeviceId(1), DeviceId(2)).await;
        assert_eq!(held.end(), Offset(3));
        held.note(Offset(9));
        for device in [1, 2, 1 + TURNS as u32] {
            let device = DeviceId(device);
            let waited = tokio::time::timeout(soon, turns.hold(device, device)).await;
            assert!(waited.is_err(), "{device}");
        }
        assert_eq!(turns.hold(DeviceId(3), DeviceId(3)).await.end(), Offset(3));
        drop(held);
        assert_eq!(turns.hold(DeviceId(2), DeviceId(3)).await.end(), Offset(9));
        // two devices of one turn
        let both = turns.hold(DeviceId(4), DeviceId(4 + TURNS as u32)).await;
        assert_eq!(both.0.len(), 1);
    }
}
