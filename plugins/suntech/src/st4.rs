//! ST410, ST419 …: `<header>;<id>;<software>;<model>;[variant;]` seven cells of six fields, `<battery V>;
//! <live>;<number>;<mode>;[network;]` date to fix. Without fix everything from the date on is empty.

use fixstream_decoder::{DecodeError, Position, malformed};

use crate::fields::{Fields, positive};
use crate::place;

/// Number of the first field that can be the day: all cells are before it.
const FIRST_DAY: usize = 4;

/// Number of the first field behind the cells.
const BEHIND_CELLS: usize = 46;

/// Decodes a report; `None` when it has no fix.
pub(crate) fn decode(fields: &Fields<'_>) -> Result<Option<Position>, DecodeError> {
    let Some(day_at) = place::day_at(fields, FIRST_DAY) else {
        let is_empty = |at: usize| fields.get(at) == Some("");
        return if (BEHIND_CELLS..fields.len()).any(|at| is_empty(at) && is_empty(at + 1)) {
            Ok(None)
        } else {
            Err(malformed("no date and time"))
        };
    };
    let Some(mut found) = place::read(fields, day_at, true)? else {
        return Ok(None);
    };
    // cells have no points
    let battery = (FIRST_DAY..day_at)
        .filter_map(|at| fields.get(at))
        .find(|field| field.contains('.'));
    found.position.battery_v = battery.and_then(positive);
    Ok(Some(found.position))
}
