//! The universal reports in binary: u8 type, u16 length of what follows, 5 bytes identifier, u24 mask and the
//! values whose bit the mask has, in the order of the bits; big-endian, UTC.

use fixstream_decoder::{DecodeError, Position, Reader, malformed, time};

use crate::universal::bit;
use crate::{alert, keys};

/// Types of frames, of which each begins with its own.
pub(crate) const STATUS: u8 = 0x81;
pub(crate) const ALERT: u8 = 0x82;

/// Bytes of an identifier, two digits each.
const ID_LENGTH: usize = 5;

/// The values before the latitude that are not used: bit and width.
const SKIPPED_FIRST: [(u8, usize); 3] = [(bit::MODEL, 1), (bit::SOFTWARE, 3), (bit::LIVE, 1)];
const SKIPPED_CELL: [(u8, usize); 4] = [
    (bit::CELL, 4),
    (bit::COUNTRY, 2),
    (bit::NETWORK, 2),
    (bit::AREA, 2),
];

/// The values that are still to be read, and which of them there are.
struct Cursor<'bytes> {
    reader: Reader<'bytes>,
    mask: u32,
}

impl Cursor<'_> {
    /// The next value of this width, when the mask has it.
    fn take(&mut self, bit: u8, width: usize) -> Result<Option<u32>, DecodeError> {
        if self.mask >> bit & 1 == 0 {
            return Ok(None);
        }
        Ok(Some(self.reader.uint_be(width)? as u32))
    }

    fn skip(&mut self, values: &[(u8, usize)]) -> Result<(), DecodeError> {
        for (bit, width) in values {
            self.take(*bit, *width)?;
        }
        Ok(())
    }
}

/// Decodes the next frame; `None` when it has no coordinates.
pub(crate) fn decode(frames: &mut Reader<'_>) -> Result<Option<Position>, DecodeError> {
    let kind = frames.u8()?;
    let length = usize::from(frames.u16_be()?);
    let mut reader = frames.sub(length)?;
    let id = reader.bytes(ID_LENGTH)?;
    let mask = reader.u24_be()?;
    let mut cursor = Cursor { reader, mask };
    cursor.skip(&SKIPPED_FIRST)?;
    let day = cursor.take(bit::DAY, 3)?;
    let clock = cursor.take(bit::CLOCK, 3)?;
    cursor.skip(&SKIPPED_CELL)?;
    let signal = cursor.take(bit::SIGNAL, 1)?;
    let latitude = cursor.take(bit::LATITUDE, 4)?;
    let longitude = cursor.take(bit::LONGITUDE, 4)?;
    let Some((latitude, longitude)) = latitude.zip(longitude) else {
        return Ok(None);
    };
    let mut position = Position::at(degrees(latitude), degrees(longitude))?;
    position.device = Some(hex(id));
    position.time_ms = day.zip(clock).map(moment).transpose()?;
    position.signal = signal.map(f64::from);
    let hundredths = |value: Option<u32>| value.map(|value| f64::from(value) / 100.0);
    position.speed_kmh = hundredths(cursor.take(bit::SPEED, 2)?);
    position.heading_deg = hundredths(cursor.take(bit::COURSE, 2)?).filter(|course| *course <= 360.0);
    position.satellites = cursor.take(bit::SATELLITES, 1)?.map(|count| count as u16);
    position.valid = cursor.take(bit::FIX, 1)?.map(|fix| fix > 0);
    let input = cursor.take(bit::INPUT, 1)?;
    position.ignition = input.map(|input| input & 1 == 1);
    position.add_some(keys::INPUT, input);
    position.add_some(keys::OUTPUT, cursor.take(bit::OUTPUT, 1)?);
    let number = cursor.take(bit::KIND, 1)?;
    match number {
        Some(number) if kind == ALERT => of_alert(&mut cursor, number, &mut position)?,
        mode => position.add_some(keys::MODE, mode),
    }
    Ok(Some(position))
}

fn of_alert(cursor: &mut Cursor<'_>, number: u32, position: &mut Position) -> Result<(), DecodeError> {
    alert::set_alert(number, position);
    position.add_some(keys::ALERT_MODIFIER, cursor.take(bit::KIND_2, 2)?);
    if number == alert::DRIVER && cursor.mask >> bit::KIND_3 & 1 == 1 {
        position.add(keys::DRIVER, hex(cursor.reader.bytes(8)?));
    }
    Ok(())
}

/// Degrees of millionths whose highest bit is the sign.
fn degrees(raw: u32) -> f64 {
    const SIGN: u32 = 1 << 31;
    let degrees = f64::from(raw & !SIGN) / 1e6;
    // 0 has no sign
    if raw & SIGN == 0 || degrees == 0.0 {
        degrees
    } else {
        -degrees
    }
}

/// Milliseconds since 1970 of YY MM DD and hh mm ss.
fn moment((day, clock): (u32, u32)) -> Result<i64, DecodeError> {
    let [_, year, month, day] = day.to_be_bytes();
    let [_, hour, minute, second] = clock.to_be_bytes();
    civil([year, month, day, hour, minute, second])
}

/// Milliseconds since 1970 of a date in the years 2000 to 2099.
pub(crate) fn civil([year, month, day, hour, minute, second]: [u8; 6]) -> Result<i64, DecodeError> {
    (year <= 99)
        .then(|| time::ms_from_civil(2000 + i32::from(year), month, day, hour, minute, second, 0))
        .flatten()
        .ok_or_else(|| malformed("impossible date or time"))
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}
