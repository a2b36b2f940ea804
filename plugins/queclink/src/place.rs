//! Position groups, found by their shape.
//!
//! Accuracy, speed, course, altitude, **longitude, latitude, UTC time**, MCC, MNC, LAC, cell and a
//! mask. Two fields in degrees before a time of 14 digits are in no report anything else.

use fixstream_decoder::{DecodeError, Position, malformed, time};

use crate::frame::Frame;
use crate::number;

/// Fields of the group before the longitude.
pub(crate) const BEFORE: usize = 4;

/// Digits of a time.
const TIME_DIGITS: usize = 14;

/// Accuracies above are not in the protocol.
const WORST_ACCURACY: f64 = 50.0;

/// One group: where it is, and what it says.
pub(crate) struct Group {
    /// Number of the longitude's field.
    pub(crate) longitude_at: usize,
    pub(crate) position: Position,
}

/// All groups of a frame, in their order.
pub(crate) fn groups(frame: &Frame<'_>) -> Result<Vec<Group>, DecodeError> {
    let mut groups = Vec::new();
    let mut at = frame.first + BEFORE;
    while at < frame.fields.len() {
        match group(frame, at)? {
            Some(position) => {
                groups.push(Group {
                    longitude_at: at,
                    position,
                });
                // the next longitude has a whole group before it
                at += 3 + BEFORE;
            }
            None => at += 1,
        }
    }
    Ok(groups)
}

fn group(frame: &Frame<'_>, at: usize) -> Result<Option<Position>, DecodeError> {
    let (Some(longitude), Some(latitude)) = (
        number::degrees(frame.field(at)),
        number::degrees(frame.field(at + 1)),
    ) else {
        return Ok(None);
    };
    let utc = frame.field(at + 2);
    if utc.len() != TIME_DIGITS || !number::is_digits(utc) {
        // a fence's centre has its radius there, a cut time is a broken frame
        let is_cut_time = number::is_digits(utc) && (10..=16).contains(&utc.len());
        return if is_cut_time {
            Err(malformed("time of the fix is cut"))
        } else {
            Ok(None)
        };
    }
    let mut position = Position::at(latitude, longitude)?;
    position.time_ms = Some(time::ms_from_digits(utc)?);
    position.device = Some(frame.device.to_owned());

    let before = |distance: usize| frame.field(at - distance);
    let [accuracy, speed, course, altitude] = if is_first_generation(frame, at) {
        [before(1), before(4), before(3), before(2)]
    } else {
        [before(4), before(3), before(2), before(1)]
    };
    // -1 stands for an unknown speed
    position.speed_kmh = number::decimal(speed).filter(|speed| *speed >= 0.0);
    position.heading_deg = number::decimal(course).filter(|course| (0.0..=360.0).contains(course));
    position.altitude_m = number::decimal(altitude);
    if let Some(accuracy) =
        number::decimal(accuracy).filter(|accuracy| (0.0..=WORST_ACCURACY).contains(accuracy))
    {
        // 0: no fix now, the last known place is repeated
        position.valid = Some(accuracy > 0.0);
        position.hdop = Some(accuracy).filter(|accuracy| *accuracy > 0.0);
    }
    Ok(Some(position))
}

/// GL100 and its like put the accuracy behind the altitude, not before the speed. The altitude is
/// the one with a fraction.
fn is_first_generation(frame: &Frame<'_>, at: usize) -> bool {
    frame.version.is_none()
        && number::whole(frame.field(at - 1)).is_some()
        && number::with_fraction(frame.field(at - 2)).is_some()
}
