//! Why history can't start or go on.

use std::path::{Path, PathBuf};

/// History can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// ClickHouse answered with an error.
    #[error("clickhouse: {0}")]
    ClickHouse(#[from] clickhouse::error::Error),
    /// The spool.
    #[error("{path}: {source}")]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The question is too large: more time or memory than one may take.
    #[error("the question takes more than it may: {0}")]
    TooLarge(String),
    /// A migration or the spool is not as expected.
    #[error("{0}")]
    State(String),
}

impl HistoryError {
    /// Adapter for `map_err`: names the file that the failed operation was about.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }
}
