//! History: sealed batches of rows, written to ClickHouse exactly once.
//!
//! **In:** [`Chunk`]s, all that came of consecutive ranges of the journal. **Out:** rows in ClickHouse, and
//! [`History::sealed`], the offset below which the journal may forget. **Promises:** a row that was
//! submitted and sealed is in ClickHouse exactly once in the end, over any crash of ours or of
//! ClickHouse; nothing is dropped; when ClickHouse is away the spool fills up to its limit, then
//! `submit` waits, then the journal fills, then the sockets stop.
//!
//! How: a batch's boundaries and content are fixed in a synced file before its first insert, so every
//! attempt sends the same rows ([`spool`], [`batcher`]). The first attempt carries a deduplication token, for
//! whatever stands between us and the server and repeats it. A token was measured to lose rows when the server
//! died in between, so after a failed attempt, and after a restart of ours, the batch is compared with what is
//! stored and only what is missing is inserted ([`inserter`], [`reconcile`]). A server that keeps failing gets questions
//! instead of batches until it answers one ([`breaker`]).

mod backlog;
mod batch;
mod batcher;
mod breaker;
mod condition;
mod error;
mod handle;
mod inserter;
mod letters;
mod metrics;
mod migrations;
mod newest;
mod options;
mod positions;
mod probe;
mod raw;
mod reconcile;
mod record;
mod reserve;
mod retry;
mod row;
mod spool;
mod standing;
mod text;
mod track;
mod writer;

pub use error::HistoryError;
pub use handle::History;
pub use letters::{Letter, LetterFilter, Letters, SHOWN_PAYLOAD};
pub use metrics::HistoryMetrics;
pub use options::{HistoryOptions, Lag};
pub use positions::{Order, PositionRows, PositionSelection, Positions};
pub use probe::server_version;
pub(crate) use raw::{RawFilter, RawMessage, RawMessages};
pub(crate) use record::is_stored_as;
pub(crate) use retry::is_permanent;
pub use row::{Chunk, PositionRow, RawRow};
pub(crate) use standing::{Among, Occupant, Place};
pub use track::{DeviceFixes, MAX_FIXES, Track, TrackError, TrackFilter, TrackFix, TrackPoint, Tracks};
