//! What the vectors do not show: continuations, values that are not known, other commands, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::checksum::crc16_kermit;
use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Decoded, Message, Position, Transport, Value, vectors,
};
use fixstream_decoder_ruptela::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;

const IMEI: u64 = 13_226_001_564_487;

/// 46.63 W, 23.55 S, 760.1 m, 123.45°, 9 satellites, 60 km/h, HDOP 1.1.
const PLACE: &str = "e434d3a0 f1f68e20 1db1 3039 09 003c 0b";
const NO_FIX: &str = "80000000 80000000 ffff ffff ff ffff ff";

fn message(payload: Vec<u8>) -> Message {
    Message {
        transport: Transport::Tcp,
        channel: String::new(),
        device: None,
        received_ms: NOON + 500,
        context: Vec::new(),
        state: Vec::new(),
        payload,
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn frame(command: u8, data: &str) -> Vec<u8> {
    let mut summed = IMEI.to_be_bytes().to_vec();
    summed.push(command);
    summed.extend(bytes(data));
    let mut frame = (summed.len() as u16).to_be_bytes().to_vec();
    frame.extend(&summed);
    frame.extend(crc16_kermit(&summed).to_be_bytes());
    frame
}

fn decoded(command: u8, data: &str) -> DecodeResult {
    let result = decode(&message(frame(command, data)));
    if let Ok(decoded) = &result {
        assert_eq!(vectors::contract_violations(decoded, KEYS), Vec::<String>::new());
    }
    result
}

/// One standard record with these IO groups.
fn record(place: &str, groups: &str) -> DecodeResult {
    decoded(0x01, &format!("00 01 665b0d40 00 00 {place} 07 {groups}"))
}

/// One extended record with these IO groups.
fn extended(groups: &str) -> DecodeResult {
    decoded(0x44, &format!("00 01 665b0d40 00 00 00 {PLACE} 0107 {groups}"))
}

#[track_caller]
fn only(result: DecodeResult) -> Position {
    let mut positions = result.unwrap().positions;
    assert_eq!(positions.len(), 1);
    positions.remove(0)
}

fn is_nothing(result: &DecodeResult) -> bool {
    matches!(result, Ok(Decoded { positions, .. }) if positions.is_empty())
}

fn is_malformed(result: &DecodeResult) -> bool {
    matches!(result, Err(DecodeError::Malformed(_)))
}

fn attribute(position: &Position, name: &str) -> Option<Value> {
    let is_it = |key: &AttributeKey| match key {
        AttributeKey::Declared(index) => KEYS[*index as usize] == name,
        AttributeKey::Named(key) => key == name,
    };
    let attribute = position.attributes.iter().find(|one| is_it(&one.key));
    attribute.map(|attribute| attribute.value.clone())
}

#[test]
fn a_record_has_time_place_and_movement() {
    let position = only(record(PLACE, "00 00 00 00"));
    assert_eq!(position.device.as_deref(), Some("013226001564487"));
    assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.55), Some(-46.63))
    );
    assert_eq!(
        (position.altitude_m, position.heading_deg),
        (Some(760.1), Some(123.45))
    );
    assert_eq!((position.satellites, position.speed_kmh), (Some(9), Some(60.0)));
    assert_eq!((position.hdop, position.event.as_deref()), (Some(1.1), Some("7")));
    assert_eq!((position.odometer_km, position.ignition), (None, None));
}

#[test]
fn fewer_than_three_satellites_are_no_fix() {
    for (satellites, valid) in [("00", false), ("02", false), ("03", true), ("ff", false)] {
        let place = PLACE.replace(" 09 ", &format!(" {satellites} "));
        assert_eq!(
            only(record(&place, "00 00 00 00")).valid,
            Some(valid),
            "{satellites}"
        );
    }
}

#[test]
fn a_record_without_coordinates_is_dropped() {
    assert!(is_nothing(&record(NO_FIX, "00 00 00 00")));
    for half in ["80000000 f1f68e20", "e434d3a0 80000000"] {
        assert!(
            is_nothing(&record(&format!("{half} 0000 0000 00 0000 00"), "00 00 00 00")),
            "{half}"
        );
    }
}

#[test]
fn null_island_is_emitted_as_it_stands() {
    let position = only(record("00000000 00000000 0000 0000 00 0000 00", "00 00 00 00"));
    assert_eq!((position.latitude, position.longitude), (Some(0.0), Some(0.0)));
    assert_eq!(position.valid, Some(false));
}

#[test]
fn a_value_with_all_bits_set_is_not_known() {
    let position = only(record("e434d3a0 f1f68e20 ffff ffff 05 ffff ff", "00 00 00 00"));
    assert_eq!((position.altitude_m, position.heading_deg), (None, None));
    assert_eq!((position.speed_kmh, position.hdop), (None, None));
    assert_eq!(position.valid, Some(true));
}

#[test]
fn io_elements_fill_the_record() {
    let position = only(record(
        PLACE,
        "03 fb01 1b14 ad01  03 1d30d4 1e0fa0 c51f40  01 410001e240  01 2201d042f31d000030",
    ));
    assert_eq!(position.ignition, Some(true));
    assert_eq!((position.power_v, position.battery_v), (Some(12.5), Some(4.0)));
    assert_eq!(
        (position.odometer_km, position.signal),
        (Some(123.456), Some(20.0))
    );
    assert_eq!(position.engine_rpm, Some(1000.0));
    assert_eq!(attribute(&position, "motion"), Some(Value::Flag(true)));
    assert_eq!(
        attribute(&position, "driverUniqueId"),
        Some(Value::Text("01d042f31d000030".to_owned()))
    );
}

#[test]
fn extended_ids_have_two_bytes() {
    let position = only(extended(
        "05 0199 00 0060 76 0062 80 0058 01 0086 01  02 005e 1b18 004e ff9c  01 0300 0000002a  00",
    ));
    assert_eq!(position.event.as_deref(), Some("263"));
    assert_eq!(position.ignition, Some(false));
    assert_eq!(position.engine_temperature_c, Some(78.0));
    assert!((position.fuel_percent.unwrap() - 50.196).abs() < 0.001);
    assert_eq!(position.engine_rpm, Some(1734.0));
    assert_eq!(
        attribute(&position, "alarm"),
        Some(Value::Text("jamming,hardBraking".to_owned()))
    );
    assert_eq!(attribute(&position, "temp0"), Some(Value::Real(-10.0)));
    assert_eq!(attribute(&position, "io_768"), Some(Value::Integer(42)));
}

#[test]
fn texts_in_two_elements_are_put_together() {
    let position = only(extended(
        "00 00 00 04 007e 3132333435363738 007f 3930414243444546 02f8 0123456789abcdef 02f9 fedcba9876543210",
    ));
    let text = |name| attribute(&position, name);
    assert_eq!(
        text("driverUniqueId"),
        Some(Value::Text("1234567890ABCDEF".to_owned()))
    );
    assert_eq!(
        text("tagId"),
        Some(Value::Text("0123456789abcdeffedcba9876543210".to_owned()))
    );
    assert_eq!((text("io_126"), text("io_761")), (None, None));
    // no card
    let position = only(extended(
        "00 00 00 02 007e 0000000000000000 007f 0000000000000000",
    ));
    assert_eq!(attribute(&position, "driverUniqueId"), None);
}

#[test]
fn continuations_add_to_the_record_before_them() {
    let one = |extension: &str, place: &str, groups: &str| {
        format!("665b0d40 00 {extension} 00 {place} 0007 {groups}")
    };
    let first = one("20", PLACE, "00 00 00 00");
    let second = one("21", PLACE, "00 01 001d 30d4 00 00");
    let third = one("22", PLACE, "00 00 01 0041 00002710 00");
    let lone = one("00", PLACE, "00 00 00 00");
    // a number above the declared one is a record of its own
    let beyond = one("23", PLACE, "00 00 00 00");
    let positions = decoded(0x44, &format!("00 05 {first} {second} {third} {lone} {beyond}"))
        .unwrap()
        .positions;
    let values: Vec<_> = positions
        .iter()
        .map(|one| (one.power_v, one.odometer_km))
        .collect();
    assert_eq!(values, [(Some(12.5), Some(10.0)), (None, None), (None, None)]);

    // those of a record without coordinates have nothing to belong to, least of all the one before
    let dropped = one("10", NO_FIX, "00 00 00 00");
    let of_dropped = one("11", NO_FIX, "00 01 001d 30d4 00 00");
    let positions = decoded(0x44, &format!("00 03 {lone} {dropped} {of_dropped}"))
        .unwrap()
        .positions;
    assert_eq!(positions.len(), 1);
    assert_eq!(positions[0].power_v, None);

    // the frame may begin with one, whose first record was in an earlier frame
    let position = only(decoded(0x44, &format!("00 01 {second}")));
    assert_eq!((position.latitude, position.power_v), (Some(-23.55), Some(12.5)));
}

#[test]
fn more_elements_than_a_position_may_have_are_dropped() {
    let elements = |count: u16| {
        (0..count)
            .map(|id| format!("{:04x} 01", 1000 + id))
            .collect::<Vec<_>>()
            .concat()
    };
    let one = |extension: &str| {
        format!(
            "665b0d40 00 {extension} 00 {PLACE} 0007 ff {} 00 00 00",
            elements(255)
        )
    };
    let decoded = decoded(0x44, &format!("00 02 {} {}", one("10"), one("11"))).unwrap();
    assert_eq!(decoded.positions[0].attributes.len(), 256);
    assert_eq!(decoded.warnings.len(), 1);
}

#[test]
fn commands_without_records_are_nothing() {
    for command in [0x02, 0x03, 0x06, 0x07, 0x08, 0x09, 0x0f, 0x10, 0x11, 0x24, 0x25] {
        assert!(is_nothing(&decoded(command, "01 4f4b")), "{command:02x}");
    }
    assert!(is_nothing(&decoded(0x01, "00 00")));
    assert!(matches!(decoded(0x99, "00"), Err(DecodeError::Unsupported(_))));
}

#[test]
fn what_waits_for_an_acknowledgement_gets_it() {
    let reply = |command, data: &str| decoded(command, data).unwrap().reply;
    assert_eq!(reply(0x01, "00 00"), Some(bytes("0002 6401 13bc")));
    assert_eq!(reply(0x44, "00 00"), Some(bytes("0002 6401 13bc")));
    assert_eq!(reply(0x09, "00"), Some(bytes("0002 6d01 c4a4")));
    assert!(reply(0x0f, "00").is_some() && reply(0x10, "").is_some());
    assert_eq!(reply(0x07, "4f4b"), None);
}

#[test]
fn several_frames_may_come_together() {
    let mut payload = frame(0x10, "");
    payload.extend(frame(
        0x01,
        &format!("00 01 665b0d40 00 00 {PLACE} 07 00 00 00 00"),
    ));
    let decoded = decode(&message(payload)).unwrap();
    assert_eq!(decoded.positions.len(), 1);
    assert_eq!(decoded.reply.map(|reply| reply.len()), Some(12));
}

#[test]
fn damage_is_an_error() {
    let good = frame(0x01, &format!("00 01 665b0d40 00 00 {PLACE} 07 00 00 00 00"));
    for length in 0..good.len() {
        assert!(
            is_malformed(&decode(&message(good[..length].to_vec()))),
            "{length}"
        );
    }
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        assert!(decode(&message(flipped)).is_err(), "byte {at}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(is_malformed(&decode(&message(longer))));
    // one record less, and one more, than there are
    let record = format!("665b0d40 00 00 {PLACE} 07 00 00 00 00");
    assert!(is_malformed(&decoded(0x01, &format!("00 01 {record} {record}"))));
    assert!(is_malformed(&decoded(0x01, &format!("00 02 {record}"))));
    // latitude 91, longitude 181
    assert!(is_malformed(&self::record(
        "00000000 363d7980 0000 0000 05 0000 00",
        "00 00 00 00"
    )));
    assert!(is_malformed(&self::record(
        "6be28480 00000000 0000 0000 05 0000 00",
        "00 00 00 00"
    )));
}
