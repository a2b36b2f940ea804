//! 0x21: answers in text, of which one names the place: `Current position!Lat:N54.7,Lon:E25.2,
//! Course:..,Speed:..,DateTime:YYYY-MM-DD hh:mm:ss` (degrees, km/h, UTC).

use fixstream_decoder::{DecodeError, Position, malformed, time, units};

const BEFORE_POSITION: &str = "Current position!";

/// The position of a text, when it has one.
pub(crate) fn position(content: &[u8]) -> Result<Option<Position>, DecodeError> {
    let text = String::from_utf8_lossy(content);
    let Some((_, report)) = text.split_once(BEFORE_POSITION) else {
        return Ok(None);
    };
    let field = |name: &str| {
        report
            .split(',')
            .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix(':'))
            .map(|value| {
                value.trim_matches(|character: char| character.is_whitespace() || character.is_control())
            })
            .filter(|value| !value.is_empty())
    };
    let (Some(latitude), Some(longitude)) = (field("Lat"), field("Lon")) else {
        return Ok(None);
    };
    let place = degrees(latitude, 'N', 'S').zip(degrees(longitude, 'E', 'W'));
    let (latitude, longitude) = place.ok_or_else(|| malformed("no degrees in the text"))?;
    let mut position = Position::at(latitude, longitude)?;
    position.heading_deg = field("Course").and_then(number).and_then(units::heading_deg);
    position.speed_kmh = field("Speed").and_then(number).filter(|speed| *speed >= 0.0);
    if let Some(moment) = field("DateTime") {
        // serial and other bytes may follow
        let moment = moment.get(..DATE_TIME_LENGTH).unwrap_or(moment);
        position.time_ms = Some(time::ms_from_rfc3339(moment)?);
    }
    Ok(Some(position))
}

/// `YYYY-MM-DD hh:mm:ss`
const DATE_TIME_LENGTH: usize = 19;

/// Degrees behind the letter of their hemisphere.
fn degrees(text: &str, positive: char, negative: char) -> Option<f64> {
    text.strip_prefix(positive).map_or_else(
        || {
            text.strip_prefix(negative)
                .and_then(number)
                .map(|degrees| -degrees)
        },
        number,
    )
}

/// Digits with an optional fraction; a unit may follow.
fn number(text: &str) -> Option<f64> {
    let end = text
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}
