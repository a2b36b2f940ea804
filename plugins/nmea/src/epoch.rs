//! Sentences of one moment together: they have the same clock.

use fixstream_decoder::{DecodeError, Position, malformed};

use crate::reading::{Kind, Reading};
use crate::{keys, moment};

/// Most positions that the contract lets through in one message, and so most moments.
const MOST_EPOCHS: usize = 1024;

/// The moments of a message, in the order of their first sentences.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    epochs: Vec<Vec<Reading>>,
    /// Sentences without a clock that belong to a moment.
    motions: Vec<Reading>,
}

impl Epochs {
    /// Adds a sentence to the last moment with its clock that has none of its kind, else to a new one.
    pub(crate) fn add(&mut self, reading: Reading) -> Result<(), DecodeError> {
        if reading.kind == Kind::Vtg {
            // one is used, two are too many
            if self.motions.len() < 2 {
                self.motions.push(reading);
            }
            return Ok(());
        }
        let epoch = self.epochs.iter_mut().rev().find(|epoch| {
            reading.clock.is_some()
                && epoch.first().is_some_and(|first| first.clock == reading.clock)
                && epoch.iter().all(|other| other.kind != reading.kind)
        });
        if let Some(epoch) = epoch {
            epoch.push(reading);
            epoch.sort_by_key(|reading| reading.kind);
        } else if self.epochs.len() < MOST_EPOCHS {
            self.epochs.push(vec![reading]);
        } else {
            return Err(malformed("more positions than one message may have"));
        }
        Ok(())
    }

    /// One position for each moment that has coordinates.
    pub(crate) fn positions(self) -> Result<Vec<Position>, DecodeError> {
        let mut previous = None;
        let first_time = self.epochs.iter().find_map(|epoch| time(epoch));
        let mut positions = Vec::new();
        for epoch in &self.epochs {
            // without a date, the day is that of the nearest moment that has one
            let time = time(epoch).or_else(|| {
                let clock = first(epoch, |reading| reading.clock)?;
                Some(moment::nearest(clock, previous.or(first_time)?))
            });
            previous = time.or(previous);
            if let Some(mut position) = position(epoch)? {
                position.time_ms = time;
                positions.push(position);
            }
        }
        // course and speed have no clock: of several moments theirs is not known
        if let ([position], [motion]) = (positions.as_mut_slice(), self.motions.as_slice()) {
            position.speed_kmh = position.speed_kmh.or(motion.speed_kmh);
            position.heading_deg = position.heading_deg.or(motion.heading_deg);
        }
        Ok(positions)
    }
}

/// The first sentence of the list that says it.
fn first<T>(epoch: &[Reading], of: impl Fn(&Reading) -> Option<T>) -> Option<T> {
    epoch.iter().find_map(of)
}

fn time(epoch: &[Reading]) -> Option<i64> {
    first(epoch, |reading| reading.day)
        .zip(first(epoch, |reading| reading.clock))
        .map(|(day, clock)| day + clock)
}

/// Everything but the time; `None` without coordinates.
fn position(epoch: &[Reading]) -> Result<Option<Position>, DecodeError> {
    let Some((latitude, longitude)) = first(epoch, |reading| reading.place) else {
        return Ok(None);
    };
    let mut position = Position {
        valid: first(epoch, |reading| reading.valid),
        speed_kmh: first(epoch, |reading| reading.speed_kmh),
        heading_deg: first(epoch, |reading| reading.heading_deg),
        satellites: first(epoch, |reading| reading.satellites),
        hdop: first(epoch, |reading| reading.hdop),
        altitude_m: first(epoch, |reading| reading.altitude_m),
        ..Position::at(latitude, longitude)?
    };
    position.add_some(keys::MODE, first(epoch, |reading| reading.mode.clone()));
    position.add_some(keys::FIX_QUALITY, first(epoch, |reading| reading.quality));
    position.add_some(
        keys::GEOID_SEPARATION,
        first(epoch, |reading| reading.separation_m),
    );
    Ok(Some(position))
}
