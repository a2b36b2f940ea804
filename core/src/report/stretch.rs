//! A stretch of a device's way, from one fix to a later one.

use super::point::{Point, faster};
use super::thresholds::Thresholds;

/// A stretch of a device's way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    pub from: Point,
    pub to: Point,
    /// Over all fixes in between, metres.
    pub distance_m: f64,
    /// Greatest that was reported, its ends included.
    pub max_speed_kmh: Option<f64>,
    /// Steps from fix to fix.
    pub steps: u32,
}

/// What a stretch says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Gap,
    Moving,
    Halt,
    /// Too slow or short for moving, too fast or far for a halt.
    Nothing,
}

impl Stretch {
    /// From a fix to the next.
    pub fn step(from: Point, to: Point) -> Self {
        Self {
            from,
            to,
            distance_m: from.distance_m(&to),
            max_speed_kmh: faster(from.speed_kmh, to.speed_kmh),
            steps: 1,
        }
    }

    /// This one and the one that begins where it ends.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self {
            from: self.from,
            to: next.to,
            distance_m: self.distance_m + next.distance_m,
            max_speed_kmh: faster(self.max_speed_kmh, next.max_speed_kmh),
            steps: self.steps.saturating_add(next.steps),
        }
    }

    pub fn ms(&self) -> i64 {
        self.from.ms_to(&self.to)
    }
}

/// What a step from a fix to the next says.
pub(super) fn says(step: &Stretch, thresholds: &Thresholds) -> Says {
    if step.ms() >= thresholds.gap_ms() {
        Says::Gap
    } else {
        judged(step.distance_m, step.ms(), thresholds)
    }
}

/// What the straight way between two fixes says, whatever time there is between them.
pub(super) fn pace(from: &Point, to: &Point, thresholds: &Thresholds) -> Says {
    judged(from.distance_m(to), from.ms_to(to), thresholds)
}

/// What so many metres in so many milliseconds say.
fn judged(metres: f64, ms: i64, thresholds: &Thresholds) -> Says {
    let kmh = metres / ms as f64 * 3600.0;
    if kmh >= f64::from(thresholds.min_movement_speed_kmh)
        && metres >= f64::from(thresholds.min_movement_distance_meters)
    {
        Says::Moving
    } else if kmh <= f64::from(thresholds.max_stop_speed_kmh)
        && metres <= f64::from(thresholds.max_stop_distance_meters)
    {
        Says::Halt
    } else {
        Says::Nothing
    }
}
