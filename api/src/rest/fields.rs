//! The field tables of the contract, in its order. The order decides which violation is reported.

use fixstream_core::model::DeadReason;

use super::validate::{Bound, Field, MAX_RECORD, Rule};

/// Devices in one question about latest positions, at most.
const MAX_IDS: usize = 10_000;

/// `POST /tracker`.
pub(super) const TRACKER: &[Field] = &[
    Field::text("trackerName", 150).required(),
    Field::text("trackerDesc", 200),
    Field::text("imei", 15),
    Field::text("status", 20),
];

/// Filters of `GET /tracker`. Stored IMEIs may be longer than new ones.
pub(super) const TRACKER_FILTERS: &[Field] = &[
    Field::id("idTracker"),
    Field::text("imei", 64),
    Field::text("status", 20),
];

/// `POST /device/create`.
pub(super) const DEVICE: &[Field] = &[
    Field::id("idTracker").required(),
    Field::id("idWorksite").required(),
    Field::id("idTeam").required(),
    Field::text("deviceName", 150).required(),
    Field::id("idType").required(),
    Field::text("deviceCode", 50),
    Field::text("deviceUuid", 50),
    Field::text("status", 20),
];

/// Filters of `POST /device/list` and `GET /device`.
pub(super) const DEVICE_FILTERS: &[Field] = &[
    Field::id("idDevice"),
    Field::id("idTracker"),
    Field::id("idWorksite"),
    Field::id("idTeam"),
    Field::text("deviceName", 150),
    Field::id("idType"),
    Field::text("deviceCode", 50),
    Field::text("deviceUuid", 50),
    Field::text("status", 20),
];

/// `POST /position/create`. Bounds that the contract's copy cuts off: |x| < 1e8.
pub(super) const POSITION: &[Field] = &[
    Field::id("idDevice").required(),
    degrees("latitude", 90.0),
    degrees("longitude", 180.0),
    Field::new("createdAt", Rule::Time),
    hundredths("velocity", Bound::Inclusive(0.0), Bound::Exclusive(1e8)),
    hundredths("odometer", Bound::Inclusive(0.0), Bound::Exclusive(1e13)),
    hundredths("direction", Bound::Exclusive(-1000.0), Bound::Inclusive(1000.0)),
    wide("altitude"),
    hundredths("rpm", Bound::Inclusive(0.0), Bound::Exclusive(1e8)),
    wide("fuelLevel"),
    wide("engineTemperature"),
    hundredths("distanceDelta", Bound::Inclusive(0.0), Bound::Exclusive(1e8)),
    wide("mobileSignalStrength"),
    wide("gpsAccuracy"),
    wide("batteryVoltage"),
    Field::new("engineStatus", Rule::Flag),
];

/// `POST /position/vendor/{vendor}`.
pub(super) const VENDOR_PATH: &[Field] = &[Field::text("vendor", 64).required()];

/// `PATCH /tracker`.
pub(super) const TRACKER_CHANGE: &[Field] = &[
    Field::id("idTracker").required(),
    Field::text("trackerName", 150),
    Field::text("trackerDesc", 200),
    Field::text("imei", 15),
    Field::text("status", 20),
];

/// `DELETE /tracker`: at least one.
pub(super) const TRACKER_CHOICE: &[Field] = &[Field::id("idTracker"), Field::text("imei", 15)];

/// `PATCH /device`: the device is `idDevice`, else the one with this `deviceUuid`.
pub(super) const DEVICE_CHANGE: &[Field] = &[
    Field::id("idDevice"),
    Field::id("idTracker"),
    Field::id("idWorksite"),
    Field::id("idTeam"),
    Field::text("deviceName", 150),
    Field::id("idType"),
    Field::text("deviceCode", 50),
    Field::text("deviceUuid", 50),
    Field::text("status", 20),
];

/// `DELETE /device`.
pub(super) const DEVICE_CHOICE: &[Field] = &[Field::id("idDevice").required()];

/// `POST /config`.
pub(super) const CONFIG: &[Field] = &[
    threshold("maxSpeedKmh").required(),
    threshold("minStopMinutes").required(),
    threshold("maxStopSpeedKmh").required(),
    threshold("maxStopDistanceMeters").required(),
    threshold("minMovementSpeedKmh").required(),
    threshold("minMovementDistanceMeters").required(),
    threshold("gapThresholdSeconds").required(),
];

/// `PATCH /config`.
pub(super) const CONFIG_CHANGE: &[Field] = &[
    threshold("maxSpeedKmh"),
    threshold("minStopMinutes"),
    threshold("maxStopSpeedKmh"),
    threshold("maxStopDistanceMeters"),
    threshold("minMovementSpeedKmh"),
    threshold("minMovementDistanceMeters"),
    threshold("gapThresholdSeconds"),
];

/// `DELETE /config`.
pub(super) const CONFIG_CHOICE: &[Field] = &[Field::id("idConfig")];

/// `GET /latest-position`.
pub(super) const LATEST_OF_ALL: &[Field] = &[Field::id("deviceId"), Field::new("instanceUuid", Rule::Uuid)];

/// `GET /latest-positions/{deviceId}`.
pub(super) const LATEST_OF_ONE_REQUIRED: &[Field] = &[Field::id("deviceId").required()];

/// `POST /latest-positions`.
pub(super) const LATEST_OF_SOME: &[Field] = &[Field::new("deviceIds", Rule::Ids { max: MAX_IDS }).required()];

/// Letters on one page and in one replay, at most.
const MAX_PAGE: u64 = 200;
const MAX_REPLAY: usize = 1_000;
/// The deepest page.
const LAST_PAGE: u64 = 10_000;

/// The names of the reasons of dead letters.
const REASONS: [&str; DeadReason::ALL.len()] = {
    let mut names = [""; DeadReason::ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = DeadReason::ALL[index].name();
        index += 1;
    }
    names
};

/// Query of `GET /v1/dead-letters`.
pub(super) const DEAD_LETTER_PAGE: &[Field] = &[
    Field::new("reason", Rule::OneOf(&REASONS)),
    Field::text("vendor", 64),
    Field::text("device", 200),
    Field::new("replayed", Rule::Flag),
    Field::new(
        "size",
        Rule::Integer {
            min: 1,
            max: MAX_PAGE,
        },
    ),
    Field::new(
        "page",
        Rule::Integer {
            min: 0,
            max: LAST_PAGE,
        },
    ),
];

/// `POST /v1/dead-letters/replay`.
pub(super) const DEAD_LETTER_REPLAY: &[Field] = &[
    Field::new("ids", Rule::Records { max: MAX_REPLAY }),
    Field::new("reason", Rule::OneOf(&REASONS)),
    Field::text("vendor", 64),
    Field::text("device", 200),
    Field::new(
        "after",
        Rule::Integer {
            min: 0,
            max: MAX_RECORD,
        },
    ),
    Field::new(
        "before",
        Rule::Integer {
            min: 0,
            max: MAX_RECORD,
        },
    ),
];

/// A whole number of the report configuration; the contract prints no maximum.
pub(super) const fn threshold(name: &'static str) -> Field {
    Field::new(
        name,
        Rule::Integer {
            min: 0,
            max: u32::MAX as u64,
        },
    )
}

const fn degrees(name: &'static str, limit: f64) -> Field {
    Field::new(
        name,
        Rule::Number {
            min: Bound::Inclusive(-limit),
            max: Bound::Inclusive(limit),
        },
    )
    .required()
}

const fn hundredths(name: &'static str, min: Bound, max: Bound) -> Field {
    Field::new(name, Rule::Hundredths { min, max })
}

const fn wide(name: &'static str) -> Field {
    hundredths(name, Bound::Exclusive(-1e8), Bound::Exclusive(1e8))
}
