//! A device's days.

use std::collections::BTreeMap;

use super::Report;
use super::movements::{Kind, Movements, Segment};
use super::point::{Point, faster};
use super::thresholds::Thresholds;
use crate::model::TimeMs;

const DAY: i64 = 86_400_000;

/// A day of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    /// When it begins.
    pub start: TimeMs,
    /// Its first fix; none where the device was silent all day, between fixes of other days.
    pub first: Option<Point>,
    /// Its last fix.
    pub last: Option<Point>,
    /// Fixes.
    pub fixes: u32,
    /// Over all fixes, metres: trips, gaps as the crow flies, and what the place wavers by during halts.
    pub distance_m: f64,
    /// That of trips, metres.
    pub moving_m: f64,
    /// That of gaps, metres.
    pub gap_m: f64,
    /// Milliseconds in trips.
    pub moving_ms: i64,
    /// Milliseconds in stops.
    pub stopped_ms: i64,
    /// Milliseconds in gaps.
    pub gap_ms: i64,
    /// Greatest reported speed, km/h.
    pub max_speed_kmh: Option<f64>,
    /// Stops that begin on this day.
    pub stops: u32,
    /// Trips that begin on this day.
    pub trips: u32,
}

impl Day {
    fn new(start: i64) -> Self {
        Self {
            start: TimeMs(start),
            first: None,
            last: None,
            fixes: 0,
            distance_m: 0.0,
            moving_m: 0.0,
            gap_m: 0.0,
            moving_ms: 0,
            stopped_ms: 0,
            gap_ms: 0,
            max_speed_kmh: None,
            stops: 0,
            trips: 0,
        }
    }

    /// Speed of its trips, km/h; zero without any.
    pub fn moving_kmh(&self) -> f64 {
        if self.moving_ms > 0 {
            self.moving_m / self.moving_ms as f64 * 3600.0
        } else {
            0.0
        }
    }
}

/// Sums up the days of a device, from its first to its last fix. A segment that lasts over midnight is shared out
/// by time.
#[derive(Debug)]
pub struct Summary {
    movements: Movements,
    segments: Vec<Segment>,
    /// What local time is ahead of UTC.
    offset_ms: i64,
    /// By their number since the epoch.
    days: BTreeMap<i64, Day>,
}

impl Summary {
    /// By these thresholds; days begin at midnight of a clock that is `offset_minutes` ahead of UTC.
    pub fn new(thresholds: Thresholds, offset_minutes: i32) -> Self {
        Self {
            movements: Movements::new(thresholds),
            segments: Vec::new(),
            offset_ms: i64::from(offset_minutes) * 60_000,
            days: BTreeMap::new(),
        }
    }

    fn number(&self, time: TimeMs) -> i64 {
        time.0.saturating_add(self.offset_ms).div_euclid(DAY)
    }

    fn day(&mut self, number: i64) -> &mut Day {
        let start = number.saturating_mul(DAY).saturating_sub(self.offset_ms);
        self.days.entry(number).or_insert_with(|| Day::new(start))
    }

    fn share_out(&mut self) {
        for segment in std::mem::take(&mut self.segments) {
            let (first, last) = (self.number(segment.from.time), self.number(segment.to.time));
            let begun = self.day(first);
            match segment.kind {
                Kind::Moving => begun.trips += 1,
                Kind::Stopped => begun.stops += 1,
                Kind::Gap => {}
            }
            for number in first..=last {
                let day = self.day(number);
                let from = segment.from.time.0.max(day.start.0);
                let to = segment.to.time.0.min(day.start.0.saturating_add(DAY));
                let ms = to.saturating_sub(from);
                // a segment takes time: its fixes are of different instants
                let metres = segment.distance_m * (ms as f64 / segment.ms().max(1) as f64);
                day.distance_m += metres;
                match segment.kind {
                    Kind::Moving => {
                        day.moving_ms += ms;
                        day.moving_m += metres;
                    }
                    Kind::Stopped => day.stopped_ms += ms,
                    Kind::Gap => {
                        day.gap_ms += ms;
                        day.gap_m += metres;
                    }
                }
            }
        }
    }
}

impl Report for Summary {
    type Item = Day;

    fn fix(&mut self, point: Point, _out: &mut Vec<Day>) {
        self.movements.fix(point, &mut self.segments);
        self.share_out();
        let number = self.number(point.time);
        let day = self.day(number);
        day.first.get_or_insert(point);
        day.last = Some(point);
        day.fixes = day.fixes.saturating_add(1);
        day.max_speed_kmh = faster(day.max_speed_kmh, point.speed_kmh);
    }

    fn end(&mut self, out: &mut Vec<Day>) {
        self.movements.end(&mut self.segments);
        self.share_out();
        out.extend(std::mem::take(&mut self.days).into_values());
    }
}
