//! Where the speed limit was passed.

use super::Report;
use super::point::Point;
use super::thresholds::Thresholds;

/// Consecutive fixes above the limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Episode {
    /// The first fix above the limit.
    pub from: Point,
    /// The last one.
    pub to: Point,
    /// The fastest, the first of them.
    pub fastest: Point,
    /// How many fixes.
    pub fixes: u32,
    /// From the first to the last, metres.
    pub distance_m: f64,
    /// Sum of the speeds, for their mean.
    sum_kmh: f64,
}

impl Episode {
    /// From the first to the last fix, milliseconds; zero for a single one.
    pub fn ms(&self) -> i64 {
        self.from.ms_to(&self.to)
    }

    /// Greatest reported speed, km/h.
    pub fn max_kmh(&self) -> f64 {
        self.fastest.speed_kmh.unwrap_or_default()
    }

    /// Mean of the reported speeds, km/h.
    pub fn mean_kmh(&self) -> f64 {
        self.sum_kmh / f64::from(self.fixes.max(1))
    }
}

/// Finds the episodes of fixes whose reported speed is strictly above the limit. A fix at or below it ends one, and
/// so does a gap; a fix without a speed says nothing.
#[derive(Debug)]
pub struct Speeding {
    thresholds: Thresholds,
    last: Option<Point>,
    open: Option<Episode>,
    /// Since the last fix above the limit, metres.
    since_m: f64,
}

impl Speeding {
    /// By these thresholds.
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            last: None,
            open: None,
            since_m: 0.0,
        }
    }
}

impl Report for Speeding {
    type Item = Episode;

    fn fix(&mut self, point: Point, out: &mut Vec<Episode>) {
        if let Some(last) = self.last.replace(point) {
            if last.ms_to(&point) >= self.thresholds.gap_ms() {
                out.extend(self.open.take());
            }
            if self.open.is_some() {
                self.since_m += last.distance_m(&point);
            }
        }
        let Some(speed) = point.speed_kmh else { return };
        if speed <= f64::from(self.thresholds.max_speed_kmh) {
            out.extend(self.open.take());
            return;
        }
        let since = std::mem::take(&mut self.since_m);
        match &mut self.open {
            Some(open) => {
                open.to = point;
                open.fixes = open.fixes.saturating_add(1);
                open.distance_m += since;
                open.sum_kmh += speed;
                if Some(speed) > open.fastest.speed_kmh {
                    open.fastest = point;
                }
            }
            None => {
                self.open = Some(Episode {
                    from: point,
                    to: point,
                    fastest: point,
                    fixes: 1,
                    distance_m: 0.0,
                    sum_kmh: speed,
                });
            }
        }
    }

    fn end(&mut self, out: &mut Vec<Episode>) {
        out.extend(self.open.take());
        self.last = None;
        self.since_m = 0.0;
    }
}
