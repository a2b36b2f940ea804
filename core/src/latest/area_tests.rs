//! Questions about areas against a model that looks at every device.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::{Area, Bounds, Circle, Latest, LatestStore};
use crate::model::{DeviceId, PositionId, TimeMs};

fn latest(lat: f64, lon: f64) -> Latest {
    Latest {
        id: PositionId(1),
        time: TimeMs(0),
        received: TimeMs(0),
        latitude: lat,
        longitude: lon,
        odometer_km: None,
        speed_kmh: None,
        heading_deg: None,
        altitude_m: None,
        engine_rpm: None,
        fuel_percent: None,
        engine_temperature_c: None,
        distance_km: None,
        signal: None,
        accuracy_m: None,
        battery_v: None,
        ignition: None,
    }
}

/// Written another way than the code under test: the box laid out on a line, the device at every turn.
fn in_box(bounds: &Bounds, (lat, lon): (f64, f64)) -> bool {
    let end = if bounds.west <= bounds.east {
        bounds.east
    } else {
        bounds.east + 360.0
    };
    let turns = [-360.0, 0.0, 360.0].map(|turn| lon + turn);
    (bounds.south..=bounds.north).contains(&lat)
        && (lat.abs() >= 90.0 || turns.iter().any(|lon| (bounds.west..=end).contains(lon)))
}

/// Angle between two vectors instead of the haversine.
fn metres(from: (f64, f64), to: (f64, f64)) -> f64 {
    let vector = |(lat, lon): (f64, f64)| {
        let (lat, lon) = (lat.to_radians(), lon.to_radians());
        [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
    };
    let (from, to) = (vector(from), vector(to));
    let product = |one: usize, other: usize| from[one] * to[other] - from[other] * to[one];
    let cross = [product(1, 2), product(2, 0), product(0, 1)];
    let dot: f64 = from.iter().zip(to).map(|(one, other)| one * other).sum();
    let length = cross.iter().map(|part| part * part).sum::<f64>().sqrt();
    6_371_008.8 * length.atan2(dot)
}

/// Places everywhere, and more of them where it gets difficult: at poles, antimeridian and borders of cells.
fn place() -> impl Strategy<Value = (f64, f64)> {
    let anywhere = (-900_000_000..=900_000_000i32, -1_800_000_000..=1_800_000_000i32);
    let near = (-3_000_000..=3_000_000i32, -3_000_000..=3_000_000i32);
    let corner = (
        prop::sample::select(vec![-900_000_000, -899_500_000, 0, 899_500_000, 900_000_000]),
        prop::sample::select(vec![
            -1_800_000_000,
            -1_799_500_000,
            0,
            1_799_500_000,
            1_800_000_000,
        ]),
    );
    prop_oneof![anywhere, near, corner].prop_map(|(lat, lon)| (f64::from(lat) / 1e7, f64::from(lon) / 1e7))
}

fn area() -> impl Strategy<Value = Area> {
    let corners = (place(), place()).prop_map(|(one, other)| {
        Area::Box(Bounds {
            west: one.1,
            south: one.0.min(other.0),
            east: other.1,
            north: one.0.max(other.0),
        })
    });
    let radius = prop_oneof![0.0..100.0f64, 0.0..50_000.0f64, 0.0..21e6f64];
    let circle = (place(), radius).prop_map(|((latitude, longitude), radius_m)| {
        Area::Circle(Circle {
            latitude,
            longitude,
            radius_m,
        })
    });
    prop_oneof![corners, circle]
}

#[derive(Debug, Clone)]
enum Change {
    Put(u32, (f64, f64)),
    Clear(u32),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let put = (1..12u32, place()).prop_map(|(device, place)| Change::Put(device, place));
    let clear = (1..12u32).prop_map(Change::Clear);
    prop::collection::vec(prop_oneof![6 => put, 1 => clear], 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn an_area_has_the_client_s_devices_that_the_model_has(
        changes in changes(), areas in prop::collection::vec(area(), 1..8)
    ) {
        let store = LatestStore::new();
        let mut model = BTreeMap::new();
        for change in changes {
            match change {
                Change::Put(device, place) => {
                    store.put(DeviceId(device), &latest(place.0, place.1));
                    model.insert(device, place);
                }
                Change::Clear(device) => {
                    store.clear(DeviceId(device));
                    model.remove(&device);
                }
            }
        }
        for area in areas {
            // odd devices are another client's
            let ours = |device: DeviceId| device.0.is_multiple_of(2).then_some(device.0);
            let found = store.within(&area, 1000, ours).unwrap();
            let found: Vec<u32> = found.into_iter().map(|(device, _)| device).collect();
            for (&device, &place) in &model {
                let expected = match &area {
                    Area::Box(bounds) => in_box(bounds, place),
                    Area::Circle(circle) => {
                        let metres = metres((circle.latitude, circle.longitude), place);
                        if (metres - circle.radius_m).abs() < 0.1 {
                            continue;
                        }
                        metres < circle.radius_m
                    }
                };
                let expected = expected && device.is_multiple_of(2);
                prop_assert_eq!(found.contains(&device), expected, "{} at {:?} in {:?}", device, place, area);
            }
            prop_assert!(found.is_sorted_by(|one, other| one < other));
            prop_assert!(found.iter().all(|device| model.contains_key(device)));
        }
    }
}

#[test]
fn others_beyond_the_limit_are_not_waded_through() {
    let store = LatestStore::new();
    for device in 1..=100 {
        store.put(DeviceId(device), &latest(10.0, 20.0));
    }
    let area = Area::Circle(Circle {
        latitude: 10.0,
        longitude: 20.0,
        radius_m: 1.0,
    });
    assert!(store.within(&area, 99, Some).is_none());
    assert_eq!(store.within(&area, 100, Some).unwrap().len(), 100);
    assert_eq!(
        store
            .within(&area, 100, |id| (id.0 == 7).then_some(id))
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_device_on_its_way_over_cells_is_never_missing() {
    let store = LatestStore::new();
    let (device, done) = (DeviceId(1), AtomicBool::new(false));
    store.put(device, &latest(0.0, 0.0));
    let area = Area::Box(Bounds {
        west: -1.0,
        south: -1.0,
        east: 1.0,
        north: 1.0,
    });
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut rounds = 0;
            while !done.load(Ordering::Relaxed) || rounds < 100 {
                assert_eq!(store.within(&area, 1000, Some).unwrap().len(), 1);
                rounds += 1;
            }
        });
        for round in 0..20_000 {
            // to the neighbouring cell and back, as a vehicle does
            let lon = if round % 2 == 0 { -0.01 } else { 0.06 };
            store.put(device, &latest(0.01, lon));
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().is_ok());
    });
}
