//! The client's thresholds.

/// What counts as moving, stopped, gap and speeding; the names and units of the clients' configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Speeding is what is above, km/h.
    pub max_speed_kmh: u32,
    /// A halt that lasts so long or longer is STOPPED, minutes.
    pub min_stop_minutes: u32,
    /// A halt is at most so fast, km/h.
    pub max_stop_speed_kmh: u32,
    /// A halt goes at most so far between two fixes, metres.
    pub max_stop_distance_meters: u32,
    /// MOVING is so fast or faster, km/h.
    pub min_movement_speed_kmh: u32,
    /// MOVING goes so far or farther, metres.
    pub min_movement_distance_meters: u32,
    /// So long or longer without a fix is a GAP, seconds.
    pub gap_threshold_seconds: u32,
}

impl Default for Thresholds {
    /// What holds for a client without a configuration.
    fn default() -> Self {
        Self {
            max_speed_kmh: 80,
            min_stop_minutes: 5,
            max_stop_speed_kmh: 3,
            max_stop_distance_meters: 50,
            min_movement_speed_kmh: 5,
            min_movement_distance_meters: 100,
            gap_threshold_seconds: 600,
        }
    }
}

impl Thresholds {
    /// Milliseconds.
    pub(super) fn gap_ms(&self) -> i64 {
        i64::from(self.gap_threshold_seconds) * 1000
    }

    /// Milliseconds.
    pub(super) fn min_stop_ms(&self) -> i64 {
        i64::from(self.min_stop_minutes) * 60_000
    }
}
