//! What the vectors do not show: other events, other words in decoded payloads, precedence, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Decoded, Message, Position, Transport, Value,
};
use fixstream_decoder_ttn::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;
const IDS: &str = r#""end_device_ids":{"device_id":"t-1","application_ids":{"application_id":"a"},"dev_eui":"70B3D57ED000001C"},
    "received_at":"2024-06-01T12:00:00.000123Z""#;

/// LGT-92: 1.0 N 2.0 W; alarm, 3.7 V; roll 0.75, pitch 4; HDOP 1.2, altitude 10 m.
const LGT92: &str = "000f4240 ffe17b80 4e74 60 004b 0190 78 03e8";
/// TrackerD: 1.0 N 2.0 W; 4.002 V; LED on, moving; 43 %, 21.8 degrees.
const TRACKERD: &str = "000f4240 ffe17b80 0fa2 30 01ae 00da";
/// Oyster, port 1: 1.0 N 2.0 W; in trip; 90 degrees, 37 km/h, 4.1 V.
const OYSTER: &str = "80969800 00d3cefe 41 25 a4";
/// Cayenne LPP: 1.0 N 2.0 W, 10 m on channel 1.
const LPP: &str = "01 88 002710 ffb1e0 0003e8";

fn message(payload: &str) -> Message {
    Message {
        transport: Transport::Mqtt,
        channel: "v3/a@ttn/devices/t-1/up".to_owned(),
        device: Some("t-1".to_owned()),
        received_ms: NOON + 500,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.as_bytes().to_vec(),
    }
}

/// Decodes with the setting `device_codec`; an empty one counts as absent.
fn with_codec(codec: &str, payload: &str) -> DecodeResult {
    decode(&Message {
        context: vec![("device_codec".to_owned(), codec.to_owned())],
        ..message(payload)
    })
}

fn event(fields: &str) -> DecodeResult {
    with_codec("", &format!("{{{IDS},{fields}}}"))
}

fn uplink(fields: &str) -> DecodeResult {
    event(&format!(r#""uplink_message":{{{fields}}}"#))
}

fn decoded_payload(fields: &str) -> DecodeResult {
    uplink(&format!(r#""f_port":1,"decoded_payload":{{{fields}}}"#))
}

fn base64(hex: &str) -> String {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    STANDARD.encode(bytes)
}

/// An uplink with raw bytes, and whatever else.
fn raw(codec: &str, port: u8, hex: &str, more: &str) -> DecodeResult {
    let payload = base64(hex);
    with_codec(
        codec,
        &format!(r#"{{{IDS},"uplink_message":{{"f_port":{port},"frm_payload":"{payload}"{more}}}}}"#),
    )
}

#[track_caller]
fn only(result: DecodeResult) -> Position {
    let mut positions = result.unwrap().positions;
    assert_eq!(positions.len(), 1);
    positions.remove(0)
}

#[track_caller]
fn assert_nothing(result: &DecodeResult) {
    assert_eq!(result, &Ok(Decoded::nothing()));
}

#[track_caller]
fn assert_malformed(result: &DecodeResult) {
    assert!(matches!(result, Err(DecodeError::Malformed(_))), "{result:?}");
}

#[track_caller]
fn assert_at(position: &Position, latitude: f64, longitude: f64) {
    let near = |value: Option<f64>, wanted: f64| (value.unwrap() - wanted).abs() < 1e-9;
    assert!(
        near(position.latitude, latitude) && near(position.longitude, longitude),
        "{position:?}"
    );
}

fn attribute(position: &Position, name: &str) -> Option<Value> {
    let is_it = |key: &AttributeKey| match key {
        AttributeKey::Declared(index) => KEYS[*index as usize] == name,
        AttributeKey::Named(key) => key == name,
    };
    let mut found = position
        .attributes
        .iter()
        .filter(|attribute| is_it(&attribute.key));
    let value = found.next().map(|attribute| attribute.value.clone());
    assert!(found.next().is_none(), "{name} twice");
    value
}

#[test]
fn events_without_a_place_are_nothing_to_locate() {
    for fields in [
        r#""join_accept":{"session_key_id":"AQ==","received_at":"2024-06-01T12:00:00Z"}"#,
        r#""downlink_ack":{"f_port":1}"#,
        r#""downlink_nack":{}"#,
        r#""downlink_sent":{}"#,
        r#""downlink_failed":{"error":{"code":3}}"#,
        r#""downlink_queued":{}"#,
        r#""downlink_queue_invalidated":{}"#,
        r#""service_data":{"service":"x","data":{"latitude":1,"longitude":2}}"#,
        r#""uplink_normalized":{"normalized_payload":{"position":{"latitude":1,"longitude":2}}}"#,
    ] {
        assert_nothing(&event(fields));
    }
    assert_malformed(&event(r#""something_new":{}"#));
    for kind in ["join", "down/something_new", "service/data"] {
        assert_nothing(&decode(&Message {
            channel: format!("v3/a@ttn/devices/t-1/{kind}"),
            ..message(&format!(r#"{{{IDS},"something_new":{{}}}}"#))
        }));
    }
    assert_malformed(&with_codec("", r#"{"join_accept":{}}"#));
    for payload in ["", " ", "null", "[]", "{", r#"{"end_device_ids":7}"#] {
        assert!(with_codec("", payload).is_err(), "{payload}");
    }
}

#[test]
fn places_that_are_not_the_devices_are_never_its_position() {
    let elsewhere = r#""rx_metadata":[{"rssi":-1,"location":{"latitude":1,"longitude":2,"source":"SOURCE_REGISTRY"}}],
        "locations":{"user":{"latitude":3,"longitude":4,"source":"SOURCE_REGISTRY"}},"settings":{"time":"x"}"#;
    assert_nothing(&uplink(elsewhere));
    assert_nothing(&uplink(&format!(
        r#"{elsewhere},"decoded_payload":{{"temperature":1}}"#
    )));
    assert_nothing(&decoded_payload(r#""gateway":{"latitude":1,"longitude":2}"#));
    assert_nothing(&decoded_payload(r#""nearest_beacon":{"lat":1,"lon":2}"#));
    assert_nothing(&uplink(
        r#""locations":{"frm-payload":{"latitude":3,"longitude":4,"source":"SOURCE_REGISTRY"}}"#,
    ));
    assert_nothing(&event(
        r#""location_solved":{"service":"x","location":{"latitude":3,"longitude":4,"source":"SOURCE_REGISTRY"}}"#,
    ));
    assert_nothing(&event(r#""location_solved":{"service":"x"}"#));
}

#[test]
fn a_solved_location_is_a_position() {
    let position = only(event(
        r#""location_solved":{"service":"loracloud","location":
            {"latitude":-23.5,"longitude":-46.6,"accuracy":38,"source":"SOURCE_WIFI_RSSI_GEOLOCATION"}}"#,
    ));
    assert_at(&position, -23.5, -46.6);
    assert_eq!((position.accuracy_m, position.time_ms), (Some(38.0), Some(NOON)));
    assert_eq!(position.device.as_deref(), Some("t-1"));
    assert_eq!(attribute(&position, "location_service"), Some("loracloud".into()));
    assert_malformed(&event(r#""location_solved":{"location":{"latitude":1}}"#));
    assert_malformed(&event(
        r#""location_solved":{"location":{"latitude":91,"longitude":1}}"#,
    ));
}

#[test]
fn decoded_payloads_have_many_words_for_a_place() {
    for fields in [
        r#""latitude":1.5,"longitude":-2.5"#,
        r#""latitude":"1.5","longitude":"-2.5""#,
        r#""Latitude":1.5,"Longitud":-2.5,"LON":"ON""#,
        r#""LON":"ON","Latitude":1.5,"Longitude":-2.5"#,
        r#""latitudeDeg":1.5,"longitudeDeg":-2.5"#,
        r#""lat":1.5,"lon":-2.5"#,
        r#""lat":1.5,"lng":-2.5"#,
        r#""Lat":1.5,"Long":-2.5"#,
        r#""gps_1":{"latitude":1.5,"longitude":-2.5}"#,
        r#""gps":{"lat":1.5,"lon":-2.5}"#,
        r#""position":{"latitude":1.5,"longitude":-2.5}"#,
        r#""location":{"latitude":1.5,"longitude":-2.5}"#,
        r#""latitude":null,"longitude":null,"gps_0":{"latitude":1.5,"longitude":-2.5}"#,
    ] {
        let position = only(decoded_payload(fields));
        assert_at(&position, 1.5, -2.5);
        assert_eq!(
            (position.valid, position.time_ms),
            (Some(true), Some(NOON)),
            "{fields}"
        );
        assert_eq!(position.device.as_deref(), Some("t-1"));
    }
    let both = decoded_payload(
        r#""gps_2":{"latitude":1,"longitude":2,"altitude":3},"gps_10":{"latitude":4,"longitude":5},"temperature_1":21.5"#,
    )
    .unwrap()
    .positions;
    assert_eq!(both.len(), 2);
    assert_eq!((both[0].altitude_m, both[1].altitude_m), (Some(3.0), None));
    for (position, channel) in both.iter().zip([2, 10]) {
        assert_eq!(attribute(position, "channel"), Some(Value::Integer(channel)));
        assert_eq!(attribute(position, "temperature_1"), Some(Value::Real(21.5)));
    }
    // 0/0 stands, where it is not Dragino's way to say that there is no fix
    assert_at(&only(decoded_payload(r#""latitude":0,"longitude":0"#)), 0.0, 0.0);
}

#[test]
fn what_else_is_decoded_finds_its_field() {
    let position = only(decoded_payload(
        r#""latitude":1,"longitude":2,"altitude":44.5,"hdop":0.9,"heading":99,"sats":11,"speed":31.7,"speedKmph":36,
           "accuracy":12,"battery_v":3.6,"batteryLevel":80,"temperature_c":25,"inTrip":false,"moving":true,"manDown":true,
           "barometer_0":1012.9,"nested":{"a":1},"list":[1,2],"nothing":null"#,
    ));
    assert_eq!(
        (
            position.altitude_m,
            position.hdop,
            position.heading_deg,
            position.satellites,
            position.speed_kmh
        ),
        (Some(44.5), Some(0.9), Some(99.0), Some(11), Some(36.0))
    );
    assert_eq!(
        (position.accuracy_m, position.battery_v, position.battery_percent),
        (Some(12.0), Some(3.6), Some(80.0))
    );
    assert_eq!(position.event.as_deref(), Some("man_down"));
    for (name, value) in [
        ("temp_c", Value::Real(25.0)),
        ("in_trip", Value::Flag(false)),
        ("moving", Value::Flag(true)),
        ("man_down", Value::Flag(true)),
        ("speed", Value::Real(31.7)),
        ("barometer_0", Value::Real(1012.9)),
        ("nested_a", Value::Integer(1)),
    ] {
        assert_eq!(attribute(&position, name), Some(value), "{name}");
    }
    // the unit is not known
    assert_eq!(
        only(decoded_payload(r#""latitude":1,"longitude":2,"speed":31.7"#)).speed_kmh,
        None
    );
}

#[test]
fn a_failed_fix_is_not_valid() {
    for fields in [
        r#""latitudeDeg":1,"longitudeDeg":2,"fixFailed":true"#,
        r#""lat":1,"lon":2,"no_gnss_fix":true"#,
        r#""Lat":1,"Long":2,"NoGNSSFix":1"#,
        r#""lat":1,"lon":2,"valid":false"#,
        r#""fixFailed":true,"cached":{"latitudeDeg":1,"longitudeDeg":2}"#,
    ] {
        let position = only(decoded_payload(fields));
        assert_at(&position, 1.0, 2.0);
        assert_eq!(position.valid, Some(false), "{fields}");
    }
    assert_nothing(&decoded_payload(r#""fixFailed":true"#));
}

#[test]
fn the_time_of_the_payload_counts_else_that_of_the_network() {
    let time = |fields: &str| {
        decoded_payload(&format!(r#""latitude":1,"longitude":2{fields}"#)).map(|it| it.positions[0].time_ms)
    };
    for (fields, ms) in [
        ("", NOON),
        (r#","time":null"#, NOON),
        (r#","time":"2024-06-01T11:00:00.000Z""#, NOON - 3_600_000),
        (r#","time":"2024-06-01 11:00:00""#, NOON - 3_600_000),
        (r#","time":1717239600"#, NOON - 3_600_000),
        (r#","time":1717239600000"#, NOON - 3_600_000),
        // no time, but something else of that name
        (r#","time":17"#, NOON),
        (r#","time":"11:00:00""#, NOON),
    ] {
        assert_eq!(time(fields), Ok(Some(ms)), "{fields}");
    }
    assert!(time(r#","time":"2024-02-30T11:00:00Z""#).is_err());

    // the outer time is missing or broken
    let inner =
        r#""uplink_message":{"received_at":"2024-06-01T12:00:01Z","decoded_payload":{"lat":1,"lon":2}}"#;
    let with = |received: &str| {
        with_codec(
            "",
            &format!(r#"{{"end_device_ids":{{"device_id":"t-1"}},{received}{inner}}}"#),
        )
    };
    assert_eq!(only(with("")).time_ms, Some(NOON + 1000));
    assert_malformed(&with(r#""received_at":"2024-13-01T00:00:00Z","#));
    assert_malformed(&with(r#""received_at":17,"#));
}

#[test]
fn the_sources_of_a_place_come_in_their_order() {
    let location =
        r#","locations":{"frm-payload":{"latitude":3,"longitude":4,"altitude":5,"source":"SOURCE_GPS"}}"#;
    let decoded = r#","decoded_payload":{"latitude":1.5,"longitude":2.5}"#;
    let sensors = r#","decoded_payload":{"temperature_1":20}"#;
    assert_at(
        &only(raw("cayenne_lpp", 1, LPP, &format!("{location}{decoded}"))),
        1.5,
        2.5,
    );
    assert_at(
        &only(raw("cayenne_lpp", 1, LPP, &format!("{location}{sensors}"))),
        3.0,
        4.0,
    );
    assert_at(&only(raw("cayenne_lpp", 1, LPP, sensors)), 1.0, -2.0);
    assert_at(&only(raw("cayenne_lpp", 1, LPP, "")), 1.0, -2.0);
    // without the setting nobody knows what the bytes mean
    assert_nothing(&raw("", 1, LPP, sensors));
    // half a place is none, but another source may have a whole one
    let half = r#","decoded_payload":{"latitude":1.5}"#;
    assert_malformed(&raw("", 1, LPP, half));
    assert_at(&only(raw("cayenne_lpp", 1, LPP, half)), 1.0, -2.0);
}

#[test]
fn raw_payloads_decode_by_the_setting() {
    let oyster = only(raw("digitalmatter_oyster", 1, OYSTER, ""));
    assert_at(&oyster, 1.0, -2.0);
    assert_eq!(
        (
            oyster.speed_kmh,
            oyster.heading_deg,
            oyster.battery_v,
            oyster.time_ms
        ),
        (Some(37.0), Some(90.0), Some(4.1), Some(NOON))
    );
    let lgt92 = only(raw("dragino_lgt92", 2, LGT92, ""));
    assert_eq!(
        (lgt92.hdop, lgt92.altitude_m, lgt92.event.as_deref()),
        (Some(1.2), Some(10.0), Some("sos"))
    );
    assert_eq!(attribute(&lgt92, "alarm"), Some("sos".into()));
    let trackerd = only(raw("dragino_trackerd", 2, TRACKERD, ""));
    assert_eq!(attribute(&trackerd, "humidity_percent"), Some(Value::Real(43.0)));
    let own_time = only(raw("cayenne_lpp", 1, &format!("00 85 665b0d4a {LPP}"), ""));
    assert_eq!(own_time.time_ms, Some(NOON + 10_000));
    assert_eq!(
        raw("cayenne_lpp", 1, &format!("{LPP} 02 88 000000 000000 000000"), "")
            .unwrap()
            .positions
            .len(),
        2
    );

    for (codec, port, hex) in [
        ("digitalmatter_oyster", 3, OYSTER),
        ("dragino_lgt92", 5, LGT92),
        ("dragino_trackerd", 8, TRACKERD),
        ("cayenne_lpp", 0, LPP),
        ("cayenne_lpp", 1, "01 67 0110"),
        ("dragino_lgt92", 2, "00000000 00000000 0e74 60 004b 0190 00 0000"),
        ("dragino_trackerd", 2, "00000000 00000000 0fa2 30 01ae 00da"),
    ] {
        assert_nothing(&raw(codec, port, hex, ""));
    }
    for (codec, port, hex) in [
        ("digitalmatter_oyster", 1, "80969800 00d3cefe 41 25"),
        ("dragino_lgt92", 2, "000f4240 ffe17b80 4e74"),
        ("dragino_trackerd", 2, "000f4240 ffe17b80 0fa2 30 01ae"),
        ("browan_objectlocator", 136, "000b39"),
        ("cayenne_lpp", 1, "01 88 002710"),
    ] {
        assert_malformed(&raw(codec, port, hex, ""));
    }
    assert!(matches!(
        raw("milesight", 1, LPP, ""),
        Err(DecodeError::Unsupported(_))
    ));
    for payload in ["***", "AYg", "AYgA=AAA"] {
        let fields = format!(r#"{{{IDS},"uplink_message":{{"f_port":1,"frm_payload":"{payload}"}}}}"#);
        assert_malformed(&with_codec("cayenne_lpp", &fields));
    }
    for empty in [r#""frm_payload":"""#, r#""frm_payload":null"#, r#""f_cnt":1"#] {
        let fields = format!(r#"{{{IDS},"uplink_message":{{"f_port":1,{empty}}}}}"#);
        assert_nothing(&with_codec("cayenne_lpp", &fields));
    }
}

#[test]
fn draginos_zero_is_no_fix_in_decoded_payloads_too() {
    for (codec, fields) in [
        ("", r#""ALARM_status":"FALSE","Latitude":0,"Longitude":0"#),
        ("dragino_lgt92", r#""latitude":0,"longitude":0"#),
    ] {
        let payload = format!(
            r#"{{{IDS},"uplink_message":{{"f_port":2,"decoded_payload":{{{fields}}},
                "locations":{{"user":{{"latitude":3,"longitude":4}}}}}}}}"#
        );
        assert_nothing(&with_codec(codec, &payload));
    }
    let alarm = only(decoded_payload(
        r#""ALARM_status":"TRUE","Latitude":1,"Longitud":2,"BatV":3.7,"LON":"OFF","MD":"Move","Transport":"MOVE",
           "hdop":0,"altitude":0"#,
    ));
    assert_eq!(
        (alarm.event.as_deref(), alarm.battery_v),
        (Some("sos"), Some(3.7))
    );
    assert_eq!((alarm.hdop, alarm.altitude_m), (None, None));
    assert_eq!(attribute(&alarm, "alarm"), Some("sos".into()));
    assert_eq!(attribute(&alarm, "led"), Some(false.into()));
    assert_eq!(attribute(&alarm, "moving"), Some(true.into()));
}

#[test]
fn the_bytes_fill_in_what_the_codec_leaves_out() {
    let object = r#","decoded_payload":{"ALARM_status":"FALSE","Latitude":1.0,"Longitud":-2.0}"#;
    let position = only(raw("dragino_trackerd", 2, TRACKERD, object));
    assert_eq!((position.battery_v, position.valid), (Some(4.002), Some(true)));
    // Dragino's LGT-92 codec makes 0 of small coordinates
    let zero = r#","decoded_payload":{"ALARM_status":"FALSE","latitude":0,"longitude":-2.0}"#;
    assert_at(&only(raw("dragino_lgt92", 2, LGT92, zero)), 1.0, -2.0);
    // bytes that mean another place, and broken ones, change nothing
    let other = r#","decoded_payload":{"latitude":5,"longitude":6}"#;
    let position = only(raw("dragino_trackerd", 2, TRACKERD, other));
    assert_at(&position, 5.0, 6.0);
    assert_eq!(position.battery_v, None);
    assert_at(&only(raw("dragino_trackerd", 2, "00", other)), 5.0, 6.0);
    // the network's own place, with what the bytes know
    let location = r#","locations":{"frm-payload":{"latitude":1,"longitude":-2,"altitude":0}}"#;
    assert_eq!(
        only(raw("digitalmatter_oyster", 1, OYSTER, location)).speed_kmh,
        Some(37.0)
    );
}

#[test]
fn the_network_adds_signal_and_battery() {
    let position = only(uplink(
        r#""decoded_payload":{"lat":1,"lon":2},"last_battery_percentage":{"f_cnt":3,"value":94.1},
           "rx_metadata":[{"rssi":-101,"snr":-3.5},{"gateway_ids":{"eui":"x"}},{"rssi":-38,"snr":8.8}]"#,
    ));
    assert_eq!(
        (position.signal, position.battery_percent),
        (Some(-38.0), Some(94.1))
    );
    assert_eq!(attribute(&position, "snr_db"), Some(Value::Real(8.8)));
}

#[test]
fn places_out_of_range_are_malformed() {
    for fields in [
        r#""latitude":90.1,"longitude":0"#,
        r#""latitude":0,"longitude":-180.1"#,
        r#""gps_0":{"latitude":91,"longitude":0}"#,
        r#""latitude":-235505200,"longitude":-466333100"#,
        r#""latitude":1"#,
        r#""gps_0":{"longitude":1}"#,
    ] {
        assert_malformed(&decoded_payload(fields));
    }
}
