//! The latest trusted position of every device, in memory.
//!
//! In: [`LatestStore::put`] by the device's actor. Out: [`LatestStore::get`] and, by area, [`LatestStore::within`],
//! by REST and streams. Promises: a reader never makes a writer wait and never sees half of a write; the table grows
//! without moving a slot; no locks of ours, no `unsafe`. Rebuilt at start from history and the journal's tail.

mod area;
mod grid;
mod record;
mod slot;
mod store;

#[cfg(test)]
mod area_tests;

pub use area::{Area, Bounds, Circle};
pub use record::Latest;
pub use store::{LatestStore, MAX_DEVICES};
