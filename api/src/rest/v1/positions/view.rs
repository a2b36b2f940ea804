//! How positions are answered.

use std::collections::BTreeMap;

use fixstream_core::device::fix_time;
use fixstream_core::history::PositionRow;
use fixstream_core::model::{AttributeValue, DeviceId, Fix, PositionId, Standing, TimeMs, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::time::{self, Stamp};

/// A position. WGS 84 degrees; the other units are in the names.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::rest::v1) struct PositionView {
    /// Stable: the same after corrections.
    id: u64,
    device_id: u32,
    /// Of the fix, where needed repaired; of receipt where none was stated.
    time: Option<Stamp>,
    /// As the tracker stated it.
    stated_time: Option<Stamp>,
    received: Option<Stamp>,
    /// What the hub thinks of the fix; null: not judged yet.
    verdict: Option<String>,
    latitude: f64,
    longitude: f64,
    speed_kmh: Option<f64>,
    heading_deg: Option<f64>,
    altitude_m: Option<f64>,
    accuracy_m: Option<f64>,
    hdop: Option<f64>,
    satellites: Option<u16>,
    odometer_km: Option<f64>,
    /// Since the fix before, as stated by the sender.
    distance_km: Option<f64>,
    ignition: Option<bool>,
    fuel_percent: Option<f64>,
    engine_temperature_c: Option<f64>,
    /// Per minute.
    engine_rpm: Option<f64>,
    battery_v: Option<f64>,
    battery_percent: Option<f64>,
    /// External supply.
    power_v: Option<f64>,
    /// Mobile signal in the vendor's own scale.
    signal: Option<f64>,
    event: Option<String>,
    /// Whether the tracker itself calls this a current fix; null: it does not say.
    valid: Option<bool>,
    /// Everything else that the message said.
    attributes: BTreeMap<String, Attribute>,
    /// Null for positions in the hub's own format.
    vendor: Option<String>,
    /// The decoder that understood it, with its version.
    plugin: Option<String>,
    /// How often it was corrected, or judged again.
    revision: u8,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Attribute {
    Flag(bool),
    Integer(i64),
    Real(f64),
    Text(String),
}

/// What is shown of a position besides its fix.
pub(super) struct Seen<'a> {
    pub id: PositionId,
    pub device: DeviceId,
    pub received: TimeMs,
    pub revision: u8,
    pub vendor: &'a str,
    pub plugin: &'a str,
}

impl<'a> From<&'a PositionRow> for Seen<'a> {
    fn from(row: &'a PositionRow) -> Self {
        Self {
            id: row.id,
            device: row.device,
            received: row.received,
            revision: row.revision,
            vendor: &row.vendor,
            plugin: &row.plugin,
        }
    }
}

impl<'a> From<&'a Standing> for Seen<'a> {
    fn from(row: &'a Standing) -> Self {
        Self {
            id: row.id,
            device: row.device,
            received: row.received,
            revision: row.revision,
            vendor: &row.vendor,
            plugin: &row.plugin,
        }
    }
}

impl Seen<'_> {
    pub fn version(&self) -> (u64, u8) {
        version(self.id, self.revision)
    }

    /// The answer about it.
    pub fn of(&self, fix: &Fix, verdict: Option<Verdict>) -> PositionView {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        PositionView {
            id: self.id.0,
            device_id: self.device.0,
            time: time::format(fix_time(fix, self.received)),
            stated_time: fix.time.and_then(time::format),
            received: time::format(self.received),
            verdict: verdict.map(|verdict| verdict.name().to_owned()),
            latitude: fix.latitude,
            longitude: fix.longitude,
            speed_kmh: fix.speed_kmh,
            heading_deg: fix.heading_deg,
            altitude_m: fix.altitude_m,
            accuracy_m: fix.accuracy_m,
            hdop: fix.hdop,
            satellites: fix.satellites,
            odometer_km: fix.odometer_km,
            distance_km: fix.distance_km,
            ignition: fix.ignition,
            fuel_percent: fix.fuel_percent,
            engine_temperature_c: fix.engine_temperature_c,
            engine_rpm: fix.engine_rpm,
            battery_v: fix.battery_v,
            battery_percent: fix.battery_percent,
            power_v: fix.power_v,
            signal: fix.signal,
            event: fix.event.clone(),
            valid: fix.valid,
            attributes: fix
                .attributes
                .iter()
                .map(|(name, value)| (name.clone(), attribute(value)))
                .collect(),
            vendor: named(self.vendor),
            plugin: named(self.plugin),
            revision: self.revision,
        }
    }
}

/// What a tag is made of. Every correction takes a new revision; that the hub has judged a fix meanwhile is no change
/// that anyone could overwrite.
pub(super) fn version(id: PositionId, revision: u8) -> (u64, u8) {
    (id.0, revision)
}

/// A position of history.
pub(super) fn view(row: &PositionRow) -> PositionView {
    Seen::from(row).of(&row.fix, Some(row.verdict))
}

/// A position as it stands, or stood.
pub(in crate::rest::v1) fn standing(row: &Standing) -> PositionView {
    Seen::from(row).of(&row.fix, Some(row.verdict))
}

fn attribute(value: &AttributeValue) -> Attribute {
    match value {
        AttributeValue::Flag(flag) => Attribute::Flag(*flag),
        AttributeValue::Integer(number) => Attribute::Integer(*number),
        AttributeValue::Real(number) => Attribute::Real(*number),
        AttributeValue::Text(text) => Attribute::Text(text.clone()),
    }
}
