//! Events as protobuf. The vectors have none.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, Position, Transport};
use fixstream_decoder_chirpstack::decode;

/// 2024-06-01T12:00:00Z
const NOON_S: u64 = 1_717_243_200;
const NOON: i64 = NOON_S as i64 * 1000;

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

    fn float(self, field: u64, number: f32) -> Self {
        let mut proto = self.raw_varint(field << 3 | 5);
        proto.0.extend(number.to_le_bytes());
        proto
    }

    fn double(self, field: u64, number: f64) -> Self {
        let mut proto = self.raw_varint(field << 3 | 1);
        proto.0.extend(number.to_le_bytes());
        proto
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut proto = self.raw_varint(field << 3 | 2).raw_varint(bytes.len() as u64);
        proto.0.extend(bytes);
        proto
    }

    fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }
}

fn new() -> Proto {
    Proto::default()
}

fn device() -> Proto {
    new()
        .bytes(1, b"52f14cd4-c6f1-4fbd-8f87-4025e1d49242")
        .bytes(7, b"c-1")
        .bytes(8, b"0004a30b001c0011")
}

/// Identifier, time (0.775 s after noon) and device, as all events but the log begin.
fn head() -> Proto {
    let time = new().varint(1, NOON_S).varint(2, 775_023_242);
    new()
        .bytes(1, b"3ac7e3c4-4401-4b8d-9386-a5c902f9202d")
        .message(2, &time)
        .message(3, &device())
}

/// A `google.protobuf.Struct` of fields that are values already.
fn object(fields: &[(&str, Proto)]) -> Proto {
    fields.iter().fold(new(), |object, (key, value)| {
        object.message(1, &new().bytes(1, key.as_bytes()).message(2, value))
    })
}

fn number(number: f64) -> Proto {
    new().double(2, number)
}

fn inner(object: &Proto) -> Proto {
    new().message(5, object)
}

fn on(channel: &str, codec: &str, payload: &Proto) -> DecodeResult {
    decode(&Message {
        transport: Transport::Mqtt,
        channel: channel.to_owned(),
        device: None,
        received_ms: NOON + 5000,
        context: vec![("device_codec".to_owned(), codec.to_owned())],
        state: Vec::new(),
        payload: payload.0.clone(),
    })
}

fn event(kind: &str, codec: &str, payload: &Proto) -> DecodeResult {
    on(
        &format!("application/17c8/device/0004a30b001c0011/event/{kind}"),
        codec,
        payload,
    )
}

#[track_caller]
fn only(result: DecodeResult) -> Position {
    let mut positions = result.unwrap().positions;
    assert_eq!(positions.len(), 1);
    positions.remove(0)
}

#[track_caller]
fn assert_malformed(result: &DecodeResult) {
    assert!(matches!(result, Err(DecodeError::Malformed(_))), "{result:?}");
}

#[test]
fn an_uplink_has_an_object_or_data() {
    // 1.0 N 2.0 W, 10 m
    let lpp = [1, 0x88, 0, 0x27, 0x10, 0xff, 0xb1, 0xe0, 0, 3, 0xe8];
    let gateways = new().varint(6, (-110_i64).cast_unsigned()).float(7, -3.0);
    let loud = new()
        .varint(6, (-36_i64).cast_unsigned())
        .float(7, 10.5)
        .message(12, &new().double(1, 5.0).double(2, 6.0));
    let up = head()
        .varint(7, 495)
        .varint(8, 1)
        .bytes(10, &lpp)
        .message(12, &gateways)
        .message(12, &loud);
    let raw = only(event("up", "cayenne_lpp", &up));
    assert_eq!((raw.latitude, raw.longitude), (Some(1.0), Some(-2.0)));
    assert_eq!((raw.time_ms, raw.signal), (Some(NOON + 775), Some(-36.0)));
    assert_eq!(raw.device.as_deref(), Some("0004a30b001c0011"));
    assert_eq!(event("up", "", &up), Ok(Decoded::nothing()));
    // port 0
    let commands = head().bytes(10, &lpp);
    assert_eq!(event("up", "cayenne_lpp", &commands), Ok(Decoded::nothing()));

    let flat = object(&[
        ("latitude", number(1.5)),
        ("longitude", number(-2.0)),
        ("fixFailed", new().varint(4, 1)),
        ("label", new().bytes(3, b"x")),
        ("nothing", new().varint(1, 0)),
        ("list", new().message(6, &new().message(1, &number(7.0)))),
    ]);
    let position = only(event("up", "", &up.clone().message(11, &flat)));
    assert_eq!((position.latitude, position.longitude), (Some(1.5), Some(-2.0)));
    assert_eq!(position.valid, Some(false));

    let channels = object(&[("3", inner(&flat)), ("4", inner(&flat))]);
    let built_in = object(&[("gpsLocation", inner(&channels))]);
    let positions = event("up", "", &up.message(11, &built_in)).unwrap().positions;
    assert_eq!(positions.len(), 2);
    assert_eq!(positions[1].latitude, Some(1.5));
}

#[test]
fn a_location_event_is_a_position() {
    let location = |location: &Proto| event("location", "", &head().message(4, location));
    let place = new().double(1, -23.5).double(2, -46.6);
    let position = only(location(
        &place.clone().double(3, 720.0).varint(4, 3).float(5, 38.0),
    ));
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(-23.5), Some(-46.6))
    );
    assert_eq!(
        (position.altitude_m, position.accuracy_m),
        (Some(720.0), Some(38.0))
    );
    assert_eq!((position.time_ms, position.valid), (Some(NOON + 775), Some(true)));
    assert_eq!(location(&place.varint(4, 2)), Ok(Decoded::nothing()));
    assert_eq!(location(&new()), Ok(Decoded::nothing()));
    assert_eq!(event("location", "", &head()), Ok(Decoded::nothing()));
    assert_malformed(&location(&new().double(1, 1.0)));
    assert_malformed(&location(&new().double(1, 91.0).double(2, 1.0)));
    assert_malformed(&location(&new().double(1, f64::NAN).double(2, 1.0)));
}

#[test]
fn the_other_events_have_no_place_and_the_topic_must_say_what_it_is() {
    let place = head().message(4, &new().double(1, 1.0).double(2, 2.0));
    for kind in ["join", "ack", "txack", "status", "integration"] {
        assert_eq!(event(kind, "", &place), Ok(Decoded::nothing()));
        assert_malformed(&event(kind, "", &new().bytes(1, b"x")));
    }
    let log = new().message(2, &device()).bytes(5, b"UPLINK_CODEC");
    assert_eq!(event("log", "", &log), Ok(Decoded::nothing()));
    for channel in ["trackers/chirpstack/a/up", "application/a/device/b/event/new"] {
        assert!(matches!(
            on(channel, "", &place),
            Err(DecodeError::Unsupported(_))
        ));
    }
}

#[test]
fn damaged_protobuf_is_malformed() {
    let place = object(&[("latitude", number(1.5)), ("longitude", number(-2.0))]);
    let whole = head().message(11, &place);
    assert!(event("up", "", &whole).is_ok());
    for length in 0..whole.0.len() {
        let cut = Proto(whole.0[..length].to_vec());
        let result = event("up", "", &cut);
        assert!(
            !matches!(&result, Ok(decoded) if !decoded.positions.is_empty()),
            "{length}: {result:?}"
        );
    }
    assert_malformed(&event("up", "", &new().message(11, &place)));
    assert_malformed(&event("up", "", &head().message(2, &new().varint(1, u64::MAX))));
    assert_malformed(&event(
        "up",
        "",
        &head().bytes(11, b"\x0a\x05\x12\x03\x2a\x01\xff"),
    ));
    // an inner object that is none
    let broken = object(&[("gpsLocation", new().bytes(5, b"\xff"))]);
    assert_malformed(&event("up", "", &head().message(11, &broken)));
}

#[test]
fn objects_in_objects_fit_the_guests_stack() {
    const GUEST_STACK: usize = 64 * 1024;
    let place = object(&[("latitude", number(1.5)), ("longitude", number(-2.0))]);
    let deep = (0..500).fold(place, |deeper, _| object(&[("gps", inner(&deeper))]));
    std::thread::Builder::new()
        .stack_size(GUEST_STACK)
        .spawn(move || {
            assert_eq!(
                event("up", "", &head().message(11, &deep)),
                Ok(Decoded::nothing())
            );
        })
        .unwrap()
        .join()
        .unwrap();
}
