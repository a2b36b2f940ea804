//! Readings on their way in, and the collector of what became of them.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::history::PositionRow;
use crate::model::{ClientId, Correction, DeviceId, Fix, PositionId, TimeMs};

/// One decoded position on its way to its device.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Its id, from journal offset and index.
    pub id: PositionId,
    /// Time of receipt.
    pub received: TimeMs,
    /// What the decoder said.
    pub fix: Fix,
    /// Vendor, empty for the hub's own format.
    pub vendor: Arc<str>,
    /// `teltonika@1.0.0`, or empty.
    pub plugin: Arc<str>,
}

/// Readings of one device, and corrections that came after them, in order.
pub struct DeviceBatch {
    /// The tenant.
    pub client: ClientId,
    /// In journal order.
    pub readings: Vec<Reading>,
    /// Then these, in journal order.
    pub corrections: Vec<DeviceCorrection>,
    /// Where the rows go.
    pub ticket: Ticket,
}

/// A correction on its way to a device that it concerns.
#[derive(Debug, Clone)]
pub struct DeviceCorrection {
    /// The correction's own journal record, as the id that a position in it would have.
    pub at: PositionId,
    /// What is corrected.
    pub correction: Arc<Correction>,
}

/// What the devices made of a chunk.
#[derive(Debug, Default)]
pub struct Applied {
    /// Rows to store, sorted by id, then revision.
    pub rows: Vec<PositionRow>,
    /// Readings judged `duplicate`.
    pub duplicates: u64,
    /// Readings on which the step function panicked, or that died with their actor (dead-lettered by the
    /// pipeline): their ids, sorted.
    pub failed: Vec<PositionId>,
}

/// Collects the rows of one chunk of the journal; completes when the last clone is dropped. It rides
/// inside the messages to the actors, so it also bounds them: a chunk is outstanding until applied.
/// Completion is a drop, so neither a panic nor a dead mailbox can hold it up.
#[derive(Clone)]
pub struct Ticket {
    collector: Arc<Collector>,
}

struct Collector {
    applied: Mutex<Applied>,
    done: Mutex<Option<oneshot::Sender<Applied>>>,
}

impl Ticket {
    /// A ticket and the receiver of its rows: resolves when all clones are gone, rows sorted by id,
    /// with the number of duplicates that were not stored.
    pub fn new() -> (Self, oneshot::Receiver<Applied>) {
        let (done, applied) = oneshot::channel();
        let collector = Collector {
            applied: Mutex::default(),
            done: Mutex::new(Some(done)),
        };
        (
            Self {
                collector: Arc::new(collector),
            },
            applied,
        )
    }

    /// Adds rows.
    pub fn add(&self, rows: impl IntoIterator<Item = PositionRow>) {
        self.collector.applied.lock().rows.extend(rows);
    }

    /// Adds all that became of a batch, under one lock.
    pub(super) fn settle(&self, outcome: &mut Applied) {
        let mut applied = self.collector.applied.lock();
        applied.rows.append(&mut outcome.rows);
        applied.duplicates += std::mem::take(&mut outcome.duplicates);
        applied.failed.append(&mut outcome.failed);
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let mut applied = std::mem::take(self.applied.get_mut());
        // Rows are some 400 bytes: sorts small keys, then moves each row once.
        applied.rows.sort_by_cached_key(|row| (row.id, row.revision));
        applied.failed.sort_unstable();
        if let Some(done) = self.done.get_mut().take() {
            // Nobody waits when the pipeline is gone; then the journal holds the chunk.
            let _ = done.send(applied);
        }
    }
}

/// A batch inside the room. What is still in it when it is dropped (a mailbox died with it) is
/// reported as failed: a ticket accounts for all that it covers.
pub(super) struct Work {
    pub device: DeviceId,
    pub client: ClientId,
    pub readings: std::vec::IntoIter<Reading>,
    pub corrections: std::vec::IntoIter<DeviceCorrection>,
    pub ticket: Ticket,
}

impl Work {
    pub fn new(device: DeviceId, batch: DeviceBatch) -> Self {
        let DeviceBatch {
            client,
            readings,
            corrections,
            ticket,
        } = batch;
        Self {
            device,
            client,
            readings: readings.into_iter(),
            corrections: corrections.into_iter(),
            ticket,
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.readings.len() > 0 || self.corrections.len() > 0 {
            let readings = self.readings.by_ref().map(|reading| reading.id);
            let corrections = self.corrections.by_ref().map(|correction| correction.at);
            let failed: Vec<_> = readings.chain(corrections).collect();
            tracing::error!(device = %self.device, readings = failed.len(), "readings died with their actor");
            self.ticket.settle(&mut Applied {
                failed,
                ..Applied::default()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::device::testing;

    #[tokio::test]
    async fn a_ticket_completes_when_its_last_clone_goes_and_sorts_rows() {
        let (ticket, mut applied) = Ticket::new();
        let other = ticket.clone();
        let row = |id, revision| {
            let mut row = testing::row(id);
            row.revision = revision;
            row
        };
        ticket.add([row(3, 0), row(1, 1)]);
        drop(ticket);
        assert!(applied.try_recv().is_err());
        other.add([row(2, 0), row(1, 0)]);
        drop(other);
        let rows = applied.await.unwrap().rows;
        let order: Vec<_> = rows.iter().map(|row| (row.id.0, row.revision)).collect();
        assert_eq!(order, [(1, 0), (1, 1), (2, 0), (3, 0)]);
    }

    #[tokio::test]
    async fn a_batch_that_is_dropped_unread_reports_its_readings_as_failed() {
        let (ticket, applied) = Ticket::new();
        let readings = vec![testing::reading(2, 0), testing::reading(1, 0)];
        drop(Work::new(
            DeviceId(1),
            DeviceBatch {
                client: ClientId(1),
                readings,
                corrections: Vec::new(),
                ticket,
            },
        ));
        assert_eq!(applied.await.unwrap().failed, [PositionId(1), PositionId(2)]);
    }

    #[tokio::test]
    async fn a_panic_that_unwinds_over_a_ticket_completes_it() {
        let (ticket, applied) = Ticket::new();
        let task = tokio::spawn(async move {
            ticket.add([testing::row(1)]);
            panic!("on purpose");
        });
        assert!(task.await.is_err());
        assert_eq!(applied.await.unwrap().rows.len(), 1);
    }
}
