//! The zip form of ST300 and its generation: 0x02, u16 length of what follows up to 0x03, u8 kind, 5 bytes
//! identifier, model, u16 software, YY MM DD hh mm ss, u16 area, u8 cell, latitude, longitude, speed, course, flags, u32
//! odometer m, power, switches, and what the kind of report adds. Fractions are decimal digits; UTC.

use fixstream_decoder::{Cut, DecodeError, Position, Reader, malformed, units, unsupported};

use crate::binary::{civil, hex};
use crate::{alert, keys};

/// Begins a frame.
pub(crate) const MARKER: u8 = 0x02;

/// Ends a frame.
const END: u8 = 0x03;

/// Kinds of reports.
mod kind {
    pub(super) const STATUS: u8 = 0x10;
    pub(super) const EMERGENCY: u8 = 0x11;
    pub(super) const EVENT: u8 = 0x12;
    pub(super) const ALERT: u8 = 0x13;
}

/// Digits of an identifier; the last one is filled up.
const ID_DIGITS: usize = 9;

/// Bits of the flags behind the course.
const FIX: u8 = 1 << 7;
const SOUTH: u8 = 1 << 6;
const WEST: u8 = 1 << 5;
const SATELLITES: u8 = 0x1f;

/// Bit of the switches.
const IGNITION: u8 = 1;

/// Driving hours, battery and whether it is live, which the tracker adds when it is set so.
const TAIL: usize = 7;
const HOURS: usize = 4;

/// Decodes the next frame.
pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Position, DecodeError> {
    reader.skip(1)?;
    let length = usize::from(reader.u16_be()?);
    let mut content = reader.sub(length)?;
    if reader.u8()? != END {
        return Err(malformed("no end where the declared length ends"));
    }
    let kind = content.u8()?;
    if !(kind::STATUS..=kind::ALERT).contains(&kind) {
        return Err(unsupported(format_args!("zip report of kind 0x{kind:02x}")));
    }
    report(&mut content, kind)
}

fn report(content: &mut Reader<'_>, kind: u8) -> Result<Position, DecodeError> {
    let id = hex(content.bytes(5)?);
    let _model = content.u8()?;
    let _software = content.u16_be()?;
    let time_ms = civil(content.array()?)?;
    let _cell = content.bytes(3)?;
    let latitude = degrees(content)?;
    let longitude = degrees(content)?;
    let speed_kmh = hundredths(content, 2)?;
    let course_deg = hundredths(content, 2)?;
    let flags = content.u8()?;
    // 0 has no sign
    let signed = |degrees: f64, sign: u8| match flags & sign {
        0 => degrees,
        _ if degrees == 0.0 => degrees,
        _ => -degrees,
    };
    let mut position = Position::at(signed(latitude, SOUTH), signed(longitude, WEST))?;
    position.device = Some(id.chars().take(ID_DIGITS).collect());
    position.time_ms = Some(time_ms);
    position.valid = Some(flags & FIX != 0);
    position.satellites = Some(u16::from(flags & SATELLITES));
    position.speed_kmh = Some(speed_kmh);
    position.heading_deg = Some(course_deg).filter(|course| *course <= 360.0);
    position.odometer_km = Some(units::km_from_m(f64::from(content.u32_be()?)));
    position.power_v = Some(hundredths(content, 1)?);
    position.ignition = Some(content.u8()? & IGNITION != 0);
    of_kind(content, kind, &mut position)?;
    if content.remaining() == TAIL {
        content.skip(HOURS)?;
        position.battery_v = Some(hundredths(content, 1)?);
        if content.u8()? == 0 {
            position.add(keys::ARCHIVE, true);
        }
    }
    Ok(position)
}

fn of_kind(content: &mut Reader<'_>, kind: u8, position: &mut Position) -> Result<(), Cut> {
    let number = u32::from(content.u8()?);
    match kind {
        kind::EMERGENCY => alert::set_emergency(number, position),
        kind::EVENT => alert::set_event(number, position),
        kind::ALERT => alert::set_alert(number, position),
        _ => {
            position.add(keys::MODE, number);
            // number of the message
            content.skip(2)?;
        }
    }
    Ok(())
}

/// Whole degrees, then six decimal digits.
fn degrees(content: &mut Reader<'_>) -> Result<f64, DecodeError> {
    let whole = content.u8()?;
    let millionths = digits(content.bytes(3)?)?;
    Ok(f64::from(whole) + f64::from(millionths) / 1e6)
}

/// A whole number of so many bytes, then two decimal digits.
fn hundredths(content: &mut Reader<'_>, width: usize) -> Result<f64, DecodeError> {
    let whole = content.uint_be(width)?;
    let hundredths = digits(content.bytes(1)?)?;
    Ok(whole as f64 + f64::from(hundredths) / 100.0)
}

/// Decimal digits, two a byte.
fn digits(bytes: &[u8]) -> Result<u32, DecodeError> {
    hex(bytes).parse().map_err(|_| malformed("no decimal digits"))
}
