//! Numbers of history.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Metrics of history.
#[derive(Debug, Clone)]
pub struct HistoryMetrics {
    pub(super) rows: Counter,
    pub(super) batches: Counter,
    pub(super) retries: Counter,
    pub(super) probes: Counter,
    pub(super) breaker_state: Gauge,
    pub(super) reconciliations: Counter,
    pub(super) insert_seconds: Histogram,
    pub(super) lag_rows: Gauge,
    pub(super) lag_bytes: Gauge,
    pub(super) lag_seconds: Gauge<f64, AtomicU64>,
}

impl Default for HistoryMetrics {
    fn default() -> Self {
        Self {
            rows: Counter::default(),
            batches: Counter::default(),
            retries: Counter::default(),
            probes: Counter::default(),
            breaker_state: Gauge::default(),
            reconciliations: Counter::default(),
            // 1 ms to 65 s
            insert_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 17)),
            lag_rows: Gauge::default(),
            lag_bytes: Gauge::default(),
            lag_seconds: Gauge::default(),
        }
    }
}

impl HistoryMetrics {
    /// Registers all of them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "fixstream_history_rows",
            "Rows stored in ClickHouse",
            self.rows.clone(),
        );
        registry.register(
            "fixstream_history_batches",
            "Batches stored in ClickHouse",
            self.batches.clone(),
        );
        registry.register(
            "fixstream_history_retries",
            "Attempts that failed and were repeated",
            self.retries.clone(),
        );
        registry.register(
            "fixstream_history_probes",
            "Questions whether ClickHouse answers, while the circuit breaker was open",
            self.probes.clone(),
        );
        registry.register(
            "fixstream_history_breaker_state",
            "Circuit breaker in front of ClickHouse: 0 closed (batches are sent), 1 open (only questions are), 2 half open",
            self.breaker_state.clone(),
        );
        registry.register(
            "fixstream_history_reconciliations",
            "Inserts that were compared with what was stored",
            self.reconciliations.clone(),
        );
        registry.register(
            "fixstream_history_insert_seconds",
            "Time of one insert, successful ones",
            self.insert_seconds.clone(),
        );
        registry.register(
            "fixstream_history_lag_rows",
            "Rows not yet in ClickHouse",
            self.lag_rows.clone(),
        );
        registry.register(
            "fixstream_history_lag_bytes",
            "Bytes in the spool",
            self.lag_bytes.clone(),
        );
        registry.register(
            "fixstream_history_lag_seconds",
            "Age of the oldest row that is not yet in ClickHouse",
            self.lag_seconds.clone(),
        );
    }
}
