//! What the vectors do not show: the other fields, the bounds, the types.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{AttributeKey, DecodeError, DecodeResult, Message, Position, Transport, Value};
use fixstream_decoder_trackerhub::decode;

/// 2025-02-12T13:00:00Z
const NOON: i64 = 1_739_365_200_000;

fn decoded(payload: &str) -> DecodeResult {
    decode(&Message {
        transport: Transport::Mqtt,
        channel: "trackers/trackerhub/1/up".to_owned(),
        device: None,
        received_ms: NOON,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.as_bytes().to_vec(),
    })
}

/// A body with these fields besides the required ones; fields named again count in their last form.
fn body(fields: &str) -> String {
    format!("{{\"idDevice\":1,\"latitude\":25.997053,\"longitude\":-97.155282,{fields}}}")
}

#[track_caller]
fn only(fields: &str) -> Position {
    let mut positions = decoded(&body(fields)).unwrap().positions;
    assert_eq!(positions.len(), 1, "{fields}");
    positions.remove(0)
}

#[track_caller]
fn refused(fields: &str) {
    let outcome = decoded(&body(fields));
    assert!(
        matches!(outcome, Err(DecodeError::Malformed(_))),
        "{fields}: {outcome:?}"
    );
}

#[test]
fn the_documented_example_comes_out_whole() {
    let position = only(
        r#""createdAt":"2025-02-12 10:00:00.000 -0300","velocity":60.5,"odometer":150350.75,"direction":180.5,
        "altitude":null,"rpm":2500,"fuelLevel":75.5,"engineTemperature":90.25,"distanceDelta":1.25,
        "mobileSignalStrength":null,"gpsAccuracy":null,"batteryVoltage":12.5,"engineStatus":true"#,
    );
    let expected = Position {
        device: Some("1".to_owned()),
        time_ms: Some(NOON),
        speed_kmh: Some(60.5),
        odometer_km: Some(150_350.75),
        heading_deg: Some(180.5),
        engine_rpm: Some(2500.0),
        fuel_percent: Some(75.5),
        engine_temperature_c: Some(90.25),
        distance_km: Some(1.25),
        battery_v: Some(12.5),
        ignition: Some(true),
        ..Position::at(25.997_053, -97.155_282).unwrap()
    };
    assert_eq!(position, expected);
}

#[test]
fn the_fields_that_the_example_leaves_empty_have_places_too() {
    let position =
        only(r#""altitude":-12.5,"mobileSignalStrength":-71,"gpsAccuracy":4.5,"engineStatus":false"#);
    assert_eq!((position.altitude_m, position.signal), (Some(-12.5), Some(-71.0)));
    assert_eq!((position.accuracy_m, position.ignition), (Some(4.5), Some(false)));
    assert_eq!(position.valid, None);
}

#[test]
fn the_time_has_many_forms_and_may_be_empty() {
    for (time, ms) in [
        (r#""2025-02-12T13:00:00Z""#, Some(NOON)),
        (r#""2025-02-12T10:00:00.000-03:00""#, Some(NOON)),
        (r#""2025-02-12 10:00:00 -0300""#, Some(NOON)),
        (r#""2025-02-12T13:00:00.25Z""#, Some(NOON + 250)),
        (r#""2025-02-12T13:00:00""#, Some(NOON)),
        (r#""""#, None),
        ("null", None),
    ] {
        assert_eq!(only(&format!(r#""createdAt":{time}"#)).time_ms, ms, "{time}");
    }
    for time in [
        r#""2025-02-30T13:00:00Z""#,
        r#""2025-02-12T25:00:00Z""#,
        r#""today""#,
        "1739365200",
        "true",
    ] {
        refused(&format!(r#""createdAt":{time}"#));
    }
}

#[test]
fn bounds_are_as_printed() {
    for inside in [
        r#""latitude":90,"longitude":-180"#,
        r#""latitude":0,"longitude":0"#,
        r#""velocity":0"#,
        r#""velocity":99999999.99"#,
        r#""odometer":9999999999999.99"#,
        r#""direction":1000"#,
        r#""direction":-999.99"#,
        r#""altitude":-99999999.99"#,
        r#""rpm":0.5"#,
        r#""idDevice":4294967295"#,
        r#""idDevice":5.0"#,
    ] {
        only(inside);
    }
    for outside in [
        r#""latitude":90.0001"#,
        r#""latitude":-91"#,
        r#""longitude":180.0001"#,
        r#""longitude":-181"#,
        r#""velocity":-0.01"#,
        r#""velocity":-0.001"#,
        r#""velocity":100000000"#,
        r#""velocity":99999999.996"#,
        r#""odometer":-1"#,
        r#""odometer":10000000000000"#,
        r#""direction":1000.01"#,
        r#""direction":-1000"#,
        r#""direction":-999.996"#,
        r#""altitude":1e8"#,
        r#""fuelLevel":-1e8"#,
        r#""engineTemperature":1e8"#,
        r#""batteryVoltage":1e300"#,
        r#""gpsAccuracy":1e8"#,
        r#""mobileSignalStrength":-1e9"#,
        r#""distanceDelta":-0.5"#,
        r#""rpm":-1"#,
        r#""idDevice":0"#,
        r#""idDevice":-1"#,
        r#""idDevice":4294967296"#,
        r#""idDevice":1e300"#,
        r#""velocity":1e400"#,
    ] {
        refused(outside);
    }
}

#[test]
fn a_value_of_another_type_is_refused() {
    for wrong in [
        r#""latitude":"25.9""#,
        r#""longitude":true"#,
        r#""velocity":"60.5""#,
        r#""velocity":"""#,
        r#""odometer":[1]"#,
        r#""altitude":{}"#,
        r#""engineStatus":1"#,
        r#""engineStatus":"true""#,
        r#""idDevice":"1""#,
        r#""idDevice":1.5"#,
        r#""idDevice":true"#,
    ] {
        refused(wrong);
    }
}

#[test]
fn a_direction_beyond_the_circle_is_turned_into_it_and_kept() {
    for (given, heading, kept) in [
        ("0", 0.0, None),
        ("360", 360.0, None),
        ("-90", 270.0, Some(-90.0)),
        ("725.25", 5.25, Some(725.25)),
    ] {
        let position = only(&format!(r#""direction":{given}"#));
        assert_eq!(position.heading_deg, Some(heading), "{given}");
        let attributes: Vec<_> = position
            .attributes
            .iter()
            .map(|one| (&one.key, &one.value))
            .collect();
        match kept {
            Some(kept) => assert_eq!(attributes, [(&AttributeKey::Declared(0), &Value::Real(kept))]),
            None => assert!(attributes.is_empty(), "{given}"),
        }
    }
}

#[test]
fn more_than_two_places_are_rounded_but_not_those_of_the_place() {
    let position = only(r#""velocity":60.456,"altitude":-7.125,"latitude":25.9970531"#);
    assert_eq!(
        (position.speed_kmh, position.altitude_m),
        (Some(60.46), Some(-7.13))
    );
    assert_eq!(position.latitude, Some(25.997_053_1));
}

#[test]
fn unknown_fields_are_ignored() {
    let position = only(r#""idPosition":7,"patente":"X","nested":{"a":[1,{}]},"list":[1]"#);
    assert!(position.attributes.is_empty());
}

#[test]
fn what_is_no_such_body_is_refused() {
    for payload in [
        "",
        "  ",
        "null",
        "1",
        "{",
        "not json",
        r#"[{"idDevice":1,"latitude":1,"longitude":2}]"#,
        r#"{"idDevice":1,"latitude":1,"longitude":2"#,
        r#"{"idDevice":1,"longitude":2}"#,
        r#"{"idDevice":1,"latitude":null,"longitude":2}"#,
        r#"{"idDevice":null,"latitude":1,"longitude":2}"#,
        r#"{"latitude":1,"longitude":2}"#,
    ] {
        assert!(
            matches!(decoded(payload), Err(DecodeError::Malformed(_))),
            "{payload}"
        );
    }
    for payload in ["{}", r#"{"lat":1,"lon":2}"#] {
        assert_eq!(decoded(payload), Err(DecodeError::NotMine), "{payload}");
    }
}
