//! From a reading to its row, and from a trusted row to the latest position.

use super::core::Step;
use super::ticket::Reading;
use crate::history::PositionRow;
use crate::latest::Latest;
use crate::model::{ClientId, DeviceId, TimeMs, Verdict};

/// The row as first judged. `fix` stays as stated, also where its time was repaired or clamped.
pub(super) fn row(client: ClientId, device: DeviceId, reading: Reading, step: &Step) -> PositionRow {
    PositionRow {
        client,
        device,
        id: reading.id,
        revision: 0,
        time: step.row_time,
        received: reading.received,
        verdict: step.verdict,
        content: step.content,
        vendor: reading.vendor,
        plugin: reading.plugin,
        fix: reading.fix,
    }
}

/// The time by which a trusted row was judged: the row's where the clock was repaired, else as stated (the
/// row's may be clamped).
pub(super) fn judged_time(row: &PositionRow) -> TimeMs {
    if row.verdict == Verdict::Clock {
        row.time
    } else {
        row.fix.time.unwrap_or(row.received)
    }
}

/// A trusted row as the latest position.
pub(super) fn latest(row: &PositionRow) -> Latest {
    let fix = &row.fix;
    Latest {
        id: row.id,
        time: judged_time(row),
        received: row.received,
        latitude: fix.latitude,
        longitude: fix.longitude,
        odometer_km: fix.odometer_km.filter(|value| value.is_finite()),
        speed_kmh: narrow(fix.speed_kmh),
        heading_deg: narrow(fix.heading_deg),
        altitude_m: narrow(fix.altitude_m),
        engine_rpm: narrow(fix.engine_rpm),
        fuel_percent: narrow(fix.fuel_percent),
        engine_temperature_c: narrow(fix.engine_temperature_c),
        distance_km: narrow(fix.distance_km),
        signal: narrow(fix.signal),
        accuracy_m: narrow(fix.accuracy_m),
        battery_v: narrow(fix.power_v.or(fix.battery_v)),
        ignition: fix.ignition,
    }
}

/// Seven digits are more than any of these is measured to; what does not fit is absent.
fn narrow(value: Option<f64>) -> Option<f32> {
    value.map(|value| value as f32).filter(|value| value.is_finite())
}
