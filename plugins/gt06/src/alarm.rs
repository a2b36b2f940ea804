//! What an alarm means. Numbers of the Concox manual; a number without a sure meaning stays a number.

use fixstream_decoder::Position;

use crate::keys;

/// Sets the event and, where the vectors' vocabulary has a word for it, the alarm.
fn set(position: &mut Position, event: &str, alarm: Option<&str>) {
    position.event = Some(event.to_owned());
    position.add_some(keys::ALARM, alarm);
}

/// The alarm number of a status; 0 is none.
pub(crate) fn set_code(position: &mut Position, code: u8, model: &str) {
    let (event, alarm) = match (model, code) {
        (_, 0) => return,
        // LW4G-4B numbers driving behaviour otherwise
        ("LW4G-4B", 0x19) | (_, 0x29) => ("hard_acceleration", Some("hardAcceleration")),
        (_, 0x01) => ("sos", Some("sos")),
        (_, 0x02) => ("power_cut", Some("powerCut")),
        (_, 0x03 | 0x09) => ("vibration", Some("vibration")),
        (_, 0x04) => ("enter", Some("geofenceEnter")),
        (_, 0x05) => ("leave", Some("geofenceExit")),
        (_, 0x06) => ("speed", Some("overspeed")),
        (_, 0x0e | 0x0f | 0x19) => ("low_battery", Some("lowBattery")),
        (_, 0x11) => ("power_off", Some("powerOff")),
        (_, 0x0c | 0x13 | 0x25) => ("tampering", Some("tampering")),
        (_, 0x14) => ("door", Some("door")),
        (_, 0x18) => ("removing", Some("removing")),
        (_, 0x23) => ("fall_down", Some("fallDown")),
        (_, 0x2c) => ("accident", Some("accident")),
        (_, 0x30) => ("hard_braking", Some("hardBraking")),
        (_, 0x2a | 0x2b) => ("hard_cornering", Some("hardCornering")),
        (_, 0xfe) => ("ignition_on", None),
        (_, 0xff) => ("ignition_off", None),
        (_, number) => return position.event = Some(number.to_string()),
    };
    set(position, event, alarm);
}

/// Bits 3 to 5 of the terminal information.
pub(crate) fn set_terminal(position: &mut Position, terminal: u8) {
    let (event, alarm) = match terminal >> 3 & 7 {
        1 => ("vibration", "vibration"),
        2 => ("power_cut", "powerCut"),
        3 => ("low_battery", "lowBattery"),
        4 => ("sos", "sos"),
        _ => return,
    };
    set(position, event, Some(alarm));
}

/// The event number of a camera.
pub(crate) fn set_camera(position: &mut Position, code: u8) {
    let (event, alarm) = match code {
        0x01 => ("sos", "sos"),
        0x90 => ("hard_acceleration", "hardAcceleration"),
        0x91 => ("hard_braking", "hardBraking"),
        0x92 => ("hard_cornering", "hardCornering"),
        0x93 => ("accident", "accident"),
        number => return position.event = Some(number.to_string()),
    };
    set(position, event, Some(alarm));
}
