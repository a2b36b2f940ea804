//! The latest trusted position of every device, in memory.
//!
//! In: [`LatestStore::put`] by the device's actor. Out: [`LatestStore::get`] by REST and streams.
//! Promises: a reader never makes a writer wait and never sees half of a write; the table grows without
//! moving a slot; no locks, no `unsafe`. Rebuilt at start from history and the journal's tail.

mod record;
mod slot;
mod store;

pub use record::Latest;
pub use store::{LatestStore, MAX_DEVICES};
