//! Raw messages where they are kept: counted, and read back in order, to be decoded again.

use bytes::Bytes;
use clickhouse::Client;
use clickhouse::query::Query;
use tokio::sync::watch;

use super::condition::{Condition, Value};
use super::error::HistoryError;
use super::positions::{INSTANT, ask, instant, judged, question};
use crate::model::{ClientId, DeviceId, Offset, TimeMs, Uplink};

/// ClickHouse takes 256 KiB of text where nothing else is said; ids are many.
pub(super) const TEXT_BYTES: u64 = 16 << 20;

/// Which raw messages are meant: those that meet all that is said.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawFilter {
    /// Whose.
    pub client: ClientId,
    /// Of this vendor.
    pub vendor: String,
    /// Of these devices; empty: of all, and of none.
    pub devices: Vec<DeviceId>,
    /// Received at or after this.
    pub from: Option<TimeMs>,
    /// Received before this.
    pub to: Option<TimeMs>,
    /// Journalled before this.
    pub until: Offset,
}

/// A raw message, read back.
#[derive(Debug)]
pub(crate) struct RawMessage {
    /// Its journal record.
    pub offset: Offset,
    /// The device that it was resolved to, 0 = none.
    pub device: DeviceId,
    /// The message; `None` where too little of it is kept.
    pub uplink: Option<Uplink>,
}

/// The raw messages of all clients. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RawMessages {
    pub(super) client: Client,
    pub(super) ready: watch::Receiver<bool>,
}

impl RawMessages {
    /// How many there are, about: a message that was stored twice and not yet merged counts twice.
    pub async fn count(&self, filter: &RawFilter) -> Result<u64, HistoryError> {
        let query = self.query("SELECT count() FROM raw_messages AS r", &filter.condition(), "")?;
        ask(query.fetch_one::<u64>()).await
    }

    /// The first ones from `start` on, in order: at most so many, and no more than about so many bytes of payload,
    /// but at least one where there is one.
    pub async fn page(
        &self,
        filter: &RawFilter,
        start: Offset,
        messages: usize,
        bytes: usize,
    ) -> Result<Vec<RawMessage>, HistoryError> {
        // First which, from the key alone; then their bytes, from where they stand.
        let mut which = filter.condition();
        which.and("r.offset >= ?", Value::Number(start.0));
        let rest = format!(" ORDER BY r.offset LIMIT 1 BY r.offset LIMIT {messages}");
        let query = self.query("SELECT r.offset FROM raw_messages AS r", &which, &rest)?;
        let offsets = ask(query.fetch_all::<u64>()).await?;
        let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
            return Ok(Vec::new());
        };
        let mut condition = filter.condition();
        condition.and("r.offset >= ?", Value::Number(*first));
        condition.and("r.offset <= ?", Value::Number(*last));
        let query = self.query(
            "SELECT r.offset, r.device_id, r.payload, r.envelope FROM raw_messages AS r",
            &condition,
            " ORDER BY r.offset LIMIT 1 BY r.offset",
        )?;
        let mut rows = query.fetch::<(u64, u32, Bytes, Bytes)>().map_err(judged)?;
        let (mut found, mut taken) = (Vec::with_capacity(offsets.len()), 0);
        while let Some((offset, device, payload, envelope)) = ask(rows.next()).await? {
            taken += payload.len() + envelope.len();
            if taken > bytes && !found.is_empty() {
                break;
            }
            found.push(RawMessage {
                offset: Offset(offset),
                device: DeviceId(device),
                // never another client's message, whatever stands there
                uplink: Uplink::restore(&envelope, payload)
                    .ok()
                    .filter(|uplink| uplink.sender.client == filter.client),
            });
        }
        Ok(found)
    }

    fn query(&self, select: &str, condition: &Condition, rest: &str) -> Result<Query, HistoryError> {
        question(&self.client, &self.ready, select, condition, rest)
    }
}

impl RawFilter {
    pub(super) fn condition(&self) -> Condition {
        let mut condition = Condition::of("r.client_id", self.client);
        condition.and("r.offset < ?", Value::Number(self.until.0));
        condition.and("r.vendor = ?", Value::Text(self.vendor.clone()));
        if !self.devices.is_empty() {
            let devices = self.devices.iter().map(|device| u64::from(device.0));
            condition.and("r.device_id IN ?", Value::Numbers(devices.collect()));
        }
        if let Some(from) = self.from {
            condition.and(&format!("r.received >= {INSTANT}"), instant(from));
        }
        if let Some(to) = self.to {
            condition.and(&format!("r.received < {INSTANT}"), instant(to));
        }
        condition
    }
}
