//! CCC: u16 version, u16 length of a record, u32 records left, then records of fixed layout,
//! little-endian.

use fixstream_decoder::{DecodeError, Position, Reader, malformed, time, units, unsupported};

use crate::{event, keys};

/// Length of a record of the layout that is known.
const RECORD: usize = 52;

/// 2000-01-01T00:00:00Z, from which the trackers count.
pub(crate) const EPOCH_MS: i64 = 946_684_800_000;

/// Milliseconds since 1970 of seconds since 2000.
pub(crate) fn moment(seconds: u32) -> Result<i64, DecodeError> {
    time::ms_from_unix_ms((EPOCH_MS + i64::from(seconds) * 1000) as f64)
        .ok_or_else(|| malformed("impossible time"))
}

/// Degrees of millionths.
pub(crate) fn degrees(millionths: i32) -> f64 {
    f64::from(millionths) / 1e6
}

/// Decodes the records behind the command.
pub(crate) fn decode(body: &[u8]) -> Result<Vec<Position>, DecodeError> {
    let mut reader = Reader::new(body);
    let _version = reader.u16_le()?;
    let length = usize::from(reader.u16_le()?);
    let _records_left = reader.u32_le()?;
    if length != RECORD {
        return Err(unsupported(format_args!("CCC records of {length} bytes")));
    }
    if !reader.remaining().is_multiple_of(RECORD) {
        return Err(malformed("not a whole number of records"));
    }
    let mut positions = Vec::with_capacity(reader.remaining() / RECORD);
    while !reader.is_empty() {
        positions.push(record(&mut reader.sub(RECORD)?)?);
    }
    Ok(positions)
}

fn record(reader: &mut Reader<'_>) -> Result<Position, DecodeError> {
    let event = reader.u8()?;
    let (latitude, longitude) = (reader.i32_le()?, reader.i32_le()?);
    let mut position = Position::at(degrees(latitude), degrees(longitude))?;
    position.time_ms = Some(moment(reader.u32_le()?)?);
    position.valid = Some(reader.u8()? == 1);
    position.satellites = Some(u16::from(reader.u8()?));
    position.signal = Some(f64::from(reader.u8()?));
    position.speed_kmh = Some(f64::from(reader.u16_le()?));
    position.heading_deg = Some(f64::from(reader.u16_le()?)).filter(|course| *course <= 360.0);
    position.hdop = Some(f64::from(reader.u16_le()?) / 10.0);
    position.altitude_m = Some(f64::from(reader.i16_le()?));
    position.odometer_km = Some(units::km_from_m(f64::from(reader.u32_le()?)));
    event::set(u32::from(event), &mut position);
    position.add(keys::RUN_TIME, reader.u32_le()?);
    let _cell = reader.bytes(8)?;
    let [outputs, inputs] = reader.u16_le()?.to_le_bytes();
    position.add(keys::INPUT, inputs);
    position.add(keys::OUTPUT, outputs);
    position.add(keys::ADC_1, reader.u16_le()?);
    position.battery_v = Some(f64::from(reader.u16_le()?) / 100.0);
    position.power_v = Some(f64::from(reader.u16_le()?) / 100.0);
    let _geofence = reader.u32_le()?;
    Ok(position)
}
