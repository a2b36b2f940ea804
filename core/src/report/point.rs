//! A fix as reports need it.

use crate::geo::Place;
use crate::history::TrackFix;
use crate::model::TimeMs;

/// A fix as reports need it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Fix time.
    pub time: TimeMs,
    /// 1e-7 degrees.
    pub lat_e7: i32,
    /// 1e-7 degrees.
    pub lon_e7: i32,
    /// As the tracker reported it, km/h.
    pub speed_kmh: Option<f64>,
}

impl Point {
    /// Degrees.
    pub fn latitude(&self) -> f64 {
        f64::from(self.lat_e7) / 1e7
    }

    /// Degrees.
    pub fn longitude(&self) -> f64 {
        f64::from(self.lon_e7) / 1e7
    }

    /// Great-circle distance, metres.
    pub fn distance_m(&self, other: &Self) -> f64 {
        if (self.lat_e7, self.lon_e7) == (other.lat_e7, other.lon_e7) {
            return 0.0;
        }
        self.place().distance_m(other.place())
    }

    /// Milliseconds to a later fix.
    pub(super) fn ms_to(&self, later: &Self) -> i64 {
        later.time.0.saturating_sub(self.time.0)
    }

    /// The one that stands for two of the same instant: the faster, so that no speeding is overlooked; else the
    /// one farther north, farther east.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let rank = |point: &Self| (point.speed_kmh, point.lat_e7, point.lon_e7);
        if rank(&other) > rank(&self) { other } else { self }
    }

    fn place(&self) -> Place {
        Place {
            lat: self.lat_e7,
            lon: self.lon_e7,
        }
    }
}

/// The greater of two speeds that may not be known.
pub(super) fn faster(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    if other > one { other } else { one }
}

impl From<&TrackFix> for Point {
    fn from(fix: &TrackFix) -> Self {
        Self {
            time: fix.time,
            lat_e7: fix.lat_e7,
            lon_e7: fix.lon_e7,
            speed_kmh: fix.speed_kmh(),
        }
    }
}
