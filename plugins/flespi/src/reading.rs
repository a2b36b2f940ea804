//! One message: a position, or a status without a place.

use fixstream_decoder::json::{Flat, Scalar};
use fixstream_decoder::text::snake_case;
use fixstream_decoder::time::{ms_from_rfc3339, ms_from_unix_ms, ms_from_unix_seconds};
use fixstream_decoder::units::heading_deg;
use fixstream_decoder::{DecodeError, Position, malformed};

use crate::names;

/// The contract allows 256 attributes.
const MOST_ATTRIBUTES: usize = 256;

/// Numbers from here on are milliseconds: as seconds this is the year 5138.
const FIRST_MS: f64 = 1e11;

/// The position of a message; `None` when it has no coordinates.
pub(crate) fn position(fields: Flat<'_>) -> Result<Option<Position>, DecodeError> {
    let time_ms = time(fields.get("timestamp"))?;
    let latitude = fields.get("position.latitude");
    let longitude = fields.get("position.longitude");
    if latitude.is_absent() && longitude.is_absent() {
        return Ok(None);
    }
    let mut position = Position {
        // without it the host takes a level of the topic
        device: fields.get("ident").identifier(),
        time_ms,
        valid: fields.get("position.valid").flag(),
        ..Position::at(
            latitude.required_number("position.latitude")?,
            longitude.required_number("position.longitude")?,
        )?
    };
    measured(&fields, &mut position);
    position.event = event(&fields);
    attributes(fields, &mut position);
    Ok(Some(position))
}

/// Seconds since 1970, also with a fraction or as text, or ISO 8601.
fn time(timestamp: &Scalar<'_>) -> Result<Option<i64>, DecodeError> {
    let ms = match (timestamp, timestamp.number()) {
        (Scalar::Absent, _) => return Ok(None),
        (_, Some(number)) if number >= FIRST_MS => ms_from_unix_ms(number),
        (_, Some(number)) if number >= 0.0 => ms_from_unix_seconds(number),
        (Scalar::Text(text), None) => return ms_from_rfc3339(text).map(Some),
        _ => None,
    };
    ms.map(Some).ok_or_else(|| malformed("timestamp is no time"))
}

/// Fields of the record. Where a value has several sources, the tracker's first name for it wins.
fn measured(fields: &Flat<'_>, position: &mut Position) {
    let any = |names: &[&str]| names.iter().find_map(|name| fields.get(name).number());
    let amount = |names: &[&str]| names.iter().find_map(|name| fields.get(name).number_in(0.0..));
    let percent = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| fields.get(name).number_in(0.0..=100.0))
    };
    position.altitude_m = any(&["position.altitude"]);
    position.speed_kmh = amount(&["position.speed"]);
    position.heading_deg = amount(&["position.direction"]).and_then(heading_deg);
    position.accuracy_m = amount(&["position.accuracy"]);
    position.hdop = amount(&["position.hdop"]);
    position.satellites = fields
        .get("position.satellites")
        .number_in(0.0..=f64::from(u16::MAX))
        .map(|satellites| satellites as u16);
    position.ignition = ["engine.ignition.status", "can.engine.ignition.status"]
        .into_iter()
        .find_map(|name| fields.get(name).flag());
    position.odometer_km = amount(&["vehicle.mileage", "can.vehicle.mileage", "gps.vehicle.mileage"]);
    position.battery_v = any(&["battery.voltage"]);
    position.battery_percent = percent(&["battery.level"]);
    position.power_v = any(&["external.powersource.voltage"]);
    position.signal = any(&["gsm.signal.level", "gsm.signal.dbm"]);
    position.engine_rpm = amount(&["engine.rpm", "can.engine.rpm"]);
    position.fuel_percent = percent(&["fuel.level", "can.fuel.level"]);
    position.engine_temperature_c = any(&[
        "can.engine.coolant.temperature",
        "can.engine.temperature",
        "engine.temperature",
    ]);
}

/// The first `<what>.event.trigger` or `<what>.event.<how>` that is true, else the number of the event.
fn event(fields: &Flat<'_>) -> Option<String> {
    let triggered = fields.0.iter().find_map(|(name, value)| {
        let (what, how) = name.split_once(".event.")?;
        if *value != Scalar::Flag(true) {
            return None;
        }
        if how == "trigger" {
            snake_case(what)
        } else {
            snake_case(&format!("{what}.{how}"))
        }
    });
    triggered.or_else(|| fields.get("event.enum").identifier())
}

/// Everything else, under its own name.
fn attributes(fields: Flat<'_>, position: &mut Position) {
    for (name, value) in fields.0 {
        if position.attributes.len() == MOST_ATTRIBUTES {
            return;
        }
        if is_field(&name) {
            continue;
        }
        if let Some(key) = names::declared(&name) {
            position.add_some(key, value.into_value());
        } else if let (Some(key), Some(value)) = (snake_case(&name), value.into_value()) {
            position.add(key, value);
        }
    }
}

/// Whether a name has a field of the record. Those that are only a second source stay attributes as well.
fn is_field(name: &str) -> bool {
    matches!(
        name,
        "ident"
            | "timestamp"
            | "position.latitude"
            | "position.longitude"
            | "position.altitude"
            | "position.speed"
            | "position.direction"
            | "position.accuracy"
            | "position.hdop"
            | "position.satellites"
            | "position.valid"
            | "engine.ignition.status"
            | "vehicle.mileage"
            | "battery.voltage"
            | "battery.level"
            | "external.powersource.voltage"
            | "gsm.signal.level"
            | "engine.rpm"
            | "event.enum"
    )
}
