//! Positions in the hub's own format.

use fixstream_core::clock;
use fixstream_core::model::{AttributeValue, DeviceId, Fix, Offset, Sender, Source, TimeMs, Uplink};
use poem::Response;
use poem::http::{Method, StatusCode};

use super::codes::{self, Code};
use super::envelope::{self, Success};
use super::error::ApiError;
use super::fields;
use super::operation::{Call, Operation};
use super::validate::{self, Checked};

/// Attribute with a direction beyond the circle.
const DIRECTION: &str = "direction";

/// What may be wrong with a question about positions that are stored: nobody has what it names, it is too large, or
/// ClickHouse does not answer.
pub(super) const STORED: &[&Code] = &[
    &codes::ENTITY_WITH_FIELD_NOT_FOUND,
    &codes::QUERY_FAILED,
    &codes::HISTORY_AWAY,
];

/// The endpoints.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "create_position",
            &["/position/create"],
            "Takes a position in the standard format",
            create,
        )
        .body(fields::POSITION)
        .answers::<Success>(201, "The position is on disk")
        .refuses(&codes::ENTITY_WITH_FIELD_NOT_FOUND),
    ]
}

/// `POST /position/create`: answered when the position is on disk.
pub(super) async fn create(call: Call) -> Result<Response, ApiError> {
    let fields = validate::body(&call.body, fields::POSITION)?;
    let device = owned_device(&call, fields.required_id("idDevice"), "idDevice")?;
    let mut fix = Fix::default();
    state(&fields, &mut fix);
    let source = Source::Position {
        device,
        fix: Box::new(fix),
    };
    accept(&call, source).await
}

/// The device of this id, which `field` named, if it is the client's.
pub(super) fn owned_device(call: &Call, id: u32, field: &'static str) -> Result<DeviceId, ApiError> {
    let entity = "DEVICE";
    let device = call.rest.registry.device(DeviceId(id));
    let owned = device.filter(|device| call.owns(device.client));
    owned
        .map(|device| device.id)
        .ok_or(ApiError::NotFound { entity, field })
}

/// Who sends what a request says.
pub(super) fn sender(call: &Call) -> Sender {
    Sender {
        client: call.client.id,
        link: call.key.link,
        tracker: None,
    }
}

/// Journals; the record, once it is on disk.
pub(super) async fn journal(call: &Call, source: Source, received: TimeMs) -> Result<Offset, ApiError> {
    let uplink = Uplink {
        received,
        sender: sender(call),
        source,
    };
    Ok(call.rest.ingest.accept(&uplink).await?)
}

/// Journals and answers 201.
pub(super) async fn accept(call: &Call, source: Source) -> Result<Response, ApiError> {
    journal(call, source, clock::now()).await?;
    Ok(envelope::success(
        StatusCode::CREATED,
        "Position created successfully",
    ))
}

/// Writes what validated fields state into a fix; the rest of it stays as it is.
pub(super) fn state(fields: &Checked, fix: &mut Fix) {
    let number = |name, into: &mut f64| {
        if let Some(value) = fields.number(name) {
            *into = value;
        }
    };
    number("latitude", &mut fix.latitude);
    number("longitude", &mut fix.longitude);
    let number = |name, into: &mut Option<f64>| *into = fields.number(name).or(*into);
    number("altitude", &mut fix.altitude_m);
    number("velocity", &mut fix.speed_kmh);
    number("gpsAccuracy", &mut fix.accuracy_m);
    number("odometer", &mut fix.odometer_km);
    number("distanceDelta", &mut fix.distance_km);
    number("fuelLevel", &mut fix.fuel_percent);
    number("engineTemperature", &mut fix.engine_temperature_c);
    number("rpm", &mut fix.engine_rpm);
    number("batteryVoltage", &mut fix.power_v);
    number("mobileSignalStrength", &mut fix.signal);
    fix.time = fields.time("createdAt").or(fix.time);
    fix.ignition = fields.flag("engineStatus").or(fix.ignition);
    if let Some(direction) = fields.number("direction") {
        // The contract allows more than a full circle; what was given stays readable.
        let heading = validate::hundredths(direction.rem_euclid(360.0)) % 360.0;
        fix.heading_deg = Some(heading);
        fix.attributes.retain(|(name, _)| name != DIRECTION);
        if heading.to_bits() != direction.to_bits() {
            let given = AttributeValue::Real(direction);
            fix.attributes.push((DIRECTION.to_owned(), given));
        }
    }
}

/// The direction as it was given, where that lies beyond the circle.
pub(super) fn direction(fix: &Fix) -> Option<f64> {
    let mut attributes = fix.attributes.iter();
    let given = attributes.find_map(|(name, value)| match value {
        AttributeValue::Real(given) if name == DIRECTION => Some(*given),
        _ => None,
    });
    given.or(fix.heading_deg)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use serde_json::json;

    use super::*;

    fn fix_of(body: &serde_json::Value) -> Fix {
        let mut fix = Fix::default();
        let fields = validate::body(body.to_string().as_bytes(), fields::POSITION).unwrap();
        state(&fields, &mut fix);
        fix
    }

    #[test]
    fn the_documented_example_becomes_a_fix() {
        let fix = fix_of(&json!({
            "idDevice": 1, "latitude": 25.997_053, "longitude": -97.155_282, "createdAt": "2025-02-12 10:00:00.000 -0300",
            "velocity": 60.5, "odometer": 150_350.75, "direction": 180.5, "altitude": null, "rpm": 2500, "fuelLevel": 75.5,
            "engineTemperature": 90.25, "distanceDelta": 1.25, "mobileSignalStrength": null, "gpsAccuracy": null,
            "batteryVoltage": 12.5, "engineStatus": true
        }));
        let expected = Fix {
            time: Some(TimeMs(1_739_365_200_000)),
            latitude: 25.997_053,
            longitude: -97.155_282,
            speed_kmh: Some(60.5),
            odometer_km: Some(150_350.75),
            heading_deg: Some(180.5),
            engine_rpm: Some(2500.0),
            fuel_percent: Some(75.5),
            engine_temperature_c: Some(90.25),
            distance_km: Some(1.25),
            power_v: Some(12.5),
            ignition: Some(true),
            ..Fix::default()
        };
        assert_eq!(fix, expected);
    }

    #[test]
    fn a_direction_beyond_the_circle_is_normalised_and_kept() {
        for (given, heading, kept) in [
            (360.0, 0.0, Some(360.0)),
            (-90.0, 270.0, Some(-90.0)),
            (725.25, 5.25, Some(725.25)),
            (-999.99, 80.01, Some(-999.99)),
            (1000.0, 280.0, Some(1000.0)),
            (359.996, 0.0, Some(360.0)),
            (-0.004, 0.0, None),
            (180.5, 180.5, None),
        ] {
            let fix = fix_of(&json!({ "idDevice": 1, "latitude": 0, "longitude": 0, "direction": given }));
            assert_eq!(fix.heading_deg, Some(heading), "{given}");
            let kept: Vec<_> = kept
                .map(|kept| ("direction".to_owned(), AttributeValue::Real(kept)))
                .into_iter()
                .collect();
            assert_eq!(fix.attributes, kept, "{given}");
            let shown = direction(&fix).unwrap();
            assert!((shown - given).abs() < 0.005, "{given}: {shown}");
        }
    }
}
