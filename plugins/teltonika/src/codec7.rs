//! Codec 7 (GH3000): every part of a record is optional, masks say which are there.

use fixstream_decoder::{DecodeError, Decoded, Position, Reader, malformed, time};

use crate::frame::Packet;
use crate::{io, keys};

/// 2007-01-01T00:00:00Z in seconds since 1970, from which codec 7 counts.
const EPOCH_2007_S: u32 = 1_167_609_600;

/// The two bits above the seconds are the priority.
const SECONDS_MASK: u32 = 0x3fff_ffff;

/// Decodes the records behind the codec byte; those without coordinates are dropped.
pub(crate) fn decode(mut data: Reader<'_>) -> Result<Packet, DecodeError> {
    let count = data.u8()?;
    let mut decoded = Decoded::nothing();
    for _ in 0..count {
        let position = record(&mut data)?;
        if position.latitude.is_some() {
            decoded.positions.push(position);
        }
    }
    if data.u8()? != count {
        return Err(malformed("the two record counts differ"));
    }
    if !data.is_empty() {
        return Err(malformed("bytes behind the last record"));
    }
    Ok(Packet::Records { decoded, count })
}

fn record(data: &mut Reader<'_>) -> Result<Position, DecodeError> {
    let time_and_priority = data.u32_be()?;
    let global_mask = data.u8()?;
    let mut position = if has(global_mask, 0) {
        location(data)?
    } else {
        Position::default()
    };

    // 2007 plus 30 bits ends in 2041, well inside i64 and the calendar
    let seconds = u64::from(EPOCH_2007_S) + u64::from(time_and_priority & SECONDS_MASK);
    position.time_ms = time::ms_from_unix_ms((seconds * 1000) as f64);
    position.add(keys::PRIORITY, time_and_priority >> 30);

    for (bit, width) in [(1, 1), (2, 2), (3, 4)] {
        if has(global_mask, bit) {
            let elements = data.u8()?;
            for _ in 0..elements {
                let id = data.u8()?;
                let value = data.uint_be(width)?;
                io::set_gh3000_number(&mut position, id, width, value);
            }
        }
    }
    io::limit(&mut position);
    Ok(position)
}

fn location(data: &mut Reader<'_>) -> Result<Position, DecodeError> {
    let mask = data.u8()?;
    let mut position = Position::default();
    if has(mask, 0) {
        let latitude = f64::from(data.f32_be()?);
        let longitude = f64::from(data.f32_be()?);
        position = Position::at(latitude, longitude)?;
    }
    if has(mask, 1) {
        position.altitude_m = Some(f64::from(data.u16_be()?));
    }
    if has(mask, 2) {
        position.heading_deg = Some(f64::from(data.u8()?) * 360.0 / 256.0);
    }
    if has(mask, 3) {
        position.speed_kmh = Some(f64::from(data.u8()?));
    }
    if has(mask, 4) {
        let satellites = data.u8()?;
        position.satellites = Some(u16::from(satellites));
        position.valid = Some(satellites > 0);
    }
    if has(mask, 5) {
        position.add(keys::LAC, data.u16_be()?);
        position.add(keys::CELL, data.u16_be()?);
    }
    if has(mask, 6) {
        position.signal = Some(f64::from(data.u8()?));
    }
    if has(mask, 7) {
        position.add(keys::OPERATOR, data.u32_be()?);
    }
    Ok(position)
}

fn has(mask: u8, bit: u8) -> bool {
    mask >> bit & 1 == 1
}
