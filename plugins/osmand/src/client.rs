//! JSON of the Traccar Client from version 9: `{"location":{"timestamp","coords":{…},…},"device_id"}`.

use fixstream_decoder::json::{self, Flat};
use fixstream_decoder::text::snake_case;
use fixstream_decoder::units::{heading_deg, km_from_m, kmh_from_mps};
use fixstream_decoder::{DecodeError, Position};

use crate::{keys, moment, parameters, required_device, set_event};

/// The position of a body; `None` when it has no coordinates. Where the body names no device, `query`
/// of the request may.
pub(crate) fn position(body: &[u8], query: Option<&[u8]>) -> Result<Option<Position>, DecodeError> {
    let fields = json::parse_paths(body)?;
    if fields.get("device_id").is_absent() && fields.get("location").is_absent() {
        return Err(DecodeError::NotMine);
    }
    let device = match fields.get("device_id").identifier() {
        Some(device) => device,
        None => required_device(
            query
                .and_then(|query| parameters::parse(query, &[]).ok())
                .as_ref()
                .and_then(|query| query.text("id").or_else(|| query.text("deviceid"))),
        )?,
    };
    let time_ms = moment::of_scalar(fields.get("location.timestamp"))?;
    let latitude = fields.get("location.coords.latitude");
    let longitude = fields.get("location.coords.longitude");
    if latitude.is_absent() && longitude.is_absent() {
        return Ok(None);
    }
    let mut position = Position {
        device: Some(device),
        time_ms,
        valid: Some(true),
        ..Position::at(
            latitude.required_number("latitude")?,
            longitude.required_number("longitude")?,
        )?
    };
    add(fields, &mut position);
    Ok(Some(position))
}

/// Everything but who, when and where. Negative numbers are unknown where none can be negative.
fn add(fields: Flat<'_>, position: &mut Position) {
    let owned = |name: &str| fields.get(name).text().map(str::to_owned);
    set_event(position, owned("location.extras.alarm"), owned("location.event"));
    let mut unlisted = 0;
    for (path, value) in fields.0 {
        let Some(name) = path.strip_prefix("location.") else {
            continue;
        };
        let amount = value.number_in(0.0..);
        match name {
            // `_` is the template of a query; `geofence.extras` describes a region
            "timestamp" | "coords.latitude" | "coords.longitude" | "event" | "extras.alarm" | "_" => {}
            "coords.speed" => position.speed_kmh = amount.map(kmh_from_mps),
            "coords.heading" => position.heading_deg = amount.and_then(heading_deg),
            "coords.altitude" => position.altitude_m = value.number(),
            "coords.accuracy" => position.accuracy_m = amount,
            "coords.altitude_accuracy" => position.add_some(keys::VERTICAL_ACCURACY, amount),
            "coords.speed_accuracy" => position.add_some(keys::SPEED_ACCURACY, amount),
            "coords.heading_accuracy" => position.add_some(keys::HEADING_ACCURACY, amount),
            "coords.ellipsoidal_altitude" => {
                position.add_some(keys::ELLIPSOIDAL_ALTITUDE, value.number());
            }
            "odometer" => position.odometer_km = amount.map(km_from_m),
            "battery.level" => {
                position.battery_percent = value.number_in(0.0..=1.0).map(|level| level * 100.0);
            }
            "battery.is_charging" => position.add_some(keys::CHARGE, value.flag()),
            "is_moving" => position.add_some(keys::MOTION, value.flag()),
            "mock" => position.add_some(keys::MOCK, value.flag()),
            "activity.type" => position.add_some(keys::ACTIVITY, value.into_value()),
            "activity.confidence" => position.add_some(keys::ACTIVITY_CONFIDENCE, value.into_value()),
            "geofence.identifier" => position.add_some(keys::GEOFENCE, value.into_value()),
            "geofence.action" => position.add_some(keys::GEOFENCE_ACTION, value.into_value()),
            other if unlisted < keys::MOST_UNLISTED && !other.starts_with("geofence.") => {
                unlisted += 1;
                let own = other.strip_prefix("extras.").or(other.strip_prefix("coords."));
                if let (Some(key), Some(value)) = (snake_case(own.unwrap_or(other)), value.into_value()) {
                    position.add(key, value);
                }
            }
            _ => {}
        }
    }
}
