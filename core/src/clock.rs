//! The one place where the wall clock is read. Everything that decides takes the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::TimeMs;

/// Now, in milliseconds since 1970-01-01T00:00:00Z.
pub fn now() -> TimeMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
