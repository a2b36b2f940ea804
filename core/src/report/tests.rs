#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::*;
use crate::model::TimeMs;

const START: i64 = 1_767_225_600_000;
/// 1e-7 degrees of latitude per metre.
const METRE: f64 = 1e7 / 111_195.080_2;

/// A drive to the north: after so many seconds so many metres on, with that speed reported.
fn drive(steps: &[(i64, f64, Option<f64>)]) -> Vec<Point> {
    let (mut time, mut metres) = (START, 0.0);
    let mut points = vec![Point {
        time: TimeMs(time),
        lat_e7: 0,
        lon_e7: 0,
        speed_kmh: Some(0.0),
    }];
    for (seconds, on, speed_kmh) in steps {
        time += seconds * 1000;
        metres += on;
        points.push(Point {
            time: TimeMs(time),
            lat_e7: (metres * METRE).round() as i32,
            lon_e7: 0,
            speed_kmh: *speed_kmh,
        });
    }
    points
}

fn run<R: Report>(report: R, points: &[Point]) -> Vec<R::Item> {
    let (mut run, mut out) = (Run::new(report), Vec::new());
    for point in points {
        run.push(*point, &mut out);
    }
    run.end(&mut out);
    out
}

fn movements(points: &[Point]) -> Vec<Segment> {
    run(Movements::new(Thresholds::default()), points)
}

/// Kinds and minutes.
fn brief(points: &[Point]) -> Vec<(&'static str, f64)> {
    let one = |segment: &Segment| (segment.kind.name(), segment.ms() as f64 / 60_000.0);
    movements(points).iter().map(one).collect()
}

fn minutes(count: usize, metres: f64) -> Vec<(i64, f64, Option<f64>)> {
    vec![(60, metres, None); count]
}

#[test]
fn a_drive_with_a_stop_and_a_gap_is_cut_where_it_should() {
    let steps = [
        minutes(10, 0.0),
        minutes(20, 1000.0),
        minutes(6, 2.0),
        minutes(5, 500.0),
        vec![(600, 9000.0, None)],
        minutes(3, 800.0),
    ];
    let points = drive(&steps.concat());
    assert_eq!(
        brief(&points),
        [
            ("STOPPED", 10.0),
            ("MOVING", 20.0),
            ("STOPPED", 6.0),
            ("MOVING", 5.0),
            ("GAP", 10.0),
            ("MOVING", 3.0)
        ]
    );
    let trip = movements(&points)[1];
    assert!((trip.distance_m - 20_000.0).abs() < 1.0 && (trip.average_kmh() - 60.0).abs() < 0.01);
    assert_eq!(trip.fixes, 21);
}

#[test]
fn a_short_halt_belongs_to_the_trip_and_a_long_one_does_not() {
    let around = |halt| drive(&[minutes(3, 1000.0), minutes(halt, 0.0), minutes(3, 1000.0)].concat());
    assert_eq!(brief(&around(4)), [("MOVING", 10.0)]);
    assert_eq!(
        brief(&around(5)),
        [("MOVING", 3.0), ("STOPPED", 5.0), ("MOVING", 3.0)]
    );
    // at the end of a trip, too
    assert_eq!(
        brief(&drive(&[minutes(3, 1000.0), minutes(2, 0.0)].concat())),
        [("MOVING", 5.0)]
    );
    // where nothing moves there is no trip it could belong to
    assert_eq!(brief(&drive(&minutes(2, 0.0))), [("STOPPED", 2.0)]);
}

#[test]
fn the_limits_themselves_belong_to_the_kinds_as_documented() {
    let gap = |seconds| brief(&drive(&[(seconds, 20_000.0, None)]))[0].0;
    assert_eq!((gap(599), gap(600)), ("MOVING", "GAP"));
    // 5 km/h over 120 s: 166.67 m; 100 m in 60 s: 6 km/h. A little more, for whole 1e-7 degrees.
    let kind = |seconds, metres| brief(&drive(&[(seconds, metres, None)]))[0].0;
    assert_eq!((kind(120, 166.7), kind(120, 166.6)), ("MOVING", "STOPPED"));
    assert_eq!((kind(60, 100.02), kind(60, 99.98)), ("MOVING", "STOPPED"));
    // between the limits: not moving by itself, and no halt either, so that it belongs to the trip beside it
    let creeping = [minutes(3, 1000.0), minutes(8, 66.0), minutes(6, 0.0)].concat();
    let creeping = brief(&drive(&creeping));
    assert_eq!(creeping[0].0, "MOVING");
    assert!(creeping[0].1 >= 10.0, "{creeping:?}");
}

#[test]
fn trackers_that_report_every_second_move_and_stop_like_others() {
    let second = |count, metres| vec![(1, metres, None); count];
    let points = drive(&[second(600, 14.0), second(400, 0.0), second(600, 14.0)].concat());
    let found = brief(&points);
    let kinds: Vec<_> = found.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["MOVING", "STOPPED", "MOVING"]);
    assert!((found[1].1 - 400.0 / 60.0).abs() < 0.1, "{found:?}");
}

#[test]
fn nothing_and_a_single_fix_have_no_segments() {
    assert_eq!(movements(&[]), []);
    assert_eq!(movements(&drive(&[])), []);
    let day = run(Summary::new(Thresholds::default(), 0), &drive(&[]));
    assert_eq!((day.len(), day[0].fixes, day[0].moving_ms), (1, 1, 0));
}

#[test]
fn consecutive_fixes_strictly_above_the_limit_are_one_episode() {
    let at = |kmh: f64| (60, 1000.0, Some(kmh));
    let unknown = (60, 1000.0, None);
    let points = drive(&[
        at(80.0),
        at(80.5),
        at(100.0),
        unknown,
        at(90.5),
        at(80.0),
        at(81.0),
        (700, 0.0, Some(82.0)),
        at(10.0),
    ]);
    let found = run(Speeding::new(Thresholds::default()), &points);
    let brief: Vec<_> = found
        .iter()
        .map(|one| (one.fixes, one.ms() / 1000, one.max_kmh()))
        .collect();
    assert_eq!(brief, [(3, 180, 100.0), (1, 0, 81.0), (1, 0, 82.0)]);
    assert!((found[0].mean_kmh() - 271.0 / 3.0).abs() < 1e-9);
    assert!((found[0].distance_m - 3000.0).abs() < 1.0);
    assert_eq!(found[0].fastest, points[3]);
}

#[test]
fn a_summary_has_a_line_for_every_day_also_for_silent_ones() {
    // from 23:00 UTC three hours of driving, then silent for two days
    let mut points = drive(&[minutes(180, 1000.0), vec![(2 * 86_400, 0.0, Some(0.0))]].concat());
    for point in &mut points {
        point.time.0 -= 3_600_000;
    }
    let days = run(Summary::new(Thresholds::default(), 0), &points);
    let hours: Vec<_> = days
        .iter()
        .map(|day| (day.moving_ms / 3_600_000, day.gap_ms / 3_600_000, day.fixes))
        .collect();
    assert_eq!(hours, [(1, 0, 60), (2, 22, 121), (0, 24, 0), (0, 2, 1)]);
    assert_eq!((days[0].trips, days[1].trips), (1, 0));
    assert!((days[0].moving_m - 60_000.0).abs() < 5.0);
    assert!((days[1].moving_kmh() - 60.0).abs() < 0.01);
    // of a clock three hours behind, all driving is of one day
    let days = run(Summary::new(Thresholds::default(), -180), &points);
    assert_eq!(days[0].moving_ms / 3_600_000, 3);
    assert_eq!(days[0].start.0, START - 86_400_000 + 3 * 3_600_000);
}

fn points() -> impl Strategy<Value = Vec<Point>> {
    let seconds = prop_oneof![Just(0i64), 1..10i64, 30..90i64, Just(60), 200..900i64, Just(600)];
    let metres = prop_oneof![Just(0.0), 0.0..20.0f64, 40.0..120.0f64, 200.0..3000.0f64];
    let speed = prop::option::of(prop_oneof![Just(80.0), 0.0..160.0f64]);
    // stretches of alike steps, as there are on the road
    let stretch = (1..8usize, (seconds, metres, speed)).prop_map(|(count, step)| vec![step; count]);
    prop::collection::vec(stretch, 0..20).prop_map(|stretches| drive(&stretches.concat()))
}

fn thresholds() -> impl Strategy<Value = Thresholds> {
    let other = (
        0..120u32,
        0..10u32,
        0..10u32,
        0..200u32,
        0..10u32,
        0..200u32,
        0..1000u32,
    );
    let other = other.prop_map(|(a, b, c, d, e, f, g)| Thresholds {
        max_speed_kmh: a,
        min_stop_minutes: b,
        max_stop_speed_kmh: c,
        max_stop_distance_meters: d,
        min_movement_speed_kmh: e,
        min_movement_distance_meters: f,
        gap_threshold_seconds: g,
    });
    prop_oneof![Just(Thresholds::default()), other]
}

/// One fix for each instant.
fn instants(points: &[Point]) -> Vec<Point> {
    let mut instants: Vec<Point> = Vec::new();
    for point in points {
        match instants.last_mut() {
            Some(last) if last.time == point.time => *last = last.or(*point),
            _ => instants.push(*point),
        }
    }
    instants
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn segments_tile_the_way_and_sum_up(points in points(), thresholds in thresholds()) {
        let found = run(Movements::new(thresholds), &points);
        let instants = instants(&points);
        if instants.len() < 2 {
            prop_assert!(found.is_empty());
            return Ok(());
        }
        prop_assert_eq!(found[0].from, instants[0]);
        prop_assert_eq!(found[found.len() - 1].to, instants[instants.len() - 1]);
        for pair in found.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
            prop_assert_ne!(pair[0].kind, pair[1].kind);
        }
        let all = instants[0].time.0.abs_diff(instants[instants.len() - 1].time.0);
        prop_assert_eq!(found.iter().map(Segment::ms).sum::<i64>().unsigned_abs(), all);
        prop_assert_eq!(found.iter().map(|one| one.fixes as usize - 1).sum::<usize>(), instants.len() - 1);
        let way: f64 = instants.windows(2).map(|pair| pair[0].distance_m(&pair[1])).sum();
        let sum: f64 = found.iter().map(|one| one.distance_m).sum();
        prop_assert!((way - sum).abs() < 1e-6 * way.max(1.0));
    }

    #[test]
    fn segments_are_those_of_the_plain_model(points in points(), thresholds in thresholds()) {
        let instants = instants(&points);
        let found = run(Movements::new(thresholds), &points);
        let found: Vec<_> = found.iter().map(|one| (one.kind, one.from.time, one.to.time)).collect();
        let model: Vec<_> = model::segments(&instants, &thresholds)
            .into_iter()
            .map(|(kind, from, to)| (kind, instants[from].time, instants[to].time))
            .collect();
        prop_assert_eq!(found, model);
    }

    #[test]
    fn a_stop_is_long_and_a_gap_is_silent(points in points()) {
        for segment in movements(&points) {
            let inside = instants(&points).into_iter().filter(|one| one.time > segment.from.time && one.time < segment.to.time);
            match segment.kind {
                Kind::Gap => prop_assert!(segment.ms() >= 600_000 * (inside.count() as i64 + 1)),
                Kind::Moving => prop_assert!(segment.distance_m >= 50.0, "{:?}", segment),
                Kind::Stopped => {}
            }
        }
    }

    #[test]
    fn the_order_of_fixes_of_one_instant_does_not_matter(points in points(), seed in any::<u64>()) {
        let mut shuffled = points.clone();
        let mut random = seed;
        for index in 1..shuffled.len() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if random >> 63 == 1 && shuffled[index - 1].time == shuffled[index].time {
                shuffled.swap(index - 1, index);
            }
        }
        let limits = Thresholds::default();
        prop_assert_eq!(run(Movements::new(limits), &points), run(Movements::new(limits), &shuffled));
        prop_assert_eq!(run(Speeding::new(limits), &points), run(Speeding::new(limits), &shuffled));
        prop_assert_eq!(run(Summary::new(limits, 60), &points), run(Summary::new(limits, 60), &shuffled));
    }

    #[test]
    fn a_device_after_another_is_seen_as_if_it_were_alone(one in points(), other in points(), limits in thresholds()) {
        let (mut together, mut out) = (Run::new(Movements::new(limits)), Vec::new());
        for points in [&one, &other] {
            for point in points {
                together.push(*point, &mut out);
            }
            together.end(&mut out);
        }
        let apart = [run(Movements::new(limits), &one), run(Movements::new(limits), &other)].concat();
        prop_assert_eq!(out, apart);
    }

    #[test]
    fn days_share_out_what_the_segments_have(points in points(), offset in -840..=840i32, late in 0..86_400_000i64) {
        let mut points = points;
        for point in &mut points {
            point.time.0 += late;
        }
        let segments = movements(&points);
        let days = run(Summary::new(Thresholds::default(), offset), &points);
        let of = |kind| segments.iter().filter(move |one| one.kind == kind);
        let ms = |kind| of(kind).map(Segment::ms).sum::<i64>();
        prop_assert_eq!(days.iter().map(|day| day.moving_ms).sum::<i64>(), ms(Kind::Moving));
        prop_assert_eq!(days.iter().map(|day| day.stopped_ms).sum::<i64>(), ms(Kind::Stopped));
        prop_assert_eq!(days.iter().map(|day| day.gap_ms).sum::<i64>(), ms(Kind::Gap));
        prop_assert_eq!(days.iter().map(|day| day.trips as usize).sum::<usize>(), of(Kind::Moving).count());
        prop_assert_eq!(days.iter().map(|day| day.stops as usize).sum::<usize>(), of(Kind::Stopped).count());
        prop_assert_eq!(days.iter().map(|day| day.fixes as usize).sum::<usize>(), instants(&points).len());
        let metres = |kind| of(kind).map(|one| one.distance_m).sum::<f64>();
        let moving: f64 = days.iter().map(|day| day.moving_m).sum();
        prop_assert!((moving - metres(Kind::Moving)).abs() < 1e-6 * moving.max(1.0));
        prop_assert!(days.windows(2).all(|pair| pair[1].start.0 - pair[0].start.0 == 86_400_000));
    }

    #[test]
    fn episodes_have_exactly_the_fixes_above_the_limit(points in points()) {
        let found = run(Speeding::new(Thresholds::default()), &points);
        let above: Vec<_> = instants(&points).into_iter().filter(|one| one.speed_kmh > Some(80.0)).collect();
        prop_assert_eq!(found.iter().map(|one| one.fixes as usize).sum::<usize>(), above.len());
        for episode in &found {
            prop_assert!(above.contains(&episode.from) && above.contains(&episode.to) && above.contains(&episode.fastest));
            let inside = above.iter().filter(|one| one.time >= episode.from.time && one.time <= episode.to.time);
            prop_assert_eq!(inside.count(), episode.fixes as usize);
        }
    }
}
