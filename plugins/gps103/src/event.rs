//! What a report is about: its keyword.

use fixstream_decoder::Position;
use fixstream_decoder::text::{decimal, snake_case};

use crate::keys;

/// Sets event, alarm and what the keyword itself says.
pub(crate) fn add(keyword: &str, position: &mut Position) {
    if let Some(temperature) = keyword.strip_prefix("T:") {
        position.event = Some("temperature".to_owned());
        position.add_some(keys::TEMPERATURE_1, decimal(temperature));
        return;
    }
    if let Some(level) = keyword.strip_prefix("oil ") {
        position.event = Some("oil".to_owned());
        position.fuel_percent = decimal(level).filter(|percent| (0.0..=100.0).contains(percent));
        return;
    }
    let (event, alarm) = match keyword {
        // asked for or periodic: nothing happened
        "tracker" | "001" | "" => return,
        "help me" => ("sos", Some("sos")),
        "low battery" => ("low_battery", Some("lowBattery")),
        "stockade" => ("geofence", Some("geofence")),
        "move" => ("move", Some("movement")),
        "speed" => ("speed", Some("overspeed")),
        "door alarm" => ("door", Some("door")),
        "ac alarm" => ("power_cut", Some("powerCut")),
        "accident alarm" => ("accident", Some("accident")),
        "sensor alarm" => ("vibration", Some("vibration")),
        "bonnet alarm" => ("bonnet", Some("bonnet")),
        "footbrake alarm" => ("foot_brake", Some("footBrake")),
        "DTC" => ("fault", Some("fault")),
        "acc on" => ("ignition_on", None),
        "acc off" => ("ignition_off", None),
        "acc alarm" => ("ignition_on", Some("powerOn")),
        other => return position.event = snake_case(other),
    };
    position.event = Some(event.to_owned());
    position.add_some(keys::ALARM, alarm);
    // the field of the switch, where there is one, is measured later than the keyword
    if position.ignition.is_none() {
        position.ignition = match keyword {
            "acc on" => Some(true),
            "acc off" => Some(false),
            _ => None,
        };
    }
}
