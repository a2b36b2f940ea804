//! Why something was not taken, and why the journal can't go on.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::Offset;

/// Why records were not taken. Nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Above the high-water mark or no space on disk; goes away by itself.
    #[error("the journal is full ({used} of {limit} bytes): history is behind or the disk is full")]
    Full {
        /// Bytes in use.
        used: u64,
        /// The high-water mark.
        limit: u64,
    },
    /// A record is larger than a segment takes.
    #[error("a record of {0} bytes is larger than the journal takes")]
    TooLarge(usize),
    /// The journal was closed, or has failed: [`super::Journal::refusing`] says which.
    #[error("the journal has stopped")]
    Stopped,
}

/// The journal can't go on, or could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A write or sync failed; records that were waiting are not durable.
    #[error("journal write failed: {0}")]
    Write(String),
    /// Damage that is not a torn tail.
    #[error("journal segment {file} is damaged at byte {position}: {what}")]
    Corrupt {
        /// Segment file.
        file: PathBuf,
        /// Byte offset.
        position: u64,
        /// What is wrong.
        what: String,
    },
    /// File access.
    #[error("{path}: {source}")]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The offset was deleted already (below the checkpoint).
    #[error("offset {0} is no longer in the journal")]
    Gone(Offset),
    /// The journal was closed.
    #[error("the journal has stopped")]
    Stopped,
}

impl JournalError {
    /// For `map_err` on file operations.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// Damage in `file`.
    pub(super) fn corrupt(file: &Path, position: u64, what: impl Into<String>) -> Self {
        Self::Corrupt {
            file: file.to_owned(),
            position,
            what: what.into(),
        }
    }
}
