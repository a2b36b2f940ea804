//! The stages as tasks, with bounded queues between them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::apply::{Applier, Leftovers, dead_letter};
use super::metrics::PipelineMetrics;
use super::states::{StateError, States};
use super::understand::{Turn, Understanding, Understood};
use crate::decode::DecodeHost;
use crate::device::{Applied, DeviceDirectory, Ticket};
use crate::history::{Chunk, History, HistoryError};
use crate::journal::{Journal, JournalError};
use crate::model::{DeadLetter, DeadReason, Offset, Uplink, UplinkError};
use crate::registry::Registry;
use crate::telemetry::{Condition, Health};

/// Between attempts to record the checkpoint.
const CHECKPOINT_RETRY: Duration = Duration::from_secs(1);

/// Records of a chunk that is decoded for its states.
const RECALLED: usize = 1024;

/// Bounds of the pipeline.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    /// Journal records per chunk at most; a chunk is whatever is there, up to this.
    pub chunk_records: usize,
    /// Chunks of what trickles in begin this far apart at least. A chunk wakes every stage once, however few
    /// records it has; a pause costs a record this long at most, and only where another came just before it.
    pub gather: Duration,
    /// Chunks being decoded at once at most.
    pub decoding: usize,
    /// Chunks with the actors at once at most.
    pub applying: usize,
    /// Whether raw messages are kept in history.
    pub keep_raw: bool,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            chunk_records: 1024,
            gather: Duration::from_millis(2),
            decoding: 3,
            applying: 6,
            keep_raw: true,
        }
    }
}

/// The rooms that the pipeline ties together.
pub struct Rooms {
    /// Where records come from.
    pub journal: Journal,
    /// Who understands them.
    pub decode: DecodeHost,
    /// Who judges their fixes.
    pub devices: DeviceDirectory,
    /// Who says whose they are.
    pub registry: Registry,
    /// Where their rows go.
    pub history: History,
    /// What decoders remember.
    pub states: States,
}

/// Why the pipeline stopped.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// History refused a chunk.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The states of decoders can't be saved.
    #[error(transparent)]
    State(#[from] StateError),
    /// A record that was read before can't be read again.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// A stage is gone; the reason was logged by it.
    #[error("a stage of the pipeline ended")]
    Stage,
}

/// The running pipeline.
pub struct Pipeline {
    applied: watch::Receiver<Offset>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    metrics: PipelineMetrics,
}

struct Applying {
    range: Range<Offset>,
    rows: oneshot::Receiver<Applied>,
    left: Leftovers,
}

impl Pipeline {
    /// Starts to take records from `from` on.
    pub fn start(rooms: Rooms, from: Offset, options: &PipelineOptions, health: Health) -> Self {
        let Rooms {
            journal,
            decode,
            devices,
            registry,
            history,
            states,
        } = rooms;
        let metrics = PipelineMetrics::default();
        let (stop, stopping) = watch::channel(false);
        let (applied_tx, applied) = watch::channel(from);
        let (understood_tx, understood_rx) = mpsc::channel::<JoinHandle<Understood>>(options.decoding.max(1));
        let (applying_tx, applying_rx) = mpsc::channel::<Applying>(options.applying.max(1));
        let applier = Applier {
            registry: registry.clone(),
            decode: decode.clone(),
            devices,
            metrics: metrics.clone(),
            keep_raw: options.keep_raw,
        };
        let portion = Portion {
            records: options.chunk_records.max(1),
            gather: options.gather,
        };
        let understanding = Understanding {
            decode,
            registry,
            states: states.clone(),
        };
        let tasks = vec![
            guarded(
                "read",
                health.clone(),
                read(
                    journal.clone(),
                    from,
                    portion,
                    understanding,
                    understood_tx,
                    stopping,
                ),
            ),
            guarded(
                "apply",
                health.clone(),
                apply(applier, understood_rx, applying_tx),
            ),
            guarded(
                "complete",
                health.clone(),
                complete(
                    journal.clone(),
                    history.clone(),
                    applying_rx,
                    applied_tx,
                    metrics.clone(),
                ),
            ),
            guarded("checkpoint", health, checkpoint(journal, history, states)),
        ];
        Self {
            applied,
            stop,
            tasks,
            metrics,
        }
    }

    /// Everything below this offset is applied to the devices and with history.
    pub fn applied(&self) -> Offset {
        *self.applied.borrow()
    }

    /// Returns when everything below `offset` is applied.
    pub async fn wait_applied(&self, offset: Offset) -> Result<(), PipelineError> {
        let mut applied = self.applied.clone();
        applied
            .wait_for(|applied| *applied >= offset)
            .await
            .map_err(|_| PipelineError::Stage)?;
        Ok(())
    }

    /// Counters.
    pub fn metrics(&self) -> PipelineMetrics {
        self.metrics.clone()
    }

    /// Stops reading, lets what was read run through, returns when all of it is with history.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // the checkpoint task follows history, which outlives the pipeline
        if let Some(checkpoint) = self.tasks.pop() {
            checkpoint.abort();
        }
        for task in self.tasks {
            if let Err(error) = task.await
                && !error.is_cancelled()
            {
                tracing::error!(%error, "a pipeline stage failed while stopping");
            }
        }
    }
}

/// Runs a stage; its end with an error is a state of health, not a panic: acknowledgements go on, and a
/// restart goes on from the last sealed batch.
fn guarded(
    stage: &'static str,
    health: Health,
    run: impl Future<Output = Result<(), PipelineError>> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = run.await {
            tracing::error!(stage, %error, "pipeline stage ended");
            health.set(
                "pipeline",
                Condition::Down(format!("stage {stage} ended: {error}")),
            );
        }
    })
}

/// What the reader takes at a time.
#[derive(Debug, Clone, Copy)]
struct Portion {
    records: usize,
    gather: Duration,
}

async fn read(
    journal: Journal,
    from: Offset,
    portion: Portion,
    understanding: Understanding,
    out: mpsc::Sender<JoinHandle<Understood>>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), PipelineError> {
    let mut reader = journal.reader(from)?;
    let mut turns = Turn::first();
    // the first chunk waits for nothing
    let mut next_chunk = Instant::now();
    loop {
        if *stopping.borrow() {
            return Ok(());
        }
        let mut records = Vec::new();
        if reader.read(portion.records, &mut records)? == 0 {
            tokio::select! {
                beyond = journal.wait_beyond(reader.position()) => { beyond?; }
                _ = stopping.changed() => continue,
            }
            tokio::time::sleep_until(next_chunk).await;
            continue;
        }
        next_chunk = Instant::now() + portion.gather;
        let (understanding, turn) = (understanding.clone(), Turn::after(&mut turns));
        let place = out.reserve().await.map_err(|_| PipelineError::Stage)?;
        place.send(tokio::spawn(async move {
            understanding.understand(records, turn).await
        }));
    }
}

async fn apply(
    applier: Applier,
    mut chunks: mpsc::Receiver<JoinHandle<Understood>>,
    out: mpsc::Sender<Applying>,
) -> Result<(), PipelineError> {
    while let Some(chunk) = chunks.recv().await {
        let chunk = chunk.await.map_err(|_| PipelineError::Stage)?;
        // take the place first: it bounds how many chunks are with the actors
        let place = out.reserve().await.map_err(|_| PipelineError::Stage)?;
        let (ticket, rows) = Ticket::new();
        let range = chunk.range.clone();
        let left = applier.apply(chunk, &ticket).await;
        drop(ticket);
        place.send(Applying { range, rows, left });
    }
    Ok(())
}

async fn complete(
    journal: Journal,
    history: History,
    mut chunks: mpsc::Receiver<Applying>,
    applied: watch::Sender<Offset>,
    metrics: PipelineMetrics,
) -> Result<(), PipelineError> {
    while let Some(Applying {
        range,
        rows,
        mut left,
    }) = chunks.recv().await
    {
        let rows = rows.await.map_err(|_| PipelineError::Stage)?;
        for id in rows.failed {
            left.dead.push(step_failed(&journal, id.offset())?);
            metrics.dead(DeadReason::PluginFailed);
        }
        metrics.records.inc_by(range.end.0 - range.start.0);
        metrics.duplicates.inc_by(rows.duplicates);
        let end = range.end;
        history
            .submit(Chunk {
                range,
                positions: rows.rows,
                raw: left.raw,
                dead: left.dead,
            })
            .await?;
        metrics.applied.set(i64::try_from(end.0).unwrap_or(i64::MAX));
        applied.send_replace(end);
    }
    Ok(())
}

/// The letter for a message on which a device's state machine panicked; rare, so it is read back from the
/// journal instead of being kept at hand for every message.
fn step_failed(journal: &Journal, offset: Offset) -> Result<DeadLetter, PipelineError> {
    let mut record = Vec::new();
    journal.reader(offset)?.read(1, &mut record)?;
    let uplink = record
        .first()
        .ok_or(PipelineError::Stage)
        .and_then(|(_, bytes)| Ok(Uplink::decode(bytes)?))?;
    let detail = "the device's state machine failed on it".into();
    Ok(DeadLetter {
        detail,
        ..dead_letter(offset, &uplink, "")
    })
}

/// Decodes the messages below `until` whose states were not saved, for the states alone: their rows are sealed.
pub async fn recall(
    journal: &Journal,
    decode: &DecodeHost,
    registry: &Registry,
    states: &States,
    until: Offset,
) -> Result<(), PipelineError> {
    let understanding = Understanding {
        decode: decode.clone(),
        registry: registry.clone(),
        states: states.clone(),
    };
    // what the journal may forget, the states were saved of before
    let mut reader = journal.reader(states.saved().max(journal.checkpointed()))?;
    let mut turns = Turn::first();
    while reader.position() < until {
        let most = usize::try_from(until.0 - reader.position().0).unwrap_or(usize::MAX);
        let mut records = Vec::new();
        if reader.read(most.min(RECALLED), &mut records)? == 0 {
            break;
        }
        understanding.understand(records, Turn::after(&mut turns)).await;
    }
    Ok(())
}

/// Lets the journal forget what is sealed in a synced spool file, once the states that it made are saved.
async fn checkpoint(journal: Journal, history: History, states: States) -> Result<(), PipelineError> {
    let mut sealed = history.sealed();
    let journal = Arc::new(journal);
    loop {
        let offset = *sealed.borrow_and_update();
        if offset > journal.checkpointed() {
            if let Err(error) = states.save(offset).await {
                tracing::warn!(%error, "states can not be saved, trying again");
                tokio::time::sleep(CHECKPOINT_RETRY).await;
                continue;
            }
            let journal = Arc::clone(&journal);
            let done = tokio::task::spawn_blocking(move || journal.checkpoint(offset)).await;
            match done.map_err(|_| PipelineError::Stage)? {
                // nothing was removed, and the segments are in nobody's way yet
                Err(error @ JournalError::Io { .. }) => {
                    tracing::warn!(%error, "the journal's checkpoint can not be recorded, trying again");
                    tokio::time::sleep(CHECKPOINT_RETRY).await;
                    continue;
                }
                done => done?,
            }
        }
        if sealed.changed().await.is_err() {
            return Ok(());
        }
    }
}
