//! What history is given: rows, before their encoding for ClickHouse.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::{
    ClientId, Corrected, DeadLetter, DeviceId, Fix, Offset, PositionId, Standing, TimeMs, Verdict,
};

/// One row of `positions`, before its encoding for ClickHouse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PositionRow {
    /// Tenant.
    pub client: ClientId,
    /// Device.
    pub device: DeviceId,
    /// Stable id.
    pub id: PositionId,
    /// 0 for the row as first judged; a later judgement of the same fix counts up and supersedes it.
    pub revision: u8,
    /// Fix time, clamped to what a partition may be opened for.
    pub time: TimeMs,
    /// Time of receipt.
    pub received: TimeMs,
    /// Judgement.
    pub verdict: Verdict,
    /// Hash of what the fix says: tells two messages of one instant apart, and makes a re-sent one collapse.
    pub content: u64,
    /// Vendor.
    pub vendor: Arc<str>,
    /// Plugin and version.
    pub plugin: Arc<str>,
    /// The fix as stated; where the clock was repaired `fix.time` keeps the original.
    pub fix: Fix,
}

impl From<PositionRow> for Standing {
    fn from(row: PositionRow) -> Self {
        Self {
            id: row.id,
            device: row.device,
            revision: row.revision,
            time: row.time,
            received: row.received,
            verdict: row.verdict,
            content: row.content,
            vendor: row.vendor,
            plugin: row.plugin,
            fix: row.fix,
        }
    }
}

impl From<&PositionRow> for Standing {
    fn from(row: &PositionRow) -> Self {
        row.clone().into()
    }
}

impl From<&PositionRow> for Corrected {
    fn from(row: &PositionRow) -> Self {
        Self {
            time: row.time,
            stated: row.fix.time.unwrap_or(row.received),
            content: row.content,
        }
    }
}

/// One row of `raw_messages`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawRow {
    /// Journal record.
    pub offset: Offset,
    /// Tenant.
    pub client: ClientId,
    /// Device it was resolved to, 0 = none.
    pub device: DeviceId,
    /// Time of receipt.
    pub received: TimeMs,
    /// Vendor.
    pub vendor: Arc<str>,
    /// Topic or path.
    pub channel: String,
    /// The bytes.
    pub payload: Bytes,
    /// The rest of the uplink ([`crate::model::Uplink::envelope`]), so that it can be decoded again.
    pub envelope: Bytes,
}

/// All that came of a range of the journal, complete.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Journal records covered; follows on the chunk before without a hole.
    pub range: Range<Offset>,
    /// Positions, sorted by id.
    pub positions: Vec<PositionRow>,
    /// Raw messages.
    pub raw: Vec<RawRow>,
    /// Dead letters.
    pub dead: Vec<DeadLetter>,
}
