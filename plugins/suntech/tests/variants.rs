//! What the vectors do not show: all families and kinds, masks, settings, both binary forms, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Decoded, Message, Position, Transport, Value, vectors,
};
use fixstream_decoder_suntech::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;

const WHEN: &str = "20240601;12:00:00";

/// 23.5 S 46.6 W, 60.5 km/h, 90.25°, 9 satellites, fix.
const PLACE: &str = "-23.500000;-046.600000;060.500;090.25;9;1";

/// 57.095 km, 12.5 V, ignition on, first input and second output on.
const BEHIND: &str = "57095;12.50;110001";

fn message(payload: Vec<u8>, settings: &str) -> Message {
    Message {
        transport: Transport::Tcp,
        channel: String::new(),
        device: None,
        received_ms: NOON + 500,
        context: vec![("device_config".to_owned(), settings.to_owned())],
        state: Vec::new(),
        payload,
    }
}

fn decoded_with(settings: &str, payload: &[u8]) -> DecodeResult {
    let result = decode(&message(payload.to_vec(), settings));
    if let Ok(decoded) = &result {
        assert_eq!(vectors::contract_violations(decoded, KEYS), Vec::<String>::new());
    }
    result
}

fn decoded(payload: &str) -> DecodeResult {
    decoded_with("", payload.as_bytes())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A binary frame with the length that belongs to it.
fn binary(kind: u8, content: &str) -> Vec<u8> {
    let content = bytes(content);
    let mut frame = vec![kind];
    frame.extend((content.len() as u16).to_be_bytes());
    frame.extend(content);
    frame
}

fn zip(content: &str) -> Vec<u8> {
    let mut frame = binary(0x02, content);
    frame.push(0x03);
    frame
}

#[track_caller]
fn only(result: DecodeResult) -> Position {
    let mut positions = result.unwrap().positions;
    assert_eq!(positions.len(), 1);
    positions.remove(0)
}

#[track_caller]
fn assert_place(position: &Position) {
    assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.5), Some(-46.6))
    );
    assert_eq!(
        (position.speed_kmh, position.heading_deg),
        (Some(60.5), Some(90.25))
    );
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
fn all_families_are_read_whatever_stands_before_the_latitude() {
    for (family, before, cell) in [
        ("ST300", "07;564;", "232e19;"),
        ("ST340", "03;374;", "177b38;"),
        ("ST390", "40;319H;", "c99e48;"),
        ("ST500", "08;1026;", ""),
        ("ST600", "20;568;", "0bf1a893;334;20;2f19;23;"),
        ("ST600", "20;568;", "0bf1a893;334;20;2f19;-77;"),
        ("SA200", "042;", "16d41;"),
    ] {
        let position = only(decoded(&format!(
            "{family}STT;205173382;{before}{WHEN};{cell}{PLACE};{BEHIND};2;0337"
        )));
        assert_place(&position);
        assert_eq!(position.device.as_deref(), Some("205173382"));
        assert_eq!(
            (position.satellites, position.odometer_km),
            (Some(9), Some(57.095))
        );
        assert_eq!((position.power_v, position.ignition), (Some(12.5), Some(true)));
        assert_eq!(attribute(&position, "in1"), Some(Value::Flag(true)));
        assert_eq!(attribute(&position, "in2"), Some(Value::Flag(false)));
        assert_eq!(attribute(&position, "out2"), Some(Value::Flag(true)));
        assert_eq!(attribute(&position, "mode"), Some(Value::Integer(2)));
        assert_eq!(attribute(&position, "index"), Some(Value::Integer(337)));
    }
}

#[test]
fn the_first_of_six_or_more_switches_is_the_ignition() {
    for (switches, ignition) in [
        ("100000", Some(true)),
        ("00110000", Some(false)),
        ("100000010", Some(true)),
        ("10000", None),
        ("x00000", None),
    ] {
        let position = only(decoded(&format!(
            "ST300STT;1;07;564;{WHEN};1;{PLACE};57095;12.50;{switches};2;0337"
        )));
        assert_eq!(position.ignition, ignition, "{switches}");
        assert_eq!(attribute(&position, "in1").is_some(), switches == "100000");
    }
}

#[test]
fn emergencies_alerts_and_events_say_what_they_are() {
    for (kind, code, event, alarm) in [
        ("EMG", "1", "sos", Some("sos")),
        ("EMG", "3", "power_cut", Some("powerCut")),
        ("EMG", "9", "9", None),
        ("ALT", "1", "speed", Some("overspeed")),
        ("ALT", "14", "low_battery", Some("lowBattery")),
        ("ALT", "99", "99", None),
        ("EVT", "1", "1", None),
    ] {
        let position = only(decoded(&format!(
            "SA200{kind};317652;042;{WHEN};16d41;{PLACE};{BEHIND};{code}"
        )));
        assert_place(&position);
        assert_eq!(position.event.as_deref(), Some(event));
        assert_eq!(attribute(&position, "alarm"), alarm.map(text), "{kind} {code}");
    }
}

#[test]
fn no_fix_is_not_valid_and_no_coordinates_are_no_position() {
    let position = only(decoded(&format!(
        "ST300STT;1;07;564;{WHEN};1;+00.000000;+000.000000;000.000;000.00;0;0;{BEHIND};2;0337"
    )));
    assert_eq!((position.latitude, position.longitude), (Some(0.0), Some(0.0)));
    assert_eq!((position.valid, position.satellites), (Some(false), Some(0)));
    // speed and course are no latitude and longitude
    assert!(is_nothing(&decoded(&format!(
        "ST300STT;1;07;564;{WHEN};1;;;000.000;000.00;0;0;{BEHIND};2;0337"
    ))));
}

#[test]
fn what_has_nothing_to_locate_is_nothing() {
    for text in [
        "ST300CMD;Res;511848119;319H;Disable1",
        "ST600HTE;100850000;20;419;20180308;18:00:36;20180308;19:00:36;1;2;3",
        "SA200ALV;317652",
        "ST910;Res;344506;017;Preset",
        "ST910;Alive;344506",
        "ST410ALV;007638094",
        "ALV;0520000295",
        "RES;0520000295;03;01",
        "CMD;0520000295;03;01",
        "BSA;0820012345;001FFF;82;1.0.0;1;20191203;17:00:51;+32.691615;-117.297160;1;-55;68:11:6A",
        "ST300-Error",
        "ST300CMD;-Error",
        "-Error;1",
    ] {
        assert!(is_nothing(&decoded(text)), "{text}");
    }
    assert!(matches!(
        decoded("CRR;0520000295;1;3;abc"),
        Err(DecodeError::Unsupported(_))
    ));
    for text in ["(027028258309BP00)", "XYZ;1;2", "ST3;1", "STX00STT;1", "hello"] {
        assert_eq!(decoded(text), Err(DecodeError::NotMine), "{text}");
    }
}

#[test]
fn hours_and_battery_are_read_in_their_own_form() {
    let with = |settings: &str, tail: &str| {
        let text = format!("ST300STT;1;07;564;{WHEN};1;{PLACE};{BEHIND};2;0337{tail}");
        only(decoded_with(settings, text.as_bytes()))
    };
    let position = with("", ";079324;4.3;0;1750;012497F1160000;1;004f001454;450");
    assert_eq!(position.battery_v, Some(4.3));
    assert_eq!(
        attribute(&position, "hours"),
        Some(Value::Integer(79_324 * 60_000))
    );
    assert_eq!(attribute(&position, "archive"), Some(Value::Flag(true)));
    assert_eq!(
        attribute(&position, "driverUniqueId"),
        Some(text("012497F1160000"))
    );
    assert_eq!(position.engine_rpm, None);
    for tail in [
        "",
        ";017.159;0;002.327;12;4.0",
        ";1;2;3",
        ";079324;4.3",
        ";00000000000000;1",
    ] {
        assert_eq!(with("", tail).battery_v, None, "{tail}");
    }
    // a driver that is not registered, and none
    for driver in ["012497F1160000;0", "00000000000000;1"] {
        let position = with("", &format!(";079324;4.3;1;{driver}"));
        assert_eq!(attribute(&position, "driverUniqueId"), None);
        assert_eq!(attribute(&position, "archive"), None);
    }
}

#[test]
fn settings_say_what_is_added() {
    let with = |settings: &str, tail: &str| {
        let text = format!("ST300STT;1;07;564;{WHEN};1;{PLACE};{BEHIND};2;0337;079324;4.3;1;{tail}");
        only(decoded_with(settings, text.as_bytes()))
    };
    let all = r#"{"Hbm":"1","IncludeAdc":"true","IncludeRpm":true,"IncludeTemp":1}"#;
    let tail = "0.50;1.25;;850;012497F1160000;1;2898E16006000058:-20.8;:;2861626006000039:+2.5";
    let position = with(all, tail);
    assert_eq!(attribute(&position, "adc1"), Some(Value::Real(0.5)));
    assert_eq!(attribute(&position, "adc2"), Some(Value::Real(1.25)));
    assert_eq!(attribute(&position, "adc3"), None);
    assert_eq!(position.engine_rpm, Some(850.0));
    assert_eq!(
        attribute(&position, "driverUniqueId"),
        Some(text("012497F1160000"))
    );
    assert_eq!(attribute(&position, "temp1"), Some(Value::Real(-20.8)));
    assert_eq!(attribute(&position, "temp2"), None);
    assert_eq!(attribute(&position, "temp3"), Some(Value::Real(2.5)));
    for none in [
        "",
        "{}",
        "not json",
        r#"{"Hbm":"2","IncludeAdc":"true"}"#,
        r#"{"IncludeRpm":"true"}"#,
    ] {
        let position = with(none, tail);
        assert_eq!(
            (attribute(&position, "adc1"), position.engine_rpm),
            (None, None),
            "{none}"
        );
        assert_eq!(position.battery_v, Some(4.3));
    }
}

#[test]
fn data_of_the_serial_port_are_counted_by_their_length() {
    let with = |data: &str| {
        let text =
            format!("ST600UEX;1;20;568;{WHEN};1;334;20;2f19;23;{PLACE};{BEHIND};{data};76;113771;4.1;1");
        let position = only(decoded(&text));
        assert_place(&position);
        assert_eq!(position.battery_v, Some(4.1), "{data}");
        position
    };
    let position = with("30;t_0=1C;N_0=0419.0;N_1=0001.0\r\n");
    assert_eq!(attribute(&position, "temp0"), Some(Value::Integer(28)));
    assert_eq!(attribute(&position, "fuel0"), Some(Value::Integer(0x419)));
    assert_eq!(attribute(&position, "fuel"), Some(Value::Real(1050.0)));
    let position = with("40;CabAVL\"CabMensaje,0,58.5,-1.0,,,FinMensaj");
    assert_eq!(attribute(&position, "fuel1"), Some(Value::Real(58.5)));
    assert_eq!(attribute(&position, "fuel2"), None);
    let position = with("23;GTSL|6|1|0|9255143|2|\r\n");
    assert_eq!(attribute(&position, "driverUniqueId"), Some(text("9255143")));
    let position = with("19;RFID:008FB2BEBA39\r\n");
    assert_eq!(attribute(&position, "serial"), Some(text("RFID:008FB2BEBA39")));
    assert_eq!(
        with("3;\u{1}\u{2}\u{3}").attributes.len(),
        with("0;").attributes.len()
    );
    // more data than there are
    let text = format!("ST300UEX;1;20;568;{WHEN};1;{PLACE};{BEHIND};99;abc;76");
    assert!(is_malformed(&decoded(&text)));
}

#[test]
fn st4_has_cells_before_the_date() {
    let cells = "24153;724;4;-65;365;0;".to_owned() + &"24161;724;4;365;0;0;".repeat(6);
    for (header, before) in [
        ("ST410STT", "426;01"),
        ("ST419STT", "426;01;5"),
        ("ST410ALT", "426;01"),
    ] {
        for network in ["", "016;"] {
            let position = only(decoded(&format!(
                "{header};007638094;{before};{cells}3.98;1;0176;2;{network}{WHEN};{PLACE};201"
            )));
            assert_place(&position);
            assert_eq!((position.satellites, position.battery_v), (Some(9), Some(3.98)));
        }
    }
    for end in [";;;;;;;;", ";;;;;;0;0"] {
        let text = format!("ST410STT;007638094;426;01;{cells}3.98;1;0176;2;016;{end}");
        assert!(is_nothing(&decoded(&text)), "{end}");
    }
    assert!(is_malformed(&decoded(&format!(
        "ST410STT;007638094;426;01;{cells}3.98;1;0176;2"
    ))));
}

#[test]
fn st9_has_two_protocol_types() {
    let place = "-23.500000;-046.600000;060.500;090.25;1";
    for (kind, event) in [
        ("Location", None),
        ("Emergency", Some("emergency")),
        ("Alert", Some("alert")),
    ] {
        let position = only(decoded(&format!(
            "ST910;{kind};344506;017;{WHEN};{place};4.32;1;1;0001"
        )));
        assert_place(&position);
        assert_eq!(position.device.as_deref(), Some("344506"));
        assert_eq!((position.battery_v, position.odometer_km), (Some(4.32), None));
        assert_eq!(position.event.as_deref(), event);
        assert_eq!(attribute(&position, "alarm"), event.map(|_| text("general")));
        // type 1, where alerts have no software
        let software = if kind == "Alert" { "" } else { "528;" };
        let position = only(decoded_with(
            r#"{"ProtocolType":"1"}"#,
            format!("ST910;{kind};485195;{software}{WHEN};3be0133057;{place};286734;72;02").as_bytes(),
        ));
        assert_place(&position);
        assert_eq!((position.battery_v, position.odometer_km), (None, Some(286.734)));
    }
}

/// Model to cell, for masks that have them all.
const BEFORE: &str = "84;1.0.6;1";
const CELL: &str = "00004490;724;11;05D3;33";

#[test]
fn universal_fields_follow_the_mask() {
    for (mask, fields) in [
        (
            "3FFFFF",
            format!("{BEFORE};{WHEN};{CELL};{PLACE};00000101;00000010;1;2;337"),
        ),
        ("0003FFFF", format!("{BEFORE};{WHEN};{CELL};{PLACE};00000101")),
        ("1F831", format!("{WHEN};{PLACE}")),
        ("3F830", format!("{WHEN};{PLACE};00000101")),
    ] {
        let position = only(decoded(&format!("STT;0520000295;{mask};{fields}")));
        assert_place(&position);
        assert_eq!(position.device.as_deref(), Some("0520000295"));
        assert_eq!(position.satellites, Some(9));
        let has_input = fields.contains("00000101");
        assert_eq!(position.ignition, has_input.then_some(true), "{mask}");
        assert_eq!(
            attribute(&position, "input"),
            has_input.then_some(Value::Integer(5))
        );
        assert_eq!(position.signal, fields.contains(";33;").then_some(33.0));
    }
    let with = |mask: &str, fields: &str| decoded(&format!("STT;1;{mask};{fields}"));
    // no coordinates by mask, and empty ones
    assert!(is_nothing(&with("000030", WHEN)));
    assert!(is_nothing(&with("1F830", &format!("{WHEN};;;;;;0"))));
    // no time by mask, not valid, ignition off
    let position = only(with("03F800", "+00.000000;+000.000000;0.00;0.00;0;0;00000010"));
    assert_eq!((position.time_ms, position.valid), (None, Some(false)));
    assert_eq!((position.latitude, position.ignition), (Some(0.0), Some(false)));
    let position = only(with("001800", "-23.500000;-046.600000"));
    assert_eq!((position.valid, position.speed_kmh), (None, None));
    for (mask, fields) in [
        ("XYZ", WHEN),
        ("", WHEN),
        ("-1F830", WHEN),
        ("1F830", "20240601;12:00:00;-23.5"),
        ("1F830", "20240631;12:00:00;-23.5;-46.6;0;0;9;1"),
        ("1F830", "20240601;24:00:00;-23.5;-46.6;0;0;9;1"),
        ("1F830", "20240601;120000;-23.5;-46.6;0;0;9;1"),
        ("1F830", "20240601;12:00:00;-90.5;-46.6;0;0;9;1"),
        ("1F830", "20240601;12:00:00;-23.5;-180.6;0;0;9;1"),
        ("1F830", "20240601;12:00:00;-23.5;;0;0;9;1"),
        ("1F830", "20240601;12:00:00;-23.5;-46.6;0;0;9;x"),
        ("3F830", "20240601;12:00:00;-23.5;-46.6;0;0;9;1"),
    ] {
        assert!(is_malformed(&with(mask, fields)), "{mask} {fields}");
    }
}

#[test]
fn universal_alerts_have_number_modifier_and_data() {
    let alert = |end: &str| only(decoded(&format!("ALT;1;39F830;{WHEN};{PLACE};{end}")));
    let position = alert("42;2;");
    assert_eq!(position.event.as_deref(), Some("sos"));
    assert_eq!(attribute(&position, "alarm"), Some(text("sos")));
    assert_eq!(attribute(&position, "alertModifier"), Some(text("2")));
    assert_eq!(attribute(&position, "alertData"), None);
    let position = alert("134;1;1440,360,360,360;+23.0;0002;AABBCCDDEEFF");
    assert_eq!(position.event.as_deref(), Some("134"));
    assert_eq!(attribute(&position, "alertData"), Some(text("1440,360,360,360")));
    assert_eq!(attribute(&position, "assign1"), Some(text("+23.0")));
    assert_eq!(attribute(&position, "assign3"), Some(text("AABBCCDDEEFF")));
    assert_eq!(position.battery_v, None);
    assert_eq!(
        attribute(&alert("59;0;0123456789ABCDEF"), "driverUniqueId"),
        Some(text("0123456789ABCDEF"))
    );
}

#[test]
fn added_fields_are_numbered_by_their_own_mask() {
    let position = only(decoded(&format!(
        "STT;1;F9F830;{WHEN};{PLACE};1;2;337;;00000023;4.1;12.37;7"
    )));
    assert_eq!((position.battery_v, position.power_v), (Some(4.1), Some(12.37)));
    assert_eq!(attribute(&position, "assign2"), Some(text("12.37")));
    assert_eq!(attribute(&position, "assign6"), Some(text("7")));
    assert_eq!(attribute(&position, "assign3"), None);
}

#[test]
fn universal_data_and_beacons_are_positions() {
    let position = only(decoded(&format!(
        "UEX;1610020241;0399F830;{WHEN};{PLACE};24;GTSL|6|1|0|22574684|1|\r\n;A7;;164;0;11.82"
    )));
    assert_place(&position);
    assert_eq!(attribute(&position, "driverUniqueId"), Some(text("22574684")));
    let position = only(decoded(&format!(
        "BLE;1160024555;116;1.0.0;{WHEN};-23.500000;-046.600000;1;-71;-75;-70;AABBCCDDEEFF;12;100;7"
    )));
    assert_eq!((position.time_ms, position.latitude), (Some(NOON), Some(-23.5)));
    assert_eq!(attribute(&position, "tag1Rssi"), Some(Value::Integer(-71)));
    assert_eq!(attribute(&position, "tag1Id"), Some(text("AABBCCDDEEFF")));
    assert_eq!(attribute(&position, "tag1Minor"), Some(Value::Integer(7)));
    assert!(is_nothing(&decoded(&format!("BLE;1;116;1.0.0;{WHEN};;;0"))));
    assert!(is_malformed(&decoded(&format!("BLE;1;116;1.0.0;{WHEN};-23.5"))));
}

/// 23.5 S 46.6 W as sign and magnitude.
const BINARY_PLACE: &str = "816694e0 82c70f40 17a2 2341 09 01";

#[test]
fn binary_fields_follow_the_mask() {
    let all = format!(
        "0520001338 3fffff 34 010003 01 180601 0c0000 00000001 02d4 000b 05d3 21 {BINARY_PLACE} 03 02 01 0123 0029"
    );
    let few = format!("0520001338 01f830 180601 0c0000 {BINARY_PLACE}");
    for (kind, content, ignition) in [
        (0x81, &all, Some(true)),
        (0x82, &all, Some(true)),
        (0x81, &few, None),
    ] {
        let position = only(decoded_with("", &binary(kind, content)));
        assert_place(&position);
        assert_eq!(position.device.as_deref(), Some("0520001338"));
        assert_eq!((position.satellites, position.ignition), (Some(9), ignition));
        let is_alert = kind == 0x82;
        assert_eq!(position.event.as_deref(), is_alert.then_some("speed"));
        assert_eq!(
            attribute(&position, "mode").is_some(),
            !is_alert && ignition.is_some()
        );
    }
    let driver = format!("0520001338 39f830 180601 0c0000 {BINARY_PLACE} 3b 0000 0123456789abcdef");
    let position = only(decoded_with("", &binary(0x82, &driver)));
    assert_eq!(
        attribute(&position, "driverUniqueId"),
        Some(text("0123456789abcdef"))
    );
    assert!(is_nothing(&decoded_with(
        "",
        &binary(0x81, "0520001338 000030 180601 0c0000")
    )));
    // two frames
    let mut frames = binary(0x81, &few);
    frames.extend(binary(0x82, &all));
    assert_eq!(decoded_with("", &frames).unwrap().positions.len(), 2);
    for (right, wrong) in [
        ("180601", "180d01"),
        ("180601", "18061f"),
        ("0c0000", "180000"),
        ("816694e0", "856694e0"),
        ("82c70f40", "8fc70f40"),
        (" 09 01", ""),
    ] {
        let content = few.replacen(right, wrong, 1);
        assert!(
            is_malformed(&decoded_with("", &binary(0x81, &content))),
            "{content}"
        );
    }
}

/// 23.5 S 46.6 W, 60.50 km/h, 90.25°, fix and nine satellites, 57.095 km, 12.50 V.
const ZIP: &str = "5113408770 28 813f 180601 0c0000 1051 29 17500000 2e600000 003c50 005a25 e9 0000df07 0c50";

#[test]
fn zip_reports_are_of_four_kinds() {
    for (kind, end, event) in [
        ("10", "02 0337", None),
        ("11", "01", Some("sos")),
        ("12", "07", Some("7")),
        ("13", "29", Some("power_cut")),
    ] {
        for tail in ["", "00027127 0412 01"] {
            let position = only(decoded_with("", &zip(&format!("{kind} {ZIP} 01 {end} {tail}"))));
            assert_place(&position);
            assert_eq!(position.device.as_deref(), Some("511340877"));
            assert_eq!(
                (position.satellites, position.odometer_km),
                (Some(9), Some(57.095))
            );
            assert_eq!((position.power_v, position.ignition), (Some(12.5), Some(true)));
            assert_eq!(position.battery_v, (!tail.is_empty()).then_some(4.12));
            assert_eq!(position.event.as_deref(), event);
        }
    }
    for (flags, latitude, longitude, valid) in [
        ("09", 23.5, 46.6, false),
        ("c9", -23.5, 46.6, true),
        ("a9", 23.5, -46.6, true),
    ] {
        let content = format!("10 {} 00 02 0337", ZIP.replace(" e9 ", &format!(" {flags} ")));
        let position = only(decoded_with("", &zip(&content)));
        assert_eq!(
            (position.latitude, position.longitude),
            (Some(latitude), Some(longitude))
        );
        assert_eq!((position.valid, position.ignition), (Some(valid), Some(false)));
    }
}

#[test]
fn damaged_zip_reports_are_errors() {
    let good = zip(&format!("10 {ZIP} 01 02 0337"));
    for length in 1..good.len() {
        assert!(is_malformed(&decoded_with("", &good[..length])), "{length}");
    }
    for at in [1, 2, good.len() - 1] {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        assert!(is_malformed(&decoded_with("", &flipped)), "byte {at}");
    }
    for (right, wrong) in [
        ("180601", "180d01"),
        ("0c0000", "183c00"),
        ("17500000", "1750000a"),
        ("17500000", "5b500000"),
        ("2e600000", "b5600000"),
        ("003c50", "003c5f"),
        ("0c50", "0ca0"),
    ] {
        let content = format!("10 {} 01 02 0337", ZIP.replacen(right, wrong, 1));
        assert!(is_malformed(&decoded_with("", &zip(&content))), "{content}");
    }
    let other = zip(&format!("20 {ZIP} 01 02 0337"));
    assert!(matches!(
        decoded_with("", &other),
        Err(DecodeError::Unsupported(_))
    ));
}

#[test]
fn several_texts_may_come_together() {
    let one = format!("ST300STT;1;07;564;{WHEN};1;{PLACE};{BEHIND};2;0337");
    let serial = format!("ST300UEX;2;07;564;{WHEN};1;{PLACE};{BEHIND};19;RFID:008FB2BEBA39\r\n;3E");
    let universal = format!("STT;3;1F830;{WHEN};{PLACE}");
    let positions = decoded(&format!("\r\n{one}\r{serial}\r\n\r\n{universal}\r{one}\r"))
        .unwrap()
        .positions;
    let devices: Vec<_> = positions
        .iter()
        .map(|one| one.device.as_deref().unwrap())
        .collect();
    assert_eq!(devices, ["1", "2", "3", "1"]);
    // many line ends are no quadratic work
    assert_eq!(
        decoded(&format!("{one};{}x", "\n".repeat(200_000)))
            .unwrap()
            .positions
            .len(),
        1
    );
}

#[test]
fn damaged_texts_are_errors() {
    let good = format!("ST300STT;907131077;04;706;{WHEN};cc719;{PLACE};{BEHIND};2;0337;000207;4.1;1");
    let whole = good.find(";0337").unwrap();
    // up to the kind's own field
    for length in 0..whole - 1 {
        assert!(decoded(&good[..length]).is_err(), "{length}");
    }
    for (right, wrong) in [
        ("20240601", "20240631"),
        ("20240601", "20241301"),
        ("20240601", ""),
        ("20240601", "2024060"),
        ("12:00:00", "24:00:00"),
        ("12:00:00", "12:60:00"),
        ("12:00:00", ""),
        ("-23.500000", "-90.500000"),
        ("-046.600000", "-180.600000"),
        ("-23.500000", "-23500000"),
        ("-046.600000", ""),
        ("-046.600000", "046.600000"),
        (";9;1;", ";9;2;"),
        (";907131077;", ";;"),
    ] {
        let text = good.replacen(right, wrong, 1);
        assert!(is_malformed(&decoded(&text)), "{text}");
    }
    for empty in ["", "\r\n", "\0"] {
        assert!(is_malformed(&decoded(empty)));
    }
}
