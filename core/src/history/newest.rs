//! The newest trusted row of each device, from which a restarted hub restores its devices; and, where rows that
//! are not older were corrected, those, so that they are known when they are sent again.
//!
//! They are read page by page, so that what ClickHouse needs for it does not grow with the number of devices.

use std::collections::{BTreeMap, HashMap};

use clickhouse::Client;

use super::error::HistoryError;
use super::record::PositionRecord;
use super::row::PositionRow;
use super::spool::{Entry, Spool};

/// Rows of one device that were corrected, at most; more than one is rare.
pub(super) const CORRECTED: usize = 64;
/// Devices in one question; ClickHouse takes 256 KiB of text.
const DEVICES: usize = 4_000;
/// Devices on a page. Each has a state of up to some kilobytes in every part of the table that is not merged yet.
const PAGE: usize = 20_000;

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
    corrected: Vec<PositionRow>,
    /// Fixes that are no longer trusted, and the revision that says so.
    revoked: HashMap<Key, u8>,
}

/// Client, device, time, content.
type Key = (u32, u32, i64, u64);
/// Client and device.
type Whose = (u32, u32);

impl Unsaved {
    /// In the order of the batches.
    fn take(&mut self, row: PositionRow) {
        if row.verdict.is_trusted() {
            self.trusted.push(row);
        } else if row.revision > 0 {
            let revision = self.revoked.entry(key(&row)).or_default();
            *revision = row.revision.max(*revision);
            self.corrected.push(row);
        }
    }

    fn revokes(&self, row: &PositionRow) -> bool {
        self.revoked
            .get(&key(row))
            .is_some_and(|revision| *revision > row.revision)
    }

    /// How many fixes of each device are no longer trusted.
    fn revoked_of(&self) -> BTreeMap<(u32, u32), usize> {
        let mut counts = BTreeMap::new();
        for (client, device, ..) in self.revoked.keys() {
            *counts.entry((*client, *device)).or_insert(0) += 1;
        }
        counts
    }
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
            unsaved.take(row);
        }
    }
    Ok(unsaved)
}

/// What ClickHouse says, beside what waits to be stored.
pub(super) async fn stored(client: &Client, unsaved: &Unsaved) -> Result<Vec<PositionRow>, HistoryError> {
    let mut rows = Vec::new();
    for page in pages(client).await? {
        rows.extend(states(client, &page).await?.into_iter().map(PositionRow::from));
        // Where the newest row may have been revoked meanwhile, only the rows themselves know what is newest. Asked
        // after the states, so that none is revoked in between and in neither.
        for some in revoked(client, &page).await?.chunks(DEVICES) {
            let some = list(some.iter().copied());
            rows.extend(newest_rows(client, &some, "p.trusted", 1).await?);
            rows.extend(newest_rows(client, &some, "p.revision > 0 AND NOT p.trusted", CORRECTED).await?);
        }
    }
    // Where a row is about to be revoked, the newest of those that are not.
    let devices: Vec<(Whose, usize)> = unsaved.revoked_of().into_iter().collect();
    for some in devices.chunks(DEVICES) {
        let most = some.iter().map(|(_, revoked)| *revoked).max().unwrap_or_default();
        let some = list(some.iter().map(|(device, _)| *device));
        rows.extend(newest_rows(client, &some, "p.trusted", most + 1).await?);
    }
    Ok(rows)
}

/// Some of all devices: behind one and up to another, which may be left open.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    behind: Option<Whose>,
    up_to: Option<Whose>,
}

impl Page {
    /// As a condition; written out so that the index of the table is used.
    fn condition(&self) -> String {
        let mut conditions = vec!["1".to_owned()];
        if let Some((client, device)) = self.behind {
            conditions.push(format!(
                "(client_id > {client} OR client_id = {client} AND device_id > {device})"
            ));
        }
        if let Some((client, device)) = self.up_to {
            conditions.push(format!(
                "(client_id < {client} OR client_id = {client} AND device_id <= {device})"
            ));
        }
        conditions.join(" AND ")
    }
}

/// All devices in pages; those that come meanwhile are on one of them, too.
async fn pages(client: &Client) -> Result<Vec<Page>, HistoryError> {
    let keys = "SELECT DISTINCT client_id, device_id FROM latest ORDER BY client_id, device_id";
    let mut cursor = client.query_raw(keys).fetch::<Whose>()?;
    let (mut ends, mut count) = (Vec::new(), 0);
    while let Some(key) = cursor.next().await? {
        count += 1;
        if count % PAGE == 0 {
            ends.push(key);
        }
    }
    Ok(cut(&ends))
}

/// The pages that end with these devices, and one behind them.
fn cut(ends: &[Whose]) -> Vec<Page> {
    let up_to = ends.iter().copied().map(Some).chain([None]);
    let behind = [None].into_iter().chain(ends.iter().copied().map(Some));
    behind
        .zip(up_to)
        .map(|(behind, up_to)| Page { behind, up_to })
        .collect()
}

/// The newest rows as they were written along.
async fn states(client: &Client, page: &Page) -> Result<Vec<PositionRecord>, HistoryError> {
    let state: Vec<String> = STATE
        .iter()
        .map(|column| format!("s.{column} AS {column}"))
        .collect();
    let newest = format!(
        "SELECT client_id, device_id, newest AS time, {} FROM (\
            SELECT client_id, device_id, max(l.time) AS newest, max(l.revoked_time) AS revoked, argMaxMerge(l.state) AS s \
            FROM latest AS l WHERE {} GROUP BY client_id, device_id) \
         WHERE newest > revoked",
        state.join(", "),
        page.condition()
    );
    Ok(client.query_raw(&newest).fetch_all().await?)
}

/// The devices whose newest row may have been revoked.
async fn revoked(client: &Client, page: &Page) -> Result<Vec<Whose>, HistoryError> {
    let revoked = format!(
        "SELECT client_id, device_id FROM latest WHERE {} GROUP BY client_id, device_id \
         HAVING max(latest.time) <= max(latest.revoked_time)",
        page.condition()
    );
    Ok(client.query_raw(&revoked).fetch_all().await?)
}

/// Devices as a list in a question.
fn list(devices: impl Iterator<Item = Whose>) -> String {
    let pairs: Vec<String> = devices
        .map(|(client, device)| format!("({client},{device})"))
        .collect();
    pairs.join(",")
}

/// The newest rows of each of these devices that meet the condition.
async fn newest_rows(
    client: &Client,
    devices: &str,
    condition: &str,
    each: usize,
) -> Result<Vec<PositionRow>, HistoryError> {
    let question = format!(
        "SELECT {} FROM positions AS p FINAL WHERE (p.client_id, p.device_id) IN ({devices}) AND {condition} \
         ORDER BY p.time DESC, p.id DESC LIMIT {each} BY p.client_id, p.device_id",
        columns()
    );
    let records = client.query_raw(&question).fetch_all::<PositionRecord>().await?;
    Ok(records.into_iter().map(PositionRow::from).collect())
}

/// All columns of [`PositionRecord`], from `positions AS p`.
pub(super) fn columns() -> String {
    let columns: Vec<String> = STATE
        .iter()
        .map(|column| match *column {
            "verdict" => "toInt8(p.verdict) AS verdict".into(),
            "vendor" | "plugin" => format!("toString(p.{column}) AS {column}"),
            "attributes" => "CAST(p.attributes, 'Map(String, String)') AS attributes".into(),
            other => format!("p.{other} AS {other}"),
        })
        .collect();
    format!(
        "p.client_id AS client_id, p.device_id AS device_id, p.time AS time, {}",
        columns.join(", ")
    )
}

/// The newest of both. The greatest fix time wins, then the message that came later. Behind them the rows that were
/// corrected and are not older.
pub(super) fn merge(stored: Vec<PositionRow>, mut unsaved: Unsaved) -> Vec<PositionRow> {
    let (stored, mut corrected): (Vec<_>, Vec<_>) =
        stored.into_iter().partition(|row| row.verdict.is_trusted());
    corrected.append(&mut unsaved.corrected);
    // of a place, only what was said last counts
    let mut last: HashMap<Key, u8> = HashMap::new();
    for row in &corrected {
        let revision = last.entry(key(row)).or_default();
        *revision = row.revision.max(*revision);
    }
    let mut newest: HashMap<(u32, u32), PositionRow> = HashMap::new();
    for row in stored.into_iter().chain(std::mem::take(&mut unsaved.trusted)) {
        if let Some(revision) = last.get_mut(&key(&row)) {
            *revision = row.revision.max(*revision);
        }
        if unsaved.revokes(&row) {
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
    corrected.retain(|row| {
        let newest = newest.get(&(row.client.0, row.device.0));
        newest.is_none_or(|newest| newest.time <= row.time) && last.get(&key(row)) == Some(&row.revision)
    });
    newest.into_values().chain(corrected).collect()
}

fn key(row: &PositionRow) -> Key {
    (row.client.0, row.device.0, row.time.0, row.content)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use clickhouse::Row;

    use super::*;
    use crate::model::{ClientId, DeviceId, Fix, PositionId, TimeMs, Verdict};

    fn row(id: u64, time: i64, revision: u8, verdict: Verdict) -> PositionRow {
        PositionRow {
            client: ClientId(1),
            device: DeviceId(1),
            id: PositionId(id),
            revision,
            time: TimeMs(time),
            received: TimeMs(time),
            verdict,
            content: 7,
            vendor: "".into(),
            plugin: "".into(),
            fix: Fix::default(),
        }
    }

    fn merged(stored: &[PositionRow], waiting: &[PositionRow]) -> Vec<(u64, u8)> {
        let mut unsaved = Unsaved::default();
        for row in waiting {
            unsaved.take(row.clone());
        }
        let mut rows = merge(stored.to_vec(), unsaved);
        rows.sort_by_key(|row| (!row.verdict.is_trusted(), row.time));
        rows.iter().map(|row| (row.id.0, row.revision)).collect()
    }

    #[test]
    fn columns_are_in_the_order_in_which_they_are_read() {
        let columns = ["client_id", "device_id", "time"].into_iter().chain(STATE);
        assert!(columns.eq(PositionRecord::COLUMN_NAMES.iter().copied()));
    }

    #[test]
    fn every_device_is_on_one_page() {
        let pages = cut(&[(1, 5), (1, 9), (4, 2)]);
        let conditions: Vec<String> = pages.iter().map(Page::condition).collect();
        assert_eq!(
            conditions,
            [
                "1 AND (client_id < 1 OR client_id = 1 AND device_id <= 5)",
                "1 AND (client_id > 1 OR client_id = 1 AND device_id > 5) AND \
                 (client_id < 1 OR client_id = 1 AND device_id <= 9)",
                "1 AND (client_id > 1 OR client_id = 1 AND device_id > 9) AND \
                 (client_id < 4 OR client_id = 4 AND device_id <= 2)",
                "1 AND (client_id > 4 OR client_id = 4 AND device_id > 2)",
            ]
        );
        assert_eq!(cut(&[])[0].condition(), "1");
    }

    #[test]
    fn a_deletion_that_waits_to_be_stored_counts() {
        let stored = [row(3, 30, 0, Verdict::Ok), row(2, 20, 0, Verdict::Ok)];
        assert_eq!(merged(&stored, &[]), [(3, 0)]);
        // the tombstone goes along, as it is newer than what is trusted
        let deleted = row(3, 30, 1, Verdict::Deleted);
        assert_eq!(merged(&stored, std::slice::from_ref(&deleted)), [(2, 0), (3, 1)]);
        // something newer still makes it uninteresting
        let newer = row(4, 40, 0, Verdict::Ok);
        assert_eq!(merged(&stored, &[deleted, newer]), [(4, 0)]);
    }

    #[test]
    fn a_later_revision_of_the_same_place_is_not_revoked_by_an_earlier_one() {
        let waiting = [
            row(3, 30, 1, Verdict::Deleted),
            row(3, 20, 2, Verdict::Ok),
            row(3, 20, 3, Verdict::Deleted),
            row(3, 30, 4, Verdict::Ok),
        ];
        assert_eq!(merged(&[], &waiting), [(3, 4)]);
        let mut unsaved = Unsaved::default();
        for row in waiting {
            unsaved.take(row);
        }
        assert_eq!(
            unsaved.revoked_of().into_iter().collect::<Vec<_>>(),
            [((1, 1), 2)]
        );
    }
}
