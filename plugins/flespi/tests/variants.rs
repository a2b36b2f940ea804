//! What the vectors do not show: arrays with gaps, second sources, events, forms of time, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Decoded, Message, Position, Transport, Value,
};
use fixstream_decoder_flespi::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;
const BARE: &str = r#"{"ident":"864123456789000","timestamp":1717243200,"position.latitude":-23.5,"position.longitude":-46.6}"#;

fn decoded(payload: &str) -> DecodeResult {
    decode(&Message {
        transport: Transport::Mqtt,
        channel: "flespi/message/gw/devices/100".to_owned(),
        device: None,
        received_ms: NOON,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.as_bytes().to_vec(),
    })
}

#[track_caller]
fn only(payload: &str) -> Position {
    let mut positions = decoded(payload).unwrap().positions;
    assert_eq!(positions.len(), 1, "{payload}");
    positions.remove(0)
}

#[track_caller]
fn with(more: &str) -> Position {
    only(&BARE.replace('}', &format!(",{more}}}")))
}

fn is_malformed(payload: &str) -> bool {
    matches!(decoded(payload), Err(DecodeError::Malformed(_)))
}

fn attribute(position: &Position, name: &str) -> Option<Value> {
    position
        .attributes
        .iter()
        .find(|attribute| match &attribute.key {
            AttributeKey::Declared(index) => KEYS[*index as usize] == name,
            AttributeKey::Named(key) => key == name,
        })
        .map(|attribute| attribute.value.clone())
}

#[test]
fn what_is_not_sent_is_not_said() {
    let position = only(BARE);
    assert_eq!(
        position,
        Position {
            device: Some("864123456789000".to_owned()),
            time_ms: Some(NOON),
            latitude: Some(-23.5),
            longitude: Some(-46.6),
            ..Position::default()
        }
    );
    assert_eq!(
        only(&BARE.replace(r#""ident":"864123456789000","#, "")).device,
        None
    );
    assert_eq!(
        only(&BARE.replace("\"864123456789000\"", "77")).device.as_deref(),
        Some("77")
    );
    let zero = only(&BARE.replace("-23.5", "0").replace("-46.6", "0"));
    assert_eq!((zero.latitude, zero.longitude), (Some(0.0), Some(0.0)));
}

#[test]
fn every_field_of_the_record_has_its_name() {
    let position = with(
        r#""position.altitude":-3.5,"position.speed":80.5,"position.direction":359,"position.satellites":0,"position.hdop":0.8,
        "position.valid":false,"engine.ignition.status":true,"vehicle.mileage":1520.5,"can.vehicle.mileage":9,
        "battery.voltage":4.05,"battery.level":83,"external.powersource.voltage":12.61,"gsm.signal.level":75,
        "can.engine.rpm":900,"can.fuel.level":55,"can.engine.coolant.temperature":-4"#,
    );
    assert_eq!(
        (position.altitude_m, position.speed_kmh, position.heading_deg),
        (Some(-3.5), Some(80.5), Some(359.0))
    );
    assert_eq!(
        (position.satellites, position.hdop, position.valid),
        (Some(0), Some(0.8), Some(false))
    );
    assert_eq!(
        (position.ignition, position.odometer_km),
        (Some(true), Some(1520.5))
    );
    assert_eq!(
        (position.battery_v, position.battery_percent, position.power_v),
        (Some(4.05), Some(83.0), Some(12.61))
    );
    assert_eq!(
        (position.signal, position.engine_rpm, position.fuel_percent),
        (Some(75.0), Some(900.0), Some(55.0))
    );
    assert_eq!(position.engine_temperature_c, Some(-4.0));
    assert_eq!(with(r#""can.vehicle.mileage":9"#).odometer_km, Some(9.0));
    let strings = with(r#""position.speed":"12.5","engine.ignition.status":0,"position.valid":1"#);
    assert_eq!(
        (strings.speed_kmh, strings.ignition, strings.valid),
        (Some(12.5), Some(false), Some(true))
    );
    let unknown = with(r#""position.speed":-1,"position.direction":null,"battery.level":255"#);
    assert_eq!(
        (unknown.speed_kmh, unknown.heading_deg, unknown.battery_percent),
        (None, None, None)
    );
}

#[test]
fn other_parameters_are_kept_under_their_name() {
    let position = with(
        r#""server.timestamp":1717243201.5,"device.name":"Veículo","movement.status":true,"custom.param.116":7,
        "ble.sensor.temperature.1":21.5,"plugin":{"a":1},"tags":["x","y"],"can.engine.rpm":900"#,
    );
    for (name, value) in [
        ("server_timestamp", Value::Real(1_717_243_201.5)),
        ("device_name", "Veículo".into()),
        ("movement_status", Value::Flag(true)),
        ("custom_param_116", Value::Integer(7)),
        ("ble_sensor_temperature_1", Value::Real(21.5)),
        ("tags", "x, y".into()),
        ("can_engine_rpm", Value::Integer(900)),
    ] {
        assert_eq!(attribute(&position, name), Some(value), "{name}");
    }
    assert_eq!(position.attributes.len(), 7);
    let many: Vec<String> = (0..400).map(|number| format!("\"p{number}\":1")).collect();
    assert_eq!(with(&many.join(",")).attributes.len(), 256);
}

#[test]
fn an_event_is_what_was_triggered() {
    for (fields, event) in [
        (
            r#""harsh.braking.event.trigger":true,"event.enum":7"#,
            Some("harsh_braking"),
        ),
        (r#""geofence.event.enter":true"#, Some("geofence_enter")),
        (
            r#""harsh.braking.event.trigger":false,"alarm.event.trigger":true"#,
            Some("alarm"),
        ),
        (r#""event.enum":7"#, Some("7")),
        (r#""harsh.braking.event.trigger":false"#, None),
    ] {
        assert_eq!(with(fields).event.as_deref(), event, "{fields}");
    }
}

#[test]
fn times_come_in_many_forms() {
    for (timestamp, ms) in [
        ("1717243200.25", NOON + 250),
        ("\"1717243200\"", NOON),
        ("1717243200250", NOON + 250),
        ("\"2024-06-01T12:00:00Z\"", NOON),
        ("\"2024-06-01T09:00:00.5-03:00\"", NOON + 500),
        ("\"2024-06-01T12:00:00\"", NOON),
    ] {
        assert_eq!(
            only(&BARE.replace("1717243200", timestamp)).time_ms,
            Some(ms),
            "{timestamp}"
        );
    }
    for timestamp in ["null", "null,\"server.timestamp\":1717243200"] {
        assert_eq!(only(&BARE.replace("1717243200", timestamp)).time_ms, None);
    }
}

#[test]
fn an_array_may_hold_messages_without_a_place() {
    let status = r#"{"ident":"1","timestamp":1717243200,"battery.level":50}"#;
    let nothing = r#"{"ident":"1","position.latitude":null,"position.longitude":null}"#;
    let other = BARE.replace("864123456789000", "2");
    let two = decoded(&format!("[{status},{BARE},{nothing},{other}]"))
        .unwrap()
        .positions;
    assert_eq!(two.len(), 2);
    assert_eq!(two[0].device.as_deref(), Some("864123456789000"));
    assert_eq!(two[1].device.as_deref(), Some("2"));
    for payload in ["[]", "{}", status, nothing, &format!("[{status},{nothing}]")] {
        assert_eq!(decoded(payload), Ok(Decoded::nothing()), "{payload}");
    }
    let many = vec![BARE; 1025].join(",");
    assert!(is_malformed(&format!("[{many}]")));
}

#[test]
fn what_is_broken_is_refused() {
    for (from, to) in [
        ("-23.5", "-90.5"),
        ("-46.6", "180.5"),
        ("-46.6", "null"),
        ("-46.6", "\"\""),
        ("-46.6", "{}"),
        (",\"position.longitude\":-46.6", ""),
        ("1717243200", "\"\""),
        ("1717243200", "\"2024-02-30T12:00:00Z\""),
        ("1717243200", "true"),
        ("1717243200", "-1"),
        ("1717243200", "\"-1\""),
        ("1717243200", "1e30"),
        ("-46.6}", "-46.6"),
    ] {
        let payload = BARE.replacen(from, to, 1);
        assert!(is_malformed(&payload), "{payload}");
        // one that is broken spoils the array
        assert!(is_malformed(&format!("[{BARE},{payload}]")), "{payload}");
    }
    for payload in [
        "", " ", "[1]", "[[]]", "[null]", "null", "1", "hello", "[{}", "{} {}",
    ] {
        assert!(is_malformed(payload), "{payload}");
    }
}
