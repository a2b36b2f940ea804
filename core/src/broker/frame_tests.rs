//! Tests of the framing: known packets, rules, and any bytes at all.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::*;

const MAX: usize = 64 * 1024;

fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text);
}

fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    loop {
        let byte = (length & 0x7f) as u8;
        length >>= 7;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}

fn connect_packet(level: u8, flags: u8, fields: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, b"MQTT");
    body.extend_from_slice(&[level, flags, 0, 30]);
    for field in fields {
        text(&mut body, field);
    }
    framed(0x10, &body)
}

fn one(bytes: &[u8]) -> Result<Packet<'_>, FrameError> {
    let (packet, length) = next(bytes, MAX)?.expect("complete");
    assert_eq!(length, bytes.len());
    Ok(packet)
}

#[test]
fn a_connect_with_will_and_login_is_read() {
    let bytes = connect_packet(4, 0b1110_1110, &[b"dev", b"t/w", b"gone", b"user", b"pass"]);
    let Packet::Connect(connect) = one(&bytes).unwrap() else {
        panic!("not a connect")
    };
    assert_eq!(
        (connect.client_id, connect.clean_session, connect.keep_alive),
        ("dev", true, 30)
    );
    assert_eq!(
        (connect.username, connect.password),
        (Some("user"), Some(&b"pass"[..]))
    );
    assert_eq!(
        connect.will,
        Some(Will {
            topic: "t/w",
            payload: b"gone",
            qos: Qos::AtLeastOnce
        })
    );
}

#[test]
fn other_protocol_versions_are_told_apart() {
    assert_eq!(one(&connect_packet(5, 2, &[b"dev"])), Err(FrameError::Level(5)));
    let mut body = Vec::new();
    text(&mut body, b"MQIsdp");
    body.extend_from_slice(&[3, 2, 0, 30]);
    text(&mut body, b"dev");
    assert_eq!(one(&framed(0x10, &body)), Err(FrameError::Level(3)));
}

#[test]
fn connect_flags_that_contradict_each_other_are_refused() {
    for flags in [0x01, 0x08, 0x20, 0x40, 0b0001_1100] {
        assert!(
            one(&connect_packet(4, flags, &[b"dev", b"a", b"b", b"c"])).is_err(),
            "{flags:08b}"
        );
    }
}

#[test]
fn what_is_written_is_what_is_read() {
    for (pkid, payload) in [
        (None, &b"hello"[..]),
        (Some(7), &[1u8; 300][..]),
        (Some(65535), &b""[..]),
    ] {
        let mut bytes = Vec::new();
        write::publish(&mut bytes, "trackers/v/1/up", pkid, payload);
        let Packet::Publish(publish) = one(&bytes).unwrap() else {
            panic!("not a publish")
        };
        assert_eq!(
            (publish.topic, publish.payload, publish.pkid),
            ("trackers/v/1/up", payload, pkid.unwrap_or(0))
        );
        assert_eq!(publish.qos == Qos::AtLeastOnce, pkid.is_some());
    }
}

#[test]
fn rules_of_the_protocol_are_kept() {
    let publish = |first: u8, topic: &[u8], rest: &[u8]| {
        let mut body = Vec::new();
        text(&mut body, topic);
        body.extend_from_slice(rest);
        framed(first, &body)
    };
    assert_eq!(one(&publish(0x30, b"a/+", b"")), Err(FrameError::Topic));
    assert_eq!(one(&publish(0x30, b"a/#", b"")), Err(FrameError::Topic));
    assert_eq!(one(&publish(0x30, b"", b"")), Err(FrameError::Topic));
    assert_eq!(one(&publish(0x30, b"a\0b", b"")), Err(FrameError::Text));
    assert_eq!(one(&publish(0x30, b"a\xff", b"")), Err(FrameError::Text));
    assert_eq!(one(&publish(0x36, b"a", b"\0\x01")), Err(FrameError::Qos));
    assert_eq!(one(&publish(0x38, b"a", b"")), Err(FrameError::Flags));
    assert_eq!(one(&publish(0x32, b"a", b"\0\0x")), Err(FrameError::PacketId));
    assert_eq!(one(&publish(0x32, b"a", b"\0")), Err(FrameError::Fields));
    assert_eq!(one(&[0x60, 2, 0, 1]), Err(FrameError::Flags));
    assert_eq!(one(&[0x62, 2, 0, 0]), Err(FrameError::PacketId));
    assert_eq!(one(&[0x40, 3, 0, 1, 9]), Err(FrameError::Fields));
    assert_eq!(one(&[0xc0, 1, 0]), Err(FrameError::Fields));
    assert_eq!(
        one(&[0x82, 2, 0, 1]),
        Err(FrameError::Fields),
        "a subscribe without filters"
    );
    assert_eq!(one(&[0xf0, 0]), Err(FrameError::Type(15)));
    assert_eq!(one(&[0x20, 0]), Err(FrameError::Type(2)));
}

#[test]
fn subscribe_and_unsubscribe_list_their_filters() {
    let mut body = vec![0, 9];
    text(&mut body, b"a/#");
    body.push(1);
    text(&mut body, b"+/b");
    body.push(0);
    assert_eq!(
        one(&framed(0x82, &body)).unwrap(),
        Packet::Subscribe(9, vec![("a/#", Qos::AtLeastOnce), ("+/b", Qos::AtMostOnce)])
    );
    let mut body = vec![0, 9];
    text(&mut body, b"a/#");
    assert_eq!(
        one(&framed(0xa2, &body)).unwrap(),
        Packet::Unsubscribe(9, vec!["a/#"])
    );
}

#[test]
fn a_length_over_the_bound_is_refused_before_the_bytes_arrive() {
    assert_eq!(
        next(&[0x30, 0xff, 0xff, 0xff, 0x7f], MAX),
        Err(FrameError::TooLarge(268_435_460))
    );
    assert_eq!(
        next(&[0x30, 0xff, 0xff, 0xff, 0xff], MAX),
        Err(FrameError::Length)
    );
    assert_eq!(next(&[0x30, 0xff, 0xff], MAX), Ok(None));
    assert_eq!(next(&[], MAX), Ok(None));
}

fn any_valid_packet() -> impl Strategy<Value = Vec<u8>> {
    let publish = (
        "[a-z/]{1,20}",
        proptest::option::of(1u16..),
        proptest::collection::vec(any::<u8>(), 0..300),
    )
        .prop_map(|(topic, pkid, payload)| {
            let mut out = Vec::new();
            write::publish(&mut out, &topic, pkid, &payload);
            out
        });
    let connect =
        (any::<u8>(), proptest::collection::vec("[ -~]{0,12}", 1..6)).prop_map(|(flags, fields)| {
            let fields: Vec<&[u8]> = fields.iter().map(String::as_bytes).collect();
            connect_packet(4, flags, &fields)
        });
    let small = (0u8..16, 0u8..16, proptest::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(kind, flags, body)| framed(kind << 4 | flags, &body));
    prop_oneof![publish, connect, small]
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(Some((_, length))) = next(&bytes, MAX) {
            prop_assert!(length >= 2 && length <= bytes.len());
        }
    }

    #[test]
    fn mutated_packets_give_an_answer_and_never_a_panic(mut packet in any_valid_packet(), at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let index = at.index(packet.len());
        packet[index] = to;
        let _ = next(&packet, MAX);
        packet.truncate(cut.index(packet.len() + 1));
        let _ = next(&packet, MAX);
    }

    #[test]
    fn a_prefix_of_a_packet_is_never_a_packet(topic in "[a-z]{1,9}", payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = Vec::new();
        write::publish(&mut bytes, &topic, Some(1), &payload);
        for end in 0..bytes.len() {
            prop_assert_eq!(next(&bytes[..end], MAX), Ok(None));
        }
    }
}
