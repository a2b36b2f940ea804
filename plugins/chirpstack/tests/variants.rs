//! What the vectors do not show: how events are told apart, the built-in codec's words, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Decoded, Message, Position, Transport, Value,
};
use fixstream_decoder_chirpstack::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;
const HEAD: &str = r#""deduplicationId":"3ac7e3c4","time":"2024-06-01T12:00:00.775023242+00:00",
    "deviceInfo":{"deviceName":"c-1","devEui":"0004a30b001c0011","tags":{"latitude":"1","longitude":"2"}}"#;

fn on(transport: Transport, channel: &str, codec: &str, payload: &str) -> DecodeResult {
    decode(&Message {
        transport,
        channel: channel.to_owned(),
        device: None,
        received_ms: NOON + 500,
        context: vec![("device_codec".to_owned(), codec.to_owned())],
        state: Vec::new(),
        payload: payload.as_bytes().to_vec(),
    })
}

fn event(kind: &str, codec: &str, fields: &str) -> DecodeResult {
    let topic = format!("application/17c8/device/0004a30b001c0011/event/{kind}");
    on(Transport::Mqtt, &topic, codec, &format!("{{{HEAD},{fields}}}"))
}

fn object(fields: &str) -> DecodeResult {
    event("up", "", &format!(r#""fPort":1,"object":{{{fields}}}"#))
}

fn raw(codec: &str, port: u8, bytes: &[u8]) -> DecodeResult {
    let data = STANDARD.encode(bytes);
    event("up", codec, &format!(r#""fPort":{port},"data":"{data}""#))
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
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(latitude), Some(longitude))
    );
}

fn attribute(position: &Position, name: &str) -> Option<Value> {
    let is_it = |key: &AttributeKey| match key {
        AttributeKey::Declared(index) => KEYS[*index as usize] == name,
        AttributeKey::Named(key) => key == name,
    };
    position
        .attributes
        .iter()
        .find(|attribute| is_it(&attribute.key))
        .map(|attribute| attribute.value.clone())
}

#[test]
fn only_uplinks_and_location_events_have_a_place() {
    let place = r#""object":{"latitude":1,"longitude":2},"location":{"latitude":3,"longitude":4}"#;
    assert_at(&only(event("up", "", place)), 1.0, 2.0);
    assert_at(&only(event("location", "", place)), 3.0, 4.0);
    for kind in ["join", "ack", "txack", "status", "log", "integration"] {
        assert_nothing(&event(kind, "", place));
    }
    assert!(matches!(
        event("something_new", "", place),
        Err(DecodeError::Unsupported(_))
    ));
}

#[test]
fn over_http_the_query_says_what_it_is_and_else_the_fields_do() {
    let place = r#""object":{"latitude":1,"longitude":2},"location":{"latitude":3,"longitude":4}"#;
    let http = |path: &str, fields: &str| on(Transport::Http, path, "", &format!("{{{HEAD},{fields}}}"));
    assert_at(&only(http("/chirpstack?event=up", place)), 1.0, 2.0);
    assert_at(&only(http("/chirpstack?a=b&event=location", place)), 3.0, 4.0);
    assert_nothing(&http("/chirpstack?event=join", place));
    for channel in [
        "trackers/chirpstack/0004a30b001c0011/up",
        "/chirpstack",
        "/chirpstack?a=b",
    ] {
        let by_fields = |fields: &str| http(channel, fields);
        assert_at(
            &only(by_fields(r#""object":{"latitude":1,"longitude":2}"#)),
            1.0,
            2.0,
        );
        assert_at(
            &only(by_fields(r#""location":{"latitude":3,"longitude":4}"#)),
            3.0,
            4.0,
        );
        for fields in [
            r#""integrationName":"loracloud","object":{"latitude":1,"longitude":2}"#,
            r#""integrationName":"loracloud","location":{"latitude":1,"longitude":2}"#,
            r#""acknowledged":true,"fCntDown":3"#,
            r#""downlinkId":1,"gatewayId":"x""#,
            r#""margin":10,"batteryLevel":88.3"#,
            r#""level":"ERROR","code":"UPLINK_CODEC","description":"x""#,
            r#""devAddr":"00189440""#,
        ] {
            assert_nothing(&by_fields(fields));
        }
    }
}

#[test]
fn the_built_in_codec_has_an_object_for_each_channel() {
    let position = only(object(
        r#""gpsLocation":{"3":{"latitude":-23.5,"longitude":-46.6,"altitude":773}},"temperatureSensor":{"1":27.2}"#,
    ));
    assert_at(&position, -23.5, -46.6);
    assert_eq!((position.altitude_m, position.valid), (Some(773.0), Some(true)));
    assert_eq!(position.time_ms, Some(NOON + 775));
    assert_eq!(position.device.as_deref(), Some("0004a30b001c0011"));
    assert_eq!(attribute(&position, "channel"), Some(Value::Integer(3)));
    assert_eq!(
        attribute(&position, "temperature_sensor_1"),
        Some(Value::Real(27.2))
    );
    assert_eq!(attribute(&position, "device_name"), Some("c-1".into()));

    let two = object(
        r#""gpsLocation":{"1":{"latitude":1,"longitude":2,"altitude":0},"2":{"latitude":0,"longitude":0}}"#,
    )
    .unwrap()
    .positions;
    assert_eq!(two.len(), 2);
    assert_at(&two[0], 1.0, 2.0);
    assert_at(&two[1], 0.0, 0.0);
    assert_nothing(&object(r#""gpsLocation":{}"#));
    assert_malformed(&object(r#""gpsLocation":{"1":{"latitude":91,"longitude":0}}"#));
    assert_malformed(&object(r#""gpsLocation":{"1":{"latitude":1}}"#));
}

#[test]
fn raw_data_decodes_by_the_setting() {
    // 1.0 N 2.0 W, 10 m
    let lpp = [1, 0x88, 0, 0x27, 0x10, 0xff, 0xb1, 0xe0, 0, 3, 0xe8];
    let position = only(raw("cayenne_lpp", 1, &lpp));
    assert_at(&position, 1.0, -2.0);
    assert_eq!(
        (position.altitude_m, position.time_ms),
        (Some(10.0), Some(NOON + 775))
    );
    assert_nothing(&raw("", 1, &lpp));
    assert_nothing(&raw("cayenne_lpp", 0, &lpp));
    assert_malformed(&raw("cayenne_lpp", 1, &lpp[..10]));
    assert!(matches!(
        raw("cayenne_lpp", 1, &[1, 0xff, 0]),
        Err(DecodeError::Unsupported(_))
    ));
    assert!(matches!(
        raw("milesight", 1, &lpp),
        Err(DecodeError::Unsupported(_))
    ));
    assert_malformed(&event("up", "cayenne_lpp", r#""fPort":1,"data":"***""#));
    // MAC commands only: ChirpStack leaves out port 0 and empty data
    assert_nothing(&event("up", "cayenne_lpp", r#""dr":1"#));
    assert_nothing(&event("up", "cayenne_lpp", r#""fPort":1,"data":"""#));
    // an object without a place does not hide the data, and one with a place does not need it
    let data = STANDARD.encode(lpp);
    let sensors = format!(r#""fPort":1,"data":"{data}","object":{{"temperatureSensor":{{"1":20}}}}"#);
    assert_at(&only(event("up", "cayenne_lpp", &sensors)), 1.0, -2.0);
    let both = r#""fPort":1,"data":"***","object":{"latitude":5,"longitude":6}"#;
    assert_at(&only(event("up", "cayenne_lpp", both)), 5.0, 6.0);
}

#[test]
fn a_trackerd_without_a_fix_is_nothing_to_locate() {
    let no_fix = [0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0xa2, 0x20, 2, 0xa7, 1, 0x10];
    assert_nothing(&raw("dragino_trackerd", 2, &no_fix));
    let data = STANDARD.encode(no_fix);
    let object = r#""object":{"ALARM_status":"FALSE","Latitude":0,"Longitud":0,"Location":0}"#;
    assert_nothing(&event(
        "up",
        "dragino_trackerd",
        &format!(r#""fPort":2,"data":"{data}",{object}"#),
    ));
    assert_nothing(&event("up", "", &format!(r#""fPort":2,{object}"#)));
}

#[test]
fn places_that_are_not_the_devices_are_never_its_position() {
    let gateway = r#""fPort":1,"data":"AWcA4Q==","rxInfo":[{"rssi":-36,"snr":10.5,"location":{"latitude":1,"longitude":2}}]"#;
    assert_nothing(&event("up", "", gateway));
    assert_nothing(&event("up", "cayenne_lpp", gateway));
    assert_nothing(&event(
        "location",
        "",
        r#""location":{"latitude":1,"longitude":2,"source":"CONFIG"}"#,
    ));
    assert_nothing(&event("location", "", r#""rxInfo":[]"#));
    assert_nothing(&event("location", "", r#""location":{}"#));
}

#[test]
fn a_location_event_may_say_how_exact_it_is() {
    let position = only(event(
        "location",
        "",
        r#""location":{"latitude":-23.5,"longitude":-46.6,"altitude":720,"source":"GEO_RESOLVER_TDOA","accuracy":38}"#,
    ));
    assert_eq!(
        (position.accuracy_m, position.altitude_m),
        (Some(38.0), Some(720.0))
    );
    assert_eq!(
        attribute(&position, "location_source"),
        Some("GEO_RESOLVER_TDOA".into())
    );
    assert_malformed(&event("location", "", r#""location":{"latitude":1}"#));
    assert_malformed(&event(
        "location",
        "",
        r#""location":{"latitude":1,"longitude":181}"#,
    ));
}

#[test]
fn the_loudest_gateway_gives_the_signal() {
    let position = only(event(
        "up",
        "",
        r#""object":{"lat":1,"lon":2},"rxInfo":[{"rssi":-110,"snr":-3},{"rssi":-36,"snr":10.5},{}]"#,
    ));
    assert_eq!(position.signal, Some(-36.0));
    assert_eq!(attribute(&position, "snr_db"), Some(Value::Real(10.5)));
}

#[test]
fn what_is_no_event_is_malformed() {
    let up = "application/a/device/b/event/up";
    for payload in [
        "",
        "{",
        "[]",
        r#"{"time":"2024-06-01T12:00:00Z","object":{"latitude":1,"longitude":2}}"#,
        r#"{"deviceInfo":null,"object":{"latitude":1,"longitude":2}}"#,
        r#"{"deviceInfo":{},"time":"2024-02-30T12:00:00Z","object":{"latitude":1,"longitude":2}}"#,
        r#"{"deviceInfo":{},"time":7,"object":{"latitude":1,"longitude":2}}"#,
        // version 3
        r#"{"applicationID":"1","devEUI":"AAQ=","fPort":1,"data":"AWcA4Q==","objectJSON":"{}"}"#,
    ] {
        assert_malformed(&on(Transport::Mqtt, up, "", payload));
    }
    // the host then takes its own time of receipt, and the device of the topic
    let position = only(on(
        Transport::Mqtt,
        up,
        "",
        r#"{"deviceInfo":{},"object":{"latitude":1,"longitude":2}}"#,
    ));
    assert_eq!((position.time_ms, position.device), (None, None));
}
