//! The journal: raw uplinks, durable before they are acknowledged.
//!
//! In come framed records ([`Frames`], from the broker and from REST) in batches; each gets a dense
//! number, from 1 without holes. Out go the records, in order, from any offset, to the pipeline
//! ([`Reader`]). A checkpoint from history says what nobody needs any more.
//!
//! Promises:
//! - What [`Journal::durable`] has passed survives a kill, a crash of the machine and a power cut, and is
//!   read back exactly once, in order, byte for byte.
//! - Nothing is acknowledged that the disk has not confirmed: one writer thread writes all that waits as
//!   one checksummed block and syncs it once (natural group commit, no added window). A write for which
//!   there is no space is repeated until there is; a failed sync is never repeated, the journal stops.
//! - A torn tail (the one write that a crash may cut) is removed at open. Any other damage is an error
//!   that names file and byte; [`inspect`] shows it and can step over it.
//! - Memory and disk are bounded: appends are refused above a high-water mark, accepted again below it.
//!
//! On disk: segments `<first offset>.log` of blocks (see `block`), preallocated with zeros, ended by a
//! seal once full; `checkpoint` (identity and checkpoint, replaced atomically); `lock`.
//!
//! [`Log`] is what the other rooms need of a journal, so that another log can stand in.

mod block;
mod checkpoint;
mod disk;
mod error;
mod frames;
mod handle;
pub mod inspect;
mod log;
mod metrics;
#[cfg(test)]
mod model_test;
mod options;
mod queue;
mod reader;
mod recover;
mod scan;
mod segment;
mod shared;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
mod writer;

pub use error::{AppendError, JournalError};
pub use frames::Frames;
pub use handle::Journal;
pub use log::{Log, LogReader};
pub use metrics::JournalMetrics;
pub use options::JournalOptions;
pub use reader::Reader;
