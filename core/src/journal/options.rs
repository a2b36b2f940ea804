//! What an operator may set, and what only tests change.

use std::path::PathBuf;
use std::time::Duration;

use super::block::MAX_BLOCK;

/// Smallest size of a segment, bytes.
const MIN_SEGMENT: u64 = 4096;

/// Options of the journal.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// Folder of the segments.
    pub path: PathBuf,
    /// Size of one preallocated segment, bytes. At least 4 KiB and at most half of `max_bytes`: what is
    /// outside is taken to the nearest bound, so that a consumed journal can always give back space.
    pub segment_bytes: u64,
    /// High-water mark: at or above it appends are refused with [`super::AppendError::Full`]. At least 8 KiB.
    /// The folder may exceed it by one append and one preallocated segment.
    pub max_bytes: u64,
    /// Free bytes of the disk that the journal leaves to others: with less it takes no new segment, and what is
    /// appended waits as on a full disk.
    pub min_free_bytes: u64,
    /// Whether a record counts as stored only once it is on the disk. Without, it survives the end of the
    /// process but not that of the machine: for benchmarks, and for disks that are not worth waiting for.
    pub sync: bool,
}

impl JournalOptions {
    /// The same with sizes inside their bounds.
    pub(super) fn bounded(mut self) -> Self {
        self.max_bytes = self.max_bytes.max(2 * MIN_SEGMENT);
        self.segment_bytes = self.segment_bytes.clamp(MIN_SEGMENT, self.max_bytes / 2);
        self
    }
}

/// Sizes that follow from measurements; only tests use other values.
#[derive(Debug, Clone)]
pub(super) struct Tuning {
    /// Bytes of one block at most: more would delay the first waiter of the group for the last.
    pub group_bytes: usize,
    /// Bytes waiting in memory, above which appends are refused.
    pub pending_bytes: usize,
    /// A mark in the index every so many bytes of a segment.
    pub mark_bytes: u64,
    /// Pause before a write that found no space is tried again.
    pub retry: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            group_bytes: MAX_BLOCK,
            pending_bytes: 64 << 20,
            mark_bytes: 256 << 10,
            retry: Duration::from_millis(250),
        }
    }
}
