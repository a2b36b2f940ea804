//! Devices: what a decoded position means, given what its device said before.
//!
//! In: batches of [`Reading`]s per device, in journal order, from the one pipeline task
//! ([`DeviceDirectory::deliver`]). Out: judged rows on the batch's [`Ticket`], and the latest position in
//! [`crate::latest`].
//!
//! Promises: readings of a device are judged in the order delivered, across activation, passivation and
//! failure of its actor; every reading ends up as a row, a counted duplicate, or a failed id: nothing is
//! lost; the judgement depends on the readings alone (their `received`, never the clock), so that a replay
//! of the journal judges alike. `deliver` never waits; what bounds the queues are the outstanding tickets.
//!
//! The judgement is [`DeviceCore::step`], pure and synchronous; actors only carry readings to it.
//!
//! Corrections ([`crate::model::Correction`]) pass the same queues ([`DeviceDirectory::deliver`]), in order with
//! the readings. A position that was corrected stays so: what its device sends again of it is a duplicate, or
//! `late` and superseded in history.

mod actor;
mod apply;
mod content;
mod convert;
mod core;
mod correct;
mod corrected;
mod directory;
mod metrics;
mod options;
mod shadow;
mod sharded;
mod slots;
mod supervisor;
mod ticket;

#[cfg(test)]
mod core_tests;
#[cfg(test)]
mod correct_tests;
#[cfg(test)]
mod directory_tests;
#[cfg(test)]
mod testing;

pub use self::content::content_hash;
pub(crate) use self::core::place_in_history;
pub use self::core::{Candidate, DeviceCore, Motion, Step, StepConfig, fix_time};
pub use self::correct::restated_place;
pub(crate) use self::correct::{place_after, restated_row_place};
pub use self::directory::{DeviceDirectory, DeviceError};
pub use self::metrics::DeviceMetrics;
pub use self::options::{DeviceOptions, Layout};
pub(crate) use self::shadow::Shadow;
pub use self::ticket::{Applied, DeviceBatch, DeviceCorrection, Reading, Ticket};
