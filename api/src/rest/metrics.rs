//! What is counted about requests.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Labels of a counted request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    operation: &'static str,
    status: u16,
}

/// Metrics of the REST surface. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RestMetrics {
    requests: Family<RequestLabels, Counter>,
    duration: Histogram,
}

impl Default for RestMetrics {
    fn default() -> Self {
        let buckets = [
            0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
        ];
        Self {
            requests: Family::default(),
            duration: Histogram::new(buckets),
        }
    }
}

impl RestMetrics {
    /// Names and registers the handles.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "fixstream_rest_requests",
            "Answered requests by operation and status",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "fixstream_rest_request_duration",
            "Time from the head of a request to its answer",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    pub(super) fn count(&self, operation: &'static str, status: u16, took: Duration) {
        self.requests
            .get_or_create(&RequestLabels { operation, status })
            .inc();
        self.duration.observe(took.as_secs_f64());
    }
}
