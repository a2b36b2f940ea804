//! Positions after the fact: read back, restated, deleted.
//!
//! In: what REST asks of a position by its id. Out: [`crate::model::Correction`]s in the journal, which the
//! pipeline hands to the devices in order with everything else.
//!
//! Promises: a correction is on disk when it is answered; whoever then asks for the position sees it corrected;
//! corrections of one device are made one after the other, each of what the one before has left. What a
//! correction needs of history is read when it is accepted and stands in its record, so applying it is the same
//! at every replay. Without ClickHouse nothing is corrected.

mod accept;
mod batch;
mod turns;

pub use accept::{CorrectionError, Corrections};
pub(crate) use turns::Held;
