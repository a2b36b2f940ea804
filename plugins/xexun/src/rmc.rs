//! The RMC sentence: `GPRMC,hhmmss.sss,A|V,ddmm.mmmm,N|S,dddmm.mmmm,E|W,knots,course,ddmmyy,…`, any talker.

use fixstream_decoder::text::{decimal, shown};
use fixstream_decoder::time::{self, DateOrder};
use fixstream_decoder::{DecodeError, Position, malformed, units};

const NAME: &str = "RMC,";

/// Letters of the talker before the name (`GP`, `GN` …).
const TALKER_LENGTH: usize = 2;

/// Numbers of the fields.
mod at {
    pub(super) const CLOCK: usize = 1;
    pub(super) const VALIDITY: usize = 2;
    pub(super) const LATITUDE: usize = 3;
    pub(super) const LONGITUDE: usize = 5;
    pub(super) const KNOTS: usize = 7;
    pub(super) const COURSE: usize = 8;
    pub(super) const DAY: usize = 9;
}

/// Fields up to the day.
pub(crate) const LENGTH: usize = at::DAY + 1;

/// Where sentences begin.
pub(crate) fn starts(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices(NAME).filter_map(|(at, _)| {
        let start = at.checked_sub(TALKER_LENGTH)?;
        let talker = text.get(start..at)?;
        talker
            .bytes()
            .all(|byte| byte.is_ascii_uppercase())
            .then_some(start)
    })
}

/// The position of a sentence; `None` when it has no coordinates.
pub(crate) fn position(sentence: &str) -> Result<Option<Position>, DecodeError> {
    let fields: Vec<&str> = sentence.splitn(LENGTH + 1, ',').map(str::trim).collect();
    if fields.len() < LENGTH {
        return Err(malformed("cut short in the sentence"));
    }
    let field = |number: usize| fields.get(number).copied().unwrap_or_default();
    if field(at::LATITUDE).is_empty() && field(at::LONGITUDE).is_empty() {
        return Ok(None);
    }
    let place = |number: usize, hemispheres: [&str; 2]| {
        let hemisphere = field(number + 1);
        hemispheres
            .contains(&hemisphere)
            .then(|| units::signed_degrees_from_ddmm(field(number), hemisphere))
            .flatten()
    };
    let (latitude, longitude) = place(at::LATITUDE, ["N", "S"])
        .zip(place(at::LONGITUDE, ["E", "W"]))
        .ok_or_else(|| malformed("no degrees and hemispheres"))?;
    let mut position = Position::at(latitude, longitude)?;
    position.valid = Some(match field(at::VALIDITY) {
        "A" => true,
        "V" | "" => false,
        other => return Err(malformed(format_args!("validity {}", shown(other)))),
    });
    position.time_ms = moment(field(at::DAY), field(at::CLOCK))?;
    position.speed_kmh = decimal(field(at::KNOTS))
        .filter(|knots| *knots >= 0.0)
        .map(units::kmh_from_knots);
    position.heading_deg = decimal(field(at::COURSE)).and_then(units::heading_deg);
    Ok(Some(position))
}

/// UTC. `None` when the receiver does not know the time yet.
fn moment(day: &str, clock: &str) -> Result<Option<i64>, DecodeError> {
    if day.is_empty() || clock.is_empty() {
        return Ok(None);
    }
    time::midnight_ms(day, DateOrder::DayFirst)
        .zip(time::clock_ms(clock))
        .map(|(midnight, clock)| Some(midnight + clock))
        .ok_or_else(|| malformed(format_args!("no date and time: {} {}", shown(day), shown(clock))))
}
