//! What clients call over HTTP: the TrackerHub surface, and the resource surface under `/v1`.
//!
//! In come requests with the header `apikey`; out go the documented envelopes. One table of codes
//! (`codes`), one error type (`error`), one renderer for each dialect (`envelope`, `resource`), one validator
//! (`validate`) and one way to declare an endpoint (`operation`). Both surfaces promise:
//! - an answer in the same form to everything, also to unknown paths, over-long bodies and panics;
//! - nothing of another client is ever readable, and its ids answer exactly as ids that never existed;
//! - 201 to a position only when it is on disk.

mod checked;
mod codes;
mod config;
mod cors;
mod dead_letters;
mod devices;
mod dialect;
mod envelope;
mod error;
mod error_pages;
mod fields;
mod formats;
mod health;
mod latest;
mod limits;
mod metrics;
mod openapi;
mod operation;
mod plugins;
mod position_history;
mod positions;
mod presence;
mod resource;
mod routes;
mod streamed;
#[cfg(test)]
mod tests;
mod time;
mod trackers;
mod v1;
mod validate;
mod vendors;

use std::sync::Arc;

use fixstream_core::corrections::Corrections;
use fixstream_core::deadletter::DeadLetters;
use fixstream_core::decode::DecodeHost;
use fixstream_core::history::Tracks;
use fixstream_core::ingest::Ingest;
use fixstream_core::latest::LatestStore;
use fixstream_core::model::TimeMs;
use fixstream_core::redecode::Redecoder;
use fixstream_core::registry::Registry;
use fixstream_core::telemetry::Health;

use crate::plugins::Plugins;

pub use cors::cors;
pub use limits::{Limit, Limits};
pub use metrics::RestMetrics;
pub use presence::Presence;
pub use routes::routes;

/// What the endpoints work on.
pub struct Rest {
    /// Who is who.
    pub registry: Registry,
    /// The way into the journal.
    pub ingest: Ingest,
    /// Positions after the fact.
    pub corrections: Corrections,
    /// The ways of devices, for reports and exports.
    pub tracks: Tracks,
    /// What could not be understood or assigned.
    pub dead_letters: DeadLetters,
    /// History decoded again.
    pub redecode: Redecoder,
    /// Vendor decoders.
    pub decode: DecodeHost,
    /// What is installed, and the way in for what is new.
    pub plugins: Arc<Plugins>,
    /// Latest positions.
    pub latest: Arc<LatestStore>,
    /// Whether devices have positions.
    pub presence: Box<dyn Presence>,
    /// How many requests a key may send.
    pub limits: Limits,
    /// The state of all parts.
    pub health: Health,
    /// When the server was started.
    pub started: TimeMs,
    /// All metrics, for `/metrics`.
    pub metrics: Arc<parking_lot::Mutex<prometheus_client::registry::Registry>>,
}
