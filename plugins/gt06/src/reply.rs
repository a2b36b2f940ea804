//! Answers that the tracker waits for before it goes on.

use crate::frame::{Frame, answer};
use crate::login;

/// Asks for the time.
const TIME_REQUEST: u8 = 0x8a;

/// Numbers whose answer is their number and serial: login, heartbeats and alarms.
const ACKNOWLEDGED: [u8; 6] = [login::NUMBER, 0x13, 0x23, 0x16, 0x26, 0x27];

/// The answer to a frame, when it has one.
pub(crate) fn to(frame: &Frame<'_>, received_ms: i64) -> Option<Vec<u8>> {
    match frame.number {
        TIME_REQUEST => Some(answer(TIME_REQUEST, &date_of(received_ms)?, frame.serial)),
        number if ACKNOWLEDGED.contains(&number) => Some(answer(number, &[], frame.serial)),
        _ => None,
    }
}

/// YY MM DD hh mm ss, UTC, of a moment in the years 2000 to 2099.
fn date_of(ms: i64) -> Option<[u8; 6]> {
    let (year, month, day, hour, minute, second) = fixstream_decoder::time::civil_from_ms(ms)?;
    let year = u8::try_from(year - 2000).ok().filter(|year| *year <= 99)?;
    Some([year, month, day, hour, minute, second])
}
