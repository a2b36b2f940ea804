//! Compares a batch with what is stored, after a failure whose outcome nobody knows.
//!
//! First it is made sure that no earlier attempt is still running on the server. Then the ids that are
//! stored are read, the rows that are not are inserted, and the stored rows are put through the
//! materialised views once more: a crash may have come between the table and its views, and the views
//! are idempotent.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use clickhouse::Client;
use clickhouse::error::Error;

use super::batch::Batch;
use super::error::HistoryError;
use super::migrations;
use super::record;
use super::writer::{self, Deduplicate, Part, Table};
use crate::model::{MAX_FIXES_PER_MESSAGE, TimeMs};

/// Earlier attempts must have ended within this.
const END_EARLIER: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// One question.
const ASK: Duration = Duration::from_secs(120);
/// Ids in one question; ClickHouse takes 256 KiB of text.
const IDS: usize = 4_000;

/// Makes sure that every row of the part is stored once. Returns the number of rows that were missing.
pub(super) async fn complete(
    client: &Client,
    database: &str,
    journal: &str,
    batch: &Batch,
    part: &Part,
) -> Result<usize, HistoryError> {
    end_earlier(client, &part.query_prefix(journal, batch)).await?;
    let missing = match part.table {
        Table::Positions => missing_positions(client, batch, part).await?,
        Table::Raw => {
            missing_messages(client, part, |index| {
                batch.raw.get(index).map(|row| (row.offset.0, row.received))
            })
            .await?
        }
        Table::Dead => {
            missing_messages(client, part, |index| {
                batch.dead.get(index).map(|row| (row.offset.0, row.received))
            })
            .await?
        }
    };
    if !missing.is_empty() {
        writer::insert(client, journal, batch, part, Deduplicate::No, |index| {
            missing.contains(&index)
        })
        .await?;
    }
    if part.table == Table::Positions {
        repair_views(client, database, batch, part).await?;
    }
    Ok(missing.len())
}

/// Ends what may still be running of earlier attempts, and waits until it has.
async fn end_earlier(client: &Client, prefix: &str) -> Result<(), HistoryError> {
    let deadline = Instant::now() + END_EARLIER;
    loop {
        let running = ask(client
            .query("SELECT count() FROM system.processes WHERE startsWith(query_id, ?)")
            .bind(prefix)
            .fetch_one::<u64>())
        .await?;
        if running == 0 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::TimedOut.into());
        }
        ask(client
            .query("KILL QUERY WHERE startsWith(query_id, ?) ASYNC")
            .bind(prefix)
            .execute())
        .await?;
        tokio::time::sleep(LOOK).await;
    }
}

/// Indexes of the rows that are not stored. Looks at raw rows, so that every revision counts by itself.
async fn missing_positions(
    client: &Client,
    batch: &Batch,
    part: &Part,
) -> Result<HashSet<usize>, HistoryError> {
    let mut stored: HashSet<(u64, u8)> = HashSet::new();
    for condition in conditions(batch, part) {
        let question = format!("SELECT id, revision FROM positions AS p WHERE {condition}");
        stored.extend(ask(client.query_raw(&question).fetch_all::<(u64, u8)>()).await?);
    }
    let is_missing = |index: &usize| {
        batch
            .positions
            .get(*index)
            .is_some_and(|row| !stored.contains(&(row.id.0, row.revision)))
    };
    Ok(part.rows.clone().filter(is_missing).collect())
}

async fn missing_messages(
    client: &Client,
    part: &Part,
    key: impl Fn(usize) -> Option<(u64, TimeMs)>,
) -> Result<HashSet<usize>, HistoryError> {
    let keys = || part.rows.clone().filter_map(&key);
    let offsets = span(keys().map(|(offset, _)| offset));
    let times = span(keys().map(|(_, received)| record::clamp(received)));
    let (Some(offsets), Some(times)) = (offsets, times) else {
        return Ok(HashSet::new());
    };
    let question = format!(
        "SELECT offset FROM {} WHERE offset BETWEEN {} AND {} AND {}",
        part.table.name(),
        offsets.start(),
        offsets.end(),
        within("received", &times)
    );
    let stored: HashSet<u64> = ask(client.query_raw(&question).fetch_all::<u64>())
        .await?
        .into_iter()
        .collect();
    let is_missing = |index: &usize| key(*index).is_some_and(|(offset, _)| !stored.contains(&offset));
    Ok(part.rows.clone().filter(is_missing).collect())
}

/// Puts the stored rows of the part through the views of `positions` once more.
async fn repair_views(
    client: &Client,
    database: &str,
    batch: &Batch,
    part: &Part,
) -> Result<(), HistoryError> {
    for (view, columns) in [
        ("latest_trusted", "client_id, device_id, time, state"),
        ("latest_revoked", "client_id, device_id, revoked_time"),
    ] {
        let select = migrations::view_select(view, database)?;
        for condition in conditions(batch, part) {
            let narrowed = select.replacen("\nGROUP BY", &format!(" AND ({condition})\nGROUP BY"), 1);
            let statement = format!("INSERT INTO latest ({columns}) {narrowed}");
            let query = client
                .query_raw(&statement)
                .with_setting("async_insert", "0")
                .with_setting("insert_deduplicate", "0");
            ask(query.execute()).await?;
        }
    }
    Ok(())
}

/// Conditions on `positions AS p` that together find all rows of the part: one for the ids of the batch's own
/// journal range, and lists for rows that revise older ones. The times prune partitions.
fn conditions(batch: &Batch, part: &Part) -> Vec<String> {
    let radix = MAX_FIXES_PER_MESSAGE as u64;
    let own = batch.from.0.saturating_mul(radix)..batch.to.0.saturating_mul(radix);
    let rows = || part.rows.clone().filter_map(|index| batch.positions.get(index));
    let mut conditions = Vec::new();
    let times = span(
        rows()
            .filter(|row| own.contains(&row.id.0))
            .map(|row| record::clamp(row.time)),
    );
    if let Some(times) = times {
        let (start, end) = (own.start, own.end);
        conditions.push(format!(
            "p.id >= {start} AND p.id < {end} AND {}",
            within("p.time", &times)
        ));
    }
    let older: Vec<_> = rows().filter(|row| !own.contains(&row.id.0)).collect();
    for some in older.chunks(IDS) {
        if let Some(times) = span(some.iter().map(|row| record::clamp(row.time))) {
            let ids: Vec<String> = some.iter().map(|row| row.id.to_string()).collect();
            conditions.push(format!(
                "p.id IN ({}) AND {}",
                ids.join(","),
                within("p.time", &times)
            ));
        }
    }
    conditions
}

fn within(column: &str, times: &RangeInclusive<i64>) -> String {
    let instant = |time: &i64| format!("fromUnixTimestamp64Milli(toInt64({time}), 'UTC')");
    format!(
        "{column} >= {} AND {column} <= {}",
        instant(times.start()),
        instant(times.end())
    )
}

/// From the least to the greatest.
fn span<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<RangeInclusive<T>> {
    values.fold(None, |span, value| {
        Some(span.map_or(value..=value, |span| {
            value.min(*span.start())..=value.max(*span.end())
        }))
    })
}

async fn ask<T>(question: impl Future<Output = Result<T, Error>>) -> Result<T, HistoryError> {
    match tokio::time::timeout(ASK, question).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::TimedOut.into()),
    }
}
