//! What emergencies, alerts and events are about. Numbers of the Suntech manuals; one without a sure meaning
//! stays a number.

use fixstream_decoder::Position;

use crate::keys;

/// The vectors' word for an alarm of no particular kind.
pub(crate) const GENERAL: &str = "general";

/// A driver's card was read; the data of the alert are its identifier.
pub(crate) const DRIVER: u32 = 59;

/// Sets the event and, where the vectors' vocabulary has a word for it, the alarm.
fn set(known: Option<(&str, &str)>, number: u32, position: &mut Position) {
    match known {
        Some((event, alarm)) => {
            position.event = Some(event.to_owned());
            position.add(keys::ALARM, alarm);
        }
        None => position.event = Some(number.to_string()),
    }
}

/// The number of an emergency.
pub(crate) fn set_emergency(number: u32, position: &mut Position) {
    let known = match number {
        1 => Some(("sos", "sos")),
        2 => Some(("parking", "parking")),
        3 => Some(("power_cut", "powerCut")),
        5 | 6 => Some(("door", "door")),
        7 => Some(("movement", "movement")),
        8 => Some(("vibration", "vibration")),
        _ => None,
    };
    set(known, number, position);
}

/// The number of an alert.
pub(crate) fn set_alert(number: u32, position: &mut Position) {
    let known = match number {
        1 => Some(("speed", "overspeed")),
        5 => Some(("leave", "geofenceExit")),
        6 => Some(("enter", "geofenceEnter")),
        14 => Some(("low_battery", "lowBattery")),
        15 => Some(("vibration", "vibration")),
        16 => Some(("accident", "accident")),
        40 => Some(("power_restored", "powerRestored")),
        41 => Some(("power_cut", "powerCut")),
        42 => Some(("sos", "sos")),
        46 => Some(("hard_acceleration", "hardAcceleration")),
        47 => Some(("hard_braking", "hardBraking")),
        50 => Some(("jamming", "jamming")),
        _ => None,
    };
    set(known, number, position);
}

/// The number of an event, whose meaning is set in the tracker.
pub(crate) fn set_event(number: u32, position: &mut Position) {
    set(None, number, position);
}
