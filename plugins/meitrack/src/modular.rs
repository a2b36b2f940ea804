//! CCE: u32 records left, u16 number of records, then records of parameters, little-endian. A record
//! is u16 length, u16 number of parameters, and a group each for values of 1, 2, 4 and any bytes: count,
//! then identifier and value.

use fixstream_decoder::{Cut, DecodeError, Decoded, Position, Reader, malformed, text, units};

use crate::binary::{degrees, moment};
use crate::{event, keys};

mod sized;

/// Most attributes that the contract lets through per position.
const MOST_ATTRIBUTES: usize = 256;

/// Begins an identifier of two bytes.
const PREFIX: u8 = 0xfe;

/// Widths of the values in the groups before the one of any length.
const WIDTHS: [usize; 3] = [1, 2, 4];

/// What a record says about its place and what it is about, until it is complete.
#[derive(Debug, Default)]
struct Fix {
    latitude: Option<i32>,
    longitude: Option<i32>,
    time_ms: Option<i64>,
    event: Option<u32>,
    has_wide_event: bool,
}

/// Decodes the records behind the command. Those without coordinates are dropped.
pub(crate) fn decode(body: &[u8], decoded: &mut Decoded) -> Result<Vec<Position>, DecodeError> {
    let mut reader = Reader::new(body);
    let _records_left = reader.u32_le()?;
    let count = reader.u16_le()?;
    let mut positions = Vec::new();
    for _ in 0..count {
        let length = usize::from(reader.u16_le()?);
        positions.extend(record(&mut reader.sub(length)?, decoded)?);
    }
    if reader.is_empty() {
        Ok(positions)
    } else {
        Err(malformed("bytes behind the last record"))
    }
}

fn record(reader: &mut Reader<'_>, decoded: &mut Decoded) -> Result<Option<Position>, DecodeError> {
    let declared = usize::from(reader.u16_le()?);
    let mut seen = 0;
    let mut position = Position::default();
    let mut fix = Fix::default();
    for width in WIDTHS {
        let count = reader.u8()?;
        for _ in 0..count {
            let id = identifier(reader)?;
            let value = reader.uint_le(width)? as u32;
            if !place(&mut fix, id, width, value)? && !set(&mut position, id, width, value) {
                position.add(text::numbered("io", id), value);
            }
        }
        seen += usize::from(count);
    }
    let count = reader.u8()?;
    for _ in 0..count {
        let id = identifier(reader)?;
        let length = usize::from(reader.u8()?);
        sized::set(&mut position, id, reader.bytes(length)?);
    }
    seen += usize::from(count);
    // the length says where the next record begins, so neither spoils it
    if seen != declared {
        decoded.warn("the number of parameters is not the declared one");
    }
    if !reader.is_empty() {
        decoded.warn("bytes behind the parameters of a record");
    }
    if position.attributes.len() > MOST_ATTRIBUTES - 1 {
        decoded.warn("more parameters than a position may have");
        position.attributes.truncate(MOST_ATTRIBUTES - 1);
    }
    finish(position, &fix)
}

fn identifier(reader: &mut Reader<'_>) -> Result<u16, Cut> {
    match reader.u8()? {
        PREFIX => Ok(u16::from_be_bytes([PREFIX, reader.u8()?])),
        id => Ok(u16::from(id)),
    }
}

/// Takes what makes the position a position; false when it is something else.
fn place(fix: &mut Fix, id: u16, width: usize, value: u32) -> Result<bool, DecodeError> {
    match (id, width) {
        (0x02, 4) => fix.latitude = Some(value.cast_signed()),
        (0x03, 4) => fix.longitude = Some(value.cast_signed()),
        (0x04, 4) => fix.time_ms = Some(moment(value)?),
        (0x01, 1) if fix.has_wide_event => {}
        (0x01, 1) => fix.event = Some(value),
        // numbers above 255
        (0x40, 2) => {
            fix.event = Some(value);
            fix.has_wide_event = true;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn finish(position: Position, fix: &Fix) -> Result<Option<Position>, DecodeError> {
    let place = match (fix.latitude, fix.longitude) {
        (Some(latitude), Some(longitude)) => Position::at(degrees(latitude), degrees(longitude))?,
        (None, None) => return Ok(None),
        _ => return Err(malformed("half a place")),
    };
    let mut position = Position {
        latitude: place.latitude,
        longitude: place.longitude,
        time_ms: fix.time_ms,
        ..position
    };
    if let Some(event) = fix.event {
        event::set(event, &mut position);
    }
    Ok(Some(position))
}

/// Sets a value of 1, 2 or 4 bytes that has a meaning; false, and nothing set, when it has none.
fn set(position: &mut Position, id: u16, width: usize, value: u32) -> bool {
    let number = f64::from(value);
    match (id, width) {
        (0x05, 1) => position.valid = Some(value != 0),
        (0x06, 1) => position.satellites = Some(value as u16),
        (0x07, 1) => position.signal = Some(number),
        (0x14, 1) => position.add(keys::OUTPUT, value),
        (0x15, 1) => position.add(keys::INPUT, value),
        // no lock, no card
        (0x47, 1) | (0x25, 4) if value == 0 => {}
        (0x47, 1) => position.add(keys::LOCK, value == 2),
        (0x97, 1) => position.add(keys::THROTTLE, value),
        (0x9d, 1) if value <= 100 => position.fuel_percent = Some(number),
        (0xfe69, 1) if value <= 100 => position.battery_percent = Some(number),

        (0x08, 2) => position.speed_kmh = Some(number),
        (0x09, 2) => position.heading_deg = Some(number).filter(|course| *course <= 360.0),
        (0x0a, 2) => position.hdop = Some(number / 10.0),
        (0x0b, 2) => position.altitude_m = Some(f64::from(value as u16 as i16)),
        (0x16, 2) => position.add(keys::ADC_1, number / 100.0),
        (0x17, 2) => position.add(keys::ADC_2, number / 100.0),
        (0x18, 2) => position.add(keys::ADC_3, number / 100.0),
        (0x19, 2) => position.battery_v = Some(number / 100.0),
        (0x1a, 2) => position.power_v = Some(number / 100.0),
        (0x29, 2) if value <= 10_000 => position.fuel_percent = Some(number / 100.0),
        (0x2a..=0x31, 2) => return temperature(position, usize::from(id) - 0x2a, value),
        (0x91 | 0x92, 2) => position.add(keys::OBD_SPEED, value),
        (0x99, 2) => position.engine_rpm = Some(number),
        (0x9c, 2) => position.engine_temperature_c = Some(f64::from(value as u16 as i16)),

        (0x0c, 4) => position.odometer_km = Some(units::km_from_m(number)),
        (0x0d, 4) => position.add(keys::RUN_TIME, value),
        (0x25, 4) => position.add(keys::DRIVER, format!("{value:08X}")),
        (0x9b, 4) => position.add(keys::OBD_ODOMETER, value),
        _ => return false,
    }
    true
}

/// Hundredths of a degree of a sensor, when one is there: it measures -55 to 125 °C.
fn temperature(position: &mut Position, sensor: usize, value: u32) -> bool {
    let hundredths = value as u16 as i16;
    match keys::TEMPERATURES.get(sensor) {
        Some(key) if (-5500..=12_500).contains(&hundredths) => {
            position.add(*key, f64::from(hundredths) / 100.0);
            true
        }
        _ => false,
    }
}
