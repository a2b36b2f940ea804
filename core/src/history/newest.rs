//! The newest trusted row of each device, from which a restarted hub restores its devices.

use std::collections::{HashMap, HashSet};

use clickhouse::Client;

use super::error::HistoryError;
use super::record::PositionRecord;
use super::row::PositionRow;
use super::spool::{Entry, Spool};

/// The columns of [`PositionRecord`] that stand in the state of `latest`.
const STATE: [&str; 29] = [
    "content",
    "id",
    "revision",
    "received",
    "stated_offset_ms",
    "verdict",
    "valid",
    "lat_e7",
    "lon_e7",
    "altitude_e3",
    "speed_e3",
    "heading_e3",
    "accuracy_e3",
    "hdop_e3",
    "satellites",
    "odometer_e3",
    "distance_e3",
    "ignition",
    "fuel_e3",
    "temperature_e3",
    "rpm_e3",
    "battery_v_e3",
    "battery_e3",
    "power_v_e3",
    "signal_e3",
    "event",
    "attributes",
    "vendor",
    "plugin",
];

/// What the batches that are not stored yet say.
#[derive(Default)]
pub(super) struct Unsaved {
    trusted: Vec<PositionRow>,
    /// Fixes that are no longer trusted: client, device, time, content.
    revoked: HashSet<(u32, u32, i64, u64)>,
}

/// Reads the batches. One that vanishes meanwhile has been stored.
pub(super) fn unsaved(spool: &Spool, entries: &[Entry]) -> Result<Unsaved, HistoryError> {
    let mut unsaved = Unsaved::default();
    for entry in entries {
        let batch = match spool.read(entry.from, entry.to) {
            Ok(batch) => batch,
            Err(HistoryError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for row in batch.positions {
            if row.verdict.is_trusted() {
                unsaved.revoked.remove(&key(&row));
                unsaved.trusted.push(row);
            } else if row.revision > 0 {
                unsaved.revoked.insert(key(&row));
            }
        }
    }
    Ok(unsaved)
}

/// What ClickHouse says.
pub(super) async fn stored(client: &Client) -> Result<Vec<PositionRow>, HistoryError> {
    let state: Vec<String> = STATE
        .iter()
        .map(|column| format!("s.{column} AS {column}"))
        .collect();
    let newest = format!(
        "SELECT client_id, device_id, newest AS time, {} FROM (\
            SELECT client_id, device_id, max(l.time) AS newest, max(l.revoked_time) AS revoked, argMaxMerge(l.state) AS s \
            FROM latest AS l GROUP BY client_id, device_id) \
         WHERE newest > revoked",
        state.join(", ")
    );
    // In the order of the table's key: device after device, instead of the states of all devices in memory at
    // once, which for a million of them is more than a query may use.
    let query = client
        .query_raw(&newest)
        .with_setting("optimize_aggregation_in_order", "1");
    let mut rows = query.fetch_all::<PositionRecord>().await?;
    // Where the newest row may have been revoked meanwhile, only the rows themselves know what is newest.
    let columns: Vec<String> = STATE
        .iter()
        .map(|column| match *column {
            "verdict" => "toInt8(p.verdict) AS verdict".into(),
            "vendor" | "plugin" => format!("toString(p.{column}) AS {column}"),
            "attributes" => "CAST(p.attributes, 'Map(String, String)') AS attributes".into(),
            other => format!("p.{other} AS {other}"),
        })
        .collect();
    let revoked = format!(
        "SELECT p.client_id AS client_id, p.device_id AS device_id, p.time AS time, {} FROM positions AS p FINAL \
         WHERE (p.client_id, p.device_id) IN (\
            SELECT client_id, device_id FROM latest GROUP BY client_id, device_id \
            HAVING max(latest.time) <= max(latest.revoked_time)) AND p.trusted \
         ORDER BY p.time DESC, p.id DESC LIMIT 1 BY client_id, device_id",
        columns.join(", ")
    );
    rows.extend(client.query_raw(&revoked).fetch_all::<PositionRecord>().await?);
    Ok(rows.into_iter().map(PositionRow::from).collect())
}

/// The newest of both. The greatest fix time wins, then the message that came later.
pub(super) fn merge(stored: Vec<PositionRow>, unsaved: Unsaved) -> Vec<PositionRow> {
    let Unsaved { trusted, revoked } = unsaved;
    let mut newest: HashMap<(u32, u32), PositionRow> = HashMap::new();
    for row in stored.into_iter().chain(trusted) {
        if revoked.contains(&key(&row)) {
            continue;
        }
        let rank = |row: &PositionRow| (row.time, row.id, row.revision);
        match newest.entry((row.client.0, row.device.0)) {
            std::collections::hash_map::Entry::Occupied(mut held) => {
                if rank(&row) > rank(held.get()) {
                    held.insert(row);
                }
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(row);
            }
        }
    }
    newest.into_values().collect()
}

fn key(row: &PositionRow) -> (u32, u32, i64, u64) {
    (row.client.0, row.device.0, row.time.0, row.content)
}
