//! What the pipeline counts, per chunk.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::model::DeadReason;

/// Label of the dead-letter counter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Counters and gauges of the pipeline. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct PipelineMetrics {
    /// Journal records taken through.
    pub records: Counter,
    /// Positions delivered to devices.
    pub positions: Counter,
    /// Duplicates that were not stored again.
    pub duplicates: Counter,
    /// Journal offset up to which everything was applied.
    pub applied: Gauge,
    dead: Family<Reason, Counter>,
}

impl PipelineMetrics {
    /// Adds all of them to the table that `/metrics` prints.
    pub fn register(&self, registry: &mut Registry) {
        for reason in DeadReason::ALL {
            drop(self.dead.get_or_create(&Reason {
                reason: reason.name(),
            }));
        }
        registry.register(
            "fixstream_pipeline_records",
            "Journal records taken through",
            self.records.clone(),
        );
        registry.register(
            "fixstream_pipeline_positions",
            "Positions delivered to devices",
            self.positions.clone(),
        );
        registry.register(
            "fixstream_pipeline_duplicates",
            "Re-sent positions, not stored again",
            self.duplicates.clone(),
        );
        registry.register(
            "fixstream_pipeline_applied_offset",
            "Journal offset up to which all is applied",
            self.applied.clone(),
        );
        registry.register(
            "fixstream_pipeline_dead_letters",
            "Messages kept as dead letters",
            self.dead.clone(),
        );
    }

    /// Counts one dead letter.
    pub fn dead(&self, reason: DeadReason) {
        self.dead
            .get_or_create(&Reason {
                reason: reason.name(),
            })
            .inc();
    }
}
