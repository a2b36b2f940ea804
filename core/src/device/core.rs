//! The judgement of one device's fixes: pure, synchronous, without a clock.

use super::content::{content_hash, sighting};
use super::options::DeviceOptions;
use super::ticket::Reading;
use crate::geo::Place;
use crate::history::PositionRow;
use crate::model::{Fix, PositionId, TimeMs, Verdict};

const DAY: i64 = 86_400_000;
/// A GPS week counter of ten bits begins anew after so long.
const ROLLOVER: i64 = 1024 * 7 * DAY;
/// Fix times younger than this are never taken for a rollover (it is more than 19 years and 7 months).
const ROLLOVER_AGE: i64 = 19 * 365 * DAY;
/// A repaired time must land this close before the time of receipt (a tracker may have buffered) …
const REPAIR_BEHIND: i64 = 7 * DAY;
/// … or this close after it.
const REPAIR_AHEAD: i64 = DAY;
/// Row times are held within ten years before receipt …
const OLDEST: i64 = 3653 * DAY;
/// … and a day after it: each day is a partition of the table.
const NEWEST: i64 = DAY;
/// Two fixes this close are never a jump: errors of receivers, and times in whole seconds.
const JUMP_SLACK_M: f64 = 1000.0;
/// At least so fast is moving, km/h; slower receivers' noise is standing.
const MOVING_KMH: f64 = 5.0;
/// Where no speed is stated, nearer than this to the fix before is standing, metres.
const MOVING_M: f64 = 50.0;
/// Sightings remembered for finding duplicates: that of the newest trusted fix, and the last of the others.
pub(super) const SIGHTINGS: usize = 8;
/// No place among them.
const NOWHERE: u8 = u8::MAX;

/// What judging needs of [`DeviceOptions`], in the units of the calculation.
#[derive(Debug, Clone, Copy)]
pub struct StepConfig {
    /// Fix times beyond receipt plus this are `future`, ms.
    pub future_tolerance_ms: i64,
    /// Impossible speed, metres per millisecond; infinite: no jumps.
    pub jump_m_per_ms: f64,
}

impl From<&DeviceOptions> for StepConfig {
    fn from(options: &DeviceOptions) -> Self {
        let speed = options.jump_speed_kmh / 3600.0;
        Self {
            future_tolerance_ms: i64::try_from(options.future_tolerance.as_millis()).unwrap_or(i64::MAX),
            jump_m_per_ms: if speed.is_finite() && speed > 0.0 {
                speed
            } else {
                f64::INFINITY
            },
        }
    }
}

/// Whether a device moves, by its trusted fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Motion {
    /// Nothing trusted has said so far.
    Unknown,
    /// Standing.
    Stopped,
    /// Moving.
    Moving,
}

/// What became of the device's candidate: the newest fix that looked like a jump. Its row is kept by the
/// caller, because a core is plain data of fixed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidate {
    /// Nothing changed.
    Unchanged,
    /// This reading is the candidate now: keep its row in place of any other.
    Keep,
    /// The device went on from its trusted place: the candidate was a jump indeed. Forget its row.
    Dropped,
    /// This reading confirms the candidate: emit its row again with this verdict and the next revision.
    /// It was the latest position before this reading.
    Released(Verdict),
}

/// The judgement of one reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// What the hub thinks of it.
    pub verdict: Verdict,
    /// The fix time by which it was judged: as stated, repaired, or that of receipt.
    pub time: TimeMs,
    /// That time, held to what a partition may be opened for.
    pub row_time: TimeMs,
    /// [`content_hash`] of the fix.
    pub content: u64,
    /// It is the latest position now.
    pub latest: bool,
    /// What became of the candidate.
    pub candidate: Candidate,
}

/// A fix as a base of comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Base {
    time: i64,
    id: u64,
    place: Place,
}

impl Base {
    const NONE: Self = Self {
        time: 0,
        id: 0,
        place: Place { lat: 0, lon: 0 },
    };

    /// Time decides; of two of one time, the later arrival (ids rise with arrival).
    fn supersedes(&self, other: &Self) -> bool {
        (self.time, self.id) >= (other.time, other.id)
    }
}

/// All that is remembered of a device between its fixes. `Copy`, so that a step may fail half-way without
/// harm, and small, since there is one for every device, active or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeviceCore {
    trusted: Base,
    candidate: Base,
    motion_since: i64,
    seen: [u64; SIGHTINGS],
    seen_next: u8,
    /// Where among `seen` the newest trusted fix is, which is not overwritten: sent again, however late, it must
    /// not become another latest position.
    trusted_at: u8,
    has_trusted: bool,
    has_candidate: bool,
    candidate_repaired: bool,
    motion: Motion,
}

const _: () = assert!(size_of::<DeviceCore>() <= 128);

impl Default for DeviceCore {
    fn default() -> Self {
        Self {
            trusted: Base::NONE,
            candidate: Base::NONE,
            motion_since: 0,
            seen: [0; SIGHTINGS],
            seen_next: 0,
            trusted_at: NOWHERE,
            has_trusted: false,
            has_candidate: false,
            candidate_repaired: false,
            motion: Motion::Unknown,
        }
    }
}

impl DeviceCore {
    /// Judges one reading. "Now" is the reading's `received`.
    ///
    /// The first that applies: `duplicate`, `future`, `invalid`, `null_island`, `jump`, `late`, and then
    /// `clock` where the time was repaired, else `ok`. A repaired time is used in all of them, but does not
    /// make a fix trusted that its device itself calls invalid.
    pub fn step(&mut self, reading: &Reading, config: &StepConfig) -> Step {
        let mut step = Step::unjudged(reading);
        let sighting = reading_sighting(reading, step.content);
        if !self.seen.contains(&sighting) {
            self.judge(reading, sighting, config, &mut step);
        }
        step
    }

    /// Judges a fix that is stated anew: as [`Self::step`], but nothing is a duplicate.
    pub(super) fn step_again(&mut self, reading: &Reading, config: &StepConfig) -> Step {
        let mut step = Step::unjudged(reading);
        let sighting = reading_sighting(reading, step.content);
        self.judge(reading, sighting, config, &mut step);
        step
    }

    /// Forgets that the position of this id was ever there. Where it was the newest trusted fix, the device is
    /// back at `fallback`; true then.
    pub(super) fn retract(&mut self, id: PositionId, fallback: Option<&PositionRow>) -> bool {
        if self.has_candidate && self.candidate.id == id.0 {
            self.has_candidate = false;
        }
        if !self.has_trusted || self.trusted.id != id.0 {
            return false;
        }
        self.has_trusted = false;
        self.trusted_at = NOWHERE;
        self.motion = Motion::Unknown;
        self.motion_since = 0;
        if let Some(row) = fallback {
            self.restore(row);
        }
        true
    }

    /// Whether the candidate is the position of this id.
    pub(super) fn is_candidate(&self, id: PositionId) -> bool {
        self.has_candidate && self.candidate.id == id.0
    }

    fn judge(&mut self, reading: &Reading, sighting: u64, config: &StepConfig, step: &mut Step) {
        let fix = &reading.fix;
        let received = reading.received.0;
        let stated = fix.time.unwrap_or(reading.received).0;
        let repaired = repaired(stated, received);
        let time = step.time.0;
        let place = self.remember(sighting);
        if time > received.saturating_add(config.future_tolerance_ms) {
            step.verdict = Verdict::Future;
        } else if fix.valid == Some(false) || !on_earth(fix) {
            step.verdict = Verdict::Invalid;
        } else if near_zero(fix.latitude) && near_zero(fix.longitude) {
            step.verdict = Verdict::NullIsland;
        } else {
            let here = Base {
                time,
                id: reading.id.0,
                place: Place::new(fix.latitude, fix.longitude),
            };
            self.locate(here, repaired.is_some(), fix.speed_kmh, config, step);
            if step.latest {
                self.trusted_at = place;
            }
        }
    }

    /// Takes in a stored row of this device as if it had been seen just now. True when it is the newest
    /// trusted fix so far. Rows may come in any order.
    pub fn restore(&mut self, row: &PositionRow) -> bool {
        let stated = row.fix.time.unwrap_or(row.received).0;
        let sighting = sighting(row.content, stated);
        let known = self.seen.iter().position(|seen| *seen == sighting);
        let place = known.map_or_else(|| self.remember(sighting), |place| place as u8);
        let time = super::convert::judged_time(row).0;
        let here = Base {
            time,
            id: row.id.0,
            place: Place::new(row.fix.latitude, row.fix.longitude),
        };
        let newest = row.verdict.is_trusted()
            && on_earth(&row.fix)
            && (!self.has_trusted || here.supersedes(&self.trusted));
        if newest {
            self.trust(here, row.fix.speed_kmh);
            self.trusted_at = place;
        }
        newest
    }

    /// Takes in a stored row that looked like a jump. True when it is newer than what is trusted, and so the
    /// candidate now: the next fix may confirm it.
    pub(super) fn restore_jump(&mut self, row: &PositionRow) -> bool {
        let stated = row.fix.time.unwrap_or(row.received).0;
        let here = Base {
            time: fix_time(&row.fix, row.received).0,
            id: row.id.0,
            place: Place::new(row.fix.latitude, row.fix.longitude),
        };
        let newer = self.has_trusted && here.supersedes(&self.trusted);
        if row.verdict != Verdict::Jump || !newer || !on_earth(&row.fix) {
            return false;
        }
        self.candidate = here;
        self.has_candidate = true;
        self.candidate_repaired = repaired(stated, row.received.0).is_some();
        true
    }

    /// Time and id of the newest trusted fix.
    pub fn newest(&self) -> Option<(TimeMs, PositionId)> {
        self.has_trusted
            .then_some((TimeMs(self.trusted.time), PositionId(self.trusted.id)))
    }

    /// Whether the device moves, and since when.
    pub fn motion(&self) -> (Motion, TimeMs) {
        (self.motion, TimeMs(self.motion_since))
    }

    /// Jump, late, ok.
    fn locate(
        &mut self,
        here: Base,
        repaired: bool,
        speed: Option<f64>,
        config: &StepConfig,
        step: &mut Step,
    ) {
        // Only a fix that is newer than what is trusted says anything about where the device is now.
        let newer = !self.has_trusted || here.supersedes(&self.trusted);
        if self.has_trusted && !config.reachable(&self.trusted, &here) {
            let confirms = newer && self.has_candidate && config.reachable(&self.candidate, &here);
            if !confirms {
                step.verdict = Verdict::Jump;
                if newer {
                    self.candidate = here;
                    self.has_candidate = true;
                    self.candidate_repaired = repaired;
                    step.candidate = Candidate::Keep;
                }
                return;
            }
            step.candidate = Candidate::Released(trusted_verdict(self.candidate_repaired));
            self.has_candidate = false;
            self.trust(self.candidate, None);
        } else if self.has_candidate && here.supersedes(&self.candidate) {
            self.has_candidate = false;
            step.candidate = Candidate::Dropped;
        }
        if self.has_trusted && here.time < self.trusted.time {
            step.verdict = Verdict::Late;
            return;
        }
        step.verdict = trusted_verdict(repaired);
        if !self.has_trusted || here.supersedes(&self.trusted) {
            step.latest = true;
            self.trust(here, speed);
        }
    }

    fn trust(&mut self, here: Base, speed: Option<f64>) {
        let moving = match speed {
            Some(speed) if speed.is_finite() => Some(speed >= MOVING_KMH),
            _ if self.has_trusted => Some(moved(&self.trusted, &here)),
            _ => None,
        };
        let motion = match moving {
            Some(true) => Motion::Moving,
            Some(false) => Motion::Stopped,
            None => self.motion,
        };
        if motion != self.motion {
            self.motion = motion;
            self.motion_since = here.time;
        }
        self.trusted = here;
        self.has_trusted = true;
    }

    /// Overwrites the oldest sighting but that of the newest trusted fix; where it stands now.
    fn remember(&mut self, sighting: u64) -> u8 {
        let mut next = usize::from(self.seen_next) % SIGHTINGS;
        if next == usize::from(self.trusted_at) {
            next = (next + 1) % SIGHTINGS;
        }
        if let Some(place) = self.seen.get_mut(next) {
            *place = sighting;
        }
        self.seen_next = ((next + 1) % SIGHTINGS) as u8;
        next as u8
    }
}

impl StepConfig {
    /// Whether a device can have been at both, in whichever order.
    fn reachable(&self, from: &Base, to: &Base) -> bool {
        let reach = JUMP_SLACK_M + self.jump_m_per_ms * from.time.abs_diff(to.time) as f64;
        // Infinity × 0 is not a number; then the switch is off and everything can be reached.
        reach.is_nan() || from.place.at_most_m(to.place) <= reach || from.place.distance_m(to.place) <= reach
    }
}

impl Step {
    /// Time and content of a reading; its judgement is still open.
    fn unjudged(reading: &Reading) -> Self {
        let time = fix_time(&reading.fix, reading.received);
        Self {
            verdict: Verdict::Duplicate,
            time,
            row_time: TimeMs(clamped(time.0, reading.received.0)),
            content: content_hash(&reading.fix),
            latest: false,
            candidate: Candidate::Unchanged,
        }
    }
}

/// The time of a fix: as stated, repaired, or that of receipt.
pub fn fix_time(fix: &Fix, received: TimeMs) -> TimeMs {
    let stated = fix.time.unwrap_or(received).0;
    TimeMs(repaired(stated, received.0).unwrap_or(stated))
}

/// Where a fix stands in history, apart from its device: its time there, and its content.
pub(crate) fn place_in_history(fix: &Fix, received: TimeMs) -> (TimeMs, u64) {
    let time = clamped(fix_time(fix, received).0, received.0);
    (TimeMs(time), content_hash(fix))
}

/// The verdict of a fix of that time which is trusted.
pub(super) fn verdict_when_trusted(fix: &Fix, received: TimeMs) -> Verdict {
    let stated = fix.time.unwrap_or(received).0;
    trusted_verdict(repaired(stated, received.0).is_some())
}

fn reading_sighting(reading: &Reading, content: u64) -> u64 {
    sighting(content, reading.fix.time.unwrap_or(reading.received).0)
}

fn trusted_verdict(repaired: bool) -> Verdict {
    if repaired { Verdict::Clock } else { Verdict::Ok }
}

/// Faster than standing, by displacement.
fn moved(from: &Base, to: &Base) -> bool {
    if from.place.at_most_m(to.place) < MOVING_M {
        return false;
    }
    let metres = from.place.distance_m(to.place);
    let hours = from.time.abs_diff(to.time).max(1000) as f64 / 3_600_000.0;
    metres >= MOVING_M && metres / 1000.0 / hours >= MOVING_KMH
}

/// The time with whole rollovers of the GPS week counter added, if that brings it to the time of receipt.
fn repaired(stated: i64, received: i64) -> Option<i64> {
    let age = received.checked_sub(stated)?;
    if age < ROLLOVER_AGE {
        return None;
    }
    let rollovers = age.checked_add(ROLLOVER / 2)? / ROLLOVER;
    let time = stated.checked_add(rollovers.checked_mul(ROLLOVER)?)?;
    let near =
        time >= received.saturating_sub(REPAIR_BEHIND) && time <= received.saturating_add(REPAIR_AHEAD);
    (rollovers > 0 && near).then_some(time)
}

fn clamped(time: i64, received: i64) -> i64 {
    time.max(received.saturating_sub(OLDEST))
        .min(received.saturating_add(NEWEST))
}

fn on_earth(fix: &Fix) -> bool {
    // Not-a-number is in no range.
    (-90.0..=90.0).contains(&fix.latitude) && (-180.0..=180.0).contains(&fix.longitude)
}

/// 0 when rounded to 1e-5 degrees, about a metre.
fn near_zero(degrees: f64) -> bool {
    (degrees * 1e5).round() == 0.0
}
