//! What the vectors do not show: map reports, encrypted packets, unknown fields, times, senders, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Decoded, Message, Position, Transport, Value,
};
use fixstream_decoder_meshtastic::{KEYS, decode};

/// 2024-06-01T12:00:00Z
const NOON_S: u32 = 1_717_243_200;
const NOON: i64 = NOON_S as i64 * 1000;
const NODE: u32 = 0x7efe_ee00;

fn decoded(payload: &[u8]) -> DecodeResult {
    decode(&Message {
        transport: Transport::Mqtt,
        channel: "msh/EU_868/2/e/LongFast/!a1b2c3d4".to_owned(),
        device: None,
        received_ms: NOON + 500,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.to_vec(),
    })
}

fn json(text: &str) -> DecodeResult {
    decoded(text.as_bytes())
}

/// A JSON packet of a position at 1 N 2 W.
fn json_position(outer: &str, payload: &str) -> DecodeResult {
    json(&format!(
        r#"{{"type":"position","payload":{{"latitude_i":10000000,"longitude_i":-20000000{payload}}},"sender":"!a1b2c3d4"{outer}}}"#
    ))
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

/// Protobuf, written by hand so that it is independent of the decoder's messages.
#[derive(Clone, Default)]
struct Proto(Vec<u8>);

impl Proto {
    fn raw_varint(mut self, mut number: u64) -> Self {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
        self
    }

    fn varint(self, field: u64, number: u64) -> Self {
        self.raw_varint(field << 3).raw_varint(number)
    }

    fn fixed32(self, field: u64, number: u32) -> Self {
        let mut proto = self.raw_varint(field << 3 | 5);
        proto.0.extend(number.to_le_bytes());
        proto
    }

    fn fixed64(self, field: u64, number: u64) -> Self {
        let mut proto = self.raw_varint(field << 3 | 1);
        proto.0.extend(number.to_le_bytes());
        proto
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut proto = self.raw_varint(field << 3 | 2).raw_varint(bytes.len() as u64);
        proto.0.extend(bytes);
        proto
    }
}

fn at(latitude: i32, longitude: i32) -> Proto {
    Proto::default()
        .fixed32(1, latitude.cast_unsigned())
        .fixed32(2, longitude.cast_unsigned())
}

fn place() -> Proto {
    at(10_000_000, -20_000_000)
}

fn data(port: u64, payload: &Proto) -> Proto {
    Proto::default().varint(1, port).bytes(2, &payload.0)
}

/// A packet from [`NODE`], received ten seconds after noon.
fn packet(data: &Proto) -> Proto {
    Proto::default()
        .fixed32(1, NODE)
        .fixed32(2, u32::MAX)
        .bytes(4, &data.0)
        .fixed32(7, NOON_S + 10)
}

fn envelope(packet: &Proto) -> DecodeResult {
    let envelope = Proto::default()
        .bytes(1, &packet.0)
        .bytes(2, b"LongFast")
        .bytes(3, b"!a1b2c3d4");
    decoded(&envelope.0)
}

fn position(fix: &Proto) -> DecodeResult {
    envelope(&packet(&data(3, fix)))
}

#[test]
fn every_field_of_a_position_comes_out() {
    let fix = place()
        .varint(3, (-7_i64).cast_unsigned())
        .fixed32(4, NOON_S)
        .varint(5, 2)
        .fixed32(7, NOON_S - 5)
        .varint(11, 250)
        .varint(12, 140)
        .varint(13, 90)
        .varint(15, 54)
        .varint(16, 9_000_000)
        .varint(19, 13)
        .varint(23, 32);
    let packet = packet(&data(3, &fix))
        .fixed32(8, 6.25_f32.to_bits())
        .varint(9, 3)
        .varint(12, (-92_i64).cast_unsigned())
        .varint(15, 7);
    let position = only(envelope(&packet));
    assert_eq!((position.latitude, position.longitude), (Some(1.0), Some(-2.0)));
    assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
    assert_eq!(
        (
            position.altitude_m,
            position.speed_kmh,
            position.heading_deg,
            position.satellites,
            position.hdop
        ),
        (Some(-7.0), Some(54.0), Some(90.0), Some(13), Some(1.4))
    );
    assert_eq!((position.signal, position.accuracy_m), (Some(-92.0), None));
    assert_eq!(position.device.as_deref(), Some("!7efeee00"));
    for (name, value) in [
        ("pdop", Value::Real(2.5)),
        ("vdop", Value::Real(0.9)),
        ("snr_db", Value::Real(6.25)),
        ("hops_away", Value::Integer(4)),
        ("precision_bits", Value::Integer(32)),
        ("location_source", "internal".into()),
        ("gateway", "!a1b2c3d4".into()),
        ("channel_name", "LongFast".into()),
    ] {
        assert_eq!(attribute(&position, name), Some(value), "{name}");
    }
}

#[test]
fn what_a_position_does_not_say_stays_empty() {
    let position = only(position(&place()));
    assert_eq!(
        (
            position.altitude_m,
            position.speed_kmh,
            position.heading_deg,
            position.satellites,
            position.hdop
        ),
        (None, None, None, None, None)
    );
    assert_eq!((position.signal, attribute(&position, "snr_db")), (None, None));
}

#[test]
fn the_time_is_that_of_the_fix_else_that_of_the_receipt() {
    let time = |fix: &Proto| only(position(fix)).time_ms;
    assert_eq!(time(&place().fixed32(4, NOON_S).fixed32(7, 5)), Some(NOON));
    assert_eq!(time(&place().fixed32(7, NOON_S)), Some(NOON));
    assert_eq!(time(&place().fixed32(4, 0)), Some(NOON + 10_000));
    assert_eq!(time(&place()), Some(NOON + 10_000));
    let unknown = Proto::default().fixed32(1, NODE).bytes(4, &data(3, &place()).0);
    assert_eq!(only(envelope(&unknown)).time_ms, None);
}

#[test]
fn a_place_at_zero_stands_and_half_a_place_is_malformed() {
    let zero = only(position(&at(0, 0)));
    assert_eq!((zero.latitude, zero.longitude), (Some(0.0), Some(0.0)));
    assert_malformed(&position(&Proto::default().fixed32(1, 10_000_000)));
    assert_malformed(&position(&Proto::default().fixed32(2, 10_000_000)));
    assert_nothing(&position(&Proto::default().fixed32(4, NOON_S).varint(3, 700)));
    assert_nothing(&position(&Proto::default()));
    for (latitude, longitude) in [(900_000_001, 0), (0, 1_800_000_001), (i32::MIN, 0)] {
        assert_malformed(&position(&at(latitude, longitude)));
    }
}

#[test]
fn a_map_report_is_a_position_of_the_receipt() {
    let report = Proto::default()
        .bytes(1, "Base N\u{f6}rd".as_bytes())
        .bytes(2, b"B\xff")
        .varint(4, 43)
        .bytes(5, b"2.5.0")
        .varint(8, 1)
        .fixed32(9, 10_000_000)
        .fixed32(10, (-20_000_000_i32).cast_unsigned())
        .varint(11, 777)
        .varint(12, 13)
        .varint(13, 4);
    let position = only(envelope(&packet(&data(73, &report))));
    assert_eq!((position.latitude, position.longitude), (Some(1.0), Some(-2.0)));
    assert_eq!(
        (position.time_ms, position.altitude_m, position.accuracy_m),
        (Some(NOON + 10_000), Some(777.0), Some(2915.0))
    );
    assert_eq!(position.device.as_deref(), Some("!7efeee00"));
    assert_eq!(attribute(&position, "long_name"), Some("Base N\u{f6}rd".into()));
    assert_eq!(attribute(&position, "short_name"), Some("B\u{fffd}".into()));
    assert_eq!(attribute(&position, "nodes_online"), Some(Value::Integer(4)));
    assert_nothing(&envelope(&packet(&data(73, &Proto::default().bytes(1, b"x")))));
}

#[test]
fn other_ports_and_encrypted_packets_are_nothing_to_locate() {
    // text, node info, waypoint, telemetry, neighbours, and a port of the future
    for port in [1, 4, 8, 67, 71, 4711] {
        assert_nothing(&envelope(&packet(&data(port, &place()))));
    }
    let encrypted = Proto::default().fixed32(1, NODE).bytes(5, &place().0);
    assert_nothing(&envelope(&encrypted));
    assert_nothing(&envelope(&Proto::default().fixed32(1, NODE)));
}

#[test]
fn unknown_fields_are_stepped_over() {
    let strange = |proto: Proto| {
        proto
            .varint(900, u64::MAX)
            .fixed32(901, 1)
            .fixed64(902, 2)
            .bytes(903, b"later")
            // a group with a field in it
            .raw_varint(904 << 3 | 3)
            .varint(1, 5)
            .raw_varint(904 << 3 | 4)
    };
    let packet = strange(packet(&strange(data(3, &strange(place())))));
    let whole = strange(Proto::default().bytes(1, &packet.0));
    assert_eq!(only(decoded(&whole.0)).latitude, Some(1.0));
}

#[test]
fn an_envelope_that_begins_like_json_is_none() {
    // 0x0a is a line feed, and 0x7b, the length, an opening brace
    let mut packet = packet(&data(3, &place()));
    let missing = usize::from(b'{') - packet.0.len() - 3;
    packet = packet.raw_varint(900 << 3 | 2).raw_varint(missing as u64);
    packet.0.extend(vec![b' '; missing]);
    let envelope = Proto::default().bytes(1, &packet.0);
    assert_eq!(envelope.0[..2], *b"\n{");
    assert_eq!(only(decoded(&envelope.0)).latitude, Some(1.0));
    assert_nothing(&json(r#"  {"type":"text","from":1,"payload":{}}"#));
}

#[test]
fn groups_in_groups_fit_the_guests_stack() {
    const GUEST_STACK: usize = 64 * 1024;
    let deep = (0..10_000).fold(Proto::default(), |proto, _| proto.raw_varint(9 << 3 | 3));
    std::thread::Builder::new()
        .stack_size(GUEST_STACK)
        .spawn(move || assert_malformed(&decoded(&deep.0)))
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn damaged_protobuf_is_malformed() {
    assert_malformed(&decoded(b""));
    assert_malformed(&decoded(b" \n"));
    assert_malformed(&decoded(b"hello"));
    // an envelope without a packet, a packet of the wrong wire type, and no sender
    assert_malformed(&decoded(&Proto::default().bytes(2, b"LongFast").0));
    assert_malformed(&decoded(&Proto::default().varint(1, 5).0));
    assert_malformed(&envelope(&Proto::default().bytes(4, &data(3, &place()).0)));
    // the place of a position with a wrong wire type, and cut
    assert_malformed(&position(&place().varint(1, 5)));
    let cut = Proto(place().0[..9].to_vec());
    assert_malformed(&position(&cut));
    let whole = Proto::default().bytes(1, &packet(&data(3, &place())).0).0;
    for length in 0..whole.len() {
        assert_malformed(&decoded(&whole[..length]));
    }
}

#[test]
fn the_state_of_a_gateway_is_nothing_to_locate() {
    assert_nothing(&decoded(b"online"));
    assert_nothing(&decoded(b"offline"));
}

#[test]
fn every_field_of_a_json_position_comes_out() {
    let position = only(json_position(
        r#","from":2130636288,"timestamp":1717243203,"rssi":-92,"snr":6.25,"hops_away":2"#,
        r#","time":1717243200,"timestamp":1717243190,"altitude":777,"ground_speed":7,"ground_track":9000000,
            "sats_in_view":11,"HDOP":95,"PDOP":120,"precision_bits":16"#,
    ));
    assert_eq!((position.latitude, position.longitude), (Some(1.0), Some(-2.0)));
    assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
    assert_eq!(
        (
            position.altitude_m,
            position.speed_kmh,
            position.heading_deg,
            position.satellites,
            position.hdop
        ),
        (Some(777.0), Some(7.0), Some(90.0), Some(11), Some(0.95))
    );
    assert_eq!((position.signal, position.accuracy_m), (Some(-92.0), Some(364.0)));
    assert_eq!(position.device.as_deref(), Some("!7efeee00"));
    assert_eq!(attribute(&position, "hops_away"), Some(Value::Integer(2)));
    assert_eq!(attribute(&position, "gateway"), Some("!a1b2c3d4".into()));
    assert_eq!(attribute(&position, "pdop"), Some(Value::Real(1.2)));
}

#[test]
fn the_sender_is_a_number_in_every_spelling() {
    for (from, id) in [
        ("2130636288", "!7efeee00"),
        ("-1582119980", "!a1b2c3d4"),
        ("2712847316", "!a1b2c3d4"),
        ("1", "!00000001"),
        ("2712847316.0", "!a1b2c3d4"),
        ("\"!a1b2c3d4\"", "!a1b2c3d4"),
    ] {
        let position = only(json_position(&format!(r#","from":{from}"#), ""));
        assert_eq!(position.device.as_deref(), Some(id), "{from}");
    }
    for from in [
        "0",
        "null",
        "4294967296",
        "-2147483649",
        "\"!xyz\"",
        "\"\"",
        "1e300",
        "{}",
    ] {
        assert_malformed(&json_position(&format!(r#","from":{from}"#), ""));
    }
    assert_malformed(&json_position("", ""));
}

#[test]
fn a_json_position_without_time_has_that_of_the_receipt() {
    let time = |outer: &str, payload: &str| {
        json_position(&format!(r#","from":1{outer}"#), payload).map(|it| it.positions[0].time_ms)
    };
    let receipt = r#","timestamp":1717243203"#;
    assert_eq!(time(receipt, ""), Ok(Some(NOON + 3000)));
    assert_eq!(time(receipt, r#","time":0"#), Ok(Some(NOON + 3000)));
    assert_eq!(time(receipt, r#","timestamp":1717243200"#), Ok(Some(NOON)));
    assert_eq!(time("", ""), Ok(None));
    assert!(time(receipt, r#","time":-5"#).is_err());
    assert!(time(receipt, r#","time":99999999999999"#).is_err());
}

#[test]
fn other_json_types_are_nothing_to_locate() {
    for kind in [
        "waypoint",
        "nodeinfo",
        "telemetry",
        "text",
        "neighborinfo",
        "traceroute",
        "paxcounter",
        "detection",
        "sendposition",
        "something_new",
    ] {
        for payload in [
            r#"{"latitude_i":10000000,"longitude_i":20000000}"#,
            r#""hi""#,
            "7",
            "[1]",
        ] {
            assert_nothing(&json(&format!(
                r#"{{"type":"{kind}","from":1,"payload":{payload}}}"#
            )));
        }
    }
    // encrypted
    assert_nothing(&json(r#"{"id":7,"from":1,"to":2,"size":12,"bytes":"AQID"}"#));
    assert_nothing(&json(r#"{"type":"position","from":1,"payload":{"altitude":7}}"#));
}

#[test]
fn damaged_json_is_malformed_and_another_not_mine() {
    for payload in [
        r#"{"type":"position","from":1,"payload":{"latitude_i":10000000}}"#,
        r#"{"type":"position","from":1,"payload":{"longitude_i":10000000}}"#,
        r#"{"type":"position","from":1,"payload":{"latitude_i":"x","longitude_i":10000000}}"#,
        r#"{"type":"position","from":1,"payload":{"latitude_i":900000001,"longitude_i":0}}"#,
        r#"{"type":"position","from":1,"payload":{"latitude_i":0,"longitude_i":-1800000001}}"#,
        r#"{"type":"position","from":1,"payload":"x"}"#,
        r#"{"type":"position","from":1}"#,
        r#"{"type":"position""#,
        "{",
    ] {
        assert_malformed(&json(payload));
    }
    assert_eq!(json(r#"{"hello":1}"#), Err(DecodeError::NotMine));
}
