//! The journal as the other rooms hold it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::{Notify, watch};

use super::block::{HEADER, PREFIX};
use super::checkpoint::Checkpoint;
use super::disk::{Disk, RealDisk};
use super::error::{AppendError, JournalError};
use super::frames::Frames;
use super::metrics::JournalMetrics;
use super::options::{JournalOptions, Tuning};
use super::queue::{Door, Limits, Queue};
use super::reader::Reader;
use super::recover::{Recovered, recover};
use super::shared::{Progress, Shared};
use super::writer::{Fault, Writer};
use crate::crash;
use crate::model::Offset;

/// The journal. Cheap to clone; when the last clone goes, it is closed.
#[derive(Clone)]
pub struct Journal {
    owner: Arc<Owner>,
}

/// Ends the writer thread with the last handle; readers don't keep it alive.
struct Owner {
    shared: Arc<Shared>,
    id: String,
    running: Mutex<Option<Running>>,
}

struct Running {
    thread: JoinHandle<()>,
    _lock: Box<dyn Send + Sync>,
}

impl Journal {
    /// Opens or creates the journal; recovers a torn tail. Reads one segment; blocks meanwhile.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] for damage that is not a torn tail, [`JournalError::Io`] when a file can't
    /// be used or another process has the journal open.
    pub fn open(options: JournalOptions) -> Result<Self, JournalError> {
        Self::open_on(Arc::new(RealDisk), options, Tuning::default())
    }

    pub(super) fn open_on(
        disk: Arc<dyn Disk>,
        options: JournalOptions,
        tuning: Tuning,
    ) -> Result<Self, JournalError> {
        let JournalOptions {
            path: dir,
            segment_bytes,
            max_bytes,
            min_free_bytes,
            sync,
        } = options.bounded();
        if !sync {
            tracing::warn!("the journal is not synced: acknowledged messages do not survive the machine");
        }
        disk.create_dir(&dir).map_err(JournalError::io(&dir))?;
        let lock_file = dir.join("lock");
        let lock = disk.lock(&lock_file).map_err(JournalError::io(&lock_file))?;
        let Recovered {
            checkpoint,
            segments,
            tip,
            stored,
        } = recover(&*disk, &dir, segment_bytes, tuning.mark_bytes)?;
        // a block and the seal behind it must fit into a segment
        let group_bytes = tuning.group_bytes.min(segment_bytes as usize - HEADER);
        let limits = Limits {
            group: group_bytes,
            pending: tuning.pending_bytes as u64,
            used: max_bytes,
        };
        let durable = tip.next;
        let first = segments.first().map_or(durable, |segment| segment.first);
        let shared = Arc::new(Shared {
            disk,
            dir,
            id: checkpoint.id,
            segment_bytes,
            max_bytes,
            min_free_bytes,
            sync,
            group_bytes,
            tuning,
            queue: Mutex::new(Queue::new(durable, stored, limits)),
            work: Condvar::new(),
            progress: watch::Sender::new(Progress { durable, end: None }),
            durable: AtomicU64::new(durable),
            segments: RwLock::new(segments),
            first: AtomicU64::new(first),
            checkpoint: Mutex::new(checkpoint.offset),
            checkpointed: AtomicU64::new(checkpoint.offset),
            shortage: Mutex::new(None),
            metrics: JournalMetrics::default(),
        });
        let outgrown = tip.sealed || tip.position >= segment_bytes;
        let mut writer = Writer::new(Arc::clone(&shared), tip);
        if outgrown {
            // a shortage is left to the first group, which waits for space
            if let Err(Fault::Fatal(why)) = writer.rotate() {
                return Err(JournalError::Write(why));
            }
            shared.drop_below(checkpoint.offset);
        }
        shared
            .metrics
            .bytes_in_use
            .set(i64::try_from(shared.queue.lock().stored()).unwrap_or(i64::MAX));
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(JournalError::io(&lock_file))?;
        tracing::info!(
            path = %shared.dir.display(),
            first = shared.first(),
            checkpoint = checkpoint.offset,
            next = durable,
            "journal open"
        );
        let owner = Owner {
            shared,
            id: format!("{:016x}", checkpoint.id),
            running: Mutex::new(Some(Running { thread, _lock: lock })),
        };
        Ok(Self {
            owner: Arc::new(owner),
        })
    }

    /// Identity of this journal, made at creation: part of deduplication tokens. 16 hex digits.
    pub fn id(&self) -> &str {
        &self.owner.id
    }

    /// Queues records for the next group sync; never blocks on the disk. Their offsets are the range
    /// returned; durable when [`Self::durable`] ≥ `range.end`. `wake` is notified (`notify_one`) after that
    /// sync, and also when the journal stops before: look at [`Self::durable`].
    ///
    /// # Errors
    /// None of the records was taken: [`AppendError::Full`] goes away by itself, the others don't.
    pub fn append(&self, records: &Frames, wake: Option<&Arc<Notify>>) -> Result<Range<Offset>, AppendError> {
        let shared = &*self.owner.shared;
        if records.is_empty() {
            let durable = self.durable();
            wake.inspect(|wake| wake.notify_one());
            return Ok(durable..durable);
        }
        if records.largest() + PREFIX + HEADER > shared.group_bytes {
            return Err(AppendError::TooLarge(records.largest()));
        }
        if records.bytes() > shared.tuning.pending_bytes {
            return Err(AppendError::TooLarge(records.bytes()));
        }
        let mut queue = shared.queue.lock();
        if let Err(refused) = queue.admit() {
            drop(queue);
            shared.metrics.refused.inc();
            return Err(refused);
        }
        let was_idle = queue.is_empty();
        let start = queue.push(records, wake);
        drop(queue);
        if was_idle {
            shared.work.notify_one();
        }
        Ok(Offset(start)..Offset(start + records.len() as u64))
    }

    /// All records below this offset are on disk.
    pub fn durable(&self) -> Offset {
        Offset(self.owner.shared.durable())
    }

    /// Returns when all records below `end` are on disk.
    ///
    /// # Errors
    /// [`JournalError::Write`] or [`JournalError::Stopped`]: they never will be.
    pub async fn wait_durable(&self, end: Offset) -> Result<(), JournalError> {
        if self.durable() >= end {
            return Ok(());
        }
        let mut progress = self.owner.shared.progress.subscribe();
        let reached = progress
            .wait_for(|progress| progress.durable >= end.0 || progress.end.is_some())
            .await;
        let reached = reached.map_err(|_| JournalError::Stopped)?;
        match &reached.end {
            Some(stopped) if reached.durable < end.0 => Err(stopped.error()),
            _ => Ok(()),
        }
    }

    /// Returns when at least one record at or above `from` is durable; the new durable end.
    ///
    /// # Errors
    /// As [`Self::wait_durable`].
    pub async fn wait_beyond(&self, from: Offset) -> Result<Offset, JournalError> {
        self.wait_durable(Offset(from.0.saturating_add(1))).await?;
        Ok(self.durable())
    }

    /// First offset that is still in the journal.
    pub fn first(&self) -> Offset {
        Offset(self.owner.shared.first())
    }

    /// A reader whose first record is `from`, which may lie ahead of what is durable.
    ///
    /// # Errors
    /// [`JournalError::Gone`] below [`Self::first`].
    pub fn reader(&self, from: Offset) -> Result<Reader, JournalError> {
        if from < self.first() {
            return Err(JournalError::Gone(from));
        }
        Ok(Reader::new(Arc::clone(&self.owner.shared), from.0))
    }

    /// The consumer needs nothing below `offset` any more: recorded durably, whole segments below it go.
    /// Never goes back, and never beyond what is durable. Waits for the disk.
    ///
    /// # Errors
    /// [`JournalError::Io`] when it could not be recorded: nothing was removed, try again.
    /// [`JournalError::Stopped`] after [`Self::close`].
    pub fn checkpoint(&self, offset: Offset) -> Result<(), JournalError> {
        let shared = &*self.owner.shared;
        let mut recorded = shared.checkpoint.lock();
        // closing takes this lock too: another process may own the folder afterwards
        if self.owner.running.lock().is_none() {
            return Err(JournalError::Stopped);
        }
        let offset = offset.0.min(shared.durable());
        if offset <= *recorded {
            return Ok(());
        }
        crash::point("checkpoint-before");
        Checkpoint {
            id: shared.id,
            offset,
        }
        .write(&*shared.disk, &shared.dir)?;
        crash::point("checkpoint-after");
        *recorded = offset;
        shared.checkpointed.store(offset, Ordering::Release);
        shared.drop_below(offset);
        Ok(())
    }

    /// The recorded checkpoint.
    pub fn checkpointed(&self) -> Offset {
        Offset(self.owner.shared.checkpointed.load(Ordering::Acquire))
    }

    /// Whether appends are being refused, and why (`None` = accepting).
    pub fn refusing(&self) -> Option<String> {
        let shared = &*self.owner.shared;
        let refused = shared.queue.lock().admit().err()?;
        if let Some(end) = &shared.progress.borrow().end {
            return Some(end.error().to_string());
        }
        if let Some(shortage) = &*shared.shortage.lock() {
            return Some(format!("the journal can't write: {shortage}"));
        }
        Some(refused.to_string())
    }

    /// Whether the writer waits for space on the disk.
    pub fn lacks_space(&self) -> bool {
        self.owner.shared.shortage.lock().is_some()
    }

    /// The high-water mark in force, bytes.
    pub fn max_bytes(&self) -> u64 {
        self.owner.shared.max_bytes
    }

    /// Counters, to register.
    pub fn metrics(&self) -> JournalMetrics {
        self.owner.shared.metrics.clone()
    }

    /// Writes what is queued, syncs, stops the writer. Later appends get `Stopped`. Waits for the disk, but
    /// not for space on it: what finds none is not acknowledged.
    pub fn close(&self) {
        self.owner.close();
    }
}

impl Owner {
    fn close(&self) {
        {
            let mut queue = self.shared.queue.lock();
            if queue.door != Door::Stopped {
                queue.door = Door::Closing;
            }
        }
        self.shared.work.notify_one();
        let _no_checkpoint = self.shared.checkpoint.lock();
        if let Some(running) = self.running.lock().take()
            && running.thread.join().is_err()
        {
            tracing::error!("the journal's writer thread panicked");
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.close();
    }
}
