//! Stores sealed batches, one after the other, each until it succeeds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clickhouse::Client;
use clickhouse::error::Error;

use super::backlog::{Backlog, Pending};
use super::batch::Batch;
use super::breaker::{Breaker, May, State};
use super::error::HistoryError;
use super::retry::{self, Pauses};
use super::writer::{self, Deduplicate, Part};
use super::{migrations, reconcile};

/// Asking whether it answers.
const PROBE: Duration = Duration::from_secs(5);

/// The inserting task.
pub(super) struct Inserter {
    pub backlog: Arc<Backlog>,
    pub client: Client,
    pub database: String,
    pauses: Pauses,
    breaker: Breaker,
}

impl Inserter {
    pub(super) fn new(backlog: Arc<Backlog>, client: Client, database: String) -> Self {
        Self {
            backlog,
            client,
            database,
            pauses: Pauses::new(),
            breaker: Breaker::new(),
        }
    }

    /// Runs until it is aborted, which is safe at any point.
    pub(super) async fn run(mut self) {
        while let Err(error) = migrations::apply(&self.client_without_database(), &self.database).await {
            self.failed(&error).await;
        }
        self.client.clear_cached_metadata().await;
        self.succeeded();
        self.backlog.ready.send_replace(true);
        let backlog = Arc::clone(&self.backlog);
        loop {
            let added = backlog.work.notified();
            let Some(pending) = backlog.front() else {
                added.await;
                continue;
            };
            let batch = self.rows(&pending).await;
            for part in writer::parts(&batch) {
                self.store(&batch, &part, pending.inherited).await;
            }
            self.commit(&pending).await;
            backlog.pop();
        }
    }

    /// The database may have to be created first.
    fn client_without_database(&self) -> Client {
        self.client.clone().with_database("default")
    }

    /// The rows of a batch, from memory or from its file.
    async fn rows(&mut self, pending: &Pending) -> Arc<Batch> {
        loop {
            if let Some(rows) = &pending.rows {
                return Arc::clone(rows);
            }
            let (backlog, entry) = (Arc::clone(&self.backlog), pending.entry);
            match blocking(move || backlog.spool.read(entry.from, entry.to)).await {
                Ok(batch) => return Arc::new(batch),
                Err(error) => self.pause(&error).await,
            }
        }
    }

    /// Stores a part, however long it takes. After an attempt that failed nobody knows what is stored: the server may
    /// have been killed between two partitions and be back, and a token alone then loses rows. Whether it was can't be
    /// told, because it knows its start in whole seconds only. So every later attempt compares.
    async fn store(&mut self, batch: &Batch, part: &Part, inherited: bool) {
        let mut compare = inherited;
        while let Err(error) = self.attempt(batch, part, compare).await {
            compare = true;
            self.failed(&error).await;
        }
        self.succeeded();
    }

    async fn attempt(&self, batch: &Batch, part: &Part, compare: bool) -> Result<(), HistoryError> {
        let started = Instant::now();
        let journal = self.backlog.journal.clone();
        if compare {
            self.backlog.metrics.reconciliations.inc();
            let missing = reconcile::complete(&self.client, &self.database, &journal, batch, part).await?;
            let (from, to, table) = (batch.from.0, batch.to.0, part.table.name());
            tracing::info!(
                from,
                to,
                table,
                rows = part.rows.len(),
                missing,
                "batch compared with what is stored"
            );
        } else {
            writer::insert(&self.client, &journal, batch, part, Deduplicate::ByToken, |_| {
                true
            })
            .await?;
        }
        self.backlog
            .metrics
            .insert_seconds
            .observe(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Remembers that the batch is stored and removes it.
    async fn commit(&mut self, pending: &Pending) {
        let entry = pending.entry;
        loop {
            let backlog = Arc::clone(&self.backlog);
            match blocking(move || backlog.spool.commit(entry.from, entry.to)).await {
                Ok(()) => return,
                Err(error) => self.pause(&error).await,
            }
        }
    }

    fn succeeded(&mut self) {
        self.pauses = Pauses::new();
        if self.breaker.state() != State::Closed {
            tracing::info!("clickhouse takes batches again");
        }
        self.breaker.succeeded();
        self.show_breaker();
        self.backlog.set_insert_trouble(None);
    }

    fn show_breaker(&self) {
        let state = self.breaker.state() as i64;
        self.backlog.metrics.breaker_state.set(state);
    }

    /// ClickHouse failed: returns when a batch may be sent again, which may take for ever.
    async fn failed(&mut self, error: &HistoryError) {
        self.backlog.metrics.retries.inc();
        let pause = self.note(error);
        self.breaker.failed(Instant::now(), pause);
        loop {
            self.show_breaker();
            match self.breaker.may(Instant::now()) {
                May::Send => return,
                May::Wait(left) => tokio::time::sleep(left).await,
                May::Probe => {
                    self.backlog.metrics.probes.inc();
                    match self.probe().await {
                        Ok(()) => self.breaker.answered(),
                        Err(error) => {
                            let pause = self.note(&error);
                            self.breaker.failed(Instant::now(), pause);
                        }
                    }
                }
            }
        }
    }

    /// Whether the server answers at all; costs it nothing.
    async fn probe(&self) -> Result<(), HistoryError> {
        let client = self.client_without_database();
        let question = client.query_raw("SELECT 1");
        let answer = tokio::time::timeout(PROBE, question.fetch_one::<u8>()).await;
        answer.map_err(|_| Error::TimedOut)??;
        Ok(())
    }

    /// The spool failed: says so and waits before the next attempt.
    async fn pause(&mut self, error: &HistoryError) {
        self.backlog.metrics.retries.inc();
        tokio::time::sleep(self.note(error)).await;
    }

    /// Says what is wrong; the pause before the next attempt.
    fn note(&mut self, error: &HistoryError) -> Duration {
        let mut text = error.to_string();
        let seconds = self.pauses.after(error);
        if retry::is_permanent(error) {
            tracing::error!(
                error = text,
                "history can not be stored until this is put right; it is kept"
            );
        } else {
            tracing::warn!(error = text, pause = ?seconds, "history can not be stored at the moment");
        }
        if self.breaker.state() != State::Closed {
            let since = self.breaker.failing_for(Instant::now()).as_secs();
            text = format!(
                "circuit breaker open, nothing could be stored for {since} s; batches wait in the spool: {text}"
            );
        }
        self.backlog.set_insert_trouble(Some(text));
        seconds
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, HistoryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(HistoryError::State(format!(
            "access to the spool failed: {error}"
        ))),
    }
}
