//! Readings and rows for the room's tests.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::history::PositionRow;
use crate::model::{ClientId, DeviceId, Fix, PositionId, TimeMs, Verdict};

/// 2026-01-01T00:00:00Z.
pub const NOW: i64 = 1_767_225_600_000;
pub const SANTIAGO: (f64, f64) = (-33.45, -70.66);
pub const BUENOS_AIRES: (f64, f64) = (-34.60, -58.38);

pub fn options(layout: Layout) -> DeviceOptions {
    DeviceOptions {
        layout,
        idle_after: Duration::from_secs(600),
        future_tolerance: Duration::from_secs(300),
        jump_speed_kmh: 400.0,
    }
}

pub fn config() -> StepConfig {
    StepConfig::from(&options(Layout::PerDevice))
}

/// A fix in Santiago, taken and received at `NOW` + seconds.
pub fn reading(id: u64, seconds: i64) -> Reading {
    reading_at(id, seconds, SANTIAGO)
}

pub fn reading_at(id: u64, seconds: i64, (latitude, longitude): (f64, f64)) -> Reading {
    let time = TimeMs(NOW + seconds * 1000);
    let fix = Fix {
        time: Some(time),
        latitude,
        longitude,
        ..Fix::default()
    };
    Reading {
        id: PositionId(id),
        received: time,
        fix,
        vendor: Arc::from("test"),
        plugin: Arc::from("test@1.0.0"),
    }
}

pub fn row(id: u64) -> PositionRow {
    let Reading {
        id,
        received,
        fix,
        vendor,
        plugin,
    } = reading(id, id as i64);
    PositionRow {
        client: ClientId(1),
        device: DeviceId(1),
        id,
        revision: 0,
        time: received,
        received,
        verdict: Verdict::Ok,
        content: content_hash(&fix),
        vendor,
        plugin,
        fix,
    }
}
