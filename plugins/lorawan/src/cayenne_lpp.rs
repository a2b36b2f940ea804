//! Cayenne Low Power Payload: channel, type, value, repeated. Source: myDevices' description of the
//! data types, and the further types of the ElectronicCats library.

use fixstream_decoder::text::numbered;
use fixstream_decoder::time::ms_from_unix_seconds;
use fixstream_decoder::{DecodeError, Position, Reader, Value, malformed, unsupported};

use crate::keys;

/// The contract allows 256 attributes and 1024 positions; a LoRaWAN payload has room for far less.
const MOST_VALUES: usize = 200;
const MOST_POSITIONS: usize = 256;

/// Clocks that were never set count from 1970 or from the start: before this (2000-01-01) and from
/// 2100 on a time is not believed.
const FIRST_TIME: u32 = 946_684_800;
const END_OF_TIMES: u32 = 4_102_444_800;

/// The payload's GPS values as positions, in their order. The other values belong to each of them.
pub fn positions(payload: &[u8]) -> Result<Vec<Position>, DecodeError> {
    if payload.is_empty() {
        return Err(malformed("empty payload"));
    }
    let mut reader = Reader::new(payload);
    let mut positions = Vec::new();
    let mut values = Vec::new();
    let mut time_ms = None;
    while !reader.is_empty() {
        let channel = reader.u8()?;
        match reader.u8()? {
            133 => {
                let earlier = time_ms;
                time_ms = time_of(reader.u32_be()?).or(time_ms);
                // a time that comes last is that of the places before it
                if earlier.is_none() {
                    for position in &mut positions {
                        let position: &mut Position = position;
                        position.time_ms = time_ms;
                    }
                }
            }
            136 if positions.len() < MOST_POSITIONS => {
                let mut position = gps(&mut reader)?;
                position.time_ms = time_ms;
                position.add(keys::CHANNEL, channel);
                positions.push(position);
            }
            136 => return Err(unsupported("more than 256 places")),
            kind => {
                let value = sensor(kind, channel, &mut reader)?;
                if values.len() < MOST_VALUES {
                    values.extend(value);
                }
            }
        }
    }
    for position in &mut positions {
        for (name, value) in &values {
            position.add(name.as_str(), value.clone());
        }
    }
    Ok(positions)
}

fn time_of(seconds: u32) -> Option<i64> {
    (FIRST_TIME..END_OF_TIMES)
        .contains(&seconds)
        .then(|| ms_from_unix_seconds(f64::from(seconds)))
        .flatten()
}

fn gps(reader: &mut Reader<'_>) -> Result<Position, DecodeError> {
    let latitude = f64::from(reader.i24_be()?) / 1e4;
    let longitude = f64::from(reader.i24_be()?) / 1e4;
    let altitude_m = f64::from(reader.i24_be()?) / 100.0;
    Ok(Position {
        valid: Some(true),
        altitude_m: Some(altitude_m),
        ..Position::at(latitude, longitude)?
    })
}

type Sensor = (String, Value);

/// A value that is no place, under its name with unit and channel (`temperature_c_1`).
fn sensor(kind: u8, channel: u8, reader: &mut Reader<'_>) -> Result<Vec<Sensor>, DecodeError> {
    let one = |name: &str, value: Value| Ok(vec![(numbered(name, channel), value)]);
    let real = |name: &str, raw: f64, per_unit: f64| one(name, (raw / per_unit).into());
    match kind {
        0 => one("digital_in", reader.u8()?.into()),
        1 => one("digital_out", reader.u8()?.into()),
        2 => real("analog_in", reader.i16_be()?.into(), 100.0),
        3 => real("analog_out", reader.i16_be()?.into(), 100.0),
        100 => one("generic", reader.u32_be()?.into()),
        101 => one("luminosity_lux", reader.u16_be()?.into()),
        102 => one("presence", reader.u8()?.into()),
        103 => real("temperature_c", reader.i16_be()?.into(), 10.0),
        104 => real("humidity_percent", reader.u8()?.into(), 2.0),
        113 => axes("accelerometer_g", channel, reader, 1000.0),
        115 => real("pressure_hpa", reader.u16_be()?.into(), 10.0),
        116 => real("voltage_v", reader.u16_be()?.into(), 100.0),
        117 => real("current_a", reader.u16_be()?.into(), 1000.0),
        118 => one("frequency_hz", reader.u32_be()?.into()),
        120 => one("percentage", reader.u8()?.into()),
        121 => one("altitude_m", reader.i16_be()?.into()),
        125 => one("concentration_ppm", reader.u16_be()?.into()),
        128 => one("power_w", reader.u16_be()?.into()),
        130 => real("distance_m", reader.u32_be()?.into(), 1000.0),
        131 => real("energy_kwh", reader.u32_be()?.into(), 1000.0),
        132 => one("direction_deg", reader.u16_be()?.into()),
        134 => axes("gyrometer_deg_s", channel, reader, 100.0),
        135 => one("colour_rgb", format!("#{:06x}", reader.u24_be()?).into()),
        142 => one("switch", reader.u8()?.into()),
        _ => Err(unsupported(format_args!("data type {kind}"))),
    }
}

/// Three values, one for each axis.
fn axes(name: &str, channel: u8, reader: &mut Reader<'_>, per_unit: f64) -> Result<Vec<Sensor>, DecodeError> {
    let mut axis = |axis: &str| -> Result<Sensor, DecodeError> {
        let value = f64::from(reader.i16_be()?) / per_unit;
        Ok((numbered(&[name, "_", axis].concat(), channel), value.into()))
    };
    Ok(vec![axis("x")?, axis("y")?, axis("z")?])
}
