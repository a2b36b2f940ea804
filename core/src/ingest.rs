//! The way in for everything that is not MQTT: journal it, wait until it is on disk, say so.

use std::borrow::Borrow;
use std::ops::Range;
use std::time::Duration;

use crate::journal::{AppendError, Frames, Journal, JournalError};
use crate::model::{Offset, Uplink, UplinkError};

/// How often a wait for the disk looks whether that is full.
const LOOK: Duration = Duration::from_millis(500);

/// Accepts uplinks from REST. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    journal: Journal,
}

/// Why an uplink was not accepted. None of these leaves anything acknowledged behind.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The journal is full or behind; try again later.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The journal failed while the record was on its way to the disk.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The disk filled up while the record was on its way there. It may still be journalled, when there is space
    /// again; what is sent twice is recognised as such.
    #[error("the disk has no space for the journal")]
    NoSpace,
    /// The uplink can't be written as a record.
    #[error(transparent)]
    Encode(#[from] UplinkError),
}

impl Ingest {
    /// A way into `journal`.
    pub fn new(journal: Journal) -> Self {
        Self { journal }
    }

    /// Journals `uplink` and returns its offset once `fdatasync` has returned.
    pub async fn accept(&self, uplink: &Uplink) -> Result<Offset, IngestError> {
        Ok(self.accept_all(std::slice::from_ref(uplink)).await?.start)
    }

    /// Journals all of them together, in this order; returns their offsets once `fdatasync` has returned. None
    /// of them is taken when the journal refuses.
    pub async fn accept_all(&self, uplinks: &[Uplink]) -> Result<Range<Offset>, IngestError> {
        let offsets = self.append_all(uplinks)?;
        self.settled(offsets).await
    }

    /// Appends them in this order; they are not on disk then ([`Self::settled`]). None is taken when the journal refuses.
    pub(crate) fn append_all(
        &self,
        uplinks: impl IntoIterator<Item: Borrow<Uplink>>,
    ) -> Result<Range<Offset>, IngestError> {
        let mut frames = Frames::default();
        for uplink in uplinks {
            frames.push_with(|record| uplink.borrow().encode(record))?;
        }
        Ok(self.journal.append(&frames, None)?)
    }

    /// Waits until what was appended is on disk.
    pub(crate) async fn settled(&self, offsets: Range<Offset>) -> Result<Range<Offset>, IngestError> {
        let mut durable = std::pin::pin!(self.journal.wait_durable(offsets.end));
        loop {
            if let Ok(reached) = tokio::time::timeout(LOOK, &mut durable).await {
                reached?;
                return Ok(offsets);
            }
            // It was queued when the disk filled up: whether it is ever written is open, so the sender must
            // be told to come again.
            if self.journal.lacks_space() {
                return Err(IngestError::NoSpace);
            }
        }
    }

    /// All records below this offset are on disk.
    pub fn durable(&self) -> Offset {
        self.journal.durable()
    }
}
