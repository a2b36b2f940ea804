//! Date to fix as all generations before the universal one send them: `yyyymmdd;hh:mm:ss;[cell…;]
//! ±latitude;±longitude;<km/h>;<course>;[satellites;]<fix>`. What stands before differs between models,
//! so day and clock are found by their shape, and the latitude as the first number with sign and point.

use fixstream_decoder::text::shown;
use fixstream_decoder::{DecodeError, Position, malformed};

use crate::fields::{Fields, course, is_clock, is_day, moment, positive, signed_degrees, switch};

/// Most fields about cells between clock and latitude.
const MOST_CELL_FIELDS: usize = 6;

/// A place that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) position: Position,
    /// Whether there are fields about the cell before the latitude.
    pub(crate) has_cell: bool,
    /// Number of the field behind the fix.
    pub(crate) next: usize,
}

/// Number of the field with the day, which has the clock behind it, from this field on.
pub(crate) fn day_at(fields: &Fields<'_>, from: usize) -> Option<usize> {
    (from..fields.len()).find(|at| {
        let day = fields.get(*at).unwrap_or_default();
        let clock = fields.get(at + 1).unwrap_or_default();
        is_day(day) && is_clock(clock)
    })
}

/// Reads what is behind the day; `None` when there are no coordinates.
pub(crate) fn read(
    fields: &Fields<'_>,
    day_at: usize,
    has_satellites: bool,
) -> Result<Option<Found>, DecodeError> {
    let time_ms = moment(fields.required(day_at)?, fields.required(day_at + 1)?)?;
    let cell_at = day_at + 2;
    let places = cell_at..=cell_at + MOST_CELL_FIELDS;
    let degrees = |at: usize| fields.get(at).and_then(signed_degrees);
    let Some(latitude_at) = places.clone().find(|at| degrees(*at).is_some()) else {
        let are_empty = places
            .into_iter()
            .any(|at| fields.get(at) == Some("") && fields.get(at + 1) == Some(""));
        return if are_empty {
            Ok(None)
        } else {
            Err(malformed("no degrees"))
        };
    };
    let (latitude, longitude) = degrees(latitude_at)
        .zip(degrees(latitude_at + 1))
        .ok_or_else(|| malformed("no degrees"))?;
    let mut position = Position::at(latitude, longitude)?;
    position.time_ms = Some(time_ms);
    position.speed_kmh = positive(fields.required(latitude_at + 2)?);
    position.heading_deg = course(fields.required(latitude_at + 3)?);
    let mut fix_at = latitude_at + 4;
    if has_satellites {
        position.satellites = fields.required(fix_at)?.parse().ok();
        fix_at += 1;
    }
    let fix = fields.required(fix_at)?;
    let valid = switch(fix).ok_or_else(|| malformed(format_args!("fix {}", shown(fix))))?;
    position.valid = Some(valid);
    Ok(Some(Found {
        position,
        has_cell: latitude_at > cell_at,
        next: fix_at + 1,
    }))
}
