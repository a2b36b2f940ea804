//! A correction: what was said about a position, taken back or said again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DeviceId, Fix, PositionId, TimeMs, Verdict};

/// Rows of this revision and above are not corrected any more: revisions are one byte, and a correction uses up
/// to three of them.
pub const MAX_CORRECTED: u8 = 250;

/// One position, corrected after the fact. It carries all that applying it needs, so that a replay does the
/// same without looking anything up:
///
/// | `old` | `new` | meaning |
/// |---|---|---|
/// | there | none | the position is deleted |
/// | there | there | it is restated; under another device, it moves there |
/// | none | there | it is added under its id, as decoding a message again may find more in it |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// Which position.
    pub id: PositionId,
    /// When the position (not the correction) was received: its judgement is as of then.
    pub received: TimeMs,
    /// Revision of the first row that this makes: the old row's tombstone, or the restated row where time and
    /// content stay. Greater than that of every row which the position has had.
    pub revision: u8,
    /// The plugin and version that says so; empty: a person does, and then no decoder changes the position again.
    pub plugin: Arc<str>,
    /// The row that stands; where a decoder takes back what one before it said, of its fix no more than the time.
    pub old: Option<Standing>,
    /// What stands in its place.
    pub new: Option<Restated>,
    /// Where `old` was the latest position of its device when this was accepted: the newest of the device's other
    /// rows, to which latest steps back. It may be `late`: then it was so only because of `old`, and is trusted
    /// when it becomes the latest.
    pub fallback: Option<Standing>,
    /// With it: what was corrected earlier and is not older than the fallback. Sent again, it is no news.
    pub known: Vec<Corrected>,
}

/// A fix that history keeps under a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// Its time in history.
    pub time: TimeMs,
    /// Its time as stated, or of receipt where none was.
    pub stated: TimeMs,
    /// Hash of its content.
    pub content: u64,
}

/// A row of history as it stands, but for its client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Its id.
    pub id: PositionId,
    /// Its device.
    pub device: DeviceId,
    /// Its revision.
    pub revision: u8,
    /// Its time in history.
    pub time: TimeMs,
    /// Time of receipt.
    pub received: TimeMs,
    /// Its judgement.
    pub verdict: Verdict,
    /// Hash of its content.
    pub content: u64,
    /// Vendor, or empty.
    pub vendor: Arc<str>,
    /// Plugin and version, or empty.
    pub plugin: Arc<str>,
    /// The fix.
    pub fix: Fix,
}

/// What a position is from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restated {
    /// Its device.
    pub device: DeviceId,
    /// Revision of the new row where time, content or device change: greater than the tombstone's, and than that
    /// of any row that stands where it comes to stand.
    pub revision: u8,
    /// Vendor, or empty.
    pub vendor: Arc<str>,
    /// Plugin and version, or empty.
    pub plugin: Arc<str>,
    /// The fix.
    pub fix: Fix,
    /// Its judgement where whoever restates it has judged it, as a message that is decoded again is judged among
    /// its neighbours of that time; else it is judged when this is applied.
    pub verdict: Option<Verdict>,
}
