//! The binary form: `$`, identifier of 5 or 8 bytes, hhmmss, ddmmyy, latitude, battery, longitude,
//! speed and course, all in decimal digits of 4 bits, and the status word; UTC.

use fixstream_decoder::time::{self, DateOrder};
use fixstream_decoder::{DecodeError, Position, Reader, malformed, units};

use crate::status;

/// Begins a message.
pub(crate) const MARKER: u8 = b'$';

const SHORT_ID: usize = 5;
const LONG_ID: usize = 8;

/// Digits of an IMEI, which is what a long identifier holds.
const IMEI_DIGITS: usize = 15;

/// Length of the messages that are known to have a long identifier.
const LONG_ID_LENGTH: usize = 42;

/// Lengths of messages, by which two that were put together come apart.
const LENGTHS: [usize; 4] = [32, LONG_ID_LENGTH, 45, 48];

/// Flags in the last four bits of the longitude.
const VALID: u8 = 2;
const NORTH: u8 = 4;
const EAST: u8 = 8;

/// Cuts the first message off where a known length ends before another message of the same tracker.
pub(crate) fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let beginning = bytes.get(..=SHORT_ID);
    LENGTHS
        .into_iter()
        .filter_map(|length| bytes.split_at_checked(length))
        .find(|(_, behind)| beginning.is_some_and(|beginning| behind.starts_with(beginning)))
        .unwrap_or((bytes, &[]))
}

/// Decodes one message.
pub(crate) fn decode(frame: &[u8]) -> Result<Position, DecodeError> {
    // an identifier of the other length puts other digits where the date is, which then is hardly
    // ever possible; where it is by chance, the length of the message decides
    let lengths = if frame.len() == LONG_ID_LENGTH {
        [LONG_ID, SHORT_ID]
    } else {
        [SHORT_ID, LONG_ID]
    };
    for id_length in lengths {
        let mut reader = Reader::new(frame);
        reader.skip(1)?;
        let id = digits(reader.bytes(id_length)?);
        let clock = digits(reader.bytes(3)?);
        let day = digits(reader.bytes(3)?);
        let moment = time::midnight_ms(&day, DateOrder::DayFirst).zip(time::clock_ms(&clock));
        if let Some((midnight, clock)) = moment {
            let mut position = behind_date(&mut reader)?;
            position.time_ms = Some(midnight + clock);
            position.device = Some(id.chars().take(IMEI_DIGITS).collect());
            return Ok(position);
        }
    }
    Err(malformed("impossible date or time"))
}

/// Latitude to status.
fn behind_date(reader: &mut Reader<'_>) -> Result<Position, DecodeError> {
    let latitude = digits(reader.bytes(4)?);
    let battery = reader.u8()?;
    let longitude_bytes = reader.bytes(5)?;
    let longitude = digits(longitude_bytes);
    let flags = longitude_bytes.last().copied().unwrap_or(0) & 0x0f;
    let speed_and_course = digits(reader.bytes(3)?);
    let status = reader.u32_be()?;

    let no_degrees = || malformed("no degrees");
    let latitude = degrees(&latitude, 4).ok_or_else(no_degrees)?;
    let longitude = degrees(longitude.get(..9).unwrap_or_default(), 5).ok_or_else(no_degrees)?;
    let mut position = Position::at(
        signed(latitude, flags & NORTH != 0),
        signed(longitude, flags & EAST != 0),
    )?;
    position.valid = Some(flags & VALID != 0);
    let number = |at: core::ops::Range<usize>| speed_and_course.get(at)?.parse::<f64>().ok();
    position.speed_kmh = number(0..3).map(units::kmh_from_knots);
    position.heading_deg = number(3..6).filter(|course| *course <= 360.0);
    position.battery_percent = battery_percent(battery);
    status::add(status, &mut position);
    Ok(position)
}

/// The digits in 4 bits each; what is none becomes a letter, which no number has.
fn digits(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

/// Degrees and minutes of which so many digits stand before the point.
fn degrees(digits: &str, whole: usize) -> Option<f64> {
    let (whole, decimals) = digits.split_at_checked(whole)?;
    units::degrees_from_ddmm(&format!("{whole}.{decimals}"))
}

/// 0 has no sign.
fn signed(degrees: f64, positive: bool) -> f64 {
    if positive || degrees == 0.0 {
        degrees
    } else {
        -degrees
    }
}

/// Percent of the levels 1 to 6; higher numbers are percent already, and 0 is not known.
fn battery_percent(level: u8) -> Option<f64> {
    match level {
        1..=3 => Some(f64::from(level - 1) * 10.0),
        4..=6 => Some(f64::from(level - 1) * 20.0),
        7..=100 => Some(f64::from(level)),
        _ => None,
    }
}
