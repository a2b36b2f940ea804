//! The client's thresholds in the units of reports.

pub use crate::registry::Thresholds;

impl Thresholds {
    /// Milliseconds from which on there is a gap between two fixes.
    pub fn gap_ms(&self) -> i64 {
        i64::from(self.gap_threshold_seconds) * 1000
    }

    /// Milliseconds from which on a halt is a stop.
    pub(super) fn min_stop_ms(&self) -> i64 {
        i64::from(self.min_stop_minutes) * 60_000
    }
}
