//! Dead letters where they are kept: listed, read back for a replay, marked as replayed.

use std::time::Duration;

use bytes::Bytes;
use clickhouse::error::Error;
use clickhouse::query::Query;
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::condition::{Condition, Value};
use super::error::HistoryError;
use super::record;
use crate::clock;
use crate::model::{ClientId, DeadReason, Offset, TimeMs, Uplink};

/// One question or mark.
const ASK: Duration = Duration::from_secs(10);
/// Bytes of a payload that a list shows; the letter keeps all.
pub const SHOWN_PAYLOAD: u64 = 64 << 10;

/// Which letters are meant: those that meet all that is said. Always those of one client.
#[derive(Debug, Clone, Default)]
pub struct LetterFilter {
    /// Whose.
    pub client: ClientId,
    /// Whether those that were replayed are meant, or those that were not.
    pub replayed: bool,
    /// One of these reasons; empty: any.
    pub reasons: Vec<DeadReason>,
    /// Of this vendor.
    pub vendor: Option<String>,
    /// Of one of these device identifiers; empty: any, also none.
    pub devices: Vec<String>,
    /// Only those without a device identifier.
    pub unnamed: bool,
    /// Of these messages; empty: any.
    pub ids: Vec<Offset>,
    /// Above this one.
    pub after: Option<Offset>,
    /// Below this one.
    pub before: Option<Offset>,
}

/// A letter as it is listed.
#[derive(Debug, Clone, PartialEq, Row, Deserialize)]
pub struct Letter {
    /// Its journal record, and so its id.
    pub offset: Offset,
    /// Why ([`DeadReason::name`]).
    pub reason: String,
    /// Why, in words.
    pub detail: String,
    /// Time of receipt.
    pub received: TimeMs,
    /// The vendor, or empty.
    pub vendor: String,
    /// Topic or path.
    pub channel: String,
    /// Device identifier where one is known.
    pub device: Option<String>,
    /// The plugin that failed, where one ran.
    pub plugin: Option<String>,
    /// The first [`SHOWN_PAYLOAD`] of the raw bytes.
    pub payload: Bytes,
    /// How many raw bytes there are.
    pub payload_bytes: u64,
    /// Whether all is there that a replay needs.
    pub replayable: bool,
}

/// A letter's message; `None`: it was kept before replays were known, or never was a message.
pub(crate) struct Kept {
    pub offset: Offset,
    pub uplink: Option<Uplink>,
}

/// A row of `dead_letters_replayed`.
#[derive(Row, Serialize)]
struct Mark {
    client_id: u32,
    offset: u64,
    replayed_as: u64,
    replayed: i64,
    received: i64,
}

/// The letters of all clients. Cheap to clone.
#[derive(Clone)]
pub struct Letters {
    pub(super) client: Client,
    pub(super) ready: watch::Receiver<bool>,
}

impl Letters {
    /// How many letters there are.
    pub async fn count(&self, filter: &LetterFilter) -> Result<u64, HistoryError> {
        let condition = filter.condition();
        let query = self.query("SELECT count() FROM dead_letters AS d FINAL", &condition, "")?;
        ask(query.fetch_one::<u64>()).await
    }

    /// Letters, the newest first, from the `skip`-th on.
    pub async fn list(
        &self,
        filter: &LetterFilter,
        skip: u64,
        limit: u64,
    ) -> Result<Vec<Letter>, HistoryError> {
        let select = format!(
            "SELECT d.offset AS offset, toString(d.reason) AS reason, d.detail AS detail, d.received AS received, \
             toString(d.vendor) AS vendor, d.channel AS channel, d.device AS device, d.plugin AS plugin, \
             substring(d.payload, 1, {SHOWN_PAYLOAD}) AS payload, length(d.payload) AS payload_bytes, \
             toBool(notEmpty(d.envelope)) AS replayable \
             FROM dead_letters AS d FINAL"
        );
        let page = format!(" ORDER BY d.offset DESC, d.reason, d.detail LIMIT {limit} OFFSET {skip}");
        let condition = filter.condition();
        ask(self.query(&select, &condition, &page)?.fetch_all()).await
    }

    /// How many messages there are; one may have several letters.
    pub(crate) async fn messages(&self, filter: &LetterFilter) -> Result<u64, HistoryError> {
        let condition = filter.condition();
        let query = self.query(
            "SELECT uniqExact(d.offset) FROM dead_letters AS d",
            &condition,
            "",
        )?;
        ask(query.fetch_one::<u64>()).await
    }

    /// The first messages and the bytes of each.
    pub(crate) async fn sizes(
        &self,
        filter: &LetterFilter,
        limit: usize,
    ) -> Result<Vec<(Offset, u64)>, HistoryError> {
        let page = format!(" GROUP BY d.offset ORDER BY d.offset LIMIT {limit}");
        let select = "SELECT d.offset, any(length(d.payload) + length(d.envelope)) FROM dead_letters AS d";
        let condition = filter.condition();
        let rows = ask(self.query(select, &condition, &page)?.fetch_all::<(u64, u64)>()).await?;
        Ok(rows
            .into_iter()
            .map(|(offset, bytes)| (Offset(offset), bytes))
            .collect())
    }

    /// The messages themselves, in order.
    pub(crate) async fn read(&self, client: ClientId, ids: &[Offset]) -> Result<Vec<Kept>, HistoryError> {
        let filter = LetterFilter {
            client,
            ids: ids.to_vec(),
            ..LetterFilter::default()
        };
        let select = "SELECT d.offset, any(d.payload), any(d.envelope) FROM dead_letters AS d";
        let condition = filter.condition();
        let query = self.query(select, &condition, " GROUP BY d.offset ORDER BY d.offset")?;
        let rows = ask(query.fetch_all::<(u64, Bytes, Bytes)>()).await?;
        Ok(rows
            .into_iter()
            .map(|(offset, payload, envelope)| Kept {
                offset: Offset(offset),
                // another client's message is never made from this client's letter, whatever stands there
                uplink: Uplink::restore(&envelope, payload)
                    .ok()
                    .filter(|uplink| uplink.sender.client == client),
            })
            .collect())
    }

    /// Notes what each message was journalled as. Repeating it does no harm.
    pub(crate) async fn mark(
        &self,
        client: ClientId,
        replayed: &[(Offset, TimeMs, Offset)],
    ) -> Result<(), HistoryError> {
        let now = record::clamp(clock::now());
        let store = async {
            let insert = self.client.insert::<Mark>("dead_letters_replayed").await?;
            let mut insert = insert
                .with_setting("async_insert", "0")
                .with_setting("max_partitions_per_insert_block", "0")
                .with_setting("insert_deduplicate", "0");
            for (offset, received, replayed_as) in replayed {
                let mark = Mark {
                    client_id: client.0,
                    offset: offset.0,
                    replayed_as: replayed_as.0,
                    replayed: now,
                    received: record::clamp(*received),
                };
                insert.write(&mark).await?;
            }
            insert.end().await
        };
        ask(store).await
    }

    /// The device identifiers of the letters for which `wanted` is true.
    pub(crate) async fn devices(
        &self,
        filter: &LetterFilter,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, HistoryError> {
        let select = "SELECT DISTINCT assumeNotNull(d.device) FROM dead_letters AS d";
        let condition = filter.condition();
        let mut found = Vec::new();
        let mut rows = self
            .query(select, &condition, " AND d.device IS NOT NULL")?
            .fetch::<String>()?;
        // one by one: there may be far more that nobody registered
        while let Some(device) = ask(rows.next()).await? {
            if wanted(&device) {
                found.push(device);
            }
        }
        Ok(found)
    }

    fn query(&self, select: &str, condition: &Condition, rest: &str) -> Result<Query, HistoryError> {
        if !*self.ready.borrow() {
            return Err(Error::TimedOut.into());
        }
        let query = self
            .client
            .query(&format!("{select} WHERE {}{rest}", condition.text));
        Ok(condition.bind(query))
    }
}

impl LetterFilter {
    fn condition(&self) -> Condition {
        let client = Value::Number(u64::from(self.client.0));
        let mut condition = Condition::of("d.client_id", self.client);
        let marks = "(SELECT offset FROM dead_letters_replayed WHERE client_id = ?)";
        let is = if self.replayed { "IN" } else { "NOT IN" };
        condition.and(&format!("d.offset {is} {marks}"), client);
        if !self.reasons.is_empty() {
            let names = self.reasons.iter().map(|reason| reason.name().to_owned());
            condition.and("d.reason IN ?", Value::Texts(names.collect()));
        }
        if let Some(vendor) = &self.vendor {
            condition.and("d.vendor = ?", Value::Text(vendor.clone()));
        }
        if !self.devices.is_empty() {
            condition.and("d.device IN ?", Value::Texts(self.devices.clone()));
        }
        if self.unnamed {
            condition.text += " AND d.device IS NULL";
        }
        if !self.ids.is_empty() {
            let ids = self.ids.iter().map(|id| id.0);
            condition.and("d.offset IN ?", Value::Numbers(ids.collect()));
        }
        if let Some(after) = self.after {
            condition.and("d.offset > ?", Value::Number(after.0));
        }
        if let Some(before) = self.before {
            condition.and("d.offset < ?", Value::Number(before.0));
        }
        condition
    }
}

async fn ask<T>(question: impl Future<Output = Result<T, Error>>) -> Result<T, HistoryError> {
    match tokio::time::timeout(ASK, question).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn every_value_is_bound_and_the_client_always_stands_there() {
        let filter = LetterFilter {
            client: ClientId(7),
            replayed: false,
            reasons: vec![DeadReason::Undecodable],
            vendor: Some("it's".into()),
            devices: vec!["a?".into()],
            unnamed: true,
            ids: vec![Offset(3), Offset(4)],
            after: Some(Offset(1)),
            before: Some(Offset(9)),
        };
        let condition = filter.condition();
        assert_eq!(condition.text.matches('?').count(), condition.values.len());
        assert!(condition.text.starts_with("d.client_id = ?"));
        assert_eq!(condition.values[..2], [Value::Number(7), Value::Number(7)]);
        assert!(!condition.text.contains("it's"));
        let all = LetterFilter::default().condition();
        assert_eq!(all.values.len(), 2);
    }
}
