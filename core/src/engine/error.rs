//! Why the engine does not run.

use std::path::{Path, PathBuf};

/// The engine can't run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No library.
    #[error("libchdb.so was not found: {0}")]
    NoLibrary(String),
    /// The child does not answer.
    #[error("the ClickHouse engine did not start: {0}")]
    Start(String),
    /// File access.
    #[error("{path}: {source}")]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

impl EngineError {
    /// Adapter for `map_err`: names the file that the failed operation was about.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }
}
