//! Options of history, and how it is doing.

use std::path::PathBuf;
use std::time::Duration;

/// Options of history.
#[derive(Clone)]
pub struct HistoryOptions {
    /// `http://host:port` of ClickHouse.
    pub url: String,
    /// Writing user.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Database: letters, digits and `_`. The embedded engine's users are granted `fixstream`.
    pub database: String,
    /// Folder of sealed batches that are not yet in ClickHouse.
    pub spool: PathBuf,
    /// Seal at so many rows …
    pub batch_rows: usize,
    /// … or after so long.
    pub batch_age: Duration,
    /// Bytes in the spool above which submit waits.
    pub max_spool_bytes: u64,
    /// Free bytes of the disk that the spool leaves to others (the embedded engine); beyond them it keeps space
    /// for one batch.
    pub min_free_bytes: u64,
}

impl std::fmt::Debug for HistoryOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryOptions")
            .field("url", &self.url)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("spool", &self.spool)
            .field("batch_rows", &self.batch_rows)
            .field("batch_age", &self.batch_age)
            .field("max_spool_bytes", &self.max_spool_bytes)
            .finish_non_exhaustive()
    }
}

/// Lag of history behind the journal, for gauges and `/healthcheck`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lag {
    /// Rows sealed or waiting, not yet in ClickHouse.
    pub rows: u64,
    /// Bytes of them in the spool.
    pub bytes: u64,
    /// Age of the oldest of them.
    pub seconds: f64,
    /// Rows stored since start.
    pub stored: u64,
}
