//! 0x70 in long frames: modules of u16 id, u16 length and value, behind a header of five bytes.

use fixstream_decoder::{Cut, DecodeError, Position, Reader, malformed, time};

use crate::block::{Flags, place};
use crate::login;

const HEADER: usize = 5;

/// The IMEI in BCD.
const IMEI: u16 = 0x0001;

/// A GPS fix.
const FIX: u16 = 0x0033;

/// The positions of all modules. Contents without the header occur; what is neither has no position.
pub(crate) fn positions(content: &[u8]) -> Result<Vec<Position>, DecodeError> {
    let with_header = content.get(HEADER..).and_then(modules);
    let Some(modules) = with_header.or_else(|| modules(content)) else {
        return Ok(Vec::new());
    };
    let device = modules
        .iter()
        .find(|(id, _)| *id == IMEI)
        .and_then(|(_, value)| login::device_in(value));
    let mut positions = Vec::new();
    for (_, value) in modules.iter().filter(|(id, _)| *id == FIX) {
        if let Some(mut position) = fix(value)? {
            position.device.clone_from(&device);
            positions.push(position);
        }
    }
    Ok(positions)
}

/// All modules, when they use up the bytes exactly.
fn modules(bytes: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let mut reader = Reader::new(bytes);
    let mut modules = Vec::new();
    while !reader.is_empty() {
        modules.push(module(&mut reader).ok()?);
    }
    Some(modules)
}

fn module<'bytes>(reader: &mut Reader<'bytes>) -> Result<(u16, &'bytes [u8]), Cut> {
    let id = reader.u16_be()?;
    let length = reader.u16_be()?;
    Ok((id, reader.bytes(usize::from(length))?))
}

/// Unix time (0: no fix), satellites, altitude, latitude, longitude, speed, flags.
fn fix(value: &[u8]) -> Result<Option<Position>, DecodeError> {
    let mut reader = Reader::new(value);
    let seconds = reader.u32_be()?;
    if seconds == 0 {
        return Ok(None);
    }
    let satellites = reader.u8()?;
    // signed: places below the sea are seen here as they are elsewhere
    let altitude_m = reader.i16_be()?;
    let (latitude, longitude) = (reader.u32_be()?, reader.u32_be()?);
    let speed_kmh = reader.u8()?;
    let mut position = place(latitude, longitude, Flags::read(&mut reader)?)?;
    position.time_ms =
        Some(time::ms_from_unix_seconds(f64::from(seconds)).ok_or_else(|| malformed("impossible time"))?);
    position.satellites = Some(u16::from(satellites));
    position.altitude_m = Some(f64::from(altitude_m)).filter(|altitude| is_on_earth(*altitude));
    position.speed_kmh = Some(f64::from(speed_kmh));
    Ok(Some(position))
}

/// Some trackers fill the altitude with something else: what no vehicle reaches is left out.
fn is_on_earth(altitude_m: f64) -> bool {
    (-1000.0..=20_000.0).contains(&altitude_m)
}
