//! The fields of a sentence, and what they hold.

use fixstream_decoder::{DecodeError, malformed, text, units};

/// The fields behind each other; the first is the address (`GPRMC`).
pub(crate) struct Fields<'text>(Vec<&'text str>);

impl<'text> Fields<'text> {
    pub(crate) fn new(body: &'text str) -> Self {
        Self(body.split(',').map(str::trim).collect())
    }

    /// The field of this number, empty when there is none.
    pub(crate) fn text(&self, number: usize) -> &'text str {
        self.0.get(number).copied().unwrap_or_default()
    }

    /// A sentence with fewer fields is of a kind that is not known.
    pub(crate) fn expect(&self, count: usize) -> Result<(), DecodeError> {
        if self.0.len() < count {
            return Err(malformed(format_args!(
                "{} has {} fields of {count}",
                text::shown(self.text(0)),
                self.0.len()
            )));
        }
        Ok(())
    }

    /// A decimal number, `None` for everything else. Digits may be missing on one side of the point.
    pub(crate) fn number(&self, number: usize) -> Option<f64> {
        let text = self.text(number);
        let is_plain = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
        is_plain
            .then(|| text.parse().ok())
            .flatten()
            .filter(|number: &f64| number.is_finite())
    }

    /// A number that cannot be negative.
    pub(crate) fn amount(&self, number: usize) -> Option<f64> {
        self.number(number).filter(|amount| *amount >= 0.0)
    }

    /// Latitude, hemisphere, longitude, hemisphere from this field on; `None` when it is not known.
    pub(crate) fn place(&self, first: usize) -> Result<Option<(f64, f64)>, DecodeError> {
        if self.text(first).is_empty() && self.text(first + 2).is_empty() {
            return Ok(None);
        }
        let degrees = |number: usize, hemispheres: [&str; 2]| {
            let hemisphere = self.text(number + 1);
            hemispheres
                .contains(&hemisphere)
                .then(|| units::signed_degrees_from_ddmm(self.text(number), hemisphere))
                .flatten()
        };
        let (latitude, longitude) = degrees(first, ["N", "S"])
            .zip(degrees(first + 2, ["E", "W"]))
            .ok_or_else(|| malformed("no degrees and hemispheres"))?;
        fixstream_decoder::checked_place(latitude, longitude).map(Some)
    }
}
