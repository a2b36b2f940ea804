//! Positions where they are kept: read back one by one, or by device and time.
//!
//! Every question is one client's, sees what stands (`FINAL`, without what was taken back), and is bounded in
//! rows, time and memory. Rows come as a stream: an answer of any length takes little memory here.

use std::time::Duration;

use clickhouse::Client;
use clickhouse::error::Error;
use clickhouse::query::{Query, RowCursor};
use tokio::sync::watch;

use super::condition::{Condition, Value};
use super::error::HistoryError;
use super::newest;
use super::record::{self, PositionRecord};
use super::retry;
use super::row::PositionRow;
use crate::model::{ClientId, Corrected, DeviceId, MAX_CORRECTED, Offset, PositionId, TimeMs, Verdict};

/// What ClickHouse may take for one question, seconds and bytes …
const SECONDS: u64 = 15;
pub(super) const MEMORY: u64 = 512 << 20;
/// … and how long its next piece is waited for.
const ASK: Duration = Duration::from_secs(20);
/// ClickHouse's codes of questions that take too much: rows (158, 396), time (159), memory (241).
const TOO_LARGE: [u32; 4] = [158, 159, 241, 396];
/// How far back the row before the latest one is looked for, days; at last everywhere.
const BACK_DAYS: [i64; 3] = [1, 32, 40_000];
const DAY_MS: i64 = 86_400_000;

/// Which positions are meant: those that meet all that is said.
#[derive(Debug, Clone, Default)]
pub struct PositionSelection {
    /// Whose.
    pub client: ClientId,
    /// Of these devices; empty: of all.
    pub devices: Vec<DeviceId>,
    /// Not before this.
    pub from: Option<TimeMs>,
    /// Before this.
    pub to: Option<TimeMs>,
    /// Of these verdicts; empty: of any.
    pub verdicts: Vec<Verdict>,
    /// Behind the position of this time and id, in the order asked for.
    pub after: Option<(TimeMs, PositionId)>,
    /// In which order.
    pub order: Order,
    /// Leaving out so many.
    pub skip: u64,
    /// At most so many.
    pub limit: u64,
}

/// By time, then id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The oldest first.
    #[default]
    Ascending,
    /// The newest first.
    Descending,
}

/// What stands at a place in history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub id: PositionId,
    pub revision: u8,
    pub deleted: bool,
}

/// The positions of all clients. Cheap to clone.
#[derive(Clone)]
pub struct Positions {
    pub(super) client: Client,
    pub(super) ready: watch::Receiver<bool>,
    pub(super) stored: watch::Receiver<Offset>,
}

/// Rows on their way. Dropping it ends the question.
pub struct PositionRows {
    pub(super) cursor: RowCursor<PositionRecord>,
}

impl PositionRows {
    /// The next row.
    pub async fn next(&mut self) -> Result<Option<PositionRow>, HistoryError> {
        Ok(ask(self.cursor.next()).await?.map(PositionRow::from))
    }
}

impl Positions {
    /// Returns when all that came of records below `end` can be read. `Err` when that takes longer than `at_most`.
    pub async fn wait_stored(&self, end: Offset, at_most: Duration) -> Result<(), HistoryError> {
        let mut stored = self.stored.clone();
        let reached = stored.wait_for(|stored| *stored >= end);
        match tokio::time::timeout(at_most, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(HistoryError::State("history has stopped".into())),
            Err(_) => Err(Error::TimedOut.into()),
        }
    }

    /// Everything below this offset can be read.
    pub fn stored(&self) -> Offset {
        *self.stored.borrow()
    }

    /// The position of this id, unless it was taken back, or is the same fix as one that came before.
    pub async fn get(&self, client: ClientId, id: PositionId) -> Result<Option<PositionRow>, HistoryError> {
        // the id is no part of the key: first where its last row stands, then what stands there
        let mut place = of(client);
        place.and("p.id = ?", Value::Number(id.0));
        let select = "SELECT p.device_id, toUnixTimestamp64Milli(p.time), p.content FROM positions AS p";
        let query = self.query(select, &place, " ORDER BY p.revision DESC LIMIT 1")?;
        let Some((device, time, content)) = ask(query.fetch_optional::<(u32, i64, u64)>()).await? else {
            return Ok(None);
        };
        let mut row = at(client, DeviceId(device), TimeMs(time), content);
        row.and("p.id = ?", Value::Number(id.0));
        row.and("p.verdict != ?", deleted());
        let select = format!("SELECT {} FROM positions AS p FINAL", newest::columns());
        let query = self.query(&select, &row, " LIMIT 1")?;
        let record = ask(query.fetch_optional::<PositionRecord>()).await?;
        Ok(record.map(PositionRow::from))
    }

    /// The positions that are meant, in order.
    pub fn select(&self, selection: &PositionSelection) -> Result<PositionRows, HistoryError> {
        let mut condition = of(selection.client);
        if !selection.devices.is_empty() {
            let devices = selection.devices.iter().map(|device| u64::from(device.0));
            condition.and("p.device_id IN ?", Value::Numbers(devices.collect()));
        }
        if let Some(from) = selection.from {
            condition.and(&format!("p.time >= {INSTANT}"), instant(from));
        }
        if let Some(to) = selection.to {
            condition.and(&format!("p.time < {INSTANT}"), instant(to));
        }
        if selection.verdicts.is_empty() {
            condition.and("p.verdict != ?", deleted());
        } else {
            let names = selection.verdicts.iter().map(|verdict| verdict.name().to_owned());
            condition.and("toString(p.verdict) IN ?", Value::Texts(names.collect()));
        }
        let (than, direction) = match selection.order {
            Order::Ascending => (">", ""),
            Order::Descending => ("<", " DESC"),
        };
        if let Some((time, id)) = selection.after {
            // prunes partitions; the rest of the comparison is among those of that very time
            condition.and(&format!("p.time {than}= {INSTANT}"), instant(time));
            condition.and(&format!("(p.time != {INSTANT}"), instant(time));
            condition.text += " OR p.id ";
            condition.text += than;
            condition.text += " ?)";
            condition.values.push(Value::Number(id.0));
        }
        let (limit, skip) = (selection.limit, selection.skip);
        let page = format!(" ORDER BY p.time{direction}, p.id{direction} LIMIT {limit} OFFSET {skip}");
        let select = format!("SELECT {} FROM positions AS p FINAL", newest::columns());
        let cursor = self
            .query(&select, &condition, &page)?
            .fetch::<PositionRecord>()
            .map_err(judged)?;
        Ok(PositionRows { cursor })
    }

    /// Whether a device has any position.
    pub async fn any(&self, client: ClientId, device: DeviceId) -> Result<bool, HistoryError> {
        let mut condition = of(client);
        condition.and("p.device_id = ?", Value::Number(u64::from(device.0)));
        // in the order of the key, so that the first position ends it
        let rest = " GROUP BY p.client_id, p.device_id, p.time, p.content \
                     HAVING argMax(p.verdict, p.version) != 'deleted' LIMIT 1";
        let query = self
            .query("SELECT toUInt8(1) FROM positions AS p", &condition, rest)?
            .with_setting("optimize_aggregation_in_order", "1");
        Ok(ask(query.fetch_optional::<u8>()).await?.is_some())
    }

    /// What stands at a place in history, also where that was taken back.
    pub(crate) async fn holder(
        &self,
        client: ClientId,
        device: DeviceId,
        time: TimeMs,
        content: u64,
    ) -> Result<Option<Holder>, HistoryError> {
        let condition = at(client, device, time, content);
        let select = "SELECT p.id, p.revision, toUInt8(p.verdict = 'deleted') FROM positions AS p FINAL";
        let query = self.query(select, &condition, " LIMIT 1")?;
        let found = ask(query.fetch_optional::<(u64, u8, u8)>()).await?;
        Ok(found.map(|(id, revision, deleted)| Holder {
            id: PositionId(id),
            revision,
            deleted: deleted != 0,
        }))
    }

    /// Of all other rows of `latest`'s device, the one that would be the latest position without it.
    pub(crate) async fn newest_but(&self, latest: &PositionRow) -> Result<Option<PositionRow>, HistoryError> {
        let select = format!("SELECT {} FROM positions AS p FINAL", newest::columns());
        for days in BACK_DAYS {
            let mut condition = of(latest.client);
            condition.and("p.device_id = ?", Value::Number(u64::from(latest.device.0)));
            condition.and("p.id != ?", Value::Number(latest.id.0));
            let since = TimeMs(latest.time.0.saturating_sub(days * DAY_MS).max(0));
            condition.and(&format!("p.time >= {INSTANT}"), instant(since));
            condition.and(
                "(p.trusted OR (p.verdict = 'late' AND p.revision < ?))",
                Value::Number(u64::from(MAX_CORRECTED)),
            );
            let newest = " ORDER BY p.time DESC, p.id DESC LIMIT 1";
            let query = self.query(&select, &condition, newest)?;
            if let Some(record) = ask(query.fetch_optional::<PositionRecord>()).await? {
                return Ok(Some(record.into()));
            }
        }
        Ok(None)
    }

    /// What was corrected of a device, from a point in time on, and is not trusted.
    pub(crate) async fn corrected(
        &self,
        client: ClientId,
        device: DeviceId,
        since: TimeMs,
    ) -> Result<Vec<Corrected>, HistoryError> {
        let mut condition = of(client);
        condition.and("p.device_id = ?", Value::Number(u64::from(device.0)));
        condition.and(&format!("p.time >= {INSTANT}"), instant(since));
        condition.and("p.revision > ?", Value::Number(0));
        let select = format!("SELECT {} FROM positions AS p FINAL", newest::columns());
        let rest = format!(
            " AND NOT p.trusted ORDER BY p.time DESC LIMIT {}",
            newest::CORRECTED
        );
        let query = self.query(&select, &condition, &rest)?;
        let records = ask(query.fetch_all::<PositionRecord>()).await?;
        let rows = records.into_iter().map(PositionRow::from);
        Ok(rows.map(|row| Corrected::from(&row)).collect())
    }

    pub(super) fn query(
        &self,
        select: &str,
        condition: &Condition,
        rest: &str,
    ) -> Result<Query, HistoryError> {
        let query = question(&self.client, &self.ready, select, condition, rest)?;
        // a row's partition follows from its key: rows of different ones never replace each other
        Ok(query.with_setting("do_not_merge_across_partitions_select_final", "1"))
    }
}

/// A question that may take so much and no more; refused while ClickHouse is not there.
pub(super) fn question(
    client: &Client,
    ready: &watch::Receiver<bool>,
    select: &str,
    condition: &Condition,
    rest: &str,
) -> Result<Query, HistoryError> {
    if !*ready.borrow() {
        return Err(Error::TimedOut.into());
    }
    let query = client
        .query(&format!("{select} WHERE {}{rest}", condition.text))
        .with_setting("max_execution_time", SECONDS.to_string())
        .with_setting("max_memory_usage", MEMORY.to_string());
    Ok(condition.bind(query))
}

/// A point in time, bound as milliseconds.
pub(super) const INSTANT: &str = "fromUnixTimestamp64Milli(toInt64(?), 'UTC')";

fn deleted() -> Value {
    Value::Text(Verdict::Deleted.name().to_owned())
}

pub(super) fn instant(time: TimeMs) -> Value {
    Value::Signed(record::clamp(time))
}

/// The positions of a client.
pub(super) fn of(client: ClientId) -> Condition {
    Condition::of("p.client_id", client)
}

/// The rows of one place.
fn at(client: ClientId, device: DeviceId, time: TimeMs, content: u64) -> Condition {
    let mut condition = of(client);
    condition.and("p.device_id = ?", Value::Number(u64::from(device.0)));
    condition.and(&format!("p.time = {INSTANT}"), instant(time));
    condition.and("p.content = ?", Value::Number(content));
    condition
}

pub(super) async fn ask<T>(question: impl Future<Output = Result<T, Error>>) -> Result<T, HistoryError> {
    match tokio::time::timeout(ASK, question).await {
        Ok(answer) => answer.map_err(judged),
        Err(_) => Err(Error::TimedOut.into()),
    }
}

/// Tells questions that are too large from a server that is away.
pub(super) fn judged(error: Error) -> HistoryError {
    if let Error::BadResponse(text) = &error
        && retry::code(text).is_some_and(|code| TOO_LARGE.contains(&code))
    {
        return HistoryError::TooLarge(text.clone());
    }
    error.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn every_value_is_bound_and_the_client_always_stands_there() {
        let condition = at(ClientId(7), DeviceId(8), TimeMs(-5), 9);
        assert_eq!(condition.text.matches('?').count(), condition.values.len());
        assert!(condition.text.starts_with("p.client_id = ?"));
        // before 1970 nothing is stored
        let values = [
            Value::Number(7),
            Value::Number(8),
            Value::Signed(0),
            Value::Number(9),
        ];
        assert_eq!(condition.values, values);
    }

    #[test]
    fn a_question_that_takes_too_much_is_told_from_a_server_in_trouble() {
        let bad = |code: u32| judged(Error::BadResponse(format!("Code: {code}. DB::Exception: no")));
        assert!(matches!(bad(159), HistoryError::TooLarge(_)));
        assert!(matches!(bad(241), HistoryError::TooLarge(_)));
        assert!(matches!(bad(60), HistoryError::ClickHouse(_)));
        assert!(matches!(judged(Error::TimedOut), HistoryError::ClickHouse(_)));
    }
}
