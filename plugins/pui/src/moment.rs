//! Times in both forms of ISO 8601 that the trackers write, UTC.

use fixstream_decoder::text::is_digits;
use fixstream_decoder::time::ms_from_rfc3339;

/// `2023-06-01T03:09:51.362Z`, or without separators: `20230601T030951.362Z`.
pub(crate) fn ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let long = with_separators(text);
    ms_from_rfc3339(long.as_deref().unwrap_or(text)).ok()
}

/// The form with separators; `None` when the text is not in the one without.
fn with_separators(text: &str) -> Option<String> {
    let (date, clock) = text.split_once('T')?;
    let (year, month_and_day) = date.split_at_checked(4)?;
    let (month, day) = month_and_day.split_at_checked(2)?;
    let (hour, rest) = clock.split_at_checked(2)?;
    let (minute, rest) = rest.split_at_checked(2)?;
    let is_short = is_digits(date) && date.len() == 8 && is_digits(hour) && is_digits(minute);
    is_short.then(|| format!("{year}-{month}-{day}T{hour}:{minute}:{rest}"))
}
