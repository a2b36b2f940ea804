//! What stands behind the position groups: odometer, ignition, batteries, sensors.

use fixstream_decoder::{Decoded, Key, Position};

use crate::frame::{Frame, Kind};
use crate::place::{BEFORE, Group};
use crate::{can, event, keys, number};

/// Reports with an odometer behind the mask field.
const WITH_ODOMETER: [&str; 6] = ["FRI", "ERI", "IGN", "IGF", "VGN", "VGF"];

/// Periodic reports, which have the state field and the external voltage.
const PERIODIC: [&str; 2] = ["FRI", "ERI"];

/// Fields from the longitude to the mask.
const TO_MASK: usize = 7;

/// The state field is never farther behind the mask.
const FARTHEST_STATE: usize = 14;

/// The six digits of the state field: motion and ignition, inputs, outputs.
struct State {
    at: usize,
    digits: u32,
}

/// Completes the positions of the groups and adds them to the message.
pub(crate) fn positions(frame: &Frame<'_>, groups: &[Group], decoded: &mut Decoded) {
    let Some(last) = groups.last() else {
        return;
    };
    let state = if PERIODIC.contains(&frame.report) {
        state(frame, last)
    } else {
        None
    };
    for (number, group) in groups.iter().enumerate() {
        let end = groups
            .get(number + 1)
            .map_or(frame.end(), |next| next.longitude_at.saturating_sub(BEFORE));
        let mut position = group.position.clone();
        if WITH_ODOMETER.contains(&frame.report) {
            behind_mask(frame, group, end, &mut position);
        }
        position.ignition = ignition(frame.report, state.as_ref());
        position.battery_percent = battery_percent(frame, last, state.as_ref());
        if let Some(State { digits, .. }) = state {
            let inputs = digits >> 8;
            position.add(keys::INPUT_1, inputs & 2 != 0);
            position.add(keys::INPUT_2, inputs & 4 != 0);
        }
        match frame.report {
            "FRI" => position.power_v = power_v(frame, groups),
            "ERI" => {
                position.power_v = power_v(frame, groups);
                sensors(frame, last, state.as_ref(), &mut position);
            }
            "CAN" => can::add(frame, group.longitude_at, &mut position),
            _ => {}
        }
        event::add(frame, group.longitude_at, &mut position);
        if frame.kind == Kind::Replayed {
            position.add(keys::BUFFERED, true);
        }
        decoded.positions.push(position);
    }
}

/// Whether the four fields behind the time are a cell, or empty: else this model puts other things
/// there, and nothing behind can be counted off.
fn has_cell_fields(frame: &Frame<'_>, group: &Group) -> bool {
    let field = |offset: usize| frame.field(group.longitude_at + offset);
    let is_code = |text: &str| text.is_empty() || (text.len() <= 4 && number::is_digits(text));
    let is_hex = |text: &str| text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_code(field(3)) && field(3).len() != 1 && is_code(field(4)) && is_hex(field(5)) && is_hex(field(6))
}

/// The mask says what more the group has: bit 0 satellites, bit 1 what triggered the fix. `None` for
/// a mask with other bits, and where the field holds something else.
fn mask(frame: &Frame<'_>, group: &Group) -> Option<u32> {
    if !has_cell_fields(frame, group) {
        return None;
    }
    match frame.field(group.longitude_at + TO_MASK) {
        "" => Some(0),
        field => number::hex(field, 2).filter(|mask| *mask <= 3),
    }
}

/// Satellites and odometer, which follow the mask up to the field `end`.
fn behind_mask(frame: &Frame<'_>, group: &Group, end: usize, position: &mut Position) {
    let mask_at = group.longitude_at + TO_MASK;
    let Some(mask) = mask(frame, group) else {
        // GL300 has no mask: the odometer itself is there
        if has_cell_fields(frame, group) && mask_at < end {
            position.odometer_km = number::with_fraction(frame.field(mask_at));
        }
        return;
    };
    let mut at = mask_at + 1;
    if mask & 1 != 0 {
        position.satellites = number::whole(frame.field(at)).and_then(|count| u16::try_from(count).ok());
        at += 1;
    }
    if mask & 2 != 0 {
        at += 1;
    }
    // an hour meter may come first
    position.odometer_km = (at..end)
        .map(|at| frame.field(at))
        .find(|field| !field.is_empty() && !is_hour_meter(field))
        .and_then(number::with_fraction)
        .filter(|kilometres| *kilometres >= 0.0);
}

/// `00079:19:15`
fn is_hour_meter(field: &str) -> bool {
    field.contains(':') && field.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

/// The first field of six hexadecimal digits behind the mask.
fn state(frame: &Frame<'_>, last: &Group) -> Option<State> {
    if !has_cell_fields(frame, last) {
        return None;
    }
    let from = last.longitude_at + TO_MASK + 1;
    (from..frame.end().min(from + FARTHEST_STATE))
        .find_map(|at| number::hex(frame.field(at), 6).map(|digits| State { at, digits }))
}

fn ignition(report: &str, state: Option<&State>) -> Option<bool> {
    match report {
        "IGN" | "VGN" => Some(true),
        "IGF" | "VGF" => Some(false),
        _ => match state?.digits >> 20 {
            1 => Some(false),
            2 => Some(true),
            // 4x: the tracker only knows whether it moves
            _ => None,
        },
    }
}

/// Charge of the tracker's battery. Vehicle trackers have it before the state field, personal ones
/// as last field of a short tail.
fn battery_percent(frame: &Frame<'_>, last: &Group, state: Option<&State>) -> Option<f64> {
    /// GL500M: signal, reserved, reserved, battery, ….
    const GL500_BATTERY: usize = 3;
    let percent = |at: usize| {
        number::whole(frame.field(at))
            .filter(|percent| *percent <= 100)
            .map(f64::from)
    };
    if let Some(State { at, .. }) = state {
        return percent(at.saturating_sub(1));
    }
    let mask_at = last.longitude_at + TO_MASK;
    let end = frame.end();
    if frame.is_model("DE01") && PERIODIC.contains(&frame.report) {
        return percent(mask_at + GL500_BATTERY);
    }
    if !matches!(
        frame.report,
        "FRI" | "RTL" | "NMR" | "SOS" | "DOG" | "TMP" | "LBC"
    ) {
        return None;
    }
    // GT501 has neighbours of any number between
    let is_short_tail = (mask_at + 1..=mask_at + 3).contains(&end)
        && has_cell_fields(frame, last)
        && frame.field(mask_at).len() <= 2;
    if is_short_tail && end > mask_at + 1 || frame.is_model("4230") {
        return percent(end.saturating_sub(1));
    }
    None
}

/// External voltage in mV: two fields before the number of groups, where vehicle trackers have it.
fn power_v(frame: &Frame<'_>, groups: &[Group]) -> Option<f64> {
    /// Accuracy to altitude, number of groups, kind of report.
    const BACK_TO_VOLTAGE: usize = BEFORE + 3;
    let at = groups.first()?.longitude_at.checked_sub(BACK_TO_VOLTAGE)?;
    let is_behind_name = at > frame.first;
    number::whole(frame.field(at))
        .filter(|millivolts| is_behind_name && (1000..=60_000).contains(millivolts))
        .map(|millivolts| f64::from(millivolts) / 1000.0)
}

/// Sensors on the serial port and the one-wire bus: GTERI's mask is the field behind the name.
fn sensors(frame: &Frame<'_>, last: &Group, state: Option<&State>, position: &mut Position) {
    const DIGITAL_FUEL_SENSOR: u32 = 1;
    const TEMPERATURES: [Key; 4] = [
        keys::TEMPERATURE_1,
        keys::TEMPERATURE_2,
        keys::TEMPERATURE_3,
        keys::TEMPERATURE_4,
    ];

    let contents = number::hex(frame.field(frame.first + 1), 8).unwrap_or(0);
    if let Some(State { at, .. }) = state
        && contents & DIGITAL_FUEL_SENSOR != 0
        && frame.field(at + 1) == "1"
        && let Some(level) = number::hex(frame.field(at + 2), 4)
    {
        position.add(keys::FUEL, level);
    }
    // serial number of a DS18B20, kind of value, sixteenths of a degree
    let thermometers = (last.longitude_at + TO_MASK..frame.end()).filter_map(|at| {
        let serial = frame.field(at);
        let is_thermometer = serial.len() == 16
            && serial.starts_with("28")
            && serial.bytes().all(|byte| byte.is_ascii_hexdigit())
            && frame.field(at + 1) == "1";
        is_thermometer
            .then(|| number::hex(frame.field(at + 2), 4))
            .flatten()
    });
    for (key, raw) in TEMPERATURES.into_iter().zip(thermometers) {
        position.add(key, f64::from(raw as u16 as i16) / 16.0);
    }
}
