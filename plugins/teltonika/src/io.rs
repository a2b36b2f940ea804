//! IO elements: what their ids mean. Those without a meaning here become `io_<id>`.
//!
//! Other device families use the same ids for other things (FM4 and FMB differ), so a meaning applies
//! only when width and range fit; else the raw number is kept under `io_<id>`.

use fixstream_decoder::text::{hex, numbered};
use fixstream_decoder::{AttributeKey, Position, Value, units};

use crate::{beacon, keys};

/// Most attributes that the contract lets through per position.
const MOST_ATTRIBUTES: usize = 256;

/// Sets an element whose value is `width` bytes wide; `raw` holds them without sign.
pub(crate) fn set_number(position: &mut Position, id: u16, width: usize, raw: u64) {
    if !set_known(position, id, width, raw) {
        position.add(io_key(id), raw);
    }
}

/// Sets an element of codec 7, whose devices number a few things differently.
pub(crate) fn set_gh3000_number(position: &mut Position, id: u8, width: usize, raw: u64) {
    match (id, width) {
        (1, 1) if raw <= 100 => position.battery_percent = Some(raw as f64),
        (20, _) => position.hdop = Some(raw as f64 / 10.0),
        (22, _) => position.add(keys::PDOP, raw as f64 / 10.0),
        (16 | 66 | 67 | 113 | 181 | 182 | 239, _) => set_number(position, u16::from(id), width, raw),
        _ => position.add(io_key(u16::from(id)), raw),
    }
}

/// Sets an element whose length is its own: text as it is, anything else in hex.
pub(crate) fn set_bytes(position: &mut Position, id: u16, bytes: &[u8]) {
    if id == beacon::IO_ID {
        beacon::add_voltages(position, bytes);
    }
    let printable = !bytes.is_empty() && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let text = match core::str::from_utf8(bytes) {
        Ok(text) if printable => text.to_owned(),
        _ => hex(bytes),
    };
    position.add(io_key(id), text);
}

/// Sets an element that came as JSON, where numbers have a sign and no width.
pub(crate) fn set_value(position: &mut Position, id: u16, value: Value) {
    let number = match &value {
        Value::Integer(integer) => Some(*integer),
        Value::Flag(flag) => Some(i64::from(*flag)),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Real(_) => None,
    };
    let Some(number) = number else {
        return position.add(io_key(id), value);
    };
    let width = documented_width(id);
    let fits = match (is_signed(id), width) {
        (true, 1) => i8::try_from(number).is_ok(),
        (true, _) => i16::try_from(number).is_ok(),
        (false, 1) => u8::try_from(number).is_ok(),
        (false, 2) => u16::try_from(number).is_ok(),
        (false, _) => number >= 0,
    };
    if !fits || !set_known(position, id, width, number as u64) {
        position.add(io_key(id), number);
    }
}

/// Sets what has a meaning; false, and nothing set, when id, width or range have none.
fn set_known(position: &mut Position, id: u16, width: usize, raw: u64) -> bool {
    let number = raw as f64;
    match (id, width) {
        // these whatever the device
        (239, _) => position.ignition = Some(raw != 0),
        (66, _) => position.power_v = Some(units::v_from_mv(number)),
        (67, _) => position.battery_v = Some(units::v_from_mv(number)),
        (16, _) => position.odometer_km = Some(units::km_from_m(number)),
        (182, _) => position.hdop = Some(number / 10.0),
        (181, _) => position.add(keys::PDOP, number / 10.0),
        (113, _) if raw <= 100 => position.battery_percent = Some(number),

        (21, 1) => position.signal = Some(number),
        (32, 1) => position.engine_temperature_c = Some(f64::from(raw as i8)),
        (36 | 85, 2) => position.engine_rpm = Some(number),
        (48 | 89, 1) if raw <= 100 => position.fuel_percent = Some(number),
        (115, 2) => position.engine_temperature_c = Some(f64::from(raw as i16) / 10.0),

        (1, 1) if raw <= 1 => position.add(keys::DIGITAL_INPUT_1, raw == 1),
        (2, 1) if raw <= 1 => position.add(keys::DIGITAL_INPUT_2, raw == 1),
        (3, 1) if raw <= 1 => position.add(keys::DIGITAL_INPUT_3, raw == 1),
        (179, 1) if raw <= 1 => position.add(keys::DIGITAL_OUTPUT_1, raw == 1),
        (180, 1) if raw <= 1 => position.add(keys::DIGITAL_OUTPUT_2, raw == 1),
        (240, 1) if raw <= 1 => position.add(keys::MOVEMENT, raw == 1),
        (9, 2) => position.add(keys::ANALOG_INPUT_1_V, units::v_from_mv(number)),
        (6, 2) => position.add(keys::ANALOG_INPUT_2_V, units::v_from_mv(number)),
        (17, 2) => position.add(keys::AXIS_X_MG, raw as i16),
        (18, 2) => position.add(keys::AXIS_Y_MG, raw as i16),
        (19, 2) => position.add(keys::AXIS_Z_MG, raw as i16),
        (68, 2) => position.add(keys::BATTERY_CURRENT_MA, raw),
        (69, 1) => position.add(keys::GNSS_STATUS, raw),
        (78, 8) => position.add(keys::IBUTTON, hex(&raw.to_be_bytes())),
        (80, 1) => position.add(keys::DATA_MODE, raw),
        (199, 4) => position.add(keys::TRIP_ODOMETER_M, raw),
        (200, 1) => position.add(keys::SLEEP_MODE, raw),
        (241, 4) => position.add(keys::OPERATOR, raw),
        (10800..=10803, 2) => {
            let hundredths = raw as i16;
            let key = keys::EYE_TEMPERATURES.get(usize::from(id).wrapping_sub(10800));
            // 20 °C is 2000; from 30000 on the value is an error code of the sensor
            match key {
                Some(key) if hundredths.unsigned_abs() < 30_000 => {
                    position.add(*key, f64::from(hundredths) / 100.0);
                }
                _ => return false,
            }
        }
        _ => return false,
    }
    true
}

/// Bytes that the value of a known id has in the binary codecs.
fn documented_width(id: u16) -> usize {
    match id {
        6 | 9 | 17..=19 | 36 | 66..=68 | 85 | 115 | 181 | 182 | 10800..=10803 => 2,
        16 | 199 | 241 => 4,
        78 => 8,
        _ => 1,
    }
}

/// Whether the value of a known id has a sign.
fn is_signed(id: u16) -> bool {
    matches!(id, 17..=19 | 32 | 115 | 10800..=10803)
}

/// Drops what the contract does not let through; true when there was something.
pub(crate) fn limit(position: &mut Position) -> bool {
    let too_many = position.attributes.len() > MOST_ATTRIBUTES;
    position.attributes.truncate(MOST_ATTRIBUTES);
    too_many
}

fn io_key(id: u16) -> AttributeKey {
    keys::declared_io(id).unwrap_or_else(|| AttributeKey::Named(numbered("io", id)))
}
