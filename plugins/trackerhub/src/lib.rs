//! The body of TrackerHub's `POST /position/create`, where it comes over MQTT.
//!
//! In: one JSON object. Out: one position. The body is checked as strictly as that endpoint does it: a
//! value of another type or beyond its bounds makes the message malformed.

use fixstream_decoder::json::{self, Flat, Scalar};
use fixstream_decoder::time::ms_from_rfc3339;
use fixstream_decoder::units::heading_deg;
use fixstream_decoder::{DecodeError, Decoded, Message, Position, malformed};

use crate::field::{Bounds, hundredths, number};

mod field;

fixstream_decoder::keys! {
    /// Values that the position record has no field for.
    pub KEYS { DIRECTION = "direction" }
}

fixstream_decoder::decoder! { name: "trackerhub", keys: KEYS, decode: decode }

/// Decodes one message. The body's units are those of the record: km/h, km, metres, volts, percent, °C.
pub fn decode(message: &Message) -> Result<Decoded, DecodeError> {
    let body: Flat<'_> = json::parse(&message.payload)?;
    if ["idDevice", "latitude", "longitude"]
        .iter()
        .all(|name| body.get(name).is_absent())
    {
        return Err(DecodeError::NotMine);
    }
    let direction = hundredths(&body, "direction", Bounds::DIRECTION)?;
    let heading = direction.and_then(heading_deg);
    let mut position = Position {
        device: Some(id_of(body.get("idDevice"))?),
        time_ms: time_of(body.get("createdAt"))?,
        speed_kmh: hundredths(&body, "velocity", Bounds::NOT_NEGATIVE)?,
        odometer_km: hundredths(&body, "odometer", Bounds::ODOMETER)?,
        heading_deg: heading,
        altitude_m: hundredths(&body, "altitude", Bounds::WIDE)?,
        engine_rpm: hundredths(&body, "rpm", Bounds::NOT_NEGATIVE)?,
        fuel_percent: hundredths(&body, "fuelLevel", Bounds::WIDE)?,
        engine_temperature_c: hundredths(&body, "engineTemperature", Bounds::WIDE)?,
        distance_km: hundredths(&body, "distanceDelta", Bounds::NOT_NEGATIVE)?,
        signal: hundredths(&body, "mobileSignalStrength", Bounds::WIDE)?,
        accuracy_m: hundredths(&body, "gpsAccuracy", Bounds::WIDE)?,
        battery_v: hundredths(&body, "batteryVoltage", Bounds::WIDE)?,
        ignition: flag_of(&body, "engineStatus")?,
        ..Position::at(required(&body, "latitude")?, required(&body, "longitude")?)?
    };
    // the body may go beyond a full circle; what was given stays readable
    if heading != direction {
        position.add_some(DIRECTION, direction);
    }
    Ok(position.into())
}

fn required(body: &Flat<'_>, name: &str) -> Result<f64, DecodeError> {
    number(body, name)?.ok_or_else(|| malformed(format_args!("{name} is missing")))
}

/// A whole number from 1 to 2³²−1, also written as `5.0`.
fn id_of(value: &Scalar<'_>) -> Result<String, DecodeError> {
    let id = match value {
        Scalar::Integer(id) => *id,
        Scalar::Real(real) if real.fract() == 0.0 && real.abs() < 1e15 => *real as i64,
        Scalar::Absent => return Err(malformed("idDevice is missing")),
        _ => return Err(malformed("idDevice is not a whole number")),
    };
    if (1..=i64::from(u32::MAX)).contains(&id) {
        Ok(id.to_string())
    } else {
        Err(malformed("idDevice is out of range"))
    }
}

/// RFC 3339, and the form of the documentation's example (`2025-02-12 10:00:00.000 -0300`); without an
/// offset it is UTC. An empty one counts as absent.
fn time_of(value: &Scalar<'_>) -> Result<Option<i64>, DecodeError> {
    match value {
        Scalar::Absent => Ok(None),
        Scalar::Text(text) if text.is_empty() => Ok(None),
        Scalar::Text(text) => ms_from_rfc3339(text).map(Some),
        _ => Err(malformed("createdAt is not a string")),
    }
}

fn flag_of(body: &Flat<'_>, name: &str) -> Result<Option<bool>, DecodeError> {
    match body.get(name) {
        Scalar::Absent => Ok(None),
        Scalar::Flag(flag) => Ok(Some(*flag)),
        _ => Err(malformed(format_args!("{name} is neither true nor false"))),
    }
}
