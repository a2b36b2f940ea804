//! Positions and events that a Traccar server forwards as JSON.
//!
//! In: `{position, device}`, `{event, position, device}` or a bare position. Out: that position with
//! knots and metres turned into km/h and km; nothing for an event without a position.

use fixstream_decoder::json::{self, Scalar};
use fixstream_decoder::text::snake_case;
use fixstream_decoder::time::{ms_from_rfc3339, ms_from_unix_ms};
use fixstream_decoder::units::{heading_deg, kmh_from_knots};
use fixstream_decoder::{DecodeError, Decoded, Message, Position, malformed};

use crate::attributes::{ADDRESS, DEVICE_NAME, GEOFENCE, OUTDATED, PROTOCOL};
use crate::document::{Document, Entity};

mod attributes;
mod document;

pub use crate::attributes::KEYS;

fixstream_decoder::decoder! { name: "traccar", keys: KEYS, decode: decode }

/// Decodes one message.
pub fn decode(message: &Message) -> Result<Decoded, DecodeError> {
    let Document {
        outer,
        position,
        device,
        event,
        geofence,
    } = json::parse(&message.payload)?;
    let wrapped = position.is_some() || device.is_some() || event.is_some();
    let Some(source) = position.or_else(|| has_place(&outer).then_some(outer)) else {
        return if wrapped {
            Ok(Decoded::nothing())
        } else {
            Err(DecodeError::NotMine)
        };
    };
    if !has_place(&source) {
        return Ok(Decoded::nothing());
    }

    let device_id = device
        .as_ref()
        .and_then(|device| device.fields.get("uniqueId").identifier())
        .or_else(|| source.fields.get("deviceId").identifier());
    let mut position = position_of(source)?;
    position.device = device_id;
    if let Some(event) = event_of(event.as_ref()) {
        position.event = Some(event);
    }
    position.add_some(
        GEOFENCE,
        geofence.and_then(|geofence| geofence.fields.get("name").clone().into_value()),
    );
    position.add_some(
        DEVICE_NAME,
        device.and_then(|device| device.fields.get("name").clone().into_value()),
    );
    Ok(position.into())
}

fn has_place(entity: &Entity<'_>) -> bool {
    !entity.fields.get("latitude").is_absent() || !entity.fields.get("longitude").is_absent()
}

fn position_of(source: Entity<'_>) -> Result<Position, DecodeError> {
    let Entity { fields, attributes } = source;
    let latitude = fields.get("latitude").required_number("latitude")?;
    let longitude = fields.get("longitude").required_number("longitude")?;
    // an outdated position repeats the last known place under its old time
    let outdated = fields.get("outdated").flag().unwrap_or(false);
    let mut position = Position {
        time_ms: time_of(fields.get("fixTime"))?.or(time_of(fields.get("deviceTime"))?),
        valid: if outdated {
            Some(false)
        } else {
            fields.get("valid").flag()
        },
        altitude_m: fields.get("altitude").number(),
        speed_kmh: fields.get("speed").number_in(0.0..).map(kmh_from_knots),
        heading_deg: fields.get("course").number_in(0.0..).and_then(heading_deg),
        // 0 is Traccar's default, not a claim
        accuracy_m: fields.get("accuracy").number().filter(|accuracy| *accuracy > 0.0),
        ..Position::at(latitude, longitude)?
    };
    let alarm = attributes.get("alarm").text().and_then(snake_case);
    attributes::apply(&mut position, attributes);
    position.event = alarm.or(position.event);
    position.add_some(PROTOCOL, fields.get("protocol").clone().into_value());
    position.add_some(ADDRESS, fields.get("address").clone().into_value());
    if outdated {
        position.add(OUTDATED, true);
    }
    Ok(position)
}

/// The type of a forwarded event in snake case; for an alarm, which alarm it is.
fn event_of(event: Option<&Entity<'_>>) -> Option<String> {
    let event = event?;
    let kind = event.fields.get("type").text()?;
    let alarm = if kind == "alarm" {
        event.attributes.get("alarm").text()
    } else {
        None
    };
    snake_case(alarm.unwrap_or(kind))
}

/// A time as text or as milliseconds, however the server's JSON writer is set up.
fn time_of(time: &Scalar<'_>) -> Result<Option<i64>, DecodeError> {
    match time {
        Scalar::Absent => Ok(None),
        Scalar::Text(text) => ms_from_rfc3339(text).map(Some),
        other => match other.number().and_then(ms_from_unix_ms) {
            Some(ms) => Ok(Some(ms)),
            None => Err(malformed("time is neither text nor a number")),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use fixstream_decoder::{AttributeKey, Transport, Value};

    use super::*;

    fn decoded(payload: &str) -> Result<Decoded, DecodeError> {
        decode(&Message {
            transport: Transport::Mqtt,
            channel: "traccar/positions".to_owned(),
            device: None,
            received_ms: 0,
            context: Vec::new(),
            state: Vec::new(),
            payload: payload.as_bytes().to_vec(),
        })
    }

    fn position(payload: &str) -> Position {
        decoded(payload).unwrap().positions.remove(0)
    }

    fn attribute(position: &Position, name: &str) -> Option<Value> {
        let named = |key: &AttributeKey| match key {
            AttributeKey::Declared(index) => KEYS[*index as usize] == name,
            AttributeKey::Named(key) => key == name,
        };
        position
            .attributes
            .iter()
            .find(|attribute| named(&attribute.key))
            .map(|attribute| attribute.value.clone())
    }

    #[test]
    fn an_outdated_position_is_not_valid_and_keeps_the_time_of_its_fix() {
        let position = position(
            r#"{"position":{"latitude":1,"longitude":2,"valid":true,"outdated":true,
                "fixTime":"2024-06-01T12:00:00+0000","deviceTime":"2024-06-01T13:00:00Z"},"device":{"uniqueId":"a"}}"#,
        );
        assert_eq!(
            (position.valid, position.time_ms),
            (Some(false), Some(1_717_243_200_000))
        );
    }

    #[test]
    fn distances_become_km_and_knots_km_per_hour() {
        let position = position(
            r#"{"latitude":1,"longitude":2,"speed":10,"fixTime":1717243200000,"deviceId":7,
                "attributes":{"totalDistance":12500.0,"distance":250,"obdSpeed":10,"rpm":900,"rssi":4,"fuelLevel":55,
                "coolantTemp":90,"customThing":"x","io239":1}}"#,
        );
        assert_eq!(position.device.as_deref(), Some("7"));
        assert_eq!(
            (position.speed_kmh, position.odometer_km, position.distance_km),
            (Some(18.52), Some(12.5), Some(0.25))
        );
        assert_eq!((position.engine_rpm, position.signal), (Some(900.0), Some(4.0)));
        assert_eq!(
            (position.fuel_percent, position.engine_temperature_c),
            (Some(55.0), Some(90.0))
        );
        assert_eq!(attribute(&position, "obd_speed_kmh"), Some(Value::Real(18.52)));
        assert_eq!(attribute(&position, "total_distance_km"), Some(Value::Real(12.5)));
        assert_eq!(attribute(&position, "custom_thing"), Some("x".into()));
    }

    #[test]
    fn the_event_is_what_happened_in_snake_case() {
        let event = |event: &str, attributes: &str| {
            position(&format!(
                r#"{{{event}"position":{{"latitude":1,"longitude":2,"attributes":{{{attributes}}}}},"device":{{"uniqueId":"a"}}}}"#
            ))
            .event
        };
        assert_eq!(
            event(r#""event":{"type":"geofenceEnter"},"#, "").as_deref(),
            Some("geofence_enter")
        );
        assert_eq!(
            event(
                r#""event":{"type":"alarm","attributes":{"alarm":"powerCut"}},"#,
                ""
            )
            .as_deref(),
            Some("power_cut")
        );
        assert_eq!(
            event("", r#""alarm":"lowBattery","event":12"#).as_deref(),
            Some("low_battery")
        );
        assert_eq!(event("", r#""event":12"#).as_deref(), Some("12"));
        assert_eq!(event("", ""), None);
    }

    #[test]
    fn without_coordinates_there_is_nothing_to_locate_and_half_a_place_is_malformed() {
        assert_eq!(
            decoded(r#"{"position":null,"device":{"uniqueId":"a"}}"#),
            Ok(Decoded::nothing())
        );
        assert_eq!(
            decoded(r#"{"position":{"fixTime":null}}"#),
            Ok(Decoded::nothing())
        );
        assert!(matches!(
            decoded(r#"{"position":{"latitude":1}}"#),
            Err(DecodeError::Malformed(_))
        ));
        assert!(matches!(
            decoded(r#"{"latitude":1,"longitude":2,"fixTime":"2024-02-30T00:00:00Z"}"#),
            Err(DecodeError::Malformed(_))
        ));
        assert_eq!(decoded(r#"{"hello":1}"#), Err(DecodeError::NotMine));
    }
}
