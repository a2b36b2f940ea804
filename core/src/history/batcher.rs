//! Collects chunks and seals them into batches.
//!
//! A batch is sealed when its file is on disk; from then on its boundaries and rows never change.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use super::batch::{self, Batch};
use super::error::HistoryError;
use super::reserve::RESERVE_BYTES;
use super::row::Chunk;
use super::spool::Entry;
use crate::clock;

/// A batch is sealed at about so many bytes, however few rows they are. The last chunk may exceed it, and the
/// whole has to fit into the reserve.
const BATCH_BYTES: usize = 2 * RESERVE_BYTES as usize / 3;
/// While others wait, a batch may take so many times the rows and the memory: with four times the rows ClickHouse needs
/// about two thirds of the time for each, as fewer parts are merged.
const GROWN: usize = 4;
/// Between attempts to write a batch.
const PAUSE: Duration = Duration::from_secs(1);
/// While batches wait for ClickHouse, the open one may grow for so many times its age: each batch costs the
/// server about the same, however few rows it has, and a backlog of small ones would drain slowly.
const PATIENT: u32 = 10;

/// The batching task.
pub(super) struct Batcher {
    pub backlog: Arc<Backlog>,
    pub chunks: mpsc::Receiver<Chunk>,
    pub stop: CancellationToken,
    pub batch_rows: usize,
    pub batch_age: Duration,
}

/// The batch that is being collected.
struct Open {
    batch: Batch,
    /// In memory, about.
    bytes: usize,
    /// In the spool, at most.
    sealed_bytes: usize,
    deadline: Instant,
    /// Not open beyond this, even when others wait.
    latest: Instant,
}

impl Batcher {
    /// Runs until it is told to stop (then what is open is sealed) or the handle is gone.
    pub(super) async fn run(mut self) {
        let mut open: Option<Open> = None;
        loop {
            let deadline = open.as_ref().map(|open| open.deadline);
            let due = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let stored = self.backlog.room.notified();
            let full = tokio::select! {
                chunk = self.chunks.recv() => match chunk {
                    Some(chunk) => {
                        self.add(&mut open, chunk);
                        self.is_full(open.as_ref())
                    }
                    None => return,
                },
                () = stored => self.is_full(open.as_ref()),
                () = due => !self.may_grow(open.as_mut()),
                () = self.stop.cancelled() => break,
            };
            if full && let Some(full) = open.take() {
                self.seal(full.batch).await;
            }
        }
        self.chunks.close();
        while let Some(chunk) = self.chunks.recv().await {
            self.add(&mut open, chunk);
        }
        if let Some(last) = open {
            self.seal(last.batch).await;
        }
    }

    /// Whether the batch whose time has come stays open for another while, because nobody could take it yet.
    fn may_grow(&self, open: Option<&mut Open>) -> bool {
        let Some(open) = open.filter(|open| open.deadline < open.latest && self.backlog.is_behind()) else {
            return false;
        };
        open.deadline = (open.deadline + self.batch_age).min(open.latest);
        true
    }

    /// Adds a chunk.
    fn add(&self, open: &mut Option<Open>, chunk: Chunk) {
        let open = open.get_or_insert_with(|| Open {
            batch: Batch {
                from: chunk.range.start,
                ..Batch::default()
            },
            bytes: 0,
            sealed_bytes: 0,
            deadline: Instant::now() + self.batch_age,
            latest: Instant::now() + self.batch_age * PATIENT,
        });
        let weight = batch::weight(&chunk);
        open.bytes += weight.memory;
        open.sealed_bytes += weight.sealed;
        open.batch.extend(chunk);
    }

    /// Whether the batch is to be sealed; while others wait, it may become larger.
    fn is_full(&self, open: Option<&Open>) -> bool {
        let Some(open) = open else { return false };
        let beyond =
            |times: usize| open.batch.rows() >= self.batch_rows * times || open.bytes >= BATCH_BYTES * times;
        beyond(1) && (beyond(GROWN) || open.sealed_bytes >= BATCH_BYTES || !self.backlog.is_behind())
    }

    /// Waits for room, then writes the batch until that succeeds. Gives up when told to stop: what is not
    /// sealed is still in the journal.
    async fn seal(&self, batch: Batch) {
        loop {
            let freed = self.backlog.room.notified();
            if self.backlog.has_room() {
                break;
            }
            tokio::select! {
                () = freed => {}
                () = self.stop.cancelled() => break,
            }
        }
        let batch = Arc::new(batch);
        loop {
            let error = match self.write(&batch).await {
                Ok(entry) => return self.backlog.push(entry, batch),
                Err(error) => error,
            };
            tracing::error!(%error, "a batch can not be written to the spool, trying again");
            self.backlog.set_seal_trouble(Some(error.to_string()));
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    async fn write(&self, batch: &Arc<Batch>) -> Result<Entry, HistoryError> {
        let (backlog, rows) = (Arc::clone(&self.backlog), Arc::clone(batch));
        let bytes = tokio::task::spawn_blocking(move || backlog.spool.write(&rows))
            .await
            .map_err(|error| HistoryError::State(format!("the writing of a batch failed: {error}")))??;
        Ok(Entry {
            from: batch.from,
            to: batch.to,
            rows: batch.rows() as u64,
            bytes,
            written: clock::now(),
        })
    }
}
