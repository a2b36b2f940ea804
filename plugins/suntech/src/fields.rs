//! The fields of a text message.

use fixstream_decoder::text::{decimal, is_digits, shown};
use fixstream_decoder::{DecodeError, malformed, time};

/// More fields than any message has.
const MOST_FIELDS: usize = 1024;

/// A message taken apart at its semicolons.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'text>(Vec<&'text str>);

impl<'text> Fields<'text> {
    pub(crate) fn of(text: &'text str) -> Self {
        Self(text.split(';').take(MOST_FIELDS).collect())
    }

    /// The header.
    pub(crate) fn first(&self) -> &'text str {
        self.get(0).unwrap_or_default()
    }

    /// The field of this number, without blanks around it.
    pub(crate) fn get(&self, number: usize) -> Option<&'text str> {
        self.0.get(number).map(|field| field.trim())
    }

    /// The field of this number with what is around it; its length counts in data of a serial port.
    pub(crate) fn raw(&self, number: usize) -> Option<&'text str> {
        self.0.get(number).copied()
    }

    /// The field of this number, which must be there.
    pub(crate) fn required(&self, number: usize) -> Result<&'text str, DecodeError> {
        self.get(number).ok_or_else(|| malformed("cut short"))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Whether it is `yyyymmdd`, possible or not.
pub(crate) fn is_day(text: &str) -> bool {
    text.len() == 8 && is_digits(text)
}

/// Whether it is `hh:mm:ss`, possible or not.
pub(crate) fn is_clock(text: &str) -> bool {
    text.len() == 8
        && text.bytes().enumerate().all(|(at, byte)| match at {
            2 | 5 => byte == b':',
            _ => byte.is_ascii_digit(),
        })
}

/// Milliseconds since 1970 of day and clock, UTC.
pub(crate) fn moment(day: &str, clock: &str) -> Result<i64, DecodeError> {
    if is_day(day) && is_clock(clock) {
        time::ms_from_digits(&[day, clock].concat().replace(':', ""))
    } else {
        Err(malformed(format_args!("no date and time: {}", shown(day))))
    }
}

/// Degrees with a sign and a point, as all generations write them: what tells them from other numbers.
pub(crate) fn signed_degrees(text: &str) -> Option<f64> {
    let is_signed = text.starts_with(['+', '-']) && text.contains('.');
    is_signed.then(|| decimal(text)).flatten()
}

/// A number that is not negative.
pub(crate) fn positive(text: &str) -> Option<f64> {
    decimal(text).filter(|number| *number >= 0.0)
}

/// A course in the circle.
pub(crate) fn course(text: &str) -> Option<f64> {
    positive(text).filter(|course| *course <= 360.0)
}

/// `1` or `0`.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}
