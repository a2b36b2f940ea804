//! Positions in the hub's own format.

use fixstream_core::clock;
use fixstream_core::model::{AttributeValue, DeviceId, Fix, Sender, Source, Uplink};
use poem::Response;
use poem::http::{Method, StatusCode};

use super::codes;
use super::envelope::{self, Success};
use super::error::ApiError;
use super::fields;
use super::operation::{Call, Operation};
use super::validate::{self, Checked};

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
    let device = DeviceId(fields.required_id("idDevice"));
    let owned = call
        .rest
        .registry
        .device(device)
        .is_some_and(|device| device.client == call.client.id);
    if !owned {
        return Err(ApiError::NotFound {
            entity: "DEVICE",
            field: "idDevice",
        });
    }
    let source = Source::Position {
        device,
        fix: Box::new(fix(&fields)),
    };
    accept(&call, source).await
}

/// Journals and answers 201.
pub(super) async fn accept(call: &Call, source: Source) -> Result<Response, ApiError> {
    let sender = Sender {
        client: call.client.id,
        link: call.key.link,
        tracker: None,
    };
    call.rest
        .ingest
        .accept(&Uplink {
            received: clock::now(),
            sender,
            source,
        })
        .await?;
    Ok(envelope::success(
        StatusCode::CREATED,
        "Position created successfully",
    ))
}

/// The fix that validated fields state.
fn fix(fields: &Checked) -> Fix {
    let direction = fields.number("direction");
    // The contract allows more than a full circle; what was given stays readable.
    let heading = direction.map(|direction| validate::hundredths(direction.rem_euclid(360.0)) % 360.0);
    let mut attributes = Vec::new();
    if let Some(direction) = direction
        && heading != Some(direction)
    {
        attributes.push(("direction".to_owned(), AttributeValue::Real(direction)));
    }
    Fix {
        time: fields.time("createdAt"),
        valid: None,
        latitude: fields.number("latitude").unwrap_or_default(),
        longitude: fields.number("longitude").unwrap_or_default(),
        altitude_m: fields.number("altitude"),
        speed_kmh: fields.number("velocity"),
        heading_deg: heading,
        accuracy_m: fields.number("gpsAccuracy"),
        odometer_km: fields.number("odometer"),
        distance_km: fields.number("distanceDelta"),
        ignition: fields.flag("engineStatus"),
        fuel_percent: fields.number("fuelLevel"),
        engine_temperature_c: fields.number("engineTemperature"),
        engine_rpm: fields.number("rpm"),
        power_v: fields.number("batteryVoltage"),
        signal: fields.number("mobileSignalStrength"),
        attributes,
        ..Fix::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use serde_json::json;

    use super::*;

    fn fix_of(body: &serde_json::Value) -> Fix {
        fix(&validate::body(body.to_string().as_bytes(), fields::POSITION).unwrap())
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
            time: Some(fixstream_core::model::TimeMs(1_739_365_200_000)),
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
        }
    }
}
