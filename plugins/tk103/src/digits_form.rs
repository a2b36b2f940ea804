//! Without commas: `[id]yymmdd A|V ddmm.mmmm N|S dddmm.mmmm E|W sss.s hhmmss ccc.cc …`, nothing between
//! them; numbers may be padded with blanks. Speed in km/h, time UTC.

use fixstream_decoder::text::decimal;
use fixstream_decoder::time::{self, DateOrder};
use fixstream_decoder::{DecodeError, Position, malformed, units};

use crate::sentence::Sentence;

/// Commands without position whose bodies may look like the beginning of one.
const WITHOUT_POSITION: [&str; 6] = ["BP00", "BZ00", "BQ86", "BV00", "BS50", "BS51"];

/// What a command promises.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// Reports and alarms: always a position.
    Position,
    /// A login may have one, which then must be whole.
    Perhaps,
    /// Not known: what does not read as a position is something else.
    Nothing,
}

fn promise(command: &str) -> Promise {
    match command.as_bytes() {
        [b'B', b'R', ..] | b"BO01" => Promise::Position,
        [b'B', b'P', ..] => Promise::Perhaps,
        _ => Promise::Nothing,
    }
}

/// The position of a message, when it has one.
pub(crate) fn position(sentence: &Sentence<'_>) -> Result<Option<Position>, DecodeError> {
    if WITHOUT_POSITION.contains(&sentence.command) {
        return Ok(None);
    }
    match (find(sentence.body), promise(sentence.command)) {
        (Some((date, valid, rest)), Promise::Nothing) => Ok(group(date, valid, rest).ok()),
        (Some((date, valid, rest)), _) => group(date, valid, rest).map(Some),
        (None, Promise::Position) => Err(malformed("report without position")),
        (None, _) => Ok(None),
    }
}

/// The first six digits with A or V and a number behind: (date, valid, behind the letter).
fn find(body: &str) -> Option<(&str, bool, &str)> {
    body.match_indices(['A', 'V']).find_map(|(at, letter)| {
        let date = body.get(at.checked_sub(6)?..at)?;
        let rest = body.get(at + 1..)?;
        let is_group = date.bytes().all(|byte| byte.is_ascii_digit())
            && rest.starts_with(|next: char| next.is_ascii_digit() || next == ' ');
        is_group.then_some((date, letter == "A", rest))
    })
}

fn group(date: &str, valid: bool, rest: &str) -> Result<Position, DecodeError> {
    let mut rest = Rest(rest);
    let latitude = rest.degrees(['N', 'S']);
    let longitude = rest.degrees(['E', 'W']);
    let (latitude, longitude) = latitude
        .zip(longitude)
        .ok_or_else(|| malformed("no degrees and hemispheres"))?;
    let mut position = Position::at(latitude, longitude)?;
    position.valid = Some(valid);
    let cut = || malformed("cut short behind the place");
    position.speed_kmh = Some(rest.number(1).ok_or_else(cut)?);
    let clock = rest.take(6).ok_or_else(cut)?;
    let clock_ms = time::clock_ms(clock).ok_or_else(|| malformed("impossible time"))?;
    // a tracker that never had a fix has no date, and copies put something else there
    position.time_ms = time::midnight_ms(date, DateOrder::YearFirst).map(|midnight| midnight + clock_ms);
    // other things stand here without fix
    position.heading_deg = rest.number(2).and_then(units::heading_deg);
    Ok(position)
}

/// What is still to be read.
struct Rest<'text>(&'text str);

impl<'text> Rest<'text> {
    fn take(&mut self, length: usize) -> Option<&'text str> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    /// Degrees and minutes up to the letter of their hemisphere.
    fn degrees(&mut self, letters: [char; 2]) -> Option<f64> {
        let text = self.take(self.0.find(letters)?)?;
        let hemisphere = self.take(1)?;
        units::signed_degrees_from_ddmm(text, hemisphere)
    }

    /// At most three digits before the point, padded with blanks or zeros, and so many behind.
    fn number(&mut self, decimals: usize) -> Option<f64> {
        let point = self.0.find('.').filter(|at| (1..=3).contains(at))?;
        let (text, rest) = self.0.split_at_checked(point + 1 + decimals)?;
        let number = decimal(text.trim_start())?;
        self.0 = rest;
        Some(number)
    }
}
