//! What both layouts do with a batch: step by step, each step behind its own unwind barrier.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::convert;
use super::core::{Candidate, DeviceCore, Step, StepConfig};
use super::correct::{self, LatestChange};
use super::corrected::CorrectedFixes;
use super::metrics::{DeviceMetrics, Tally};
use super::slots::SlotTable;
use super::ticket::{Applied, DeviceCorrection, Reading, Work};
use crate::crash;
use crate::history::PositionRow;
use crate::latest::{Latest, LatestStore};
use crate::model::{ClientId, Corrected, DeviceId, Verdict};

/// [`DeviceCore::step`]; a test puts one in that panics.
pub(super) type StepFn = fn(&mut DeviceCore, &Reading, &StepConfig) -> Step;

/// A device at rest: its core, and the row of its candidate where there is one.
#[derive(Default)]
pub(super) struct Parked {
    pub core: DeviceCore,
    pub candidate: Option<Box<PositionRow>>,
    /// Corrected fixes that must not be taken for news; nearly always none.
    pub corrected: Option<Box<CorrectedFixes>>,
}

impl Parked {
    /// Takes in a stored row of this device. True when it is the newest trusted fix so far.
    pub fn restore(&mut self, row: &PositionRow) -> bool {
        if row.revision > 0 {
            self.note_corrected(row.into());
        }
        self.core.restore(row)
    }

    pub(super) fn note_corrected(&mut self, fix: Corrected) {
        // what is older than the newest trusted fix is late whenever it comes
        if let Some((newest, _)) = self.core.newest()
            && fix.time.max(fix.stated) < newest
        {
            return;
        }
        self.corrected.get_or_insert_default().note(fix);
    }

    /// Whether the reading says again what was corrected.
    fn was_corrected(&mut self, reading: &Reading) -> bool {
        let Some(corrected) = &mut self.corrected else {
            return false;
        };
        if let Some((newest, _)) = self.core.newest()
            && corrected.prune(newest)
        {
            self.corrected = None;
            return false;
        }
        corrected.has(reading)
    }
}

/// What all actors of the room share.
pub(super) struct Room {
    pub config: StepConfig,
    pub step: StepFn,
    pub latest: Arc<LatestStore>,
    pub slots: SlotTable,
    pub metrics: DeviceMetrics,
    /// Counts sweeps; stands in for a clock in the hot path.
    pub tick: AtomicU32,
    /// Actors that own a core or a shard.
    active: AtomicUsize,
    /// Told when the last of them is gone.
    pub quiet: Notify,
}

/// What one reading came to.
pub(super) struct Outcome {
    pub step: Step,
    /// The candidate's row with its new verdict, emitted before the reading's own.
    pub released: Option<PositionRow>,
    /// Nothing for a duplicate.
    pub row: Option<PositionRow>,
}

impl Room {
    pub fn new(config: StepConfig, step: StepFn, latest: Arc<LatestStore>) -> Self {
        Self {
            config,
            step,
            latest,
            slots: SlotTable::new(),
            metrics: DeviceMetrics::default(),
            tick: AtomicU32::new(0),
            active: AtomicUsize::new(0),
            quiet: Notify::new(),
        }
    }

    pub fn active(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }

    pub fn entered(&self) {
        self.active.fetch_add(1, Ordering::AcqRel);
        self.metrics.active.inc();
    }

    pub fn left(&self) {
        self.metrics.active.dec();
        if self.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.quiet.notify_waiters();
        }
    }

    /// Applies a batch in order. Latest is put and rows are added once for the batch; rows are on the ticket
    /// only after latest shows them.
    pub fn apply(&self, device: &mut Parked, mut work: Work) {
        crash::point("apply-before");
        let mut applied = Applied {
            rows: Vec::with_capacity(work.readings.len() + 2 * work.corrections.len()),
            ..Applied::default()
        };
        let mut tally = Tally::default();
        let mut newest: Option<Latest> = None;
        let (client, id) = (work.client, work.device);
        for reading in work.readings.by_ref() {
            let position = reading.id;
            if device.was_corrected(&reading) {
                tally.add(Verdict::Duplicate);
                applied.duplicates += 1;
                continue;
            }
            // The core is copied back only when the step came to its end, so a panic leaves it as it was.
            let mut core = device.core;
            let candidate = &mut device.candidate;
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                judge(self.step, &self.config, &mut core, candidate, client, id, reading)
            }));
            let Ok(Outcome { step, released, row }) = outcome else {
                self.metrics.panics.inc();
                tracing::error!(device = %id, position = %position, "judging a reading panicked");
                applied.failed.push(position);
                continue;
            };
            device.core = core;
            tally.add(step.verdict);
            if let Some(row) = released {
                self.metrics.released.inc();
                newest = Some(convert::latest(&row));
                applied.rows.push(row);
            }
            match row {
                Some(row) => {
                    if step.latest {
                        newest = Some(convert::latest(&row));
                    }
                    applied.rows.push(row);
                }
                None => applied.duplicates += 1,
            }
        }
        if let Some(latest) = &newest {
            self.latest.put(id, latest);
        }
        self.metrics.count(&tally);
        for correction in work.corrections.by_ref() {
            self.correct(device, client, id, correction, &mut applied);
        }
        work.ticket.settle(&mut applied);
        crash::point("apply-after");
    }

    /// Applies a correction; as with readings, latest shows it before its rows are on the ticket.
    fn correct(
        &self,
        device: &mut Parked,
        client: ClientId,
        id: DeviceId,
        correction: DeviceCorrection,
        applied: &mut Applied,
    ) {
        let DeviceCorrection { at, correction } = correction;
        // What is changed half-way by a panic is put back.
        let (core, candidate) = (device.core, device.candidate.clone());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            correct::correct(device, client, id, &correction, &self.config)
        }));
        match outcome {
            Ok(outcome) => {
                match &outcome.latest {
                    LatestChange::Stays => {}
                    LatestChange::Becomes(latest) => self.latest.put(id, latest),
                    LatestChange::Goes => self.latest.clear(id),
                }
                self.metrics.corrections.inc();
                applied.rows.extend(outcome.rows);
            }
            Err(_panic) => {
                device.core = core;
                device.candidate = candidate;
                self.metrics.panics.inc();
                tracing::error!(device = %id, position = %correction.id, "applying a correction panicked");
                applied.failed.push(at);
            }
        }
    }
}

/// One step, and the rows that it means. Touches `candidate` only after the step has succeeded.
pub(super) fn judge(
    step: StepFn,
    config: &StepConfig,
    core: &mut DeviceCore,
    candidate: &mut Option<Box<PositionRow>>,
    client: ClientId,
    device: DeviceId,
    reading: Reading,
) -> Outcome {
    let step = step(core, &reading, config);
    let row = (step.verdict != Verdict::Duplicate).then(|| convert::row(client, device, reading, &step));
    let mut released = None;
    match step.candidate {
        Candidate::Unchanged => {}
        Candidate::Keep => *candidate = row.clone().map(Box::new),
        Candidate::Dropped => *candidate = None,
        Candidate::Released(verdict) => {
            released = candidate.take().map(|kept| {
                let mut row = *kept;
                row.verdict = verdict;
                row.revision = row.revision.saturating_add(1);
                row
            });
        }
    }
    Outcome { step, released, row }
}
