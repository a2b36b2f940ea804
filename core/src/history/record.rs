//! Rows as ClickHouse takes and gives them: the columns of `deploy/clickhouse`, by name.

use std::sync::Arc;

use bytes::Bytes;
use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::row::{PositionRow, RawRow};
use super::text;
use crate::model::{ClientId, DeadLetter, DeviceId, Fix, PositionId, TimeMs, Verdict};

/// The last millisecond of 2099: later ones overflow ClickHouse's second-based types.
const LAST_TIME: i64 = 4_102_444_799_999;

/// A row of `positions`.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub(super) struct PositionRecord {
    pub client_id: u32,
    pub device_id: u32,
    pub time: i64,
    pub content: u64,
    pub id: u64,
    pub revision: u8,
    pub received: i64,
    pub stated_offset_ms: Option<i64>,
    pub verdict: i8,
    pub valid: Option<bool>,
    pub lat_e7: i32,
    pub lon_e7: i32,
    pub altitude_e3: Option<i64>,
    pub speed_e3: Option<i64>,
    pub heading_e3: Option<i64>,
    pub accuracy_e3: Option<i64>,
    pub hdop_e3: Option<i64>,
    pub satellites: Option<u16>,
    pub odometer_e3: Option<i64>,
    pub distance_e3: Option<i64>,
    pub ignition: Option<bool>,
    pub fuel_e3: Option<i64>,
    pub temperature_e3: Option<i64>,
    pub rpm_e3: Option<i64>,
    pub battery_v_e3: Option<i64>,
    pub battery_e3: Option<i64>,
    pub power_v_e3: Option<i64>,
    pub signal_e3: Option<i64>,
    pub event: Option<String>,
    pub attributes: Vec<(String, String)>,
    pub vendor: String,
    pub plugin: String,
}

/// A row of `raw_messages`.
#[derive(Debug, Clone, Row, Serialize)]
pub(super) struct RawRecord {
    client_id: u32,
    offset: u64,
    device_id: u32,
    received: i64,
    vendor: String,
    channel: String,
    payload: Bytes,
    envelope: Bytes,
}

/// A row of `dead_letters`.
#[derive(Debug, Clone, Row, Serialize)]
pub(super) struct DeadRecord {
    client_id: u32,
    offset: u64,
    reason: String,
    detail: String,
    received: i64,
    vendor: String,
    channel: String,
    device: Option<String>,
    plugin: Option<String>,
    payload: Bytes,
    envelope: Bytes,
}

/// A time that every column can hold and a partition may be opened for.
pub(super) fn clamp(time: TimeMs) -> i64 {
    time.0.clamp(0, LAST_TIME)
}

/// Thousandths. What is no number is not said; what is too large stays at the limit.
fn e3(value: Option<f64>) -> Option<i64> {
    value
        .filter(|value| value.is_finite())
        .map(|value| (value * 1e3).round() as i64)
}

pub(super) fn from_e3(value: Option<i64>) -> Option<f64> {
    value.map(|value| value as f64 / 1e3)
}

/// 1e-7 degrees; 180 degrees fit.
fn e7(degrees: f64) -> i32 {
    (degrees * 1e7).round() as i32
}

fn from_e7(degrees: i32) -> f64 {
    f64::from(degrees) / 1e7
}

/// Whether a fix that was read back is what this one would be read back as: numbers of the table have fewer digits.
pub(crate) fn is_stored_as(stored: &Fix, fix: &Fix) -> bool {
    let Fix {
        time,
        valid,
        latitude,
        longitude,
        altitude_m,
        speed_kmh,
        heading_deg,
        accuracy_m,
        hdop,
        satellites,
        odometer_km,
        distance_km,
        ignition,
        fuel_percent,
        engine_temperature_c,
        engine_rpm,
        battery_v,
        battery_percent,
        power_v,
        signal,
        event,
        attributes,
    } = fix;
    // exactly: both are the same function of whole numbers
    #[allow(clippy::float_cmp)]
    let degrees = |stored: f64, degrees: f64| stored == from_e7(e7(degrees));
    let number = |stored: Option<f64>, number: Option<f64>| stored == from_e3(e3(number));
    degrees(stored.latitude, *latitude)
        && degrees(stored.longitude, *longitude)
        && (stored.time, stored.valid, stored.ignition) == (*time, *valid, *ignition)
        && stored.satellites == *satellites
        && number(stored.altitude_m, *altitude_m)
        && number(stored.speed_kmh, *speed_kmh)
        && number(stored.heading_deg, *heading_deg)
        && number(stored.accuracy_m, *accuracy_m)
        && number(stored.hdop, *hdop)
        && number(stored.odometer_km, *odometer_km)
        && number(stored.distance_km, *distance_km)
        && number(stored.fuel_percent, *fuel_percent)
        && number(stored.engine_temperature_c, *engine_temperature_c)
        && number(stored.engine_rpm, *engine_rpm)
        && number(stored.battery_v, *battery_v)
        && number(stored.battery_percent, *battery_percent)
        && number(stored.power_v, *power_v)
        && number(stored.signal, *signal)
        && stored.event == *event
        && stored.attributes == *attributes
}

impl From<&PositionRow> for PositionRecord {
    fn from(row: &PositionRow) -> Self {
        let fix = &row.fix;
        let time = clamp(row.time);
        Self {
            client_id: row.client.0,
            device_id: row.device.0,
            time,
            content: row.content,
            id: row.id.0,
            revision: row.revision,
            received: clamp(row.received),
            // Wrapping, so that adding it to `time` gives exactly what was stated, however wild.
            stated_offset_ms: fix.time.map(|stated| stated.0.wrapping_sub(time)),
            verdict: row.verdict as i8,
            valid: fix.valid,
            lat_e7: e7(fix.latitude),
            lon_e7: e7(fix.longitude),
            altitude_e3: e3(fix.altitude_m),
            speed_e3: e3(fix.speed_kmh),
            heading_e3: e3(fix.heading_deg),
            accuracy_e3: e3(fix.accuracy_m),
            hdop_e3: e3(fix.hdop),
            satellites: fix.satellites,
            odometer_e3: e3(fix.odometer_km),
            distance_e3: e3(fix.distance_km),
            ignition: fix.ignition,
            fuel_e3: e3(fix.fuel_percent),
            temperature_e3: e3(fix.engine_temperature_c),
            rpm_e3: e3(fix.engine_rpm),
            battery_v_e3: e3(fix.battery_v),
            battery_e3: e3(fix.battery_percent),
            power_v_e3: e3(fix.power_v),
            signal_e3: e3(fix.signal),
            event: fix.event.clone(),
            attributes: fix
                .attributes
                .iter()
                .map(|(key, value)| (key.clone(), text::write(value)))
                .collect(),
            vendor: row.vendor.to_string(),
            plugin: row.plugin.to_string(),
        }
    }
}

impl From<PositionRecord> for PositionRow {
    fn from(record: PositionRecord) -> Self {
        let verdict = Verdict::ALL
            .into_iter()
            .find(|verdict| *verdict as i8 == record.verdict);
        Self {
            client: ClientId(record.client_id),
            device: DeviceId(record.device_id),
            id: PositionId(record.id),
            revision: record.revision,
            time: TimeMs(record.time),
            received: TimeMs(record.received),
            // The enum in the schema has no others.
            verdict: verdict.unwrap_or(Verdict::Invalid),
            content: record.content,
            vendor: Arc::from(record.vendor),
            plugin: Arc::from(record.plugin),
            fix: Fix {
                time: record
                    .stated_offset_ms
                    .map(|offset| TimeMs(record.time.wrapping_add(offset))),
                valid: record.valid,
                latitude: from_e7(record.lat_e7),
                longitude: from_e7(record.lon_e7),
                altitude_m: from_e3(record.altitude_e3),
                speed_kmh: from_e3(record.speed_e3),
                heading_deg: from_e3(record.heading_e3),
                accuracy_m: from_e3(record.accuracy_e3),
                hdop: from_e3(record.hdop_e3),
                satellites: record.satellites,
                odometer_km: from_e3(record.odometer_e3),
                distance_km: from_e3(record.distance_e3),
                ignition: record.ignition,
                fuel_percent: from_e3(record.fuel_e3),
                engine_temperature_c: from_e3(record.temperature_e3),
                engine_rpm: from_e3(record.rpm_e3),
                battery_v: from_e3(record.battery_v_e3),
                battery_percent: from_e3(record.battery_e3),
                power_v: from_e3(record.power_v_e3),
                signal: from_e3(record.signal_e3),
                event: record.event,
                attributes: record
                    .attributes
                    .into_iter()
                    .map(|(key, value)| (key, text::read(value)))
                    .collect(),
            },
        }
    }
}

impl From<&RawRow> for RawRecord {
    fn from(row: &RawRow) -> Self {
        Self {
            client_id: row.client.0,
            offset: row.offset.0,
            device_id: row.device.0,
            received: clamp(row.received),
            vendor: row.vendor.to_string(),
            channel: row.channel.clone(),
            payload: row.payload.clone(),
            envelope: row.envelope.clone(),
        }
    }
}

impl From<&DeadLetter> for DeadRecord {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            client_id: letter.client.0,
            offset: letter.offset.0,
            reason: letter.reason.name().into(),
            detail: letter.detail.clone(),
            received: clamp(letter.received),
            vendor: letter.vendor.clone(),
            channel: letter.channel.clone(),
            device: letter.device.clone(),
            plugin: letter.plugin.clone(),
            payload: letter.payload.clone(),
            envelope: letter.envelope.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::model::AttributeValue;

    fn row() -> PositionRow {
        PositionRow {
            client: ClientId(1),
            device: DeviceId(2),
            id: PositionId(3),
            revision: 1,
            time: TimeMs(1_700_000_000_123),
            received: TimeMs(1_700_000_001_000),
            verdict: Verdict::Clock,
            content: u64::MAX,
            vendor: "v".into(),
            plugin: "v@1".into(),
            fix: Fix {
                time: Some(TimeMs(-5)),
                latitude: -33.456_789_1,
                longitude: 180.0,
                speed_kmh: Some(99_999_999.99),
                odometer_km: Some(999_999_999_999.999),
                satellites: Some(u16::MAX),
                attributes: vec![("door".into(), AttributeValue::Flag(true))],
                ..Fix::default()
            },
        }
    }

    #[test]
    fn a_row_survives_the_way_into_columns_and_back() {
        let row = row();
        assert_eq!(PositionRow::from(PositionRecord::from(&row)), row);
    }

    fn fixes() -> impl Strategy<Value = Fix> {
        let number = || prop::option::of(prop_oneof![Just(1.0), Just(1.000_4), Just(1.000_6), any::<f64>()]);
        let degrees = || prop_oneof![Just(1.0), Just(1.000_000_04), -90.0..90.0];
        let value = prop_oneof![
            any::<bool>().prop_map(AttributeValue::Flag),
            any::<i64>().prop_map(AttributeValue::Integer),
            proptest::num::f64::ANY.prop_map(AttributeValue::Real),
            "[a1\"]{0,2}".prop_map(AttributeValue::Text),
        ];
        (
            (
                degrees(),
                degrees(),
                prop::option::of(0..2i64),
                prop::option::of(any::<bool>()),
            ),
            (number(), number(), number()),
            (
                prop::option::of(0..2u16),
                prop::option::of("[ab]?"),
                prop::option::of(value),
            ),
        )
            .prop_map(
                |((latitude, longitude, time, valid), (one, two, three), (satellites, event, value))| Fix {
                    time: time.map(TimeMs),
                    valid,
                    latitude,
                    longitude,
                    altitude_m: one,
                    speed_kmh: two,
                    odometer_km: three,
                    signal: one,
                    satellites,
                    ignition: valid,
                    event,
                    attributes: value.into_iter().map(|value| ("a".into(), value)).collect(),
                    ..Fix::default()
                },
            )
    }

    proptest! {
        #[test]
        fn fixes_are_compared_as_they_are_read_back(one in fixes(), other in fixes(), same in any::<bool>()) {
            let read_back = |fix: &Fix| {
                let row = PositionRow { fix: fix.clone(), ..row() };
                PositionRow::from(PositionRecord::from(&row)).fix
            };
            let stored = read_back(&one);
            let other = if same { one } else { other };
            prop_assert_eq!(is_stored_as(&stored, &other), stored == read_back(&other));
        }
    }

    #[test]
    fn wild_values_neither_panic_nor_wrap() {
        let mut row = row();
        row.time = TimeMs(i64::MAX);
        row.fix.time = Some(TimeMs(i64::MIN));
        row.fix.speed_kmh = Some(f64::MAX);
        row.fix.altitude_m = Some(f64::NAN);
        let record = PositionRecord::from(&row);
        assert_eq!(record.time, LAST_TIME);
        assert_eq!(record.speed_e3, Some(i64::MAX));
        assert_eq!(record.altitude_e3, None);
        assert_eq!(PositionRow::from(record).fix.time, Some(TimeMs(i64::MIN)));
    }
}
