//! What the vectors do not show: the other codecs, several packets, and damage behind a right checksum.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::checksum::crc16_arc;
use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Message, Position, Transport, Value, vectors,
};
use fixstream_decoder_teltonika::{KEYS, decode};

fn message(payload: Vec<u8>) -> Message {
    Message {
        transport: Transport::Tcp,
        channel: String::new(),
        device: None,
        received_ms: 1_717_286_400_000,
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

/// A packet around the data, with the length and the checksum that belong to it.
fn packet(data: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 4];
    packet.extend((data.len() as u32).to_be_bytes());
    packet.extend(data);
    packet.extend(u32::from(crc16_arc(data)).to_be_bytes());
    packet
}

fn decode_data(hex: &str) -> DecodeResult {
    decode(&message(packet(&bytes(hex))))
}

fn only(result: DecodeResult) -> Position {
    let mut positions = result.unwrap().positions;
    assert_eq!(positions.len(), 1);
    positions.remove(0)
}

fn attribute<'a>(position: &'a Position, name: &str) -> Option<&'a Value> {
    let is_it = |key: &AttributeKey| match key {
        AttributeKey::Declared(index) => KEYS[*index as usize] == name,
        AttributeKey::Named(key) => key == name,
    };
    position
        .attributes
        .iter()
        .find(|attribute| is_it(&attribute.key))
        .map(|attribute| &attribute.value)
}

/// 2024-06-01T12:00:00Z, low priority, 46.6 W 23.5 S, 760 m, 90°, 12 satellites, 50 km/h.
const HEAD: &str = "0000018fd3abc200 00 e4396780 f1fe2f40 02f8 005a 0c 0032";

#[test]
fn codec_16_has_wide_ids_and_a_generation_type() {
    let position = only(decode_data(&format!(
        "10 01 {HEAD} 000b 05 04 02 0001 00 00ef 01 01 0042 563a 01 0010 0001e240 00 01"
    )));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.5), Some(-46.6))
    );
    assert_eq!(position.event.as_deref(), Some("11"));
    assert_eq!(position.ignition, Some(true));
    assert_eq!(position.power_v, Some(22.074));
    assert_eq!(position.odometer_km, Some(123.456));
    assert_eq!(attribute(&position, "generation_type"), Some(&Value::Integer(5)));
    assert_eq!(attribute(&position, "digital_input_1"), Some(&Value::Flag(false)));
}

#[test]
fn codec_7_takes_only_what_the_masks_announce() {
    // all of the location, then elements of each width
    let position = only(decode_data(
        "07 01 60dcc6c0 0f ff 41bc0000 c23a6666 02f8 40 32 0c 1234 5678 19 00007d01 \
         01 01 57 02 14 0009 43 0fd2 01 10 0001e240 01",
    ));
    assert_eq!(position.time_ms, Some((1_167_609_600 + 0x20dc_c6c0) * 1000));
    assert_eq!(position.latitude, Some(23.5));
    assert!((position.longitude.unwrap() + 46.6).abs() < 1e-5);
    assert_eq!(
        (position.altitude_m, position.heading_deg),
        (Some(760.0), Some(90.0))
    );
    assert_eq!(
        (position.speed_kmh, position.satellites, position.valid),
        (Some(50.0), Some(12), Some(true))
    );
    assert_eq!((position.battery_percent, position.hdop), (Some(87.0), Some(0.9)));
    assert_eq!(
        (position.battery_v, position.odometer_km),
        (Some(4.05), Some(123.456))
    );
    assert_eq!(attribute(&position, "lac"), Some(&Value::Integer(0x1234)));
    assert_eq!(attribute(&position, "priority"), Some(&Value::Integer(1)));

    // coordinates alone
    let position = only(decode_data("07 01 20dcc6c0 01 01 41bc0000 c23a6666 01"));
    assert_eq!(
        (position.valid, position.speed_kmh, position.satellites),
        (None, None, None)
    );
}

#[test]
fn a_codec_7_record_without_coordinates_is_dropped_and_still_acknowledged() {
    let decoded = decode_data("07 02 20dcc6c0 02 01 01 57 20dcc6c0 01 08 32 02").unwrap();
    assert!(decoded.positions.is_empty());
    assert_eq!(decoded.reply, Some(vec![0, 0, 0, 2]));

    let decoded = decode_data("07 02 20dcc6c0 02 01 01 57 20dcc6c0 01 01 41bc0000 c23a6666 02").unwrap();
    assert_eq!(decoded.positions.len(), 1);
}

#[test]
fn a_codec_7_place_that_is_no_number_is_malformed() {
    assert!(matches!(
        decode_data("07 01 20dcc6c0 01 01 7fc00000 c23a6666 01"),
        Err(DecodeError::Malformed(_))
    ));
}

#[test]
fn command_replies_of_all_three_codecs_have_no_position() {
    for data in [
        "0c 01 06 00000003 4f4b21 01",
        "0d 01 06 00000007 60b5f1a0 4f4b21 01",
        "0d 01 06 00000003 60b5f1a0 4f4b21 01",
        "0e 01 06 0000000b 0352093081452251 4f4b21 01",
        "0e 01 11 00000008 0352093081452251 01",
    ] {
        let decoded = decode_data(data).unwrap();
        assert!(decoded.positions.is_empty() && decoded.reply.is_none(), "{data}");
    }
    assert!(decode_data("0c 01 06 00000003 4f4b21 02").is_err());
}

#[test]
fn every_packet_of_a_payload_is_decoded_and_acknowledged() {
    let one = packet(&bytes(&format!("08 01 {HEAD} 00 00 00 00 00 00 01")));
    let mut payload = bytes("000f333532303933303831343532323531");
    payload.extend(&one);
    payload.extend(&one);
    let decoded = decode(&message(payload.clone())).unwrap();
    assert_eq!(decoded.positions.len(), 2);
    assert_eq!(decoded.reply, Some(vec![1, 0, 0, 0, 1, 0, 0, 0, 1]));
    assert!(
        decoded
            .positions
            .iter()
            .all(|position| position.device.as_deref() == Some("352093081452251"))
    );

    payload.push(0x55);
    assert!(decode(&message(payload)).is_err());
}

#[test]
fn the_login_names_the_device_of_later_frames_only_where_the_host_knows_none() {
    let login = decode(&message(bytes("000f333532303933303831343532323531"))).unwrap();
    assert_eq!((login.positions.len(), login.reply), (0, Some(vec![1])));
    let frame = packet(&bytes(&format!("08 01 {HEAD} 00 00 00 00 00 00 01")));
    let mut later = message(frame);
    later.state = login.state.unwrap();
    assert_eq!(only(decode(&later)).device.as_deref(), Some("352093081452251"));
    later.device = Some("other".to_owned());
    assert_eq!(only(decode(&later)).device, None);
}

#[test]
fn a_login_without_fifteen_digits_is_malformed() {
    for login in [
        "000f3335323039333038313435323235",
        "000f33353230393330383134353232350a",
        "0003333532",
    ] {
        assert!(decode(&message(bytes(login))).is_err(), "{login}");
    }
}

#[test]
fn a_wrong_checksum_is_malformed() {
    let mut frame = packet(&bytes(&format!("08 01 {HEAD} 00 00 00 00 00 00 01")));
    *frame.last_mut().unwrap() ^= 1;
    assert!(matches!(decode(&message(frame)), Err(DecodeError::Malformed(_))));
}

#[test]
fn a_time_beyond_the_calendar_is_malformed() {
    let data = format!("08 01 ffffffffffffffff {} 00 00 00 00 00 00 01", &HEAD[17..]);
    assert!(matches!(decode_data(&data), Err(DecodeError::Malformed(_))));
}

#[test]
fn records_that_leave_bytes_over_are_malformed() {
    for data in [
        // one byte too many, a sixteen byte group that no count announces
        format!("08 01 {HEAD} 00 00 00 00 00 00 00 01"),
        format!("08 01 {HEAD} 00 01 00 00 00 00 01 0b 000102030405060708090a0b0c0d0e0f 01"),
        format!("08 01 {HEAD} 00 00 00 00 00 00"),
    ] {
        assert!(
            matches!(decode_data(&data), Err(DecodeError::Malformed(_))),
            "{data}"
        );
    }
}

#[test]
fn a_codec_json_without_place_is_no_position_and_a_wrong_place_is_malformed() {
    let json = |text: &str| decode(&message(text.as_bytes().to_vec()));
    for nothing in [
        r#"{"state":{"reported":{"ts":1717243200000,"239":1}}}"#,
        r#"{"state":{"reported":{"ts":1717243200000,"latlng":""}}}"#,
        r#"{"RSP":"OK"}"#,
    ] {
        assert!(json(nothing).unwrap().positions.is_empty(), "{nothing}");
    }
    for wrong in [
        r#"{"state":{"reported":{"ts":1717243200000,"latlng":"91.0,0.0"}}}"#,
        r#"{"state":{"reported":{"ts":1717243200000,"latlng":"12.5"}}}"#,
        r#"{"state":{"reported":{"ts":1e300,"latlng":"1.0,2.0"}}}"#,
        r#"{"state":{"reported":{"ts":1717243200000,"latlng":"1.0,2.0"}"#,
        r#"{"state":{"desired":{}}}"#,
        "[]",
        "{}",
    ] {
        assert!(json(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn codec_json_elements_mean_what_they_mean_in_the_binary_codecs() {
    let text = r#" {"state":{"reported":{"latlng":"-23.5, -46.6","sat":"9","evt":239,"17":-40,
        "32":-5,"66":12400,"67":-1,"113":87,"239":true,"300":-7,"70000":1,"78":"00a1"}}}"#;
    let position = only(decode(&message(text.as_bytes().to_vec())));
    assert_eq!(
        (position.satellites, position.valid, position.time_ms),
        (Some(9), Some(true), None)
    );
    assert_eq!((position.power_v, position.battery_v), (Some(12.4), None));
    assert_eq!(
        (position.engine_temperature_c, position.ignition),
        (Some(-5.0), Some(true))
    );
    assert_eq!(attribute(&position, "axis_x_mg"), Some(&Value::Integer(-40)));
    assert_eq!(attribute(&position, "io_67"), Some(&Value::Integer(-1)));
    assert_eq!(attribute(&position, "io_300"), Some(&Value::Integer(-7)));
    assert_eq!(
        attribute(&position, "io_78"),
        Some(&Value::Text("00a1".to_owned()))
    );
}

#[test]
fn more_elements_than_the_contract_allows_are_dropped_with_a_warning() {
    let mut data = bytes(&format!("8e 01 {HEAD} 0000 0200 0200"));
    (0..0x200_u16).for_each(|id| data.extend([id.to_be_bytes()[0], id.to_be_bytes()[1], 7]));
    data.extend(bytes("0000 0000 0000 0000 01"));
    let decoded = decode(&message(packet(&data))).unwrap();
    assert_eq!(decoded.warnings.len(), 1);
    assert!(vectors::contract_violations(&decoded, KEYS).is_empty());
}

/// The harness damages payloads from outside, where the checksum catches nearly everything. Here the
/// damage is inside and the packet is sealed again.
#[test]
fn damage_behind_a_right_checksum_never_panics_nor_breaks_the_contract() {
    let mut seeds: Vec<Vec<u8>> = vectors::load("tests/vectors.jsonl")
        .into_iter()
        .map(|vector| vector.message.payload)
        .filter(|payload| payload.starts_with(&[0; 4]) && payload.len() > 12)
        .map(|payload| payload[8..payload.len() - 4].to_vec())
        .collect();
    seeds.push(bytes(&format!(
        "10 01 {HEAD} 000b 05 04 02 0001 00 00ef 01 01 0042 563a 01 0010 0001e240 00 01"
    )));
    seeds.push(bytes(
        "07 01 60dcc6c0 0f ff 41bc0000 c23a6666 02f8 40 32 0c 1234 5678 19 00007d01 01 01 57 02 14 0009 43 0fd2 01 10 0001e240 01",
    ));
    let survive = |data: &[u8]| {
        if let Ok(decoded) = decode(&message(packet(data))) {
            assert_eq!(
                vectors::contract_violations(&decoded, KEYS),
                Vec::<String>::new(),
                "{data:02x?}"
            );
        }
    };
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    for seed in &seeds {
        (0..seed.len()).for_each(|length| survive(&seed[..length]));
        for bit in 0..seed.len() * 8 {
            let mut data = seed.clone();
            data[bit / 8] ^= 1 << (bit % 8);
            survive(&data);
        }
        for _ in 0..300 {
            let mut data = seed.clone();
            for _ in 0..=next() % 3 {
                let at = next() % data.len();
                data[at] = [0, 1, 0x7f, 0x80, 0xff, next() as u8][next() % 6];
            }
            // also another codec over the same bytes
            data[0] = [data[0], 0x07, 0x08, 0x8e, 0x10, 0x0c, 0x0d, 0x0e][next() % 8];
            survive(&data);
        }
    }
    for _ in 0..20_000 {
        let mut data: Vec<u8> = (0..next() % 200).map(|_| next() as u8).collect();
        if let Some(codec) = data.first_mut() {
            *codec = [0x07, 0x08, 0x8e, 0x10, 0x0c, 0x0d, 0x0e][next() % 7];
        }
        survive(&data);
    }
}
