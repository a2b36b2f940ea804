//! What the other rooms need of a journal, so that another log can stand in for ours later.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;

use super::{AppendError, Frames, Journal, JournalError, Reader};
use crate::model::Offset;

/// A durable, ordered log with dense offsets. The promises are those of [`Journal`]'s methods.
pub trait Log: Clone + Send + Sync + 'static {
    /// What reads it.
    type Reader: LogReader;

    /// See [`Journal::append`].
    fn append(&self, records: &Frames, wake: Option<&Arc<Notify>>) -> Result<Range<Offset>, AppendError>;
    /// See [`Journal::durable`].
    fn durable(&self) -> Offset;
    /// See [`Journal::wait_durable`].
    fn wait_durable(&self, end: Offset) -> impl Future<Output = Result<(), JournalError>> + Send;
    /// See [`Journal::wait_beyond`].
    fn wait_beyond(&self, from: Offset) -> impl Future<Output = Result<Offset, JournalError>> + Send;
    /// See [`Journal::first`].
    fn first(&self) -> Offset;
    /// See [`Journal::reader`].
    fn reader(&self, from: Offset) -> Result<Self::Reader, JournalError>;
    /// See [`Journal::checkpoint`].
    fn checkpoint(&self, offset: Offset) -> Result<(), JournalError>;
    /// See [`Journal::checkpointed`].
    fn checkpointed(&self) -> Offset;
    /// See [`Journal::refusing`].
    fn refusing(&self) -> Option<String>;
}

/// Reads a [`Log`] in order.
pub trait LogReader: Send + 'static {
    /// See [`Reader::read`].
    fn read(&mut self, max: usize, out: &mut Vec<(Offset, Bytes)>) -> Result<usize, JournalError>;
    /// See [`Reader::position`].
    fn position(&self) -> Offset;
}

impl Log for Journal {
    type Reader = Reader;

    fn append(&self, records: &Frames, wake: Option<&Arc<Notify>>) -> Result<Range<Offset>, AppendError> {
        Self::append(self, records, wake)
    }
    fn durable(&self) -> Offset {
        Self::durable(self)
    }
    fn wait_durable(&self, end: Offset) -> impl Future<Output = Result<(), JournalError>> + Send {
        Self::wait_durable(self, end)
    }
    fn wait_beyond(&self, from: Offset) -> impl Future<Output = Result<Offset, JournalError>> + Send {
        Self::wait_beyond(self, from)
    }
    fn first(&self) -> Offset {
        Self::first(self)
    }
    fn reader(&self, from: Offset) -> Result<Reader, JournalError> {
        Self::reader(self, from)
    }
    fn checkpoint(&self, offset: Offset) -> Result<(), JournalError> {
        Self::checkpoint(self, offset)
    }
    fn checkpointed(&self) -> Offset {
        Self::checkpointed(self)
    }
    fn refusing(&self) -> Option<String> {
        Self::refusing(self)
    }
}

impl LogReader for Reader {
    fn read(&mut self, max: usize, out: &mut Vec<(Offset, Bytes)>) -> Result<usize, JournalError> {
        Self::read(self, max, out)
    }
    fn position(&self) -> Offset {
        Self::position(self)
    }
}
