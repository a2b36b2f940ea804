//! ST910: `ST910;<kind>;<id>;[software;]` date to fix without satellites. Protocol type 1 has a field with
//! the cell before the latitude and the odometer behind the fix, type 0 the battery's voltage.

use fixstream_decoder::text::is_digits;
use fixstream_decoder::{DecodeError, Position, malformed, units};

use crate::fields::{Fields, positive};
use crate::place::{self, Found};
use crate::{alert, keys};

/// Kinds of messages with a position.
pub(crate) const KINDS: [&str; 3] = ["Location", "Emergency", "Alert"];

/// Number of the first field that can be the day: alerts of type 1 have no software.
const FIRST_DAY: usize = 3;

/// Decodes a report; `None` when it has no coordinates.
pub(crate) fn decode(fields: &Fields<'_>) -> Result<Option<Position>, DecodeError> {
    let day_at = place::day_at(fields, FIRST_DAY).ok_or_else(|| malformed("no date and time"))?;
    let Some(found) = place::read(fields, day_at, false)? else {
        return Ok(None);
    };
    let Found {
        mut position,
        has_cell,
        next,
    } = found;
    let behind = fields.required(next)?;
    // the field before the latitude tells the type better than a setting that may be out of date
    if has_cell {
        position.odometer_km = positive(behind)
            .filter(|_| is_digits(behind))
            .map(units::km_from_m);
    } else {
        position.battery_v = positive(behind).filter(|_| behind.contains('.'));
    }
    match fields.get(1) {
        Some("Emergency") => position.event = Some("emergency".to_owned()),
        Some("Alert") => position.event = Some("alert".to_owned()),
        _ => {}
    }
    if position.event.is_some() {
        position.add(keys::ALARM, alert::GENERAL);
    }
    Ok(Some(position))
}
