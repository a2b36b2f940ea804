//! With commas: `ddmmyy,A|V,ddmm.mmmmN,dddmm.mmmmE,<km/h>,hhmmss,<course>…`, UTC.

use fixstream_decoder::text::{decimal, is_digits};
use fixstream_decoder::time::{self, DateOrder};
use fixstream_decoder::{DecodeError, Position, malformed, units};

use crate::sentence::Sentence;

/// Day, validity, latitude, longitude, speed, clock.
const SHORTEST: usize = 6;

/// More fields than a position needs.
const MOST_FIELDS: usize = 16;

/// What a tracker without time sends as day.
const NO_DAY: &str = "000000";

/// The position of a message, when it has one.
pub(crate) fn position(sentence: &Sentence<'_>) -> Result<Option<Position>, DecodeError> {
    let fields: Vec<&str> = sentence
        .body
        .split(',')
        .take(MOST_FIELDS)
        .map(str::trim)
        .collect();
    let field = |number: usize| fields.get(number).copied().unwrap_or_default();
    let is_six = |text: &str| text.len() == 6 && is_digits(text);
    // what tells it from cells, battery and texts, which may begin with a day as well
    if !is_six(field(0)) || !matches!(field(1), "A" | "V") {
        return Ok(None);
    }
    if fields.len() < SHORTEST {
        return Err(malformed("cut short in the position"));
    }
    if field(2).is_empty() && field(3).is_empty() {
        return Ok(None);
    }
    let (latitude, longitude) = degrees(field(2), ["N", "S"])
        .zip(degrees(field(3), ["E", "W"]))
        .ok_or_else(|| malformed("no degrees and hemispheres"))?;
    let mut position = Position::at(latitude, longitude)?;
    position.valid = Some(field(1) == "A");
    position.speed_kmh = decimal(field(4)).filter(|speed| *speed >= 0.0);
    position.heading_deg = decimal(field(6)).and_then(units::heading_deg);
    if field(0) != NO_DAY {
        let moment = time::midnight_ms(field(0), DateOrder::DayFirst)
            .zip(time::clock_ms(field(5)))
            .map(|(midnight, clock)| midnight + clock);
        position.time_ms = Some(moment.ok_or_else(|| malformed("impossible date or time"))?);
    }
    Ok(Some(position))
}

/// Degrees and minutes with the letter of their hemisphere behind.
fn degrees(text: &str, letters: [&str; 2]) -> Option<f64> {
    letters.into_iter().find_map(|letter| {
        let degrees = text.strip_suffix(letter)?;
        units::signed_degrees_from_ddmm(degrees, letter)
    })
}
