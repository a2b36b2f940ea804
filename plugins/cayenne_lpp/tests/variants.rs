//! What the vectors do not show: every data type, several places, times, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{AttributeKey, DecodeError, DecodeResult, Message, Position, Transport, Value};
use fixstream_decoder_cayenne_lpp::{KEYS, decode};

/// GPS without channel: 1.0 N 2.0 W, 10 m.
const GPS: &str = "88 002710 ffb1e0 0003e8";

/// 2024-06-01T12:00:00Z
const NOON: i64 = 1_717_243_200_000;
const NOON_HEX: &str = "665b0d40";

fn decoded(hex: &str) -> DecodeResult {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    decode(&Message {
        transport: Transport::Mqtt,
        channel: "trackers/lpp/a/up".to_owned(),
        device: Some("a".to_owned()),
        received_ms: NOON + 500,
        context: Vec::new(),
        state: Vec::new(),
        payload: digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect(),
    })
}

fn positions(hex: &str) -> Vec<Position> {
    decoded(hex).unwrap().positions
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
fn every_type_has_its_size_and_unit() {
    for (item, name, value) in [
        ("05 00 01", "digital_in_5", Value::Integer(1)),
        ("05 01 ff", "digital_out_5", Value::Integer(255)),
        ("05 02 ff9c", "analog_in_5", Value::Real(-1.0)),
        ("05 03 0064", "analog_out_5", Value::Real(1.0)),
        ("05 64 00000007", "generic_5", Value::Integer(7)),
        ("05 65 0102", "luminosity_lux_5", Value::Integer(258)),
        ("05 66 01", "presence_5", Value::Integer(1)),
        ("05 67 fff6", "temperature_c_5", Value::Real(-1.0)),
        ("05 68 79", "humidity_percent_5", Value::Real(60.5)),
        ("05 71 03e8 fc18 0000", "accelerometer_g_y_5", Value::Real(-1.0)),
        ("05 73 2791", "pressure_hpa_5", Value::Real(1012.9)),
        ("05 74 0172", "voltage_v_5", Value::Real(3.7)),
        ("05 75 03e8", "current_a_5", Value::Real(1.0)),
        ("05 76 00000032", "frequency_hz_5", Value::Integer(50)),
        ("05 78 64", "percentage_5", Value::Integer(100)),
        ("05 79 ffff", "altitude_m_5", Value::Integer(-1)),
        ("05 7d 0190", "concentration_ppm_5", Value::Integer(400)),
        ("05 80 03e8", "power_w_5", Value::Integer(1000)),
        ("05 82 00007bb5", "distance_m_5", Value::Real(31.669)),
        ("05 83 000003e8", "energy_kwh_5", Value::Real(1.0)),
        ("05 84 0063", "direction_deg_5", Value::Integer(99)),
        ("05 86 0064 ff9c 0000", "gyrometer_deg_s_x_5", Value::Real(1.0)),
        ("05 87 0a0b0c", "colour_rgb_5", Value::Text("#0a0b0c".to_owned())),
        ("05 8e 01", "switch_5", Value::Integer(1)),
    ] {
        // before and behind the place
        for hex in [format!("{item} 01{GPS}"), format!("01{GPS} {item}")] {
            let positions = positions(&hex);
            assert_eq!(positions.len(), 1, "{name}");
            assert_eq!(
                (
                    positions[0].latitude,
                    positions[0].longitude,
                    positions[0].altitude_m
                ),
                (Some(1.0), Some(-2.0), Some(10.0)),
                "{name}"
            );
            assert_eq!(attribute(&positions[0], name), Some(value.clone()), "{name}");
            assert_eq!(positions[0].time_ms, None, "{name}");
        }
        // alone it is nothing to locate, and cut it is malformed
        assert!(positions(item).is_empty(), "{name}");
        let digits = item.replace(' ', "");
        for length in (2..digits.len()).step_by(2) {
            let cut = &digits[..length];
            assert!(
                matches!(decoded(cut), Err(DecodeError::Malformed(_))),
                "{name}: {cut}"
            );
        }
    }
}

#[test]
fn several_places_are_several_positions_in_their_order() {
    let positions = positions(&format!("01{GPS} 07 67 0110 02 88 000000 000000 000000"));
    assert_eq!(positions.len(), 2);
    assert_eq!(
        (positions[0].latitude, positions[1].latitude),
        (Some(1.0), Some(0.0))
    );
    for (position, channel) in positions.iter().zip([1, 2]) {
        assert_eq!(position.valid, Some(true));
        assert_eq!(attribute(position, "channel"), Some(Value::Integer(channel)));
        assert_eq!(attribute(position, "temperature_c_7"), Some(Value::Real(27.2)));
    }
}

#[test]
fn a_plausible_time_is_that_of_the_place() {
    let time = |hex: &str| positions(hex)[0].time_ms;
    assert_eq!(time(&format!("0085{NOON_HEX} 01{GPS}")), Some(NOON));
    assert_eq!(time(&format!("01{GPS} 0085{NOON_HEX}")), Some(NOON));
    for never_set in ["00000000", "0000ffff", "386d437f", "ffffffff"] {
        assert_eq!(time(&format!("0085{never_set} 01{GPS}")), None, "{never_set}");
    }
    // each place has the time before it
    let two = positions(&format!("0085{NOON_HEX} 01{GPS} 0085665b0d41 02{GPS}"));
    assert_eq!((two[0].time_ms, two[1].time_ms), (Some(NOON), Some(NOON + 1000)));
}

#[test]
fn damage_is_malformed_and_an_unknown_type_unsupported() {
    for hex in [
        "",
        "01",
        "0188",
        &format!("01{GPS} 02"),
        &format!("01{GPS} 02 67 01"),
        // 90.0001 N, 180.0001 E
        "01 88 0dbba1 000000 000000",
        "01 88 000000 1b7741 000000",
    ] {
        assert!(matches!(decoded(hex), Err(DecodeError::Malformed(_))), "{hex}");
    }
    for kind in ["04", "63", "69", "77", "7e", "89", "ff"] {
        let hex = format!("01{GPS} 02 {kind} 00000000");
        assert!(
            matches!(decoded(&hex), Err(DecodeError::Unsupported(_))),
            "{kind}"
        );
    }
}
