//! From the journal to the devices and on to history, in order.
//!
//! In: durable journal records. Out: readings delivered to devices, complete [`Chunk`]s to history.
//!
//! ```text
//! journal ─read─► understand (decode, many chunks at once) ─► apply (in order) ─► complete (in order) ─► history
//! ```
//!
//! Chunks are decoded in parallel but applied in the order of their offsets: the queue between the two
//! stages holds the *promise* of a decoded chunk, handed over before the decoding starts. A chunk is
//! complete when every actor that it went to has dropped its ticket. Everything here can be repeated
//! from the journal: a crash anywhere replays from the last sealed batch, with the same result.

mod apply;
mod metrics;
mod origin;
mod pin;
mod run;
mod states;
mod understand;

pub use metrics::PipelineMetrics;
pub(crate) use origin::Origin;
pub use run::{Pipeline, PipelineError, PipelineOptions, Rooms, recall};
pub use states::{StateError, States};
pub(crate) use understand::{Content, Message, Turn, Understanding};

#[cfg(doc)]
use crate::history::Chunk;
