//! What the vectors do not show: other reports, both forms of time, unknown values, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{DecodeError, DecodeResult, Decoded, Message, Position, Transport};
use fixstream_decoder_pui::decode;

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;
const WHOLE: &str = r#"{"id":"015262001044848","ts":"2024-06-01T12:00:00.500Z","rpt":"hf","location":{"lat":-23.5,"lon":-46.6},"bear":70,"spd":2500,"ign":"on"}"#;

fn decoded(payload: &str) -> DecodeResult {
    decode(&Message {
        transport: Transport::Mqtt,
        channel: "pui/015262001044848/hf".to_owned(),
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

#[test]
fn a_report_is_a_position() {
    for report in ["hf", "loc"] {
        let position = only(&WHOLE.replace("hf", report));
        assert_eq!(position.device.as_deref(), Some("015262001044848"));
        assert_eq!((position.time_ms, position.valid), (Some(NOON + 500), Some(true)));
        assert_eq!(
            (position.latitude, position.longitude),
            (Some(-23.5), Some(-46.6))
        );
        assert_eq!(
            (position.speed_kmh, position.heading_deg, position.ignition),
            (Some(90.0), Some(70.0), Some(true))
        );
    }
}

#[test]
fn times_come_in_two_forms() {
    for time in [
        "2024-06-01T12:00:00.000Z",
        "2024-06-01T12:00:00Z",
        "20240601T120000.000Z",
        "20240601T120000Z",
        "2024-06-01T09:00:00-03:00",
        "20240601T090000-0300",
    ] {
        let position = only(&WHOLE.replace("2024-06-01T12:00:00.500Z", time));
        assert_eq!(position.time_ms, Some(NOON), "{time}");
    }
    assert_eq!(
        only(&WHOLE.replace(r#""ts":"2024-06-01T12:00:00.500Z","#, "")).time_ms,
        None
    );
}

#[test]
fn what_is_unknown_is_none() {
    let position = only(
        &WHOLE
            .replace(":70", ":-1")
            .replace(":2500", ":null")
            .replace("\"on\"", "\"?\""),
    );
    assert_eq!(
        (position.speed_kmh, position.heading_deg, position.ignition),
        (None, None, None)
    );
    let null_island = only(&WHOLE.replace("-23.5", "0").replace("-46.6", "0"));
    assert_eq!(
        (null_island.latitude, null_island.longitude),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(only(&WHOLE.replace("\"on\"", "\"off\"")).ignition, Some(false));
}

#[test]
fn fields_without_a_place_in_the_record_are_attributes() {
    let position = only(&WHOLE.replace("\"ign\"", "\"fixQuality\":3,\"ign\""));
    let names: Vec<_> = position
        .attributes
        .iter()
        .map(|attribute| &attribute.key)
        .collect();
    assert_eq!(names.len(), 2);
    assert_eq!(*names[1], "fix_quality".into());
}

#[test]
fn other_reports_have_nothing_to_locate() {
    for report in ["hb", "status", "evt", "HF"] {
        assert_eq!(
            decoded(&WHOLE.replace("hf", report)),
            Ok(Decoded::nothing()),
            "{report}"
        );
    }
    assert_eq!(decoded(r#"{"rpt":"boot","id":"1"}"#), Ok(Decoded::nothing()));
}

#[test]
fn what_is_broken_is_refused() {
    for (from, to) in [
        ("-23.5", "-90.5"),
        ("-46.6", "180.5"),
        ("-23.5", "\"south\""),
        (r#"{"lat":-23.5,"lon":-46.6}"#, "null"),
        (r#"{"lat":-23.5,"lon":-46.6}"#, "{}"),
        (r#"{"lat":-23.5,"lon":-46.6}"#, r#"{"lat":-23.5}"#),
        (r#"{"lat":-23.5,"lon":-46.6}"#, "[-23.5,-46.6]"),
        ("2024-06-01T", "2024-02-30T"),
        ("T12:", "T25:"),
        ("2024-06-01T12:00:00.500Z", ""),
        ("2024-06-01T12:00:00.500Z", "2024-06-01"),
        ("2024-06-01T12:00:00.500Z", "20240631T120000Z"),
        ("\"hf\"", "1"),
        ("\"on\"}", "\"on\""),
    ] {
        let payload = WHOLE.replacen(from, to, 1);
        assert!(
            matches!(decoded(&payload), Err(DecodeError::Malformed(_))),
            "{payload}"
        );
    }
    for payload in ["", " ", "[]", "hf", "null"] {
        assert!(
            matches!(decoded(payload), Err(DecodeError::Malformed(_))),
            "{payload}"
        );
    }
    for payload in ["{}", r#"{"lat":1,"lon":2}"#, r#"{"rpt":null}"#] {
        assert_eq!(decoded(payload), Err(DecodeError::NotMine), "{payload}");
    }
}
