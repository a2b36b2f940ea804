//! What the handles, the writer and the readers of one journal share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::{Notify, watch};

use super::disk::Disk;
use super::error::JournalError;
use super::metrics::JournalMetrics;
use super::options::Tuning;
use super::queue::{Door, Group, Queue};
use super::segment::Segment;

/// Why nothing more becomes durable.
#[derive(Debug, Clone)]
pub(super) enum End {
    Closed,
    Failed(Arc<str>),
}

impl End {
    pub fn error(&self) -> JournalError {
        match self {
            Self::Closed => JournalError::Stopped,
            Self::Failed(why) => JournalError::Write(why.to_string()),
        }
    }
}

/// How far the writer is; watched by those who wait.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub durable: u64,
    pub end: Option<End>,
}

pub(super) struct Shared {
    pub disk: Arc<dyn Disk>,
    pub dir: PathBuf,
    pub id: u64,
    pub segment_bytes: u64,
    pub max_bytes: u64,
    pub min_free_bytes: u64,
    pub sync: bool,
    /// Bytes of one block at most.
    pub group_bytes: usize,
    pub tuning: Tuning,
    pub queue: Mutex<Queue>,
    /// Something was queued, or the journal is closing.
    pub work: Condvar,
    pub progress: watch::Sender<Progress>,
    /// The same as in `progress`, for the many who only look.
    pub durable: AtomicU64,
    /// Ascending; the last one is being written.
    pub segments: RwLock<Vec<Arc<Segment>>>,
    pub first: AtomicU64,
    /// The recorded checkpoint; the lock is held while the file is replaced.
    pub checkpoint: Mutex<u64>,
    pub checkpointed: AtomicU64,
    /// Why a write is being retried.
    pub shortage: Mutex<Option<String>>,
    pub metrics: JournalMetrics,
}

impl Shared {
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    pub fn first(&self) -> u64 {
        self.first.load(Ordering::Acquire)
    }

    /// Makes the records of `group`, synced, visible and wakes those who wait for them.
    pub fn publish(&self, mut group: Group) {
        let durable = group.base + u64::from(group.count);
        self.durable.store(durable, Ordering::Release);
        // who owes an acknowledgement goes first
        wake(&mut group.wakes);
        self.progress.send_modify(|progress| progress.durable = durable);
        let stored = {
            let mut queue = self.queue.lock();
            queue.written(group);
            queue.stored()
        };
        self.metrics
            .bytes_in_use
            .set(i64::try_from(stored).unwrap_or(i64::MAX));
    }

    /// Nothing is written any more: whoever waits gets the reason. `unfinished` was not made durable.
    pub fn stop(&self, end: End, unfinished: Option<Group>) {
        let mut lost = unfinished;
        let mut records = 0;
        let mut wakes = Vec::new();
        let mut queue = self.queue.lock();
        queue.door = Door::Stopped;
        while let Some(mut group) = lost.take().or_else(|| queue.take()) {
            records += u64::from(group.count);
            wakes.append(&mut group.wakes);
        }
        drop(queue);
        match &end {
            End::Failed(why) => {
                tracing::error!(%why, records, "journal failed: records were not acknowledged");
            }
            End::Closed if records > 0 => {
                tracing::error!(
                    records,
                    "journal closed without space for queued records: not acknowledged"
                );
            }
            End::Closed => tracing::debug!("journal closed"),
        }
        self.progress.send_modify(|progress| progress.end = Some(end));
        wake(&mut wakes);
    }

    /// Removes whole segments below the checkpoint, except the one that is being written.
    pub fn drop_below(&self, checkpoint: u64) {
        let dropped: Vec<Arc<Segment>> = {
            let mut segments = self.segments.write();
            // a segment ends where the next one begins
            let kept_from = segments
                .iter()
                .skip(1)
                .take_while(|next| next.first <= checkpoint)
                .count();
            let dropped = segments.drain(..kept_from).collect();
            if let Some(first) = segments.first() {
                self.first.store(first.first, Ordering::Release);
            }
            dropped
        };
        if dropped.is_empty() {
            return;
        }
        let bytes: u64 = dropped.iter().map(|segment| segment.written()).sum();
        let count = dropped.len();
        for segment in dropped {
            // a file that stays is removed at the next open
            if let Err(error) = self.disk.remove(&segment.path) {
                tracing::warn!(file = %segment.path.display(), %error, "a consumed segment could not be removed");
            }
        }
        if let Err(error) = self.disk.sync_dir(&self.dir) {
            tracing::warn!(%error, "the journal folder could not be synced after removing segments");
        }
        let stored = self.queue.lock().restock(0, bytes);
        self.metrics
            .bytes_in_use
            .set(i64::try_from(stored).unwrap_or(i64::MAX));
        tracing::debug!(count, bytes, checkpoint, "removed consumed segments");
    }
}

fn wake(wakes: &mut Vec<Arc<Notify>>) {
    for wake in wakes.drain(..) {
        wake.notify_one();
    }
}
