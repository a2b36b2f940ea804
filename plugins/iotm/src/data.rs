//! Data records: u32 Unix time, then sensors: u8 type of the value, u16 id, value.

use fixstream_decoder::{DecodeError, Position, Reader};

use crate::{gps, sensor, value};

/// Most attributes that the contract lets through per position.
const MOST_ATTRIBUTES: usize = 256;

/// The position of a record; `None` when it has no GPS sensor. A sensor that cannot be read spoils
/// the record, because where the next one begins is then unknown.
pub(crate) fn position(record: &mut Reader<'_>) -> Result<Option<Position>, DecodeError> {
    let seconds = record.u32_le()?;
    let mut place = None;
    let mut position = Position {
        time_ms: Some(i64::from(seconds) * 1000),
        ..Position::default()
    };
    while !record.is_empty() {
        let kind = record.u8()?;
        let id = record.u16_le()?;
        if kind == gps::TYPE {
            place = Some(gps::read(record)?);
        } else if let Some(value) = value::read(kind, record)? {
            sensor::set(&mut position, id, value);
        }
    }
    let Some(place) = place else {
        return Ok(None);
    };
    place.add_to(&mut position)?;
    position.attributes.truncate(MOST_ATTRIBUTES);
    Ok(Some(position))
}
