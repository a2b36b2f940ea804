//! What the vectors do not show, and the property that matters: no place that the text does not state.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{
    AttributeKey, DecodeError, DecodeResult, Message, Position, Transport, Value, vectors,
};
use fixstream_decoder_queclink::{KEYS, decode};

/// 2009-02-14T01:32:54Z
const FIX_MS: i64 = 1_234_575_174_000;
const GROUP: &str = "1,4.3,92,70.0,121.354335,31.222073,20090214013254,0460,0000,18d8,6141";

fn message(payload: impl Into<Vec<u8>>) -> Message {
    Message {
        transport: Transport::Tcp,
        channel: String::new(),
        device: None,
        received_ms: 1_717_286_400_000,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.into(),
    }
}

fn decoded(payload: impl Into<Vec<u8>>) -> DecodeResult {
    decode(&message(payload))
}

fn only(payload: impl Into<Vec<u8>>) -> Position {
    let mut positions = decoded(payload).unwrap().positions;
    assert_eq!(positions.len(), 1);
    let position = positions.remove(0);
    assert_eq!(
        (position.latitude, position.longitude),
        (Some(31.222_073), Some(121.354_335))
    );
    assert_eq!(position.time_ms, Some(FIX_MS));
    position
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

#[test]
fn a_report_without_version_has_its_identifier_first() {
    let position = only(format!(
        "+RESP:GTTRI,862370030005908,1,0,99,{GROUP},00,0103010100,20090214093254,3F7D$"
    ));
    assert_eq!(position.device.as_deref(), Some("862370030005908"));
    assert_eq!((position.valid, position.speed_kmh), (Some(true), Some(4.3)));
    assert_eq!(
        (position.heading_deg, position.altitude_m),
        (Some(92.0), Some(70.0))
    );
}

#[test]
fn the_first_generation_has_the_accuracy_behind_the_altitude() {
    let group = "0,0,1,4.3,92,70.0,2,121.354335,31.222073,20090214013254,0460,0000,18d8,6141,00";
    let position = only(format!("+RESP:GTTRI,359231030000010,1,{group},11F0,0102100203$"));
    assert_eq!((position.hdop, position.speed_kmh), (Some(2.0), Some(4.3)));
    assert_eq!(
        (position.heading_deg, position.altitude_m),
        (Some(92.0), Some(70.0))
    );
}

#[test]
fn the_identifier_may_be_a_meid_and_the_version_may_have_any_letter() {
    for (version, device) in [
        ("210102", "A10000458356CE"),
        ("8020040703", "866314060299813"),
        ("Z-01_2", "866314060299813"),
    ] {
        let position = only(format!(
            "+RESP:GTRTL,{version},{device},,0,0,1,{GROUP},00,73,20161101155001,00A6$"
        ));
        assert_eq!(position.device.as_deref(), Some(device));
    }
    for (version, device) in [
        ("210102", "86631406029981"),
        ("2101", "A10000458356CE"),
        ("210102", "A10000458356CX"),
    ] {
        let result = decoded(format!(
            "+RESP:GTRTL,{version},{device},,0,0,1,{GROUP},00,73,20161101155001,00A6$"
        ));
        assert_eq!(
            result.is_ok(),
            version == "210102" && device == "86631406029981",
            "{version} {device}"
        );
    }
}

#[test]
fn the_mask_says_what_stands_before_the_odometer() {
    for (tail, satellites, odometer_km) in [
        ("00,2000.1,00079:19:15,,,80,110000,,,", None, Some(2000.1)),
        (",2000.1,,,,80,110000,,,", None, Some(2000.1)),
        ("01,12,2000.1,,,,80,110000,,,", Some(12), Some(2000.1)),
        ("02,0,2000.1,,,,80,110000,,,", None, Some(2000.1)),
        ("03,12,0,2000.1,,,,80,110000,,,", Some(12), Some(2000.1)),
        ("01,,2000.1,,,,80,110000,,,", None, Some(2000.1)),
        // other bits: something stands there that is not known
        ("0F,12,0,1,1.5,2000.1,,,,80,110000,,,", None, None),
        // a number without fraction is no odometer
        ("00,27,32.4,,,80,110000,,,", None, None),
    ] {
        let position = only(format!(
            "+RESP:GTFRI,060228,862894020178276,,,10,1,{GROUP},{tail},20090214093254,11F0$"
        ));
        assert_eq!(
            (position.satellites, position.odometer_km),
            (satellites, odometer_km),
            "{tail}"
        );
        assert_eq!(
            (position.ignition, position.battery_percent),
            (Some(false), Some(80.0)),
            "{tail}"
        );
    }
}

#[test]
fn ignition_comes_from_the_report_or_from_the_state() {
    for (report, ignition) in [("IGN", true), ("VGN", true), ("IGF", false), ("VGF", false)] {
        let payload = format!(
            "+RESP:GT{report},060228,862894020180553,,9860,{GROUP},00,00079:19:15,881.2,20160308222956,129A$"
        );
        let position = only(payload);
        assert_eq!(
            (position.ignition, position.odometer_km),
            (Some(ignition), Some(881.2)),
            "{report}"
        );
    }
    for (state, ignition) in [
        ("110000", Some(false)),
        ("1A0201", Some(false)),
        ("220504", Some(true)),
        ("410000", None),
        ("21", None),
    ] {
        let payload = format!(
            "+RESP:GTERI,060228,862894020180553,,00000002,,10,1,{GROUP},00,0.0,,,,100,{state},0,20160308222956,129A$"
        );
        assert_eq!(only(payload).ignition, ignition, "{state}");
    }
}

#[test]
fn an_accuracy_of_zero_repeats_the_last_known_place() {
    let group = GROUP.replacen('1', "0", 1);
    let position = only(format!(
        "+RESP:GTDOG,1A0102,135790246811220,,0,0,1,{group},00,2000.0,20090214093254,11F0$"
    ));
    assert_eq!((position.valid, position.hdop), (Some(false), None));
    assert_eq!(position.event.as_deref(), Some("dog"));
}

#[test]
fn every_report_type_may_hold_a_group() {
    for report in [
        "LBC", "SWG", "TSW", "OBD", "STR", "TOW", "IGL", "DOG", "GEO", "SPD", "PNL", "XYZ",
    ] {
        only(format!(
            "+BUFF:GT{report},1A0102,135790246811220,,0,0,1,{GROUP},00,20090214093254,11F0$"
        ));
    }
}

#[test]
fn reports_about_something_else_and_command_replies_have_no_position() {
    for report in [
        "+RESP:GTINF",
        "+RESP:GTLBS",
        "+RESP:GTGSM",
        "+BUFF:GTWIF",
        "+RESP:GTPNA",
        "+RESP:GTPFA",
        "+RESP:GTVER",
        "+RESP:GTDTT",
        "+ACK:GTHBD",
        "+ACK:GTFRI",
    ] {
        let payload = format!("{report},1A0102,135790246811220,,0,0,1,{GROUP},00,20090214093254,11F0$");
        assert!(decoded(payload).unwrap().positions.is_empty(), "{report}");
    }
}

#[test]
fn coordinates_without_a_time_of_fix_are_no_position() {
    for pair in [
        "121.412248,31.187891,1000,600",
        "121.412248,31.187891,,",
        ",,20090214013254,",
        "121.4122,31.1878,20090214013254,",
    ] {
        let payload =
            format!("+RESP:GTALM,1A0102,135790246811220,,0,0,1,1,4.3,92,70.0,{pair},20090214093254,11F0$");
        assert!(decoded(payload).unwrap().positions.is_empty(), "{pair}");
    }
}

#[test]
fn what_cannot_be_is_malformed() {
    for (right, wrong) in [
        ("31.222073", "91.222073"),
        ("121.354335", "181.354335"),
        ("121.354335", "-99999.354335"),
        ("20090214013254", "20090231013254"),
        ("20090214013254", "20090214250000"),
        ("20090214013254", "200902140132"),
        ("$", ""),
        ("135790246811220", "13579024681122"),
        ("135790246811220", ""),
        ("GTFRI", "GT"),
        ("GTFRI", "GTfri"),
    ] {
        let payload = format!("+RESP:GTFRI,1A0102,135790246811220,,0,0,1,{GROUP},00,,20090214093254,11F0$")
            .replacen(right, wrong, 1);
        let result = decoded(payload);
        // fourteen digits are a meid
        if wrong != "13579024681122" {
            assert!(
                matches!(result, Err(DecodeError::Malformed(_))),
                "{wrong}: {result:?}"
            );
        }
    }
}

#[test]
fn the_binary_form_is_unsupported_and_other_text_is_not_mine() {
    for payload in [
        "+RSP\u{1}\u{2}$",
        "+EVT\0\0\0",
        "+ACK\0\0",
        "+INF,",
        "+NACK:GTFRI,1$",
    ] {
        assert!(decoded(payload).is_err(), "{payload}");
    }
    assert!(matches!(decoded("+RSP\u{1}$"), Err(DecodeError::Unsupported(_))));
    assert!(matches!(decoded("*HQ,1#"), Err(DecodeError::NotMine)));
}

#[test]
fn several_frames_come_one_behind_the_other() {
    let one = format!("+RESP:GTRTL,1A0102,135790246811220,,0,0,1,{GROUP},00,20090214093254,11F0$");
    for between in ["", "\r\n", "\0"] {
        let payload = format!(
            "{one}{between}+ACK:GTHBD,1A0102,135790246811220,,20090214093254,11F0${between}{one}{between}"
        );
        assert_eq!(decoded(payload).unwrap().positions.len(), 2);
    }
    assert!(decoded(format!("{one}+RESP:GTRTL,1A0102,1357")).is_err());
}

#[test]
fn a_dollar_in_serial_data_does_not_end_the_frame() {
    let payload =
        format!("+RESP:GTDAT,270B01,867162027893742,gv300w,1,,,$GPXYZ$1,{GROUP},00,,,,,20240726234346,4CFE$");
    assert_eq!(
        attribute(&only(payload), "data"),
        Some(&Value::Text("$GPXYZ$1".to_owned()))
    );
}

#[test]
fn bytes_that_are_no_utf_8_are_taken_as_latin_1() {
    let text = format!("+RESP:GTRTL,1A0102,135790246811220,caf?,0,0,1,{GROUP},00,20090214093254,11F0$");
    let payload: Vec<u8> = text
        .bytes()
        .map(|byte| if byte == b'?' { 0xe9 } else { byte })
        .collect();
    only(payload);
}

#[test]
fn can_values_have_a_field_only_where_the_mask_announces_them() {
    let payload = format!(
        "+RESP:GTCAN,4B0201,867995030004314,,00,1,C07FFFEE,2,H982769,1266,69,82,H0,P69.20,,0,{GROUP},00,20190417183607,BD76$"
    );
    // bits 0 and 4 are not set: neither VIN nor rpm has a field
    let position = only(payload.replace("1266,", "30263.00,"));
    assert_eq!((position.odometer_km, position.engine_rpm), (Some(98276.9), None));
    assert_eq!(
        (position.engine_temperature_c, position.fuel_percent),
        (Some(82.0), Some(69.2))
    );
}

#[test]
fn a_frame_cut_anywhere_is_an_error() {
    for vector in vectors::load("tests/vectors.jsonl") {
        let payload = &vector.message.payload;
        for length in 0..payload.len() {
            assert!(
                decoded(&payload[..length]).is_err(),
                "{} cut at {length}",
                vector.id
            );
        }
    }
}

#[test]
fn a_large_payload_of_delimiters_takes_no_quadratic_time() {
    for piece in [
        "$",
        "$ ",
        ",",
        "+",
        "+ACK:GTA,135790246811220$",
        "121.354335,",
        "1,1,1,1,121.354335,31.222073,20090214013254,",
    ] {
        let payload = format!(
            "+RESP:GTFRI,1A0102,135790246811220,{}",
            piece.repeat(1_000_000 / piece.len())
        );
        if let Ok(decoded) = decoded(payload + "$") {
            assert!(vectors::contract_violations(&decoded, KEYS).is_empty());
        }
    }
}

/// Fields removed, doubled, swapped and emptied in every vector. Whatever comes out must stand in the
/// text as longitude, latitude and time, one behind the other.
#[test]
fn no_damage_makes_a_place_that_the_text_does_not_state() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    for vector in vectors::load("tests/vectors.jsonl") {
        let text = String::from_utf8(vector.message.payload).unwrap();
        for _ in 0..300 {
            let mut fields: Vec<&str> = text.split(',').collect();
            for _ in 0..=next() % 4 {
                let (at, other) = (next() % fields.len(), next() % fields.len());
                match next() % 4 {
                    0 if fields.len() > 1 => drop(fields.remove(at)),
                    1 => fields.insert(at, fields[other]),
                    2 => fields.swap(at, other),
                    _ => fields[at] = "",
                }
            }
            let payload = fields.join(",");
            let Ok(decoded) = decoded(payload.as_bytes()) else {
                continue;
            };
            assert!(
                vectors::contract_violations(&decoded, KEYS).is_empty(),
                "{payload}"
            );
            for position in decoded.positions {
                let stated = fields.windows(3).any(|window| {
                    window[0].parse() == Ok(position.longitude.unwrap())
                        && window[1].parse() == Ok(position.latitude.unwrap())
                        && fixstream_decoder::time::ms_from_digits(window[2]).ok() == position.time_ms
                });
                assert!(stated, "{position:?} from {payload}");
            }
        }
    }
}
