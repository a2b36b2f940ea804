//! 0x95: events of trackers with a camera. Short ones (date and event) have no position.

use fixstream_decoder::{DecodeError, Position, Reader};

use crate::block::{Flags, date_ms, place};
use crate::{alarm, keys};

/// Before the form with satellites, speed and supply.
const PREFIX: [u8; 3] = [0xff, 0xff, 0x01];

/// Date, latitude, longitude, flags.
const SHORTEST: usize = 16;

/// Between the event and the names of the files.
const BEFORE_FILES: usize = 2;

/// The position of an event, when it has one.
pub(crate) fn event(content: &[u8]) -> Result<Option<Position>, DecodeError> {
    match content.strip_prefix(&PREFIX) {
        Some(rest) => with_speed(rest),
        None => plain(content),
    }
}

fn with_speed(content: &[u8]) -> Result<Option<Position>, DecodeError> {
    let mut reader = Reader::new(content);
    let Some(time_ms) = date_ms(reader.array()?) else {
        return Ok(None);
    };
    let satellites = reader.u8()? & 0x0f;
    let (latitude, longitude) = (reader.u32_be()?, reader.u32_be()?);
    let mut position = place(latitude, longitude, Flags::read(&mut reader)?)?;
    position.time_ms = Some(time_ms);
    position.satellites = Some(u16::from(satellites));
    position.speed_kmh = Some(f64::from(reader.u16_be()?));
    position.power_v = Some(f64::from(reader.u16_be()?) / 10.0);
    if let Ok(number) = reader.u8() {
        position.event = Some(number.to_string());
        add_files(&mut reader, &mut position);
    }
    Ok(Some(position))
}

fn plain(content: &[u8]) -> Result<Option<Position>, DecodeError> {
    if content.len() < SHORTEST {
        return Ok(None);
    }
    let mut reader = Reader::new(content);
    let Some(time_ms) = date_ms(reader.array()?) else {
        return Ok(None);
    };
    let (latitude, longitude) = (reader.u32_be()?, reader.u32_be()?);
    let mut position = place(latitude, longitude, Flags::read(&mut reader)?)?;
    position.time_ms = Some(time_ms);
    if let Ok(code) = reader.u8() {
        alarm::set_camera(&mut position, code);
        add_files(&mut reader, &mut position);
    }
    Ok(Some(position))
}

/// Names of the pictures and films, separated by commas.
fn add_files(reader: &mut Reader<'_>, position: &mut Position) {
    let names = reader.rest().get(BEFORE_FILES..).unwrap_or_default();
    if !names.is_empty()
        && names.iter().all(u8::is_ascii_graphic)
        && let Ok(names) = core::str::from_utf8(names)
    {
        position.add(keys::EVENT_FILES, names);
    }
}
