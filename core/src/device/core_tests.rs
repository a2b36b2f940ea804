//! The judgement by table and by property.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashSet;

use proptest::prelude::*;

use super::testing::{BUENOS_AIRES, NOW, SANTIAGO, config, reading, reading_at, row};
use super::*;
use crate::model::{AttributeValue, Fix, PositionId, TimeMs, Verdict};

const WEEKS_1024: i64 = 1024 * 7 * 86_400_000;
const YEAR: i64 = 365 * 86_400_000;

fn judge(core: &mut DeviceCore, reading: &Reading) -> Step {
    core.step(reading, &config())
}

fn verdicts(readings: &[Reading]) -> Vec<Verdict> {
    let mut core = DeviceCore::default();
    readings
        .iter()
        .map(|reading| judge(&mut core, reading).verdict)
        .collect()
}

/// A reading in Santiago, received at `NOW` + seconds, with any fix time.
fn timed(id: u64, seconds: i64, time: i64) -> Reading {
    let mut reading = reading(id, seconds);
    reading.fix.time = Some(TimeMs(time));
    reading
}

#[test]
fn fixes_in_order_are_ok_and_an_older_one_is_late() {
    let readings = [reading(1, 10), reading(2, 20), reading(3, 15), reading(4, 30)];
    assert_eq!(
        verdicts(&readings),
        [Verdict::Ok, Verdict::Ok, Verdict::Late, Verdict::Ok]
    );
}

#[test]
fn the_same_time_and_content_is_a_duplicate_whenever_it_was_received() {
    let mut again = reading(2, 10);
    again.received = TimeMs(NOW + 99_000);
    let mut other = reading(3, 10);
    other.fix.event = Some("ignition_on".into());
    assert_eq!(
        verdicts(&[reading(1, 10), again, other]),
        [Verdict::Ok, Verdict::Duplicate, Verdict::Ok]
    );
}

#[test]
fn equal_content_without_a_time_is_no_duplicate() {
    let silent = |id, seconds| {
        let mut reading = reading(id, seconds);
        reading.fix.time = None;
        reading
    };
    assert_eq!(
        verdicts(&[silent(1, 1), silent(2, 2)]),
        [Verdict::Ok, Verdict::Ok]
    );
    assert_eq!(
        judge(&mut DeviceCore::default(), &silent(1, 1)).time,
        TimeMs(NOW + 1000)
    );
}

#[test]
fn a_gps_week_rollover_is_repaired_and_named() {
    for rollovers in 1..=2 {
        let step = judge(
            &mut DeviceCore::default(),
            &timed(1, 60, NOW - rollovers * WEEKS_1024),
        );
        assert_eq!(step.verdict, Verdict::Clock);
        assert_eq!((step.time, step.row_time), (TimeMs(NOW), TimeMs(NOW)));
        assert!(step.latest);
    }
}

#[test]
fn an_old_time_that_no_rollover_explains_stays_and_its_row_time_is_clamped() {
    let step = judge(&mut DeviceCore::default(), &timed(1, 0, NOW - 25 * YEAR));
    assert_eq!(step.verdict, Verdict::Ok);
    assert_eq!(step.time, TimeMs(NOW - 25 * YEAR));
    assert!(step.row_time > TimeMs(NOW - 11 * YEAR) && step.row_time < TimeMs(NOW - 9 * YEAR));
}

#[test]
fn a_repaired_fix_is_still_late_or_invalid_when_it_is() {
    let mut core = DeviceCore::default();
    judge(&mut core, &reading(1, 100));
    assert_eq!(
        judge(&mut core, &timed(2, 101, NOW - WEEKS_1024)).verdict,
        Verdict::Late
    );
    let mut invalid = timed(3, 101, NOW + 101_000 - WEEKS_1024);
    invalid.fix.valid = Some(false);
    assert_eq!(judge(&mut core, &invalid).verdict, Verdict::Invalid);
}

#[test]
fn a_future_fix_is_not_trusted_and_its_row_time_is_clamped() {
    let mut core = DeviceCore::default();
    assert_eq!(judge(&mut core, &timed(1, 0, NOW + 300_000)).verdict, Verdict::Ok);
    let step = judge(&mut core, &timed(2, 0, NOW + 300_001));
    assert_eq!(
        (step.verdict, step.row_time),
        (Verdict::Future, TimeMs(NOW + 300_001))
    );
    let step = judge(&mut core, &timed(3, 0, i64::MAX));
    assert_eq!(
        (step.verdict, step.row_time),
        (Verdict::Future, TimeMs(NOW + 86_400_000))
    );
    assert_eq!(core.newest(), Some((TimeMs(NOW + 300_000), PositionId(1))));
}

#[test]
fn what_is_no_place_is_invalid_and_zero_zero_is_null_island() {
    let at = |id, place| reading_at(id, id as i64, place);
    let mut unsure = reading(1, 1);
    unsure.fix.valid = Some(false);
    let readings = [
        unsure,
        at(2, (f64::NAN, 0.0)),
        at(3, (90.1, 0.0)),
        at(4, (0.0, f64::INFINITY)),
        at(5, (0.000_004, -0.000_004)),
        at(6, (0.0, 0.001)),
    ];
    let (invalid, island) = (Verdict::Invalid, Verdict::NullIsland);
    assert_eq!(
        verdicts(&readings),
        [invalid, invalid, invalid, invalid, island, Verdict::Ok]
    );
}

#[test]
fn a_single_outlier_is_a_jump_and_moves_nothing() {
    let readings = [
        reading(1, 0),
        reading_at(2, 10, BUENOS_AIRES),
        reading(3, 20),
        reading_at(4, 30, BUENOS_AIRES),
    ];
    let mut core = DeviceCore::default();
    let steps: Vec<_> = readings.iter().map(|reading| judge(&mut core, reading)).collect();
    let told: Vec<_> = steps
        .iter()
        .map(|step| (step.verdict, step.candidate, step.latest))
        .collect();
    assert_eq!(
        told,
        [
            (Verdict::Ok, Candidate::Unchanged, true),
            (Verdict::Jump, Candidate::Keep, false),
            (Verdict::Ok, Candidate::Dropped, true),
            (Verdict::Jump, Candidate::Keep, false),
        ]
    );
}

#[test]
fn two_consistent_fixes_at_a_new_place_move_the_device_there() {
    let mut core = DeviceCore::default();
    judge(&mut core, &reading(1, 0));
    assert_eq!(
        judge(&mut core, &reading_at(2, 10, BUENOS_AIRES)).verdict,
        Verdict::Jump
    );
    let step = judge(&mut core, &reading_at(3, 20, BUENOS_AIRES));
    assert_eq!(
        (step.verdict, step.candidate),
        (Verdict::Ok, Candidate::Released(Verdict::Ok))
    );
    assert_eq!(judge(&mut core, &reading(4, 30)).verdict, Verdict::Jump);
    assert_eq!(core.newest(), Some((TimeMs(NOW + 20_000), PositionId(3))));
}

#[test]
fn a_confirming_fix_that_is_older_than_the_candidate_is_late_behind_it() {
    let mut core = DeviceCore::default();
    judge(&mut core, &reading(1, 0));
    judge(&mut core, &reading_at(2, 20, BUENOS_AIRES));
    let step = judge(&mut core, &reading_at(3, 15, BUENOS_AIRES));
    assert_eq!(
        (step.verdict, step.candidate),
        (Verdict::Late, Candidate::Released(Verdict::Ok))
    );
    assert_eq!(core.newest(), Some((TimeMs(NOW + 20_000), PositionId(2))));
}

#[test]
fn a_released_candidate_whose_clock_was_repaired_is_named_so() {
    let mut core = DeviceCore::default();
    judge(&mut core, &reading(1, 0));
    let mut old = reading_at(2, 10, BUENOS_AIRES);
    old.fix.time = Some(TimeMs(NOW + 10_000 - WEEKS_1024));
    assert_eq!(judge(&mut core, &old).verdict, Verdict::Jump);
    let step = judge(&mut core, &reading_at(3, 20, BUENOS_AIRES));
    assert_eq!(step.candidate, Candidate::Released(Verdict::Clock));
}

#[test]
fn a_late_outlier_is_a_jump_but_no_candidate() {
    let mut core = DeviceCore::default();
    judge(&mut core, &reading(1, 100));
    let step = judge(&mut core, &reading_at(2, 90, BUENOS_AIRES));
    assert_eq!(
        (step.verdict, step.candidate),
        (Verdict::Jump, Candidate::Unchanged)
    );
    let step = judge(&mut core, &reading_at(3, 95, BUENOS_AIRES));
    assert_eq!(
        (step.verdict, step.candidate),
        (Verdict::Jump, Candidate::Unchanged)
    );
}

#[test]
fn a_long_silence_makes_any_place_reachable_and_zero_speed_switches_jumps_off() {
    let readings = [reading(1, 0), reading_at(2, 4 * 3600, BUENOS_AIRES)];
    assert_eq!(verdicts(&readings), [Verdict::Ok, Verdict::Ok]);
    let off = StepConfig {
        jump_m_per_ms: f64::INFINITY,
        ..config()
    };
    let mut core = DeviceCore::default();
    for reading in [reading(1, 0), reading_at(2, 0, BUENOS_AIRES)] {
        assert_eq!(core.step(&reading, &off).verdict, Verdict::Ok);
    }
}

#[test]
fn motion_follows_speed_and_without_it_the_way_gone() {
    let mut core = DeviceCore::default();
    assert_eq!(core.motion().0, Motion::Unknown);
    let mut fast = reading(1, 0);
    fast.fix.speed_kmh = Some(50.0);
    judge(&mut core, &fast);
    assert_eq!(core.motion(), (Motion::Moving, TimeMs(NOW)));
    judge(&mut core, &reading(2, 60));
    assert_eq!(core.motion(), (Motion::Stopped, TimeMs(NOW + 60_000)));
    judge(&mut core, &reading_at(3, 120, (SANTIAGO.0 + 0.005, SANTIAGO.1)));
    assert_eq!(core.motion(), (Motion::Moving, TimeMs(NOW + 120_000)));
}

#[test]
fn a_restored_device_knows_its_newest_fix_and_its_duplicate() {
    let mut core = DeviceCore::default();
    assert!(core.restore(&row(5)));
    assert!(!core.restore(&row(3)));
    assert_eq!(core.newest(), Some((TimeMs(NOW + 5000), PositionId(5))));
    assert_eq!(judge(&mut core, &reading(5, 5)).verdict, Verdict::Duplicate);
    assert_eq!(judge(&mut core, &reading(3, 3)).verdict, Verdict::Duplicate);
    assert_eq!(judge(&mut core, &reading(4, 4)).verdict, Verdict::Late);
    assert_eq!(judge(&mut core, &reading(6, 6)).verdict, Verdict::Ok);
}

/// Fixes of one device within a kilometre, some of them invalid, at 0/0, in the future or rolled over.
fn neighbours() -> impl Strategy<Value = Vec<Reading>> {
    let one = (0..40i64, 0..600u32, 0..12u8);
    proptest::collection::vec(one, 1..30).prop_map(|ones| {
        let mut known = HashSet::new();
        let readings = ones
            .into_iter()
            .enumerate()
            .map(|(index, (seconds, step, kind))| {
                let place = (SANTIAGO.0 + f64::from(step) * 1e-5, SANTIAGO.1);
                let mut reading = reading_at(index as u64 + 1, seconds, place);
                match kind {
                    0 => reading.fix.valid = Some(false),
                    1 => (reading.fix.latitude, reading.fix.longitude) = (0.0, 0.0),
                    2 => reading.fix.time = Some(TimeMs(reading.received.0 + YEAR)),
                    3 => reading.fix.time = Some(TimeMs(reading.received.0 - WEEKS_1024)),
                    _ => {}
                }
                reading
            });
        // Of equal messages the first would win, and which one that is depends on the order.
        readings
            .filter(|reading| known.insert((content_hash(&reading.fix), reading.fix.time)))
            .collect()
    })
}

fn any_number() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of(proptest::num::f64::ANY)
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let place = (
        prop_oneof![proptest::num::f64::ANY, -90.0..90.0f64],
        prop_oneof![proptest::num::f64::ANY, -180.0..180.0f64],
    );
    let times = (
        proptest::option::of(prop_oneof![any::<i64>(), NOW - 1000..NOW + 1000]),
        prop_oneof![any::<i64>(), Just(NOW)],
    );
    let rest = (
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        proptest::option::of(".{0,20}"),
    );
    let numbers = (any_number(), any_number(), any_number(), any_number());
    (any::<u64>(), place, times, rest, numbers).prop_map(
        |(id, (latitude, longitude), (time, received), (valid, ignition, event), numbers)| Reading {
            id: PositionId(id),
            received: TimeMs(received),
            fix: Fix {
                time: time.map(TimeMs),
                valid,
                latitude,
                longitude,
                ignition,
                attributes: vec![("n".into(), AttributeValue::Real(numbers.3.unwrap_or(0.0)))],
                event,
                speed_kmh: numbers.0,
                altitude_m: numbers.1,
                odometer_km: numbers.2,
                ..Fix::default()
            },
            vendor: "".into(),
            plugin: "".into(),
        },
    )
}

proptest! {
    #[test]
    fn the_latest_does_not_depend_on_the_order_of_arrival(
        (original, shuffled) in neighbours().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    ) {
        let newest = |readings: &[Reading]| {
            let mut core = DeviceCore::default();
            let mut latest = None;
            for reading in readings {
                let step = judge(&mut core, reading);
                prop_assert_ne!(step.verdict, Verdict::Jump);
                if step.latest {
                    latest = Some((step.time, reading.id));
                }
            }
            prop_assert_eq!(latest, core.newest());
            Ok(latest)
        };
        let best = newest(&original)?;
        prop_assert_eq!(newest(&shuffled)?, best);
    }

    #[test]
    fn what_is_sent_again_is_a_duplicate_or_makes_the_same_row_again(
        readings in neighbours(), prefix in 0..30usize
    ) {
        let mut core = DeviceCore::default();
        let mut known = HashSet::new();
        for reading in &readings {
            let step = judge(&mut core, reading);
            known.insert((step.row_time, step.content));
        }
        let newest = core.newest();
        // one place is kept for the newest trusted fix
        let window = (core::SIGHTINGS - 1).min(readings.len());
        for (back, reading) in readings.iter().rev().enumerate().take(window) {
            let mut copy = core;
            prop_assert_eq!(judge(&mut copy, reading).verdict, Verdict::Duplicate, "{} back", back);
        }
        for reading in readings.iter().take(prefix) {
            let step = judge(&mut core, reading);
            prop_assert!(step.verdict == Verdict::Duplicate || known.contains(&(step.row_time, step.content)));
        }
        prop_assert_eq!(core.newest(), newest);
    }

    #[test]
    fn no_input_makes_a_step_panic_or_trusts_nonsense(
        readings in proptest::collection::vec(any_reading(), 1..20)
    ) {
        let mut core = DeviceCore::default();
        let mut latest: Option<(TimeMs, PositionId)> = None;
        for reading in &readings {
            let step = judge(&mut core, reading);
            let received = reading.received.0;
            prop_assert!(step.row_time.0 >= received.saturating_sub(11 * YEAR));
            prop_assert!(step.row_time.0 <= received.saturating_add(86_400_000));
            if step.verdict.is_trusted() {
                prop_assert!(reading.fix.latitude.abs() <= 90.0 && reading.fix.longitude.abs() <= 180.0);
            }
            if step.latest {
                prop_assert!(step.verdict.is_trusted());
                prop_assert!(latest <= Some((step.time, reading.id)));
                latest = Some((step.time, reading.id));
            }
        }
    }

    #[test]
    fn a_core_judges_alike_whenever_it_is_asked(readings in proptest::collection::vec(any_reading(), 1..20)) {
        let run = || {
            let mut core = DeviceCore::default();
            readings.iter().map(|reading| format!("{:?}", judge(&mut core, reading))).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }
}
