//! What a report is about, and the values that only one kind of report has.

use fixstream_decoder::Position;

use crate::frame::Frame;
use crate::{keys, number};

/// Sets the event, and the values before the position group.
pub(crate) fn add(frame: &Frame<'_>, longitude_at: usize, position: &mut Position) {
    let event = match frame.report {
        // asked for or periodic: nothing happened
        "FRI" | "ERI" | "RTL" | "LBC" | "TRI" | "CAN" | "OBD" => None,
        "SOS" => Some("sos"),
        "IGN" | "VGN" => Some("ignition_on"),
        "IGF" | "VGF" => Some("ignition_off"),
        "TOW" => Some("tow"),
        "SPD" => Some("speed"),
        "BPL" => Some("low_battery"),
        "MPN" => Some("power_connected"),
        "MPF" => Some("power_disconnected"),
        "CRA" => Some("crash"),
        "HBM" => Some("harsh_driving"),
        "JDR" | "JDS" => Some("jamming"),
        other => {
            position.event = Some(other.to_ascii_lowercase());
            None
        }
    };
    if let Some(event) = event {
        position.event = Some(event.to_owned());
    }
    // what stands right before the group's accuracy
    let before_group = |distance: usize| {
        longitude_at
            .checked_sub(4 + distance)
            .map_or("", |at| frame.field(at))
    };
    let behind_name = |distance: usize| frame.field(frame.first + distance);
    match frame.report {
        "SOS" => position.add(keys::ALARM, "sos"),
        "HBM" => position.add_some(keys::ALARM, harsh_driving(before_group(2))),
        "DAT" => position.add(keys::DATA, before_group(1)),
        "DAR" => position.add_some(keys::WARNING_TYPE, number::whole(behind_name(1))),
        // one accessory of which address and voltage were asked for
        "BID" if behind_name(1) == "1" && behind_name(3) == "000A" => {
            let volts = number::whole(before_group(1)).map(|millivolts| f64::from(millivolts) / 1000.0);
            position.add_some(keys::ACCESSORY_VOLTAGE, volts);
        }
        _ => {}
    }
}

/// The last digit of the kind of report, in Traccar's words; the one before is the range of speed.
fn harsh_driving(kind: &str) -> Option<&'static str> {
    match number::whole(kind)? % 10 {
        0 | 3 => Some("hardBraking"),
        1 | 4 => Some("hardAcceleration"),
        2 => Some("hardCornering"),
        _ => None,
    }
}
