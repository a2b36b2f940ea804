//! The handle of history.

use std::sync::Arc;
use std::time::Duration;

use clickhouse::Client;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use super::batcher::Batcher;
use super::error::HistoryError;
use super::inserter::Inserter;
use super::letters::Letters;
use super::metrics::HistoryMetrics;
use super::options::{HistoryOptions, Lag};
use super::positions::Positions;
use super::raw::RawMessages;
use super::retry::{self, Pauses};
use super::row::{Chunk, PositionRow};
use super::spool::Spool;
use super::track::Tracks;
use super::{migrations, newest};
use crate::model::Offset;

/// The writer of history. Cheap to clone. When the last clone is dropped without [`History::stop`], the tasks end
/// where they are, as in a crash; nothing is lost by it.
#[derive(Clone)]
pub struct History {
    inner: Arc<Inner>,
}

struct Inner {
    backlog: Arc<Backlog>,
    client: Client,
    /// For questions whose columns are of the types that they are read as because they say so: to check that again
    /// with each value of each row takes as long as reading it.
    unchecked: Client,
    resume: Option<Offset>,
    /// Where the next chunk must start (`None`: anywhere), and the way to the batcher.
    next: tokio::sync::Mutex<Option<Offset>>,
    chunks: mpsc::Sender<Chunk>,
    stop: CancellationToken,
    batcher: Mutex<Option<JoinHandle<()>>>,
    inserter: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.inserter.abort();
        if let Some(batcher) = self.batcher.lock().take() {
            batcher.abort();
        }
    }
}

impl History {
    /// Opens the spool (without touching ClickHouse) and starts the inserter. `journal_id` goes into tokens.
    /// Migrations are applied and batches inserted as soon as ClickHouse answers. To be called in a tokio runtime.
    pub fn start(options: HistoryOptions, journal_id: &str) -> Result<Self, HistoryError> {
        if !migrations::is_identifier(&options.database) {
            return Err(HistoryError::State(format!(
                "{:?} can not be the name of a database",
                options.database
            )));
        }
        if journal_id.is_empty() || !journal_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(HistoryError::State(format!(
                "{journal_id:?} can not be the id of a journal"
            )));
        }
        let (spool, found) = Spool::open(&options.spool, journal_id, options.min_free_bytes)?;
        let resume = found.end();
        let backlog = Arc::new(Backlog::new(spool, &found, journal_id, options.max_spool_bytes));
        let client = Client::default()
            .with_url(options.url)
            .with_user(options.user)
            .with_password(options.password)
            .with_database(&options.database);
        // One chunk waits here while the batcher seals: with the open batch that is all there is in memory.
        let (chunks, receiver) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let batcher = Batcher {
            backlog: Arc::clone(&backlog),
            chunks: receiver,
            stop: stop.clone(),
            batch_rows: options.batch_rows.max(1),
            batch_age: options.batch_age,
        };
        let inserter = Inserter::new(Arc::clone(&backlog), client.clone(), options.database);
        let inner = Inner {
            backlog,
            unchecked: client.clone().with_validation(false),
            client,
            resume,
            next: tokio::sync::Mutex::new(resume),
            chunks,
            stop,
            batcher: Mutex::new(Some(tokio::spawn(batcher.run()))),
            inserter: tokio::spawn(inserter.run()),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The journal offset from which chunks must be submitted: the end of the last sealed batch. Where nothing was ever
    /// sealed it is `first`, where the journal begins, and all that came before is as good as stored: who waits for it
    /// waits for nothing.
    pub fn resume_from(&self, first: Offset) -> Offset {
        let inner = &*self.inner;
        inner.resume.unwrap_or_else(|| {
            inner.backlog.stored.send_if_modified(|stored| {
                let behind = *stored < first;
                *stored = first.max(*stored);
                behind
            });
            first
        })
    }

    /// Hands over the next chunk, in order. Waits when the spool is full.
    pub async fn submit(&self, chunk: Chunk) -> Result<(), HistoryError> {
        let mut next = self.inner.next.lock().await;
        let (start, end) = (chunk.range.start, chunk.range.end);
        if end < start || next.is_some_and(|next| next != start) {
            return Err(HistoryError::State(format!(
                "a chunk of records {start} to {end} does not follow on record {}",
                next.unwrap_or_default()
            )));
        }
        if end == start {
            *next = Some(end);
            return Ok(());
        }
        let stopped = || HistoryError::State("history has stopped".into());
        let place = self.inner.chunks.reserve().await.map_err(|_| stopped())?;
        self.inner
            .backlog
            .submitted(chunk.positions.len() + chunk.raw.len() + chunk.dead.len());
        place.send(chunk);
        *next = Some(end);
        Ok(())
    }

    /// Records below this offset are sealed in a synced spool file or stored: the journal may forget them.
    pub fn sealed(&self) -> watch::Receiver<Offset> {
        self.inner.backlog.sealed.subscribe()
    }

    /// Returns when all that came of records below `end` is in ClickHouse.
    pub async fn wait_stored(&self, end: Offset) {
        let mut stored = self.inner.backlog.stored.subscribe();
        // the sender lives as long as this handle
        let _ = stored.wait_for(|stored| *stored >= end).await;
    }

    /// The positions that are stored.
    pub fn positions(&self) -> Positions {
        Positions {
            client: self.inner.unchecked.clone(),
            ready: self.inner.backlog.ready.subscribe(),
            stored: self.inner.backlog.stored.subscribe(),
        }
    }

    /// The dead letters that are stored.
    pub fn letters(&self) -> Letters {
        Letters {
            client: self.inner.client.clone(),
            ready: self.inner.backlog.ready.subscribe(),
        }
    }

    /// The raw messages that are stored.
    pub(crate) fn raw_messages(&self) -> RawMessages {
        RawMessages {
            client: self.inner.unchecked.clone(),
            ready: self.inner.backlog.ready.subscribe(),
        }
    }

    /// The tracks of devices, as far as they are stored. The bound on how many are read at once is that of this
    /// value and its clones.
    pub fn tracks(&self) -> Tracks {
        Tracks::new(self.inner.client.clone(), self.inner.backlog.ready.subscribe())
    }

    /// The newest trusted row of each device, from ClickHouse and the spool, and behind them rows that were
    /// corrected and are not older; waits until ClickHouse answers.
    pub async fn newest(&self) -> Result<Vec<PositionRow>, HistoryError> {
        let backlog = &self.inner.backlog;
        let stopped = || HistoryError::State("history has stopped".into());
        backlog
            .ready
            .subscribe()
            .wait_for(|ready| *ready)
            .await
            .map_err(|_| stopped())?;
        let mut pauses = Pauses::new();
        loop {
            // The spool first: what is stored between the two looks is then seen twice, not never.
            let (shared, entries) = (Arc::clone(backlog), backlog.entries());
            let unsaved = tokio::task::spawn_blocking(move || newest::unsaved(&shared.spool, &entries))
                .await
                .map_err(|error| HistoryError::State(error.to_string()))??;
            match newest::stored(&self.inner.client, &unsaved).await {
                Ok(stored) => return Ok(newest::merge(stored, unsaved)),
                Err(error) if retry::is_permanent(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the newest positions can not be read at the moment");
                    tokio::time::sleep(pauses.after(&error)).await;
                }
            }
        }
    }

    /// How far behind.
    pub fn lag(&self) -> Lag {
        self.inner.backlog.lag()
    }

    /// Why inserts don't succeed right now (`None` = they do).
    pub fn trouble(&self) -> Option<String> {
        self.inner.backlog.trouble()
    }

    /// The metrics.
    pub fn metrics(&self) -> HistoryMetrics {
        self.inner.backlog.metrics.clone()
    }

    /// Seals what is open, tries to insert what is sealed until `timeout`, stops.
    pub async fn stop(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        self.inner.stop.cancel();
        let batcher = self.inner.batcher.lock().take();
        // Sealing is local; it is not cut short by the timeout, which is about ClickHouse.
        if let Some(batcher) = batcher
            && let Err(error) = batcher.await
        {
            tracing::error!(%error, "sealing the last batch failed; it is in the journal");
        }
        loop {
            let stored = self.inner.backlog.room.notified();
            let left = self.inner.backlog.entries().len();
            if left == 0 {
                break;
            }
            if tokio::time::timeout_at(deadline, stored).await.is_err() {
                tracing::warn!(
                    batches = left,
                    "history stops with batches in the spool; they are stored after the next start"
                );
                break;
            }
        }
        self.inner.inserter.abort();
    }
}
