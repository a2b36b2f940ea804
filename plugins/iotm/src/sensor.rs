//! What the ids of sensors mean. A value that does not fit its meaning is kept under `io_<id>`.

use fixstream_decoder::{Key, Position, Value, text, units};

use crate::keys;

/// The odometer counts steps of so many metres.
const ODOMETER_STEP_M: f64 = 5.0;

/// Sets a sensor's value: in its field, under its name, or as `io_<id>`.
pub(crate) fn set(position: &mut Position, id: u16, value: Value) {
    let known = match &value {
        Value::Flag(flag) => set_flag(position, id, *flag),
        // 0 has a type of its own, also where 1 is true
        Value::Integer(0) => set_number(position, id, 0.0) || set_flag(position, id, false),
        Value::Integer(integer) => {
            set_id(position, id, *integer) || set_number(position, id, *integer as f64)
        }
        Value::Real(real) => set_number(position, id, *real),
        Value::Text(_) => false,
    };
    if !known {
        position.add(text::numbered("io", id), value);
    }
}

fn set_flag(position: &mut Position, id: u16, flag: bool) -> bool {
    let key: Key = match id {
        0x0002 => keys::MOTION,
        0x0008 | 0x009b => {
            if flag {
                position.event = Some("jamming".to_owned());
                position.add(keys::ALARM, "jamming");
            }
            return true;
        }
        0x0010 => keys::INPUT_2,
        0x0011 => keys::INPUT_3,
        0x0012 => keys::INPUT_4,
        0x0013 => keys::INPUT_5,
        0x0014 => keys::INPUT_6,
        0x0015 => keys::INPUT_7,
        0x001e => keys::BUTTON_PRESENT,
        0x0062 => keys::DOOR_FRONT_LEFT,
        0x0063 => keys::DOOR_FRONT_RIGHT,
        0x0064 => keys::DOOR_REAR_LEFT,
        0x0065 => keys::DOOR_REAR_RIGHT,
        0x006d => {
            position.ignition = Some(flag);
            return true;
        }
        0x008b => keys::HAND_BRAKE,
        0x008c => keys::FOOT_BRAKE,
        0x0094 => keys::OUTPUT_1,
        0x0095 => keys::OUTPUT_2,
        0x0096 => keys::OUTPUT_3,
        0x009a => keys::OUTPUT_4,
        _ => return false,
    };
    position.add(key, flag);
    true
}

fn set_number(position: &mut Position, id: u16, number: f64) -> bool {
    let percent = (0.0..=100.0).contains(&number);
    match id {
        0x2000 => position.add(keys::OBD_SPEED, number),
        0x2006 => position.add(keys::THROTTLE, number),
        0x2007 if percent => position.fuel_percent = Some(number),
        0x2008 => position.engine_temperature_c = Some(number),
        0x200a => position.add(keys::ENGINE_LOAD, number),
        0x2041 if percent => position.battery_percent = Some(number),
        0x3000 => position.power_v = Some(units::v_from_mv(number)),
        0x3004 => position.battery_v = Some(units::v_from_mv(number)),
        0x300c => position.engine_rpm = Some(number),
        0x4003 => position.odometer_km = Some(units::km_from_m(number * ODOMETER_STEP_M)),
        0xa000 => position.add(keys::DEVICE_TEMPERATURE, number),
        0xa017 => position.add(keys::TEMPERATURE_1, number),
        0xa018 => position.add(keys::TEMPERATURE_2, number),
        0xa019 => position.add(keys::TEMPERATURE_3, number),
        0xa01a => position.add(keys::TEMPERATURE_4, number),
        0xb002 => position.add(keys::OBD_ODOMETER, number),
        _ => return false,
    }
    true
}

/// Numbers that are names.
fn set_id(position: &mut Position, id: u16, number: i64) -> bool {
    let key = match id {
        0x5000 => keys::DRIVER,
        0x500d => keys::TRAILER,
        _ => return false,
    };
    position.add(key, number.to_string());
    true
}
