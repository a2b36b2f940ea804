//! What is between the batcher and the inserter: the sealed batches that wait, and how things are.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::batch::Batch;
use super::metrics::HistoryMetrics;
use super::options::Lag;
use super::spool::{Entry, Found, Spool};
use crate::clock;
use crate::model::{Offset, TimeMs};

/// Sealed batches that stay in memory, at most: the one that is being stored, and the next.
const KEPT: usize = 2;

/// Shared by the handle and both tasks.
pub(super) struct Backlog {
    pub spool: Spool,
    pub journal: String,
    pub metrics: HistoryMetrics,
    /// The end of the last sealed batch.
    pub sealed: watch::Sender<Offset>,
    /// Everything below this is in ClickHouse.
    pub stored: watch::Sender<Offset>,
    /// Whether ClickHouse has answered and the schema is in place.
    pub ready: watch::Sender<bool>,
    /// A batch was added.
    pub work: Notify,
    /// A batch was stored.
    pub room: Notify,
    max_spool_bytes: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Pending>,
    open_rows: u64,
    open_since: Option<TimeMs>,
    bytes: u64,
    rows: u64,
    stored: u64,
    insert_trouble: Option<String>,
    seal_trouble: Option<String>,
}

/// A sealed batch that is not stored yet.
#[derive(Clone)]
pub(super) struct Pending {
    pub entry: Entry,
    /// The rows, when few others waited as they were sealed; otherwise they are read from the file.
    pub rows: Option<Arc<Batch>>,
    /// Sealed by an earlier process: nobody knows what was attempted.
    pub inherited: bool,
}

impl Backlog {
    pub(super) fn new(spool: Spool, found: &Found, journal: &str, max_spool_bytes: u64) -> Self {
        let waiting = |entry: &Entry| Pending {
            entry: *entry,
            rows: None,
            inherited: true,
        };
        let state = State {
            waiting: found.entries.iter().map(waiting).collect(),
            bytes: found.entries.iter().map(|entry| entry.bytes).sum(),
            rows: found.entries.iter().map(|entry| entry.rows).sum(),
            ..State::default()
        };
        Self {
            spool,
            journal: journal.to_owned(),
            metrics: HistoryMetrics::default(),
            sealed: watch::Sender::new(found.end().unwrap_or_default()),
            stored: watch::Sender::new(found.stored().unwrap_or_default()),
            ready: watch::Sender::new(false),
            work: Notify::new(),
            room: Notify::new(),
            max_spool_bytes,
            state: Mutex::new(state),
        }
    }

    /// Whether another batch may be sealed.
    pub(super) fn has_room(&self) -> bool {
        let state = self.state.lock();
        state.waiting.is_empty() || state.bytes < self.max_spool_bytes
    }

    /// Whether sealed batches wait behind the one that is being stored.
    pub(super) fn is_behind(&self) -> bool {
        self.state.lock().waiting.len() > 1
    }

    /// Rows are on their way to the open batch: counted from here, so that no moment looks as if all were
    /// stored.
    pub(super) fn submitted(&self, rows: usize) {
        let mut state = self.state.lock();
        state.open_rows += rows as u64;
        state.open_since.get_or_insert_with(clock::now);
    }

    /// A batch is on disk.
    pub(super) fn push(&self, entry: Entry, batch: Arc<Batch>) {
        let mut state = self.state.lock();
        let kept = state.waiting.iter().filter(|pending| pending.rows.is_some());
        let rows = (kept.count() < KEPT).then_some(batch);
        state.bytes += entry.bytes;
        state.rows += entry.rows;
        state.open_rows = state.open_rows.saturating_sub(entry.rows);
        state.open_since = (state.open_rows > 0).then(clock::now);
        state.seal_trouble = None;
        state.waiting.push_back(Pending {
            entry,
            rows,
            inherited: false,
        });
        drop(state);
        self.sealed.send_replace(entry.to);
        self.work.notify_one();
        self.lag();
    }

    /// The batch that is to be stored next.
    pub(super) fn front(&self) -> Option<Pending> {
        self.state.lock().waiting.front().cloned()
    }

    /// The first batch is stored and gone.
    pub(super) fn pop(&self) {
        let mut state = self.state.lock();
        if let Some(Pending { entry, .. }) = state.waiting.pop_front() {
            state.bytes = state.bytes.saturating_sub(entry.bytes);
            state.rows = state.rows.saturating_sub(entry.rows);
            state.stored += entry.rows;
            self.metrics.rows.inc_by(entry.rows);
            self.stored.send_replace(entry.to);
            self.metrics.batches.inc();
        }
        state.insert_trouble = None;
        drop(state);
        self.room.notify_waiters();
        self.lag();
    }

    /// All batches that are not stored yet.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.state
            .lock()
            .waiting
            .iter()
            .map(|pending| pending.entry)
            .collect()
    }

    pub(super) fn set_insert_trouble(&self, trouble: Option<String>) {
        self.state.lock().insert_trouble = trouble;
    }

    pub(super) fn set_seal_trouble(&self, trouble: Option<String>) {
        self.state.lock().seal_trouble = trouble;
    }

    pub(super) fn trouble(&self) -> Option<String> {
        let state = self.state.lock();
        state
            .seal_trouble
            .clone()
            .or_else(|| state.insert_trouble.clone())
    }

    /// How far behind; the gauges follow.
    pub(super) fn lag(&self) -> Lag {
        let state = self.state.lock();
        let oldest = state
            .waiting
            .front()
            .map(|pending| pending.entry.written)
            .or(state.open_since);
        let seconds = oldest.map_or(0.0, |since| (clock::now().0 - since.0).max(0) as f64 / 1e3);
        let lag = Lag {
            rows: state.rows + state.open_rows,
            bytes: state.bytes,
            seconds,
            stored: state.stored,
        };
        drop(state);
        self.metrics.lag_rows.set(lag.rows as i64);
        self.metrics.lag_bytes.set(lag.bytes as i64);
        self.metrics.lag_seconds.set(lag.seconds);
        lag
    }
}
