//! What the vectors do not show: every type of value, sensors by name, records in any order, damage.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use fixstream_decoder::checksum::sum8;
use fixstream_decoder::{AttributeKey, DecodeError, DecodeResult, Message, Position, Transport, Value};
use fixstream_decoder_iotm::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON: u32 = 1_717_243_200;

fn decoded_as(device: Option<&str>, payload: Vec<u8>) -> DecodeResult {
    decode(&Message {
        transport: Transport::Mqtt,
        channel: "BCE/D".to_owned(),
        device: device.map(str::to_owned),
        received_ms: 0,
        context: Vec::new(),
        state: Vec::new(),
        payload,
    })
}

fn decoded(payload: Vec<u8>) -> DecodeResult {
    decoded_as(None, payload)
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut record = vec![kind];
    record.extend((content.len() as u16).to_le_bytes());
    record.extend(content);
    record
}

fn payload(records: &[Vec<u8>]) -> Vec<u8> {
    let mut payload = vec![2];
    payload.extend(records.concat());
    payload.push(sum8(&payload));
    payload
}

fn sensor(kind: u8, id: u16, value: &[u8]) -> Vec<u8> {
    let mut sensor = vec![kind];
    sensor.extend(id.to_le_bytes());
    sensor.extend(value);
    sensor
}

fn gps_at(latitude: f32, longitude: f32) -> Vec<u8> {
    let mut value = latitude.to_le_bytes().to_vec();
    value.extend(longitude.to_le_bytes());
    value.extend(72_u16.to_le_bytes());
    value.extend([13, 9]);
    value.extend(270_u16.to_le_bytes());
    value.extend((-12_i16).to_le_bytes());
    sensor(14, 0xd000, &value)
}

fn gps() -> Vec<u8> {
    gps_at(-23.5, -46.5)
}

fn data(sensors: &[Vec<u8>]) -> Vec<u8> {
    let mut content = NOON.to_le_bytes().to_vec();
    content.extend(sensors.concat());
    record(1, &content)
}

#[track_caller]
fn only(sensors: &[Vec<u8>]) -> Position {
    let mut positions = decoded(payload(&[data(sensors)])).unwrap().positions;
    assert_eq!(positions.len(), 1);
    positions.remove(0)
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
fn a_gps_sensor_is_a_position() {
    let position = only(&[gps()]);
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.5), Some(-46.5))
    );
    assert_eq!(position.time_ms, Some(1_717_243_200_000));
    assert_eq!((position.speed_kmh, position.hdop), (Some(72.0), Some(1.3)));
    assert_eq!(
        (position.satellites, position.heading_deg),
        (Some(9), Some(270.0))
    );
    assert_eq!((position.altitude_m, position.valid), (Some(-12.0), Some(true)));
    assert_eq!((position.ignition, position.device), (None, None));
}

#[test]
fn every_type_of_value_is_read_with_its_length() {
    for (kind, bytes, value) in [
        (0, vec![], Some(Value::Flag(false))),
        (1, vec![], Some(Value::Flag(true))),
        (2, vec![], None),
        (3, vec![], Some(Value::Integer(0))),
        (4, vec![200], Some(Value::Integer(200))),
        (5, vec![1, 2], Some(Value::Integer(513))),
        (6, vec![0, 0, 0, 0x80], Some(Value::Integer(2_147_483_648))),
        (7, vec![1, 0, 0, 0, 0, 0, 0, 0], Some(Value::Integer(1))),
        (8, vec![0xff], Some(Value::Integer(-1))),
        (9, vec![0xfe, 0xff], Some(Value::Integer(-2))),
        (10, vec![0xfd, 0xff, 0xff, 0xff], Some(Value::Integer(-3))),
        (11, vec![0xff; 8], Some(Value::Integer(-1))),
        (12, 1.5_f32.to_le_bytes().to_vec(), Some(Value::Real(1.5))),
        (13, 2.25_f64.to_le_bytes().to_vec(), Some(Value::Real(2.25))),
        (13, f64::NAN.to_le_bytes().to_vec(), None),
        (32, vec![2, b'h', b'i'], Some(Value::Text("hi".to_owned()))),
        (33, vec![2, 0xab, 0x01], Some(Value::Text("ab01".to_owned()))),
        (64, vec![2, 0, b'h', b'i'], Some(Value::Text("hi".to_owned()))),
        (65, vec![1, 0, 0xff], Some(Value::Text("ff".to_owned()))),
    ] {
        // the next sensor shows that the length was right
        let position = only(&[sensor(kind, 0x7777, &bytes), gps(), sensor(1, 0x6d, &[])]);
        assert_eq!(attribute(&position, "io_30583"), value, "type {kind}");
        assert_eq!(position.ignition, Some(true), "type {kind}");
        if !bytes.is_empty() {
            let cut = sensor(kind, 0x7777, &bytes[..bytes.len() - 1]);
            assert!(
                decoded(payload(&[data(&[gps(), cut])])).is_err(),
                "type {kind} cut"
            );
        }
    }
}

#[test]
fn sensors_have_names_and_units() {
    let position = only(&[
        sensor(5, 0x3000, &12_400_u16.to_le_bytes()),
        sensor(5, 0x3004, &4_050_u16.to_le_bytes()),
        sensor(6, 0x4003, &200_000_u32.to_le_bytes()),
        sensor(5, 0x300c, &850_u16.to_le_bytes()),
        sensor(4, 0x2007, &[55]),
        sensor(4, 0x2041, &[101]),
        sensor(8, 0x2008, &[0xfb]),
        sensor(12, 0xa017, &(-4.5_f32).to_le_bytes()),
        sensor(7, 0x5000, &77_i64.to_le_bytes()),
        sensor(3, 0x0010, &[]),
        sensor(1, 0x009b, &[]),
        gps(),
    ]);
    assert_eq!((position.power_v, position.battery_v), (Some(12.4), Some(4.05)));
    assert_eq!(
        (position.odometer_km, position.engine_rpm),
        (Some(1000.0), Some(850.0))
    );
    assert_eq!(
        (position.fuel_percent, position.battery_percent),
        (Some(55.0), None)
    );
    assert_eq!(position.engine_temperature_c, Some(-5.0));
    assert_eq!(position.event.as_deref(), Some("jamming"));
    assert_eq!(attribute(&position, "io_8257"), Some(Value::Integer(101)));
    assert_eq!(attribute(&position, "temperature_1_c"), Some(Value::Real(-4.5)));
    assert_eq!(
        attribute(&position, "driverUniqueId"),
        Some(Value::Text("77".to_owned()))
    );
    assert_eq!(attribute(&position, "input_2"), Some(Value::Flag(false)));
}

#[test]
fn a_zero_is_a_value_of_its_own_type() {
    let position = only(&[
        gps(),
        sensor(3, 0x300c, &[]),
        sensor(3, 0x4003, &[]),
        sensor(3, 0x6d, &[]),
    ]);
    assert_eq!(
        (position.engine_rpm, position.odometer_km, position.ignition),
        (Some(0.0), Some(0.0), Some(false))
    );
}

#[test]
fn records_without_a_gps_sensor_are_left_out() {
    let serial = record(2, &869_595_060_875_258_u64.to_le_bytes());
    let event = record(3, &[0, 0x20, 0xad, 0x59, 0, 1, b'F']);
    let bare = data(&[sensor(1, 0x6d, &[])]);
    let nothing = decoded(payload(&[serial.clone(), event.clone(), bare.clone()])).unwrap();
    assert!(nothing.positions.is_empty());
    assert!(decoded(payload(&[])).unwrap().positions.is_empty());

    let all = payload(&[
        data(&[gps()]),
        event,
        bare,
        record(9, b"new"),
        serial,
        data(&[gps_at(0.0, 0.0)]),
    ]);
    let two = decoded(all.clone()).unwrap();
    assert_eq!(two.positions.len(), 2);
    assert_eq!(
        (two.positions[1].latitude, two.positions[1].longitude),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(two.warnings, ["record of type 9"]);
    assert_eq!(two.positions[1].device.as_deref(), Some("869595060875258"));
    // the device that the host knows stays
    let known = decoded_as(Some("123456789012345"), all).unwrap();
    assert_eq!(known.positions[0].device, None);
}

#[test]
fn what_is_broken_is_refused() {
    for (latitude, longitude) in [(90.5, 0.0), (0.0, -180.5), (f32::NAN, 0.0), (0.0, f32::INFINITY)] {
        assert!(matches!(
            decoded(payload(&[data(&[gps_at(latitude, longitude)])])),
            Err(DecodeError::Malformed(_))
        ));
    }
    for kind in [15, 31, 34, 255] {
        assert!(matches!(
            decoded(payload(&[data(&[gps(), sensor(kind, 1, &[0; 8])])])),
            Err(DecodeError::Unsupported(_))
        ));
    }
    let whole = payload(&[data(&[gps()])]);
    let mut wrong = whole.clone();
    *wrong.last_mut().unwrap() ^= 1;
    assert!(decoded(wrong).is_err());
    // cut, with the checksum repaired
    for length in 1..whole.len() - 1 {
        let mut cut = whole[..length].to_vec();
        cut.push(sum8(&cut));
        let outcome = decoded(cut);
        assert!(length == 1 || outcome.is_err(), "{length}");
    }
    assert!(decoded(Vec::new()).is_err());
    assert!(decoded(vec![2]).is_err());
    assert!(decoded(payload(&[record(1, &[1, 2, 3])])).is_err());
    let many: Vec<_> = (0..1025).map(|_| data(&[gps()])).collect();
    assert!(decoded(payload(&many)).is_err());
}

#[test]
fn a_record_has_room_for_the_attributes_that_the_contract_allows() {
    let mut sensors: Vec<_> = (0..400).map(|id| sensor(4, 0x6000 + id, &[1])).collect();
    sensors.push(gps());
    assert_eq!(only(&sensors).attributes.len(), 256);
}
