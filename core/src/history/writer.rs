//! One insert into ClickHouse: settings, timeouts, and how a batch is cut into inserts.

use std::ops::Range;
use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::{Client, RowOwned, RowWrite};
use uuid::Uuid;

use super::batch::Batch;
use super::record::{DeadRecord, PositionRecord, RawRecord};
use crate::crash;

/// One insert stays one block per partition below these, and so one deduplication token is one decision.
const INSERT_ROWS: usize = 250_000;
const INSERT_BYTES: usize = 96 << 20;

const ASK: Duration = Duration::from_secs(20);
const SEND: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(120);

/// The rows of a batch that go into one insert. The cut depends on the batch alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub table: Table,
    pub rows: Range<usize>,
    /// Which of the table's parts in this batch.
    pub number: usize,
}

/// The tables that a batch fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Positions,
    Raw,
    Dead,
}

impl Table {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Positions => "positions",
            Self::Raw => "raw_messages",
            Self::Dead => "dead_letters",
        }
    }
}

impl Part {
    /// Names this part of this batch for ever: deduplication token and prefix of query ids.
    pub(super) fn token(&self, journal: &str, batch: &Batch) -> String {
        let (from, to, table) = (batch.from, batch.to, self.table.name());
        match self.number {
            0 => format!("{journal}:{from}-{to}:{table}"),
            number => format!("{journal}:{from}-{to}:{table}:{number}"),
        }
    }

    /// Query ids of attempts at this part start with this; those of no other part do.
    pub(super) fn query_prefix(&self, journal: &str, batch: &Batch) -> String {
        format!("fixstream:{}/", self.token(journal, batch))
    }
}

/// Cuts a batch into inserts.
pub(super) fn parts(batch: &Batch) -> Vec<Part> {
    let positions = batch
        .positions
        .iter()
        .map(|row| 300 + row.fix.attributes.len() * 64);
    let raw = batch
        .raw
        .iter()
        .map(|row| 64 + row.payload.len() + row.channel.len());
    let dead = batch
        .dead
        .iter()
        .map(|row| 128 + row.payload.len() + row.envelope.len() + row.detail.len());
    let mut parts = cut(Table::Positions, positions);
    parts.extend(cut(Table::Raw, raw));
    parts.extend(cut(Table::Dead, dead));
    parts
}

fn cut(table: Table, sizes: impl Iterator<Item = usize>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let (mut start, mut end, mut bytes) = (0, 0, 0);
    for size in sizes {
        if end > start && (end - start >= INSERT_ROWS || bytes + size > INSERT_BYTES) {
            parts.push(Part {
                table,
                rows: start..end,
                number: parts.len(),
            });
            (start, bytes) = (end, 0);
        }
        bytes += size;
        end += 1;
    }
    if end > start {
        parts.push(Part {
            table,
            rows: start..end,
            number: parts.len(),
        });
    }
    parts
}

/// How a repeated insert is kept from adding rows twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deduplicate {
    /// By token: the server remembers it.
    ByToken,
    /// Not at all: the rows are known to be missing.
    No,
}

/// Inserts those rows of the part for which `keep` is true. `Err`: none, some or all of them are stored.
pub(super) async fn insert(
    client: &Client,
    journal: &str,
    batch: &Batch,
    part: &Part,
    how: Deduplicate,
    keep: impl Fn(usize) -> bool + Send + Sync,
) -> Result<(), Error> {
    let settings = settings(journal, batch, part, how);
    let name = part.table.name();
    let chosen = part.rows.clone().filter(|index| keep(*index));
    match part.table {
        Table::Positions => {
            let rows = chosen.filter_map(|index| batch.positions.get(index));
            send(client, name, settings, rows.map(PositionRecord::from)).await
        }
        Table::Raw => {
            let rows = chosen.filter_map(|index| batch.raw.get(index));
            send(client, name, settings, rows.map(RawRecord::from)).await
        }
        Table::Dead => {
            let rows = chosen.filter_map(|index| batch.dead.get(index));
            send(client, name, settings, rows.map(DeadRecord::from)).await
        }
    }
}

fn settings(journal: &str, batch: &Batch, part: &Part, how: Deduplicate) -> Vec<(&'static str, String)> {
    let query_id = format!("{}{}", part.query_prefix(journal, batch), Uuid::new_v4().simple());
    let deduplication = match how {
        Deduplicate::ByToken => ("insert_deduplication_token", part.token(journal, batch)),
        Deduplicate::No => ("insert_deduplicate", "0".into()),
    };
    vec![
        ("query_id", query_id),
        ("async_insert", "0".into()),
        ("max_partitions_per_insert_block", "0".into()),
        // Rows of one block that replace each other do so when it is merged, as those of different blocks do: to look for
        // them in each block took half of what an insert costs.
        ("optimize_on_insert", "0".into()),
        ("deduplicate_blocks_in_dependent_materialized_views", "1".into()),
        deduplication,
    ]
}

async fn send<R: RowOwned + RowWrite>(
    client: &Client,
    table: &str,
    settings: Vec<(&'static str, String)>,
    records: impl Iterator<Item = R> + Send,
) -> Result<(), Error> {
    crash::point("clickhouse-send-before");
    let started = tokio::time::timeout(ASK, client.insert::<R>(table))
        .await
        .map_err(|_| Error::TimedOut)?;
    let mut insert = started?.with_timeouts(Some(SEND), Some(END));
    for (name, value) in settings {
        insert = insert.with_setting(name, value);
    }
    for record in records {
        insert.write(&record).await?;
    }
    crash::point("clickhouse-send-after");
    crash::during("clickhouse-commit-before", insert.end()).await?;
    crash::point("clickhouse-commit-after");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn large_batches_are_cut_the_same_way_every_time() {
        let sizes = || (0..=INSERT_ROWS * 2).map(|_| 10);
        let parts = cut(Table::Positions, sizes());
        assert_eq!(parts, cut(Table::Positions, sizes()));
        let rows: Vec<_> = parts.iter().map(|part| part.rows.clone()).collect();
        assert_eq!(
            rows,
            [
                0..INSERT_ROWS,
                INSERT_ROWS..2 * INSERT_ROWS,
                2 * INSERT_ROWS..2 * INSERT_ROWS + 1
            ]
        );
        assert!(cut(Table::Raw, std::iter::empty()).is_empty());
    }

    #[test]
    fn a_row_larger_than_an_insert_goes_alone() {
        let parts = cut(Table::Raw, [1, INSERT_BYTES + 1, 1].into_iter());
        assert_eq!(
            parts.iter().map(|part| part.rows.clone()).collect::<Vec<_>>(),
            [0..1, 1..2, 2..3]
        );
    }

    #[test]
    fn tokens_tell_parts_apart_and_prefixes_do_not_overlap() {
        let batch = Batch::default();
        let part = |number| Part {
            table: Table::Raw,
            rows: 0..1,
            number,
        };
        assert_ne!(part(0).token("j", &batch), part(1).token("j", &batch));
        assert!(
            !part(1)
                .query_prefix("j", &batch)
                .starts_with(&part(0).query_prefix("j", &batch))
        );
    }
}
