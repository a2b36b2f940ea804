//! Events. Their number is what the record says; those that are an alarm get the word of the vectors, too.

use fixstream_decoder::Position;

use crate::keys;

/// The driver's card was read.
pub(crate) const CARD_READ: u32 = 37;

/// Sets the event, and the alarm when it is one.
pub(crate) fn set(number: u32, position: &mut Position) {
    position.event = Some(number.to_string());
    let alarm = match number {
        1 => "sos",
        17 => "lowBattery",
        18 => "lowPower",
        19 => "overspeed",
        20 => "geofenceEnter",
        21 => "geofenceExit",
        22 => "powerRestored",
        23 => "powerCut",
        36 => "tow",
        44 => "jamming",
        78 => "accident",
        90 | 91 => "hardCornering",
        129 => "hardBraking",
        130 => "hardAcceleration",
        135 => "fatigueDriving",
        _ => return,
    };
    position.add(keys::ALARM, alarm);
}
