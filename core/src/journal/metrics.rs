//! Counters of the journal.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Metrics of the journal, counted once per group or refusal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct JournalMetrics {
    /// Records made durable.
    pub records: Counter,
    /// Bytes of the blocks that hold them.
    pub bytes: Counter,
    /// Groups synced.
    pub syncs: Counter,
    /// Seconds of the write and the sync of one group.
    pub sync_seconds: Histogram,
    /// Bytes in segments.
    pub bytes_in_use: Gauge,
    /// Appends refused.
    pub refused: Counter,
    /// 1 while the writer waits for space on the disk.
    pub no_space: Gauge,
}

impl Default for JournalMetrics {
    fn default() -> Self {
        Self {
            records: Counter::default(),
            bytes: Counter::default(),
            syncs: Counter::default(),
            // 50 µs to 6.5 s
            sync_seconds: Histogram::new(exponential_buckets(50e-6, 2.0, 18)),
            bytes_in_use: Gauge::default(),
            refused: Counter::default(),
            no_space: Gauge::default(),
        }
    }
}

impl JournalMetrics {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "fixstream_journal_records",
            "Records made durable",
            self.records.clone(),
        );
        registry.register(
            "fixstream_journal_written_bytes",
            "Bytes written",
            self.bytes.clone(),
        );
        registry.register("fixstream_journal_syncs", "Groups synced", self.syncs.clone());
        registry.register(
            "fixstream_journal_sync_seconds",
            "Time to write and sync one group",
            self.sync_seconds.clone(),
        );
        registry.register(
            "fixstream_journal_in_use_bytes",
            "Bytes in segments",
            self.bytes_in_use.clone(),
        );
        registry.register(
            "fixstream_journal_refused_appends",
            "Appends refused",
            self.refused.clone(),
        );
        registry.register(
            "fixstream_journal_no_space",
            "1 while the disk has no space and nothing is acknowledged",
            self.no_space.clone(),
        );
    }
}
