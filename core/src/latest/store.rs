//! The table of slots by dense device id.

use std::sync::OnceLock;

use super::area::Area;
use super::grid::{Cell, Grid};
use super::record::{Latest, WORDS};
use super::slot::Slot;
use crate::model::DeviceId;

const CHUNK: usize = 4096;
const CHUNKS: usize = 4096;

/// Device ids below this (2^24) have a slot. The registry hands ids out densely from 1, so that this is a
/// bound on devices, and a stray id can't make the table grow without end.
pub const MAX_DEVICES: usize = CHUNK * CHUNKS;

/// Slab of seqlock slots by device id. 128 bytes per device, allocated 4096 devices at a time when the first
/// of them reports; a chunk never moves. Beside it a grid that finds the devices of an area.
pub struct LatestStore {
    chunks: Box<[OnceLock<Box<[Slot]>>]>,
    grid: Grid,
}

impl Default for LatestStore {
    fn default() -> Self {
        Self::new()
    }
}

impl LatestStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(),
            grid: Grid::default(),
        }
    }

    /// Overwrites the slot of a device. One writer per device at a time (its actor).
    /// Ids of [`MAX_DEVICES`] and above have no slot and are left out.
    pub fn put(&self, device: DeviceId, latest: &Latest) {
        let Some(chunk) = self.chunks.get(device.0 as usize / CHUNK) else {
            tracing::debug!(%device, "device id beyond the table of latest positions");
            return;
        };
        let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| Slot::default()).collect());
        if let Some(slot) = chunk.get(device.0 as usize % CHUNK) {
            let words = latest.pack();
            let (lat_e7, lon_e7) = Latest::place(&words);
            let cell = Cell::of(lat_e7, lon_e7);
            slot.write(&words, |cells| self.grid.place(device, cells, Some(cell)));
        }
    }

    /// Empties the slot.
    pub fn clear(&self, device: DeviceId) {
        if let Some(slot) = self.slot(device) {
            slot.write(&[0; WORDS], |cells| self.grid.place(device, cells, None));
        }
    }

    /// The latest position of a device.
    pub fn get(&self, device: DeviceId) -> Option<Latest> {
        Latest::unpack(&self.slot(device)?.read())
    }

    /// The devices in an area for which `known` says something, with what it says, by id. `known` is where a client
    /// sees its own devices only.
    ///
    /// `None`: more than `limit` devices, of whoever, are in the cells that the area touches. It is then cheaper
    /// to look at the client's devices one by one, and one client's questions do not get slower by another's fleet.
    pub fn within<T>(
        &self,
        area: &Area,
        limit: usize,
        known: impl Fn(DeviceId) -> Option<T>,
    ) -> Option<Vec<(T, Latest)>> {
        let devices = self.grid.devices(&area.bounds(), limit)?;
        let found = devices.into_iter().filter_map(|device| {
            let known = known(device)?;
            let latest = self.get(device)?;
            area.contains(latest.latitude, latest.longitude)
                .then_some((known, latest))
        });
        Some(found.collect())
    }

    fn slot(&self, device: DeviceId) -> Option<&Slot> {
        let index = device.0 as usize;
        self.chunks.get(index / CHUNK)?.get()?.get(index % CHUNK)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::model::{PositionId, TimeMs};

    fn latest(id: u64) -> Latest {
        Latest {
            id: PositionId(id),
            time: TimeMs(1_700_000_000_000),
            received: TimeMs(1_700_000_000_500),
            latitude: -33.456_789_1,
            longitude: 179.999_999_9,
            odometer_km: Some(150_350.75),
            speed_kmh: Some(60.5),
            heading_deg: None,
            altitude_m: None,
            engine_rpm: Some(2500.0),
            fuel_percent: None,
            engine_temperature_c: None,
            distance_km: None,
            signal: None,
            accuracy_m: None,
            battery_v: Some(12.5),
            ignition: Some(true),
        }
    }

    #[test]
    fn a_device_without_positions_has_no_latest() {
        let store = LatestStore::new();
        assert_eq!(store.get(DeviceId(1)), None);
        store.put(DeviceId(2), &latest(7));
        assert_eq!(store.get(DeviceId(1)), None);
    }

    #[test]
    fn put_then_get_gives_the_same_in_every_chunk() {
        let store = LatestStore::new();
        for device in [1, 4095, 4096, 1_000_000, MAX_DEVICES as u32 - 1] {
            store.put(DeviceId(device), &latest(u64::from(device)));
        }
        for device in [1, 4095, 4096, 1_000_000, MAX_DEVICES as u32 - 1] {
            assert_eq!(store.get(DeviceId(device)), Some(latest(u64::from(device))));
        }
    }

    #[test]
    fn a_cleared_slot_is_empty_and_can_be_filled_again() {
        let store = LatestStore::new();
        store.put(DeviceId(1), &latest(1));
        store.clear(DeviceId(1));
        assert_eq!(store.get(DeviceId(1)), None);
        store.put(DeviceId(1), &latest(2));
        assert_eq!(store.get(DeviceId(1)), Some(latest(2)));
    }

    #[test]
    fn an_id_beyond_the_bound_is_left_out() {
        let store = LatestStore::new();
        store.put(DeviceId(u32::MAX), &latest(1));
        store.clear(DeviceId(u32::MAX));
        assert_eq!(store.get(DeviceId(u32::MAX)), None);
    }
}
