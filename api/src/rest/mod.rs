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
mod dead_letters;
mod devices;
mod dialect;
mod envelope;
mod error;
mod fields;
mod health;
mod latest;
mod metrics;
mod operation;
mod plugins;
mod positions;
mod resource;
mod routes;
#[cfg(test)]
mod tests;
mod time;
mod trackers;
mod validate;
mod vendors;

use std::sync::Arc;

use fixstream_core::deadletter::DeadLetters;
use fixstream_core::decode::DecodeHost;
use fixstream_core::ingest::Ingest;
use fixstream_core::latest::LatestStore;
use fixstream_core::model::TimeMs;
use fixstream_core::registry::Registry;
use fixstream_core::telemetry::Health;

use crate::plugins::Plugins;

pub use metrics::RestMetrics;
pub use routes::routes;

/// What the endpoints work on.
pub struct Rest {
    /// Who is who.
    pub registry: Registry,
    /// The way into the journal.
    pub ingest: Ingest,
    /// What could not be understood or assigned.
    pub dead_letters: DeadLetters,
    /// Vendor decoders.
    pub decode: DecodeHost,
    /// What is installed, and the way in for what is new.
    pub plugins: Arc<Plugins>,
    /// Latest positions.
    pub latest: Arc<LatestStore>,
    /// The state of all parts.
    pub health: Health,
    /// When the server was started.
    pub started: TimeMs,
    /// All metrics, for `/metrics`.
    pub metrics: Arc<parking_lot::Mutex<prometheus_client::registry::Registry>>,
}
