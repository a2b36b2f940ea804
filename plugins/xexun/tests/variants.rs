//! What the vectors do not show: talkers, texts, several messages, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{DecodeError, DecodeResult, Message, Position, Transport};
use fixstream_decoder_xexun::decode;

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;
const IMEI: &str = "864244028033115";
const RMC: &str = "RMC,120000.000,A,2330.0000,S,04636.0000,W,10.00,90.50,010624,,,A*00";

fn decoded(payload: &str) -> DecodeResult {
    decode(&Message {
        transport: Transport::Tcp,
        channel: String::new(),
        device: None,
        received_ms: NOON,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.as_bytes().to_vec(),
    })
}

#[track_caller]
fn only(payload: &str) -> Position {
    let mut positions = decoded(payload).unwrap().positions;
    assert_eq!(positions.len(), 1, "{payload}");
    positions.remove(0)
}

fn is_malformed(payload: &str) -> bool {
    matches!(decoded(payload), Err(DecodeError::Malformed(_)))
}

#[test]
fn the_sentence_may_have_any_talker_and_stand_behind_anything() {
    for payload in [
        format!("GP{RMC},F,,imei:{IMEI},"),
        format!("GN{RMC},L,imei:{IMEI}"),
        format!("$GL{RMC}\r\n,F, imei:{IMEI},\r\n"),
        format!("240601120000,+551199999999,GP{RMC},F,, imei:{IMEI},09,760.5,F:4.28V,1,139"),
        format!("0,0,GB{RMC},L,low battery!, imei:{IMEI},,,L:3.5V"),
    ] {
        let position = only(&payload);
        assert_eq!(
            (position.latitude, position.longitude),
            (Some(-23.5), Some(-46.6))
        );
        assert_eq!((position.time_ms, position.valid), (Some(NOON), Some(true)));
        assert_eq!(
            (position.speed_kmh, position.heading_deg),
            (Some(18.52), Some(90.5))
        );
        assert_eq!(position.device.as_deref(), Some(IMEI));
    }
}

#[test]
fn the_full_form_has_satellites_altitude_and_battery() {
    for (fields, satellites, altitude_m, battery_v) in [
        ("09,-10.5,F:4.28V,1", Some(9), Some(-10.5), Some(4.28)),
        ("00,,L:3.5V/ADC1=0.20V/ADC2=0.00V", Some(0), None, Some(3.5)),
        (",,", None, None, None),
        ("09,760,4.28,1", Some(9), Some(760.0), None),
        ("09,760,F:low", Some(9), Some(760.0), None),
    ] {
        let position = only(&format!("0,0,GP{RMC},F,,imei:{IMEI},{fields}"));
        assert_eq!(position.satellites, satellites, "{fields}");
        assert_eq!(
            (position.altitude_m, position.battery_v),
            (altitude_m, battery_v),
            "{fields}"
        );
    }
}

#[test]
fn a_semicolon_ends_the_imei() {
    for behind in [";", ";1,09,760.5", ";\u{98}5,00"] {
        let position = only(&format!("0,0,GP{RMC},F,,imei:{IMEI}{behind}"));
        assert_eq!(position.device.as_deref(), Some(IMEI), "{behind:?}");
    }
}

#[test]
fn the_text_before_the_imei_is_the_event() {
    for (text, event, ignition) in [
        ("help me!, ", Some("sos"), None),
        ("low battery!,", Some("low_battery"), None),
        ("ACC On, ", Some("ignition_on"), Some(true)),
        ("ACCStop, ", Some("ignition_off"), Some(false)),
        ("Move alarm,", Some("move_alarm"), None),
        (",", None, None),
        ("", None, None),
    ] {
        let position = only(&format!("0,0,GP{RMC},F,{text}imei:{IMEI},"));
        assert_eq!(position.event.as_deref(), event, "{text}");
        assert_eq!(position.ignition, ignition, "{text}");
    }
}

#[test]
fn coordinates_have_any_width() {
    for (longitude, degrees) in [
        ("10.2368", 10.2368 / 60.0),
        ("6.5", 6.5 / 60.0),
        ("136.0", 1.6),
        ("00136.0", 1.6),
    ] {
        let position = only(&format!(
            "GP{},F,imei:{IMEI},",
            RMC.replace("04636.0000,W", &format!("{longitude},E"))
        ));
        assert_eq!(position.longitude, Some(degrees));
    }
}

#[test]
fn what_the_receiver_does_not_know_is_none() {
    let with = |from: &str, to: &str| format!("GP{},F,imei:{IMEI},", RMC.replace(from, to));
    assert!(
        decoded(&with("2330.0000,S,04636.0000,W", ",,,"))
            .unwrap()
            .positions
            .is_empty()
    );
    assert_eq!(only(&with(",A,2", ",V,2")).valid, Some(false));
    assert_eq!(only(&with("010624", "")).time_ms, None);
    assert_eq!(only(&with("10.00,90.50", ",")).speed_kmh, None);
    assert_eq!(only(&with("120000.000", "120000.4")).time_ms, Some(NOON + 400));
    // no sentence at all
    assert!(
        decoded(&format!(",+48606717068,,L,, imei:{IMEI},,,F:4.28V,1"))
            .unwrap()
            .positions
            .is_empty()
    );
}

#[test]
fn several_messages_may_come_together() {
    let one = format!("0,0,GP{RMC},F,,imei:{IMEI},09,760.5,F:4.28V,1,139\r\n");
    let two = decoded(&format!("{one}{}", one.replace(IMEI, "864244028033116")))
        .unwrap()
        .positions;
    assert_eq!(two.len(), 2);
    assert_eq!(two[1].device.as_deref(), Some("864244028033116"));
    assert_eq!(two[0].battery_v, Some(4.28));
    assert!(is_malformed(&one.repeat(1025)));
}

#[test]
fn what_is_broken_is_refused() {
    let whole = format!("GP{RMC},F,imei:{IMEI},");
    for (from, to) in [
        ("2330.0000", "9030.0000"),
        ("2330.0000", "2360.0000"),
        ("2330.0000", ""),
        (",S,", ",,"),
        (",S,", ",X,"),
        (",W,", ",,"),
        ("04636", "18036"),
        (",A,2", ",X,2"),
        ("120000.000", "240000.000"),
        ("010624", "310624"),
        ("010624", "0106"),
        ("imei:8642", "imei:86x2"),
        ("imei:864244028033115,", ""),
        ("15,", ""),
    ] {
        assert!(is_malformed(&whole.replacen(from, to, 1)), "{from} {to}");
    }
    for payload in ["", "\r\n", "GPRMC,120000.000,A,2330", "0,0,L,imei:12x"] {
        assert!(is_malformed(payload), "{payload}");
    }
    for payload in ["##", "*HQ,1,V1#", "éRMC"] {
        assert_eq!(decoded(payload), Err(DecodeError::NotMine), "{payload}");
    }
}
