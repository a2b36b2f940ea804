#![allow(clippy::unwrap_used, clippy::expect_used)]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::model::{Fix, TimeMs};

fn keys() -> Vec<String> {
    vec!["rpm".to_owned(), "gear".to_owned()]
}

/// A block of these pieces.
fn block(pieces: &[&[u8]]) -> Vec<u8> {
    pieces.concat()
}

fn count(number: u32) -> [u8; 4] {
    number.to_le_bytes()
}

fn text(text: &str) -> Vec<u8> {
    [&count(text.len() as u32), text.as_bytes()].concat()
}

/// An answer of one position with these fields and attributes.
fn located(latitude: f64, longitude: f64, attributes: &[&[u8]]) -> Vec<u8> {
    block(&[
        &[0, 0, 0],
        &count(0),
        &count(1),
        &count(0b11000),
        &latitude.to_le_bytes(),
        &longitude.to_le_bytes(),
        &count(attributes.len() as u32),
        &attributes.concat(),
    ])
}

fn answers(answers: &[&[u8]]) -> Vec<u8> {
    [&count(answers.len() as u32)[..], &answers.concat()].concat()
}

fn one(answer: &[u8]) -> Outcome {
    let (mut outcomes, _) = read(&answers(&[answer]), 1, &keys()).unwrap();
    outcomes.remove(0)
}

fn fix_of(outcome: Outcome) -> Fix {
    match outcome {
        Outcome::Decoded(mut decoded) => decoded.fixes.remove(0).1,
        Outcome::Failed(failure) => panic!("{failure:?}"),
    }
}

fn kind(outcome: &Outcome) -> Option<FailureKind> {
    match outcome {
        Outcome::Decoded(_) => None,
        Outcome::Failed(failure) => Some(failure.kind),
    }
}

#[test]
fn a_batch_is_written_as_the_format_says() {
    let input = Input {
        transport: Transport::Http,
        channel: "a/b".into(),
        device: Some("d".into()),
        received: TimeMs(258),
        context: vec![("k".into(), "v".into())],
        state: vec![9],
        payload: Bytes::from_static(b"xyz"),
    };
    let mut written = vec![7; 3];
    write(
        &[
            input.clone(),
            Input {
                device: None,
                ..input
            },
        ],
        &mut written,
    );
    let message = |device: &[u8]| {
        block(&[
            &[1],
            &258i64.to_le_bytes(),
            &text("a/b"),
            device,
            &count(1),
            &text("k"),
            &text("v"),
            &text("\u{9}"),
            &text("xyz"),
        ])
    };
    let device = [&[1][..], &text("d")].concat();
    assert_eq!(written, block(&[&count(2), &message(&device), &message(&[0])]));
}

#[test]
fn every_field_arrives_in_its_place() {
    let mut pieces = vec![vec![0, 1], text("reply"), vec![1], text("state")];
    pieces.extend([count(2).to_vec(), text("w"), text("x"), count(1).to_vec()]);
    pieces.extend([count((1 << 22) - 1).to_vec(), text("device")]);
    pieces.extend([1_700_000_000_000i64.to_le_bytes().to_vec(), vec![1]]);
    let real = |value: f64| value.to_le_bytes().to_vec();
    pieces.extend((0..7).map(|number| real(f64::from(number) + 0.5)));
    pieces.push(11u16.to_le_bytes().to_vec());
    pieces.extend([real(12.5), real(13.5), vec![0]]);
    pieces.extend((14..21).map(|number| real(f64::from(number) + 0.5)));
    pieces.extend([text("event"), count(5).to_vec()]);
    pieces.extend([vec![0], count(0).to_vec(), vec![9], text("on")]);
    pieces.extend([vec![2], count(1).to_vec(), (-5i64).to_le_bytes().to_vec()]);
    pieces.extend([vec![11], text("r"), real(1.25)]);
    pieces.extend([vec![4], count(1).to_vec(), text("t")]);
    let (outcomes, warnings) = read(&answers(&[&pieces.concat()]), 1, &keys()).unwrap();
    assert_eq!(warnings, 2);
    let attribute = |key: &str, value| (key.to_owned(), value);
    let fix = Fix {
        time: Some(TimeMs(1_700_000_000_000)),
        valid: Some(true),
        latitude: 0.5,
        longitude: 1.5,
        altitude_m: Some(2.5),
        speed_kmh: Some(3.5),
        heading_deg: Some(4.5),
        accuracy_m: Some(5.5),
        hdop: Some(6.5),
        satellites: Some(11),
        odometer_km: Some(12.5),
        distance_km: Some(13.5),
        ignition: Some(false),
        fuel_percent: Some(14.5),
        engine_temperature_c: Some(15.5),
        engine_rpm: Some(16.5),
        battery_v: Some(17.5),
        battery_percent: Some(18.5),
        power_v: Some(19.5),
        signal: Some(20.5),
        event: Some("event".into()),
        attributes: vec![
            attribute("rpm", AttributeValue::Flag(false)),
            attribute("on", AttributeValue::Flag(true)),
            attribute("gear", AttributeValue::Integer(-5)),
            attribute("r", AttributeValue::Real(1.25)),
            attribute("gear", AttributeValue::Text("t".into())),
        ],
    };
    let decoded = Decoded {
        fixes: vec![(Some("device".into()), fix)],
        reply: Some(b"reply".to_vec()),
        state: Some(b"state".to_vec()),
    };
    assert_eq!(outcomes, [Outcome::Decoded(decoded)]);
}

#[test]
fn what_the_contract_forbids_fails_its_own_message_only() {
    let good = located(1.0, 2.0, &[]);
    let undeclared = block(&[&[0], &count(2)]);
    let unnamed = block(&[&[8], &text("")]);
    let many = vec![block(&[&[0], &count(0)]); MAX_ATTRIBUTES + 1];
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    let positions = |number: u32| {
        let place = block(&[&count(0), &count(0)]).repeat(number as usize);
        block(&[&[0, 0, 0], &count(0), &count(number), &place])
    };
    let state = block(&[
        &[0, 0, 1],
        &text(&"x".repeat(MAX_BYTES + 1)),
        &count(0),
        &count(0),
    ]);
    for bad in [
        located(90.5, 2.0, &[]),
        located(f64::NAN, 2.0, &[]),
        located(1.0, 2.0, &[&undeclared]),
        located(1.0, 2.0, &[&unnamed]),
        located(1.0, 2.0, &many),
        positions(MAX_FIXES_PER_MESSAGE as u32 + 1),
        state,
    ] {
        let (outcomes, _) = read(&answers(&[&good, &bad, &good]), 3, &keys()).unwrap();
        let kinds: Vec<_> = outcomes.iter().map(kind).collect();
        assert_eq!(kinds, [None, Some(FailureKind::Contract), None], "{bad:?}");
    }
    assert_eq!(kind(&one(&positions(MAX_FIXES_PER_MESSAGE as u32))), None);
}

#[test]
fn refusals_keep_their_reasons() {
    assert_eq!(kind(&one(&[1])), Some(FailureKind::NotMine));
    for (number, wanted) in [(2, FailureKind::Malformed), (3, FailureKind::Unsupported)] {
        let Outcome::Failed(failure) = one(&[&[number][..], &text("why")].concat()) else {
            panic!("{number}");
        };
        assert_eq!((failure.kind, failure.detail.as_str()), (wanted, "why"));
    }
}

#[test]
fn numbers_that_are_not_finite_are_left_out() {
    let real = |value: f64| block(&[&[3], &count(0), &value.to_le_bytes()]);
    let fix = fix_of(one(&located(1.0, 2.0, &[&real(f64::NAN), &real(3.5)])));
    assert_eq!(fix.attributes, [("rpm".to_owned(), AttributeValue::Real(3.5))]);
}

#[test]
fn a_block_that_is_cut_or_goes_on_fails_the_call() {
    let attribute = block(&[&[12], &text("note"), &text("x")]);
    let refusal = [&[2][..], &text("why")].concat();
    let whole = answers(&[&located(1.0, 2.0, &[&attribute]), &refusal]);
    assert!(read(&whole, 2, &keys()).is_ok());
    for length in 0..whole.len() {
        let failure = read(&whole[..length], 2, &keys()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Contract);
    }
    assert!(read(&[&whole[..], &[0]].concat(), 2, &keys()).is_err());
    let miscounted = read(&whole, 3, &keys()).unwrap_err();
    assert!(
        miscounted.detail.contains("2 answers for 3 messages"),
        "{miscounted:?}"
    );
}

#[test]
fn what_is_not_in_the_format_fails_the_call() {
    let no_field = block(&[&[0, 0, 0], &count(0), &count(1), &count(1 << 22), &count(0)]);
    let no_kind = located(1.0, 2.0, &[&block(&[&[5], &count(0)])]);
    let no_utf8 = block(&[&[2], &count(1), &[0xff]]);
    for bad in [vec![4], vec![0, 2], no_field, no_kind, no_utf8] {
        let failure = read(&answers(&[&bad]), 1, &keys()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Contract, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn no_block_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), flips in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4)) {
        let _ = read(&bytes, 1, &keys());
        let attribute = block(&[&[4], &count(1), &text("t")]);
        let mut near = answers(&[&located(1.0, 2.0, &[&attribute])]);
        for (at, byte) in flips {
            let at = at % near.len();
            near[at] = byte;
        }
        let _ = read(&near, 1, &keys());
    }
}
