//! What the vectors do not show: values by model, all parameters of CCE, CCC by its length, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Decoded, Message, Position, Transport, Value, vectors,
};
use fixstream_decoder_meitrack::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;

const IMEI: &str = "861074020109479";

/// 23.5 S 46.6 W at noon, up to the run time.
const PLACE: &str = "-23.500000,-46.600000,240601120000,A,9,21,60,90,1.1,-12,123456,7200";
const CELL: &str = "724|6|0547|132B,8401";

/// The same as parameters of 1, 2 and 4 bytes: 4 (valid, satellites, signal, event 35), 4 and 5.
const ONE: &str = "0501 0609 0715 0123";
const TWO: &str = "083c00 095a00 0a0b00 0bf4ff";
const FOUR: &str = "02206b99fe 03c0f038fd 04c0c9ed2d 0c40e20100 0d201c0000";

fn message(payload: Vec<u8>, model: &str) -> Message {
    Message {
        transport: Transport::Tcp,
        channel: String::new(),
        device: None,
        received_ms: NOON + 500,
        context: vec![("model".to_owned(), model.to_owned())],
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

/// A frame with the length and checksum that belong to it.
fn frame(command: &str, body: &[u8]) -> Vec<u8> {
    let mut content = format!(",{IMEI},{command},").into_bytes();
    content.extend(body);
    content.push(b'*');
    let mut frame = format!("$$Q{}", content.len() + 4).into_bytes();
    frame.extend(content);
    let sum = frame.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    frame.extend(format!("{sum:02X}\r\n").into_bytes());
    frame
}

fn decoded_by(model: &str, command: &str, body: &[u8]) -> DecodeResult {
    let result = decode(&message(frame(command, body), model));
    if let Ok(decoded) = &result {
        assert_eq!(vectors::contract_violations(decoded, KEYS), Vec::<String>::new());
    }
    result
}

fn aaa(body: &str) -> DecodeResult {
    decoded_by("", "AAA", body.as_bytes())
}

/// A CCE frame with records of these groups.
fn cce(records: &[&str]) -> DecodeResult {
    let mut body = bytes("00000000");
    body.extend((records.len() as u16).to_le_bytes());
    for record in records {
        let groups = bytes(record);
        body.extend((groups.len() as u16 + 2).to_le_bytes());
        body.extend([0, 0]);
        body.extend(groups);
    }
    decoded_by("", "CCE", &body)
}

#[track_caller]
fn only(result: DecodeResult) -> Position {
    let mut positions = result.unwrap().positions;
    assert_eq!(positions.len(), 1);
    positions.remove(0)
}

#[track_caller]
fn assert_place(position: &Position) {
    assert_eq!(position.device.as_deref(), Some(IMEI));
    assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.5), Some(-46.6))
    );
    assert_eq!((position.satellites, position.signal), (Some(9), Some(21.0)));
    assert_eq!(
        (position.speed_kmh, position.heading_deg),
        (Some(60.0), Some(90.0))
    );
    assert_eq!((position.hdop, position.altitude_m), (Some(1.1), Some(-12.0)));
    assert_eq!(position.odometer_km, Some(123.456));
    assert_eq!(attribute(position, "run_time_s"), Some(Value::Integer(7200)));
    assert_eq!(position.event.as_deref(), Some("35"));
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

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_report_is_read_with_and_without_its_tail() {
    for report in [
        format!("35,{PLACE},{CELL},0003|000A||018D|04CB,"),
        format!("35,{PLACE},{CELL},|||018D|04CB,,,108,0000,,6,0,,,,,10|240601090000"),
        format!("35,{PLACE}"),
    ] {
        assert_place(&only(aaa(&report)));
        let numbered = format!("0004,{report}");
        assert_place(&only(decoded_by("", "AFF", numbered.as_bytes())));
    }
    let position = only(aaa(&format!("35,{PLACE},{CELL}")));
    assert_eq!(attribute(&position, "input"), Some(Value::Integer(0x84)));
    assert_eq!(attribute(&position, "output"), Some(Value::Integer(1)));
    assert!(is_malformed(&decoded_by(
        "",
        "AFF",
        format!("x,35,{PLACE}").as_bytes()
    )));
}

#[test]
fn a_report_without_fix_is_not_valid_and_one_without_place_is_dropped() {
    let position = only(aaa(&format!("35,{PLACE}").replace(",A,", ",V,")));
    assert_eq!((position.valid, position.latitude), (Some(false), Some(-23.5)));
    assert!(is_nothing(&aaa("35,,,240601120000,V,0,21,0,0,0,0,123456,7200")));
    let nowhere = only(aaa(
        "35,0.000000,0.000000,240601120000,V,0,21,0,0,0,0,123456,7200",
    ));
    assert_eq!((nowhere.latitude, nowhere.longitude), (Some(0.0), Some(0.0)));
}

#[test]
fn voltages_are_scaled_by_model_or_by_the_battery() {
    let near = |value: Option<f64>, wanted: Option<f64>| match (value, wanted) {
        (Some(value), Some(wanted)) => (value - wanted).abs() < 0.005,
        (value, wanted) => value == wanted,
    };
    for (model, field, battery, power) in [
        ("", "0|0|0|018D|04CB", Some(3.97), Some(12.27)),
        ("", "4.33|12.96|1.92|2.72|2.69", Some(4.33), Some(12.96)),
        ("", "|||0A22|0", Some(4.18), Some(0.0)),
        ("", "000D|000C||028C|", Some(3.82), None),
        ("", "0|0|0|0A47|03E3", Some(4.24), Some(12.83)),
        ("", "149|153|173|2707|914", None, None),
        ("", "|||0|04CB", Some(0.0), None),
        ("mvt380", "|||0278|0100", Some(3.70), Some(12.0)),
        ("MVT600", "|||0A39|0400", Some(4.22), Some(13.2)),
        ("T333", "|||0|04CB", Some(0.0), Some(12.27)),
        ("", "", None, None),
        ("", "zz|zz|zz|zz|zz", None, None),
    ] {
        let body = format!("35,{PLACE},{CELL},{field},,,1,");
        let position = only(decoded_by(model, "AAA", body.as_bytes()));
        assert!(
            near(position.battery_v, battery),
            "{field}: {:?}",
            position.battery_v
        );
        assert!(near(position.power_v, power), "{field}: {:?}", position.power_v);
    }
}

#[test]
fn the_tail_has_card_fuel_and_temperatures() {
    let with = |event: u32, tail: &str| only(aaa(&format!("{event},{PLACE},{CELL},|||018D|04CB,{tail}")));
    let position = with(37, "006380DF,,3,2D32,06FB2E|010A92,360,511");
    assert_eq!(attribute(&position, "driverUniqueId"), Some(text("006380DF")));
    assert_eq!(position.fuel_percent, Some(45.5));
    assert_eq!(attribute(&position, "temp6"), Some(Value::Real(-12.34)));
    assert_eq!(attribute(&position, "temp1"), Some(Value::Real(27.06)));
    // the old form of temperatures, and no fuel sensor
    let position = with(35, "00000001,,1,0000,02E732|03190A");
    assert_eq!(attribute(&position, "eventData"), Some(text("00000001")));
    assert_eq!(position.fuel_percent, None);
    assert_eq!(attribute(&position, "temp2"), Some(Value::Real(-25.5)));
    assert_eq!(attribute(&position, "temp3"), Some(Value::Real(25.1)));
    // something else
    let position = with(35, ",,50,,,,,,,");
    assert_eq!(position.fuel_percent, None);
    assert_eq!(with(1, "").event.as_deref(), Some("1"));
    assert_eq!(attribute(&with(1, ""), "alarm"), Some(text("sos")));
    assert_eq!(attribute(&with(129, ""), "alarm"), Some(text("hardBraking")));
}

#[test]
fn commands_that_are_no_report_are_nothing() {
    for command in ["D00", "D03", "D82", "AAC", "A12", "E91", "C49"] {
        for body in [&b"OK"[..], b"pic.jpg,9,0,\xff\xd8*,\x00\r\n"] {
            assert!(is_nothing(&decoded_by("", command, body)), "{command}");
        }
    }
    assert!(is_nothing(&decode(&message(
        b"$$D28,353358017784062,D03,OK*F3\r\n".to_vec(),
        ""
    ))));
}

#[test]
fn cce_parameters_fill_the_record() {
    let position = only(cce(&[&format!("04 {ONE} 04 {TWO} 05 {FOUR} 00")]));
    assert_place(&position);
    let position = only(cce(&[&format!(
        "09 {ONE} 1405 1581 4702 fe6964 9d32 07 {TWO} 19a601 1a9105 fe900700 06 {FOUR} 25dfba6300
         03 4b01ff fea8070150023c023000 fe31 06 0207 612e6a70"
    )]));
    assert_place(&position);
    assert_eq!((position.battery_v, position.power_v), (Some(4.22), Some(14.25)));
    assert_eq!(
        (position.battery_percent, position.fuel_percent),
        (Some(80.0), Some(50.0))
    );
    assert_eq!(attribute(&position, "lock"), Some(Value::Flag(true)));
    assert_eq!(attribute(&position, "input"), Some(Value::Integer(0x81)));
    assert_eq!(attribute(&position, "output"), Some(Value::Integer(5)));
    assert_eq!(attribute(&position, "io_65168"), Some(Value::Integer(7)));
    assert_eq!(attribute(&position, "driverUniqueId"), Some(text("0063BADF")));
    assert_eq!(attribute(&position, "battery2Level"), Some(Value::Integer(60)));
    assert_eq!(attribute(&position, "battery3Level"), Some(Value::Integer(48)));
    assert_eq!(attribute(&position, "image"), Some(text("a.jp")));
}

#[test]
fn cce_reads_the_engine_and_sensors() {
    let position = only(cce(&[&format!(
        "04 {ONE} 0a {TWO} 99ef04 9c5200 29b80b 2a18fc 2b007d 911e00 05 {FOUR} 00"
    )]));
    assert_eq!(position.engine_rpm, Some(1263.0));
    assert_eq!(position.engine_temperature_c, Some(82.0));
    assert_eq!(position.fuel_percent, Some(30.0));
    assert_eq!(attribute(&position, "temp1"), Some(Value::Real(-10.0)));
    // no sensor gives 320 °C
    assert_eq!(attribute(&position, "temp2"), None);
    assert_eq!(attribute(&position, "io_43"), Some(Value::Integer(0x7d00)));
    assert_eq!(attribute(&position, "obd_speed_kmh"), Some(Value::Integer(30)));
}

#[test]
fn the_wide_event_counts_when_both_are_there() {
    let position = only(cce(&[&format!("04 {ONE} 05 {TWO} 408f02 05 {FOUR} 00")]));
    assert_eq!(position.event.as_deref(), Some("655"));
}

#[test]
fn a_cce_record_without_place_is_dropped() {
    let whole = format!("04 {ONE} 04 {TWO} 05 {FOUR} 00");
    let nowhere = format!("04 {ONE} 04 {TWO} 01 04c0c9ed2d 00");
    assert_place(&only(cce(&[&nowhere, &whole])));
    assert!(is_nothing(&cce(&[&nowhere])));
    assert!(is_nothing(&cce(&[])));
    assert!(is_malformed(&cce(&[&format!("04 {ONE} 00 01 02206b99fe 00")])));
    // not valid, and without time
    let position = only(cce(&["01 0500 00 02 02206b99fe 03c0f038fd 00"]));
    assert_eq!((position.valid, position.time_ms), (Some(false), None));
}

#[test]
fn the_length_of_a_cce_record_counts() {
    let whole = format!("04 {ONE} 04 {TWO} 05 {FOUR} 00");
    // bytes behind the parameters are passed over
    let decoded = cce(&[&format!("{whole} ffffffff"), &whole]).unwrap();
    assert_eq!(decoded.positions.len(), 2);
    assert!(!decoded.warnings.is_empty());
    // a parameter that is longer than its record
    assert!(is_malformed(&cce(&[
        &format!("04 {ONE} 04 {TWO} 05 {FOUR} 01 4b20ff"),
        &whole
    ])));
    // one record more or less than there are
    for count in ["0000", "0200"] {
        let groups = bytes(&whole);
        let mut body = bytes("00000000");
        body.extend(bytes(count));
        body.extend((groups.len() as u16 + 2).to_le_bytes());
        body.extend([0, 0]);
        body.extend(groups);
        assert!(is_malformed(&decoded_by("", "CCE", &body)), "{count}");
    }
    // latitude 91
    let beyond = whole.replace("02206b99fe", "02c08c6c05");
    assert!(is_malformed(&cce(&[&beyond])));
}

#[test]
fn ccc_records_are_fixed() {
    let header = "0201 3400 01000000";
    let record = "23 206b99fe c0f038fd c0c9ed2d 01 09 15 3c00 5a00 0b00 f4ff 40e20100 201c0000
                  d402 0600 4705 2b13 0184 0500 a101 c204 00000000";
    let result = decoded_by("", "CCC", &bytes(&format!("{header} {record} {record}")));
    assert_eq!(
        result.as_ref().unwrap().reply.as_deref(),
        Some(&b"@@Q27,861074020109479,CCC,2*ED\r\n"[..])
    );
    let positions = result.unwrap().positions;
    assert_eq!(positions.len(), 2);
    for position in &positions {
        assert_place(position);
        assert_eq!((position.battery_v, position.power_v), (Some(4.17), Some(12.18)));
        assert_eq!(attribute(position, "input"), Some(Value::Integer(0x84)));
    }
    assert!(is_nothing(&decoded_by("", "CCC", &bytes(header))));
    for wrong in [
        format!("{header} {record} 00"),
        format!("{header} {}", &record[..60]),
        "0201 34".to_owned(),
    ] {
        assert!(is_malformed(&decoded_by("", "CCC", &bytes(&wrong))), "{wrong}");
    }
    let other = format!("0105 3500 01000000 {record} 00");
    assert!(matches!(
        decoded_by("", "CCC", &bytes(&other)),
        Err(DecodeError::Unsupported(_))
    ));
    // not valid
    let record = record.replace(" 01 09 15", " 00 09 15");
    let position = only(decoded_by("", "CCC", &bytes(&format!("{header} {record}"))));
    assert_eq!(position.valid, Some(false));
}

#[test]
fn several_frames_may_come_together() {
    let mut payload = b"\r\n".to_vec();
    payload.extend(frame("AAA", format!("35,{PLACE}").as_bytes()));
    payload.extend(frame("D03", b"OK"));
    payload.extend(frame("AAA", format!("35,{PLACE}").as_bytes()));
    payload.extend(b"\r\n");
    assert_eq!(decode(&message(payload, "")).unwrap().positions.len(), 2);
}

#[test]
fn damage_is_an_error() {
    let good = frame(
        "AAA",
        format!("35,{PLACE},{CELL},0003|000A||018D|04CB,").as_bytes(),
    );
    // all but the line end, which bridges may take away
    for length in 0..good.len() - 2 {
        assert!(decode(&message(good[..length].to_vec(), "")).is_err(), "{length}");
    }
    for length in good.len() - 2..good.len() {
        assert_place(&only(decode(&message(good[..length].to_vec(), ""))));
    }
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 0x04;
        assert!(decode(&message(flipped, "")).is_err(), "byte {at}");
    }
    let mut longer = good.clone();
    longer.push(b'x');
    assert!(is_malformed(&decode(&message(longer, ""))));
    for wrong in [
        "",
        "\r\n",
        "$$",
        "$$A",
        "$$A3,1*00\r\n",
        "$$A,1,AAA*00\r\n",
        "$$A999999,1*00\r\n",
    ] {
        assert!(
            is_malformed(&decode(&message(wrong.as_bytes().to_vec(), ""))),
            "{wrong}"
        );
    }
    assert_eq!(
        decode(&message(b"*HQ,1,V1#".to_vec(), "")),
        Err(DecodeError::NotMine)
    );
    for (right, wrong) in [
        ("-23.500000", "-90.500000"),
        ("-46.600000", "181.600000"),
        ("-23.500000", "x"),
        ("240601120000", "240631120000"),
        ("240601120000", "240601250000"),
        ("240601120000", ""),
        (",A,", ",X,"),
        ("35,", "x,"),
        ("35,", ","),
        (",60,90,1.1,-12,123456,7200", ""),
        ("-46.600000", ""),
    ] {
        let body = format!("35,{PLACE}").replacen(right, wrong, 1);
        assert!(is_malformed(&aaa(&body)), "{body}");
    }
}
