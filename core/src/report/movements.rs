//! Trips, stops and gaps.

use super::Report;
use super::point::Point;
use super::stretch::{Says, Stretch, pace, says};
use super::thresholds::Thresholds;

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No fix for long.
    Gap,
    /// A trip, short halts included.
    Moving,
    /// A halt.
    Stopped,
}

impl Kind {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gap => "GAP",
            Self::Moving => "MOVING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// A part of a device's way. One begins where the one before ends, and is of another kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// What it is.
    pub kind: Kind,
    /// Its first fix.
    pub from: Point,
    /// Its last fix, the first of the next segment.
    pub to: Point,
    /// Over all its fixes, metres.
    pub distance_m: f64,
    /// The greatest speed that was reported, km/h.
    pub max_speed_kmh: Option<f64>,
    /// Its fixes, first and last included.
    pub fixes: u32,
}

impl Segment {
    /// How long it lasts, milliseconds.
    pub fn ms(&self) -> i64 {
        self.from.ms_to(&self.to)
    }

    /// Distance by time, km/h; zero when it takes no time.
    pub fn average_kmh(&self) -> f64 {
        let ms = self.ms();
        if ms > 0 {
            self.distance_m / ms as f64 * 3600.0
        } else {
            0.0
        }
    }
}

/// Cuts a device's way into segments.
///
/// Each step from a fix to the next says gap, moving, halt or nothing. Steps that say nothing are taken together
/// until, from the first to the last, they say something (trackers that report every second never go far in one
/// step); what is left undecided belongs to the trip beside it if there is one, else to the halt. Halts of the
/// minimal duration are STOPPED; shorter ones belong to the trip beside them, and are STOPPED only where nothing
/// moves before or after.
#[derive(Debug)]
pub struct Movements {
    thresholds: Thresholds,
    last: Option<Point>,
    /// Decided, and still growing.
    open: Option<(Kind, Stretch)>,
    /// A halt after it, not yet long enough to be STOPPED.
    halt: Option<Stretch>,
    /// Steps after that, which say nothing so far.
    unclear: Option<Stretch>,
}

impl Movements {
    /// By these thresholds.
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            last: None,
            open: None,
            halt: None,
            unclear: None,
        }
    }

    fn step(&mut self, step: Stretch, out: &mut Vec<Segment>) {
        match says(&step, &self.thresholds) {
            Says::Gap => {
                self.settle(out);
                self.go_on(Kind::Gap, step, out);
            }
            Says::Moving => self.moving(step, out),
            Says::Halt => self.halting(step, out),
            Says::Nothing => self.nothing(step, out),
        }
    }

    fn nothing(&mut self, step: Stretch, out: &mut Vec<Segment>) {
        let all = joined(self.unclear.take(), step);
        match pace(&all.from, &all.to, &self.thresholds) {
            Says::Moving => self.moving(all, out),
            Says::Halt => self.halting(all, out),
            Says::Gap | Says::Nothing => self.unclear = Some(all),
        }
    }

    fn moving(&mut self, stretch: Stretch, out: &mut Vec<Segment>) {
        let stretch = joined(self.unclear.take(), stretch);
        let stretch = joined(self.halt.take(), stretch);
        self.go_on(Kind::Moving, stretch, out);
    }

    fn halting(&mut self, stretch: Stretch, out: &mut Vec<Segment>) {
        let after_trip = self.halt.is_none() && self.is_open(Kind::Moving);
        let stretch = match self.unclear.take() {
            Some(unclear) if after_trip => {
                self.go_on(Kind::Moving, unclear, out);
                stretch
            }
            unclear => joined(unclear, stretch),
        };
        if self.is_open(Kind::Stopped) {
            self.go_on(Kind::Stopped, stretch, out);
            return;
        }
        let halt = joined(self.halt.take(), stretch);
        if halt.ms() >= self.thresholds.min_stop_ms() {
            self.go_on(Kind::Stopped, halt, out);
        } else {
            self.halt = Some(halt);
        }
    }

    /// Decides what is undecided: a gap follows, or nothing.
    fn settle(&mut self, out: &mut Vec<Segment>) {
        if let Some(unclear) = self.unclear.take() {
            self.halting_or_open(unclear, out);
        }
        if let Some(halt) = self.halt.take() {
            let long = halt.ms() >= self.thresholds.min_stop_ms();
            let kind = if !long && self.is_open(Kind::Moving) {
                Kind::Moving
            } else {
                Kind::Stopped
            };
            self.go_on(kind, halt, out);
        }
    }

    /// What is undecided at the end goes on with what was before.
    fn halting_or_open(&mut self, unclear: Stretch, out: &mut Vec<Segment>) {
        match self.open {
            Some((kind @ (Kind::Moving | Kind::Stopped), _)) if self.halt.is_none() => {
                self.go_on(kind, unclear, out);
            }
            _ => self.halt = Some(joined(self.halt.take(), unclear)),
        }
    }

    fn is_open(&self, kind: Kind) -> bool {
        self.open.is_some_and(|(open, _)| open == kind)
    }

    /// Goes on with the open segment, or closes it and opens another.
    fn go_on(&mut self, kind: Kind, stretch: Stretch, out: &mut Vec<Segment>) {
        self.open = Some(match self.open.take() {
            Some((open, before)) if open == kind => (kind, before.then(stretch)),
            before => {
                out.extend(before.map(segment));
                (kind, stretch)
            }
        });
    }
}

impl Report for Movements {
    type Item = Segment;

    fn fix(&mut self, point: Point, out: &mut Vec<Segment>) {
        if let Some(last) = self.last.replace(point) {
            self.step(Stretch::step(last, point), out);
        }
    }

    fn end(&mut self, out: &mut Vec<Segment>) {
        self.settle(out);
        out.extend(self.open.take().map(segment));
        self.last = None;
    }
}

fn joined(before: Option<Stretch>, stretch: Stretch) -> Stretch {
    before.map_or(stretch, |before| before.then(stretch))
}

fn segment((kind, stretch): (Kind, Stretch)) -> Segment {
    Segment {
        kind,
        from: stretch.from,
        to: stretch.to,
        distance_m: stretch.distance_m,
        max_speed_kmh: stretch.max_speed_kmh,
        fixes: stretch.steps.saturating_add(1),
    }
}
