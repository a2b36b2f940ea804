//! What requests say about a position, and how that becomes a fix.

use fixstream_core::model::Fix;

use crate::rest::validate::{Bound, Checked, Field, Rule};

/// Longest name of an event.
const MAX_EVENT: usize = 64;

/// `POST /v1/positions`. Units are in the names; `heading` is clockwise from true north.
pub(in crate::rest::v1) const NEW: &[Field] = &[
    Field::id("deviceId").required(),
    number("latitude", -90.0, 90.0).required(),
    number("longitude", -180.0, 180.0).required(),
    Field::new("time", Rule::Time),
    positive("speedKmh", 1e8),
    Field::new(
        "headingDeg",
        Rule::Number {
            min: Bound::Inclusive(0.0),
            max: Bound::Exclusive(360.0),
        },
    ),
    wide("altitudeM"),
    positive("accuracyM", 1e8),
    positive("hdop", 1e8),
    Field::new(
        "satellites",
        Rule::Integer {
            min: 0,
            max: u16::MAX as u64,
        },
    ),
    positive("odometerKm", 1e13),
    positive("distanceKm", 1e8),
    Field::new("ignition", Rule::Flag),
    wide("fuelPercent"),
    wide("engineTemperatureC"),
    positive("engineRpm", 1e8),
    wide("batteryV"),
    wide("batteryPercent"),
    wide("powerV"),
    wide("signal"),
    Field::text("event", MAX_EVENT),
];

/// `PATCH /v1/positions/{id}`: the same, none of them required.
pub(in crate::rest::v1) const CHANGE: &[Field] = &{
    let mut table = [NEW[0]; NEW.len()];
    let mut index = 0;
    while index < NEW.len() {
        table[index] = Field {
            required: false,
            ..NEW[index]
        };
        index += 1;
    }
    table
};

/// Writes what validated fields state into a fix; the rest of it stays as it is.
pub(super) fn state(fields: &Checked, fix: &mut Fix) {
    let number = |name, into: &mut f64| *into = fields.number(name).unwrap_or(*into);
    number("latitude", &mut fix.latitude);
    number("longitude", &mut fix.longitude);
    let number = |name, into: &mut Option<f64>| *into = fields.number(name).or(*into);
    number("speedKmh", &mut fix.speed_kmh);
    number("headingDeg", &mut fix.heading_deg);
    number("altitudeM", &mut fix.altitude_m);
    number("accuracyM", &mut fix.accuracy_m);
    number("hdop", &mut fix.hdop);
    number("odometerKm", &mut fix.odometer_km);
    number("distanceKm", &mut fix.distance_km);
    number("fuelPercent", &mut fix.fuel_percent);
    number("engineTemperatureC", &mut fix.engine_temperature_c);
    number("engineRpm", &mut fix.engine_rpm);
    number("batteryV", &mut fix.battery_v);
    number("batteryPercent", &mut fix.battery_percent);
    number("powerV", &mut fix.power_v);
    number("signal", &mut fix.signal);
    let satellites = fields.long("satellites");
    fix.satellites = satellites
        .and_then(|count| u16::try_from(count).ok())
        .or(fix.satellites);
    fix.time = fields.time("time").or(fix.time);
    fix.ignition = fields.flag("ignition").or(fix.ignition);
    if let Some(event) = fields.text("event") {
        fix.event = Some(event.to_owned());
    }
}

const fn number(name: &'static str, min: f64, max: f64) -> Field {
    let (min, max) = (Bound::Inclusive(min), Bound::Inclusive(max));
    Field::new(name, Rule::Number { min, max })
}

/// From 0 to below a limit, kept to thousandths in history.
const fn positive(name: &'static str, limit: f64) -> Field {
    let (min, max) = (Bound::Inclusive(0.0), Bound::Exclusive(limit));
    Field::new(name, Rule::Number { min, max })
}

const fn wide(name: &'static str) -> Field {
    let (min, max) = (Bound::Exclusive(-1e8), Bound::Exclusive(1e8));
    Field::new(name, Rule::Number { min, max })
}
