//! Which failures pass by themselves.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use clickhouse::error::Error;

use super::error::HistoryError;

/// Between attempts that can't succeed until somebody has done something.
const SLOW: Duration = Duration::from_secs(60);
const FIRST: Duration = Duration::from_millis(100);
const LAST: Duration = Duration::from_secs(3);

/// ClickHouse's codes of failures that the same request will meet again: columns, syntax and types (6, 16,
/// 27, 33, 53, 62, 117), names (60, 81), rights (497, 516).
const PERMANENT: [u32; 10] = [6, 16, 27, 33, 53, 60, 62, 81, 117, 497];
const WRONG_PASSWORD: u32 = 516;

/// Whether the failure will not pass by itself.
pub(crate) fn is_permanent(error: &HistoryError) -> bool {
    match error {
        HistoryError::ClickHouse(Error::BadResponse(text)) => {
            code(text).is_some_and(|code| PERMANENT.contains(&code) || code == WRONG_PASSWORD)
        }
        HistoryError::ClickHouse(
            Error::Network(_)
            | Error::TimedOut
            | Error::Compression(_)
            | Error::Decompression(_)
            | Error::NotEnoughData
            | Error::RowNotFound
            | Error::Other(_),
        )
        | HistoryError::Io { .. } => false,
        // The rest is about our own types and settings.
        HistoryError::ClickHouse(_) | HistoryError::State(_) | HistoryError::TooLarge(_) => true,
    }
}

/// The number in `Code: 60. DB::Exception: …`.
pub(super) fn code(text: &str) -> Option<u32> {
    let (_, after) = text.split_once("Code: ")?;
    after
        .split(|letter: char| !letter.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// The pauses between attempts.
pub(super) struct Pauses {
    passing: ExponentialBackoff,
}

impl Pauses {
    pub(super) fn new() -> Self {
        let builder = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(FIRST)
            .with_max_delay(LAST)
            .without_max_times();
        Self {
            passing: builder.build(),
        }
    }

    /// The pause after this failure.
    pub(super) fn after(&mut self, error: &HistoryError) -> Duration {
        if is_permanent(error) {
            SLOW
        } else {
            self.passing.next().unwrap_or(LAST)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn response(text: &str) -> HistoryError {
        HistoryError::ClickHouse(Error::BadResponse(text.into()))
    }

    #[test]
    fn a_missing_table_stays_missing_and_a_full_memory_passes() {
        assert!(is_permanent(&response("Code: 60. DB::Exception: Unknown table")));
        assert!(is_permanent(&response(
            "Code: 516. DB::Exception: Authentication failed"
        )));
        assert!(!is_permanent(&response(
            "Code: 241. DB::Exception: Memory limit exceeded"
        )));
        assert!(!is_permanent(&response("502 Bad Gateway")));
        assert!(!is_permanent(&HistoryError::ClickHouse(Error::TimedOut)));
        assert!(is_permanent(&HistoryError::ClickHouse(Error::SchemaMismatch(
            "x".into()
        ))));
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut pauses = Pauses::new();
        let error = HistoryError::ClickHouse(Error::TimedOut);
        let taken: Vec<Duration> = (0..20).map(|_| pauses.after(&error)).collect();
        assert!(taken[0] < Duration::from_secs(1));
        assert!(taken.iter().all(|pause| *pause <= LAST * 2));
        assert_eq!(pauses.after(&HistoryError::State("x".into())), SLOW);
    }
}
