#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::*;

fn position() -> wit::Position {
    wit::Position {
        device: None,
        time_ms: None,
        valid: None,
        latitude: Some(1.0),
        longitude: Some(2.0),
        altitude_m: None,
        speed_kmh: None,
        heading_deg: None,
        accuracy_m: None,
        hdop: None,
        satellites: None,
        odometer_km: None,
        distance_km: None,
        ignition: None,
        fuel_percent: None,
        engine_temperature_c: None,
        engine_rpm: None,
        battery_v: None,
        battery_percent: None,
        power_v: None,
        signal: None,
        event: None,
        attributes: Vec::new(),
    }
}

fn answer(positions: Vec<wit::Position>) -> wit::Decoded {
    wit::Decoded {
        positions,
        reply: None,
        state: None,
        warnings: Vec::new(),
    }
}

fn decoded(positions: Vec<wit::Position>) -> Decoded {
    match outcome(Ok(answer(positions)), &["rpm".to_owned(), "gear".to_owned()]) {
        Outcome::Decoded(decoded) => decoded,
        Outcome::Failed(failure) => panic!("{failure:?}"),
    }
}

fn breaks_contract(answer: wit::Decoded) -> bool {
    matches!(
        outcome(Ok(answer), &[]),
        Outcome::Failed(Failure {
            kind: FailureKind::Contract,
            ..
        })
    )
}

fn attribute(key: wit::AttributeKey, value: wit::Value) -> wit::Attribute {
    wit::Attribute { key, value }
}

#[test]
fn what_the_payload_does_not_say_stays_unsaid() {
    let only = decoded(vec![position()]);
    assert_eq!(
        only.fixes,
        [(
            None,
            Fix {
                latitude: 1.0,
                longitude: 2.0,
                ..Fix::default()
            }
        )]
    );
    assert_eq!((only.reply, only.state), (None, None));
}

#[test]
fn positions_without_both_coordinates_are_skipped() {
    let heartbeat = wit::Position {
        longitude: None,
        ..position()
    };
    let other = wit::Position {
        latitude: None,
        ..position()
    };
    assert_eq!(decoded(vec![heartbeat, position(), other]).fixes.len(), 1);
}

#[test]
fn impossible_coordinates_break_the_contract() {
    for (latitude, longitude) in [(90.1, 0.0), (f64::NAN, 0.0), (0.0, -180.5), (0.0, f64::INFINITY)] {
        let bad = wit::Position {
            latitude: Some(latitude),
            longitude: Some(longitude),
            ..position()
        };
        assert!(breaks_contract(answer(vec![position(), bad])));
    }
    let edge = wit::Position {
        latitude: Some(-90.0),
        longitude: Some(180.0),
        ..position()
    };
    assert_eq!(decoded(vec![edge]).fixes.len(), 1);
}

#[test]
fn numbers_that_are_not_finite_are_dropped_elsewhere() {
    let odd = wit::Position {
        speed_kmh: Some(f64::NAN),
        altitude_m: Some(f64::NEG_INFINITY),
        power_v: Some(12.5),
        attributes: vec![attribute(
            wit::AttributeKey::Declared(0),
            wit::Value::Real(f64::NAN),
        )],
        ..position()
    };
    let fix = decoded(vec![odd]).fixes.remove(0).1;
    assert_eq!(
        (fix.speed_kmh, fix.altitude_m, fix.power_v),
        (None, None, Some(12.5))
    );
    assert!(fix.attributes.is_empty());
}

#[test]
fn declared_keys_are_resolved_and_unknown_ones_refused() {
    let with = |index| wit::Position {
        attributes: vec![
            attribute(wit::AttributeKey::Declared(index), wit::Value::Integer(4)),
            attribute(
                wit::AttributeKey::Named("io_7".to_owned()),
                wit::Value::Flag(true),
            ),
        ],
        ..position()
    };
    let fix = decoded(vec![with(1)]).fixes.remove(0).1;
    assert_eq!(
        fix.attributes,
        [
            ("gear".to_owned(), AttributeValue::Integer(4)),
            ("io_7".to_owned(), AttributeValue::Flag(true))
        ]
    );
    assert!(breaks_contract(answer(vec![with(2)])));
}

#[test]
fn everything_has_a_largest_size() {
    let text = |n: usize| "x".repeat(n);
    assert!(breaks_contract(answer(vec![position(); 1025])));
    assert_eq!(decoded(vec![position(); 1024]).fixes.len(), 1024);
    assert!(breaks_contract(wit::Decoded {
        reply: Some(vec![0; 4097]),
        ..answer(vec![])
    }));
    assert!(breaks_contract(wit::Decoded {
        state: Some(vec![0; 4097]),
        ..answer(vec![])
    }));
    assert!(!breaks_contract(wit::Decoded {
        state: Some(vec![0; 4096]),
        ..answer(vec![])
    }));
    assert!(breaks_contract(answer(vec![wit::Position {
        event: Some(text(4097)),
        ..position()
    }])));
    assert!(breaks_contract(answer(vec![wit::Position {
        device: Some(text(257)),
        ..position()
    }])));
    assert!(breaks_contract(answer(vec![wit::Position {
        time_ms: Some(i64::MIN),
        ..position()
    }])));
    let many = |n: usize, key: &str, value: &str| wit::Position {
        attributes: (0..n)
            .map(|_| {
                attribute(
                    wit::AttributeKey::Named(key.to_owned()),
                    wit::Value::Text(value.to_owned()),
                )
            })
            .collect(),
        ..position()
    };
    assert!(breaks_contract(answer(vec![many(257, "k", "v")])));
    assert!(breaks_contract(answer(vec![many(1, "", "v")])));
    assert!(breaks_contract(answer(vec![many(1, &text(129), "v")])));
    assert!(breaks_contract(answer(vec![many(1, "k", &text(4097))])));
    assert!(!breaks_contract(answer(vec![many(256, "k", "v")])));
}

#[test]
fn the_decoders_own_words_are_kept() {
    let failed = |error| match outcome(Err(error), &[]) {
        Outcome::Failed(failure) => failure,
        Outcome::Decoded(_) => panic!("must fail"),
    };
    assert_eq!(failed(wit::DecodeError::NotMine).kind, FailureKind::NotMine);
    let malformed = failed(wit::DecodeError::Malformed("crc".to_owned()));
    assert_eq!(
        malformed,
        Failure {
            kind: FailureKind::Malformed,
            detail: "crc".to_owned()
        }
    );
    assert_eq!(
        failed(wit::DecodeError::Unsupported("x".repeat(1000)))
            .detail
            .len(),
        512
    );
}

#[test]
fn an_empty_device_is_no_device() {
    let named = wit::Position {
        device: Some("356307042441013".to_owned()),
        ..position()
    };
    let empty = wit::Position {
        device: Some(String::new()),
        ..position()
    };
    let fixes = decoded(vec![named, empty]).fixes;
    assert_eq!(fixes[0].0.as_deref(), Some("356307042441013"));
    assert_eq!(fixes[1].0, None);
}

proptest! {
    #[test]
    fn headings_end_up_on_the_circle(degrees in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
        let heading = full_circle(degrees);
        prop_assert!((0.0..360.0).contains(&heading), "{degrees} became {heading}");
    }

    #[test]
    fn no_coordinate_out_of_range_gets_through(latitude in proptest::num::f64::ANY, longitude in proptest::num::f64::ANY) {
        let odd = wit::Position { latitude: Some(latitude), longitude: Some(longitude), ..position() };
        if let Outcome::Decoded(decoded) = outcome(Ok(answer(vec![odd])), &[]) {
            let fix = &decoded.fixes[0].1;
            prop_assert!(fix.latitude.abs() <= 90.0 && fix.longitude.abs() <= 180.0);
        }
    }
}
