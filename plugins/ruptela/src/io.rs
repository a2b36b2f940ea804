//! IO elements: what their ids mean. Those without a meaning here become `io_<id>`.
//!
//! A meaning applies only when width and range fit; else the raw number is kept under `io_<id>`.

use fixstream_decoder::{AttributeKey, Position, Value, text, units};

use crate::keys;

/// Most attributes that the contract lets through per position.
const MOST_ATTRIBUTES: usize = 256;

/// Pairs of elements of 8 bytes that make one text of 16 characters: the driver's card as the
/// vehicle's bus and as the tachograph says it.
const CARDS: [(&str, &str); 2] = [("io_126", "io_127"), ("io_155", "io_156")];

/// Two elements of 8 bytes that make the identifier of a tag.
const TAG: (&str, &str) = ("io_760", "io_761");

/// Whether an element may be one of those that [`join`] puts together.
pub(crate) fn is_part(id: u16) -> bool {
    matches!(id, 126 | 127 | 155 | 156 | 760 | 761)
}

/// Sets an element whose value is `width` bytes wide; `raw` holds them without sign.
pub(crate) fn set(position: &mut Position, id: u16, width: usize, raw: u64) {
    if !set_known(position, id, width, raw) {
        position.add(io_key(id), raw);
    }
}

/// Sets what has a meaning; false, and nothing set, when id, width or range have none.
fn set_known(position: &mut Position, id: u16, width: usize, raw: u64) -> bool {
    let number = raw as f64;
    let is_flag = width == 1 && raw <= 1;
    match (id, width) {
        // these whatever the device
        (65, _) => position.odometer_km = Some(units::km_from_m(number)),
        (29, _) => position.power_v = Some(units::v_from_mv(number)),
        (30, _) => position.battery_v = Some(units::v_from_mv(number)),

        (251 | 409, 1) if is_flag => position.ignition = Some(raw == 1),
        (27, 1) if raw <= 31 => position.signal = Some(number),
        (94, 2) if raw != 0xffff => position.engine_rpm = Some(number / 4.0),
        (197, 2) if raw <= 0xfaff => position.engine_rpm = Some(number / 8.0),
        (96, 1) if raw != 0xff => position.engine_temperature_c = Some(number - 40.0),
        (98, 1) => position.fuel_percent = Some(number * 100.0 / 255.0),
        (207, 1) if raw <= 250 => position.fuel_percent = Some(number * 0.4),
        // the iButton that is held to the reader
        (34, 8) if raw == 0 => {}
        (34, 8) => position.add(keys::DRIVER, text::hex(&raw.to_be_bytes())),
        (95, 1) => position.add(keys::OBD_SPEED, raw),
        (150, _) => position.add(keys::OPERATOR, raw),

        (2, 1) if is_flag => position.add(keys::DIGITAL_INPUT_1, raw == 1),
        (3, 1) if is_flag => position.add(keys::DIGITAL_INPUT_2, raw == 1),
        (4, 1) if is_flag => position.add(keys::DIGITAL_INPUT_3, raw == 1),
        (5, 1) if is_flag => position.add(keys::DIGITAL_INPUT_4, raw == 1),
        (173, 1) if is_flag => position.add(keys::MOTION, raw == 1),
        (170, 1) if is_flag => position.add(keys::CHARGING, raw == 1),
        // millivolts
        (22, 2) => position.add(keys::ANALOG_INPUT_1, raw),
        (23, 2) => position.add(keys::ANALOG_INPUT_2, raw),
        (20, 2) => position.add(keys::ANALOG_INPUT_3, raw),
        (21, 2) => position.add(keys::ANALOG_INPUT_4, raw),
        (32, 1) => position.add(keys::BOARD_TEMPERATURE, raw as u8 as i8),
        (32, 2) => position.add(keys::BOARD_TEMPERATURE, raw as u16 as i16),
        (78, 2) => return temperature(position, keys::TEMPERATURE_0, raw),
        (79, 2) => return temperature(position, keys::TEMPERATURE_1, raw),
        (80, 2) => return temperature(position, keys::TEMPERATURE_2, raw),
        (74, 2) => return temperature(position, keys::TEMPERATURE_3, raw),

        (88, 1) => return alarm(position, "jamming", raw > 0),
        (134, 1) => return alarm(position, "hardBraking", raw > 0),
        (136, 1) => return alarm(position, "hardAcceleration", raw > 0),
        (410, 1) => return alarm(position, "tow", raw > 0),
        (411, 1) => return alarm(position, "accident", raw > 0),
        (758, 1) => return alarm(position, "tampering", raw == 1),
        _ => return false,
    }
    true
}

/// Tenths of a degree of a one-wire sensor, when one is there: it measures -55 to 125 °C.
fn temperature(position: &mut Position, key: fixstream_decoder::Key, raw: u64) -> bool {
    let tenths = raw as u16 as i16;
    let measured = (-550..=1250).contains(&tenths);
    if measured {
        position.add(key, f64::from(tenths) / 10.0);
    }
    measured
}

/// Adds an alarm to those that the record already has. Without it the element is left out: it is
/// sent with every record.
fn alarm(position: &mut Position, name: &str, is_on: bool) -> bool {
    if !is_on {
        return true;
    }
    let earlier = position.attributes.iter_mut().find(|attribute| {
        matches!((&attribute.key, AttributeKey::from(keys::ALARM)),
            (AttributeKey::Declared(one), AttributeKey::Declared(other)) if *one == other)
    });
    match earlier.map(|attribute| &mut attribute.value) {
        Some(Value::Text(names)) => {
            if !names.split(',').any(|earlier| earlier == name) {
                names.push(',');
                names.push_str(name);
            }
        }
        _ => position.add(keys::ALARM, name),
    }
    true
}

/// Puts together what was sent in two elements, when the record is complete.
pub(crate) fn join(position: &mut Position) {
    for pair in CARDS {
        if let Some((first, second)) = take_pair(position, pair) {
            let bytes = [first.to_be_bytes(), second.to_be_bytes()].concat();
            let card = core::str::from_utf8(&bytes).unwrap_or_default();
            let card = card.trim_matches(['\0', ' ']);
            if !card.is_empty() && card.bytes().all(|byte| byte.is_ascii_graphic()) {
                position.add(keys::DRIVER, card);
            }
        }
    }
    if let Some((first, second)) = take_pair(position, TAG)
        && (first, second) != (0, 0)
    {
        let bytes = [first.to_be_bytes(), second.to_be_bytes()].concat();
        position.add(keys::TAG, text::hex(&bytes));
    }
}

/// Takes both elements out of the attributes, when both are there.
fn take_pair(position: &mut Position, (first, second): (&str, &str)) -> Option<(u64, u64)> {
    let pair = element(position, first).zip(element(position, second))?;
    position.attributes.retain(
        |attribute| !matches!(&attribute.key, AttributeKey::Named(name) if name == first || name == second),
    );
    Some(pair)
}

fn element(position: &Position, wanted: &str) -> Option<u64> {
    let attribute = position
        .attributes
        .iter()
        .find(|attribute| matches!(&attribute.key, AttributeKey::Named(name) if name == wanted))?;
    match &attribute.value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        // numbers above what an attribute holds
        Value::Text(number) => number.parse().ok(),
        Value::Flag(_) | Value::Real(_) => None,
    }
}

/// Drops what the contract does not let through; true when there was something.
pub(crate) fn limit(position: &mut Position) -> bool {
    let too_many = position.attributes.len() > MOST_ATTRIBUTES;
    position.attributes.truncate(MOST_ATTRIBUTES);
    too_many
}

fn io_key(id: u16) -> AttributeKey {
    AttributeKey::Named(text::numbered("io", id))
}
