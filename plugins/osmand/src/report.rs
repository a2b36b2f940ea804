//! A report of parameters.

use fixstream_decoder::text::{shown, snake_case};
use fixstream_decoder::units::{heading_deg, kmh_from_knots};
use fixstream_decoder::{DecodeError, Position, malformed};

use crate::parameters::{Parameters, flag, number, value};
use crate::{keys, moment, required_device, set_event};

/// The position of a report; `None` when it has no coordinates (cells, Wi-Fi or status only).
pub(crate) fn position(parameters: &Parameters<'_>) -> Result<Option<Position>, DecodeError> {
    let device = required_device(parameters.text("id").or_else(|| parameters.text("deviceid")))?;
    let time_ms = parameters.text("timestamp").map(moment::of_text).transpose()?;
    let Some((latitude, longitude)) = place(parameters)? else {
        return Ok(None);
    };
    let mut position = Position {
        device: Some(device),
        time_ms,
        // a word that is neither is no promise
        valid: Some(
            parameters
                .text("valid")
                .is_none_or(|valid| flag(valid) == Some(true)),
        ),
        ..Position::at(latitude, longitude)?
    };
    add(parameters, &mut position);
    Ok(Some(position))
}

/// `lat` and `lon`, or `location=lat,lon`.
fn place(parameters: &Parameters<'_>) -> Result<Option<(f64, f64)>, DecodeError> {
    let coordinate = |name: &str, text: Option<&str>| {
        let text = text.ok_or_else(|| malformed(format_args!("no {name}")))?;
        number(text.trim()).ok_or_else(|| malformed(format_args!("{name} is no number: {}", shown(text))))
    };
    let (latitude, longitude) = match (parameters.text("lat"), parameters.text("lon")) {
        (None, None) => {
            let Some(location) = parameters.text("location") else {
                return Ok(None);
            };
            location
                .split_once(',')
                .map_or((Some(location), None), |(latitude, longitude)| {
                    (Some(latitude), Some(longitude))
                })
        }
        both => both,
    };
    Ok(Some((
        coordinate("latitude", latitude)?,
        coordinate("longitude", longitude)?,
    )))
}

/// Everything but who, when and where. Values that are no numbers where one should be are left out.
fn add(parameters: &Parameters<'_>, position: &mut Position) {
    let amount = |text: &str| number(text).filter(|number| *number >= 0.0);
    let percent = |text: &str| number(text).filter(|number| (0.0..=100.0).contains(number));
    let mut unlisted = 0;
    for (name, text) in parameters.names() {
        match name {
            "id" | "deviceid" | "timestamp" | "lat" | "lon" | "location" | "valid" | "alarm" | "event" => {}
            "speed" => position.speed_kmh = amount(text).map(kmh_from_knots),
            "bearing" | "heading" => position.heading_deg = amount(text).and_then(heading_deg),
            "altitude" => position.altitude_m = number(text),
            "accuracy" => position.accuracy_m = amount(text),
            "hacc" => position.accuracy_m = position.accuracy_m.or(amount(text)),
            "vacc" => position.add_some(keys::VERTICAL_ACCURACY, amount(text)),
            "hdop" => position.hdop = amount(text),
            "batt" | "batteryLevel" => position.battery_percent = percent(text).or(position.battery_percent),
            "sat" | "satellites" => position.satellites = text.parse().ok(),
            "ignition" => position.ignition = flag(text),
            "rpm" => position.engine_rpm = amount(text),
            "fuelLevel" => position.fuel_percent = percent(text),
            "rssi" => position.signal = number(text),
            "driverUniqueId" => position.add(keys::DRIVER, text),
            // of no stated unit
            "fuel" => position.add(keys::FUEL, value(text)),
            "charge" => position.add_some(keys::CHARGE, flag(text)),
            "motion" => position.add_some(keys::MOTION, flag(text)),
            "mock" => position.add_some(keys::MOCK, flag(text)),
            "cell" => position.add_some(keys::CELL, parameters.joined(name)),
            "wifi" => position.add_some(keys::WIFI, parameters.joined(name)),
            other if unlisted < keys::MOST_UNLISTED => {
                unlisted += 1;
                if let Some(key) = snake_case(other) {
                    position.add(key, value(text));
                }
            }
            _ => {}
        }
    }
    let owned = |name: &str| parameters.text(name).map(str::to_owned);
    set_event(position, owned("alarm"), owned("event"));
}
