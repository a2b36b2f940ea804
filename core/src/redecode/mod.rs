//! Decoding history again: when a decoder was wrong, its successor is given the raw messages once more, and what it
//! says otherwise becomes corrections.
//!
//! ```text
//! raw messages ─► decode (as live) ─► judge (a shadow of each device) ─► compare with what stands
//!                                         ─► corrections ─► journal ─► devices ─► latest, history
//! ```
//!
//! **In:** a [`Request`]. **Out:** corrections in the journal, like those of people, so that all that holds for those
//! holds here: they are durable, latest follows, queries see only what stands, raw messages are untouched. **Promises:**
//! what differs afterwards is what the present decoder says, judged in the order of receipt as if it had said so from
//! the start; a position that a person corrected stays theirs; a position stays with the device that it was received
//! for; a message that the decoder refuses now keeps its positions. A job may be stopped, killed and continued at any
//! point: a page that was half done is compared once more, and what was done already is no difference any more.

mod again;
mod change;
mod files;
mod job;
mod jobs;
mod judge;
mod plan;
mod run;
mod stretch;

pub use job::{Asked, Counts, Difference, Job, JobId, JobState, MAX_SAMPLES, Request};
pub use jobs::{RedecodeError, RedecodeMetrics, Redecoder, Rooms};
