//! The group that most types share: `[<hhmmss>,]<validity>,<latitude>,<N|S>,<longitude>,<E|W>,<knots>,
//! <course>,[<battery>,]<ddmmyy>[,<network>,<phone>,<card>][,<status>[,…]]`, UTC. Its place depends on
//! the type, so it is found by its hemispheres.

use fixstream_decoder::text::{decimal, is_digits, shown};
use fixstream_decoder::time::{self, DateOrder};
use fixstream_decoder::{DecodeError, Position, malformed, units};

use crate::sentence::{Sentence, TYPE};
use crate::{coordinate, keys, status};

/// What a tracker without time sends as day.
const NO_DAY: &str = "000000";

/// Places of the fields, counted from the latitude.
mod behind {
    pub(super) const LATITUDE_LETTER: usize = 1;
    pub(super) const LONGITUDE: usize = 2;
    pub(super) const LONGITUDE_LETTER: usize = 3;
    pub(super) const KNOTS: usize = 4;
    pub(super) const COURSE: usize = 5;
    pub(super) const DAY: usize = 6;
}

/// Where a message has its latitude, from which everything else is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    latitude_at: usize,
}

impl Group {
    /// Finds `<value>,N|S,<value>,E|W`, of which the values may be empty.
    pub(crate) fn find(sentence: &Sentence<'_>) -> Option<Self> {
        let is_value = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
        let latitude_at = sentence.fields().windows(4).position(|window| match window {
            [latitude, "N" | "S", longitude, "E" | "W"] => is_value(latitude) && is_value(longitude),
            _ => false,
        })?;
        Some(Self { latitude_at })
    }

    /// Number of the field with the clock; none in types without one.
    pub(crate) fn clock_at(self) -> Option<usize> {
        self.before(2)
    }

    /// Number of a field before the latitude that belongs to the group.
    fn before(self, distance: usize) -> Option<usize> {
        self.latitude_at.checked_sub(distance).filter(|at| *at > TYPE)
    }
}

/// Decodes the group; `None` when its coordinates are empty.
pub(crate) fn decode(group: Group, sentence: &Sentence<'_>) -> Result<Option<Position>, DecodeError> {
    let field = |distance: usize| sentence.field(group.latitude_at + distance);
    if field(0).is_empty() && field(behind::LONGITUDE).is_empty() {
        return Ok(None);
    }
    if sentence.fields().len() <= group.latitude_at + behind::COURSE {
        return Err(malformed("cut short behind the place"));
    }
    let latitude = coordinate::degrees(field(0), field(behind::LATITUDE_LETTER));
    let longitude = coordinate::degrees(field(behind::LONGITUDE), field(behind::LONGITUDE_LETTER));
    let (latitude, longitude) = latitude
        .zip(longitude)
        .ok_or_else(|| malformed("no degrees and hemispheres"))?;
    let mut position = Position::at(latitude, longitude)?;
    position.valid = validity(group, sentence)?;
    position.speed_kmh = decimal(field(behind::KNOTS))
        .filter(|knots| *knots >= 0.0)
        .map(units::kmh_from_knots);
    position.heading_deg = decimal(field(behind::COURSE)).filter(|course| (0.0..=360.0).contains(course));

    let day_at = day_at(group, sentence)?;
    let clock = group.clock_at().map_or("", |at| sentence.field(at));
    position.time_ms = moment(sentence.field(day_at), clock)?;
    if let Some((status_at, word)) = status(sentence, day_at) {
        status::add(word, &mut position);
        sensors(sentence, status_at, &mut position);
    }
    Ok(Some(position))
}

fn validity(group: Group, sentence: &Sentence<'_>) -> Result<Option<bool>, DecodeError> {
    Ok(match group.before(1).map(|at| sentence.field(at)) {
        Some("A") => Some(true),
        Some("V" | "B" | "") => Some(false),
        // some firmwares have the number of a coding scheme here
        None => None,
        Some(number) if is_digits(number) => None,
        Some(other) => return Err(malformed(format_args!("validity {}", shown(other)))),
    })
}

/// Number of the field with the day; one firmware has its battery level before it.
fn day_at(group: Group, sentence: &Sentence<'_>) -> Result<usize, DecodeError> {
    let at = group.latitude_at + behind::DAY;
    let is_day = |at: usize| sentence.field(at).len() == 6 && is_digits(sentence.field(at));
    match sentence.field(at) {
        "" => Ok(at),
        _ if is_day(at) => Ok(at),
        number if is_digits(number) && is_day(at + 1) => Ok(at + 1),
        other => Err(malformed(format_args!("no day: {}", shown(other)))),
    }
}

/// The moment of the fix; `None` when the tracker lacks the day or the clock.
fn moment(day: &str, clock: &str) -> Result<Option<i64>, DecodeError> {
    if clock.is_empty() || day.is_empty() || day == NO_DAY {
        return Ok(None);
    }
    time::midnight_ms(day, DateOrder::DayFirst)
        .zip(time::clock_ms(clock))
        .map(|(midnight, clock)| Some(midnight + clock))
        .ok_or_else(|| malformed(format_args!("impossible date or time: {}", shown(day))))
}

/// The status word and the number of its field: right behind the day, or behind what V19 says about
/// network, phone and card.
fn status(sentence: &Sentence<'_>, day_at: usize) -> Option<(usize, u32)> {
    const BEHIND_CARD: usize = 4;
    let distances = if sentence.kind() == "V19" {
        [BEHIND_CARD, 1]
    } else {
        [1, 1]
    };
    distances.into_iter().find_map(|distance| {
        let at = day_at + distance;
        Some((at, status::word(sentence.field(at))?))
    })
}

/// `<odometer>,<temperature>,<fuel>,<altitude>,<area>,<cell>` behind the status, where a message ends
/// with just that. Others have cells there.
fn sensors(sentence: &Sentence<'_>, status_at: usize, position: &mut Position) {
    let Some([odometer, temperature, fuel, altitude, area, cell]) = sentence.fields().get(status_at + 1..)
    else {
        return;
    };
    let is_whole = |text: &str| is_digits(text.strip_prefix('-').unwrap_or(text));
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_form = is_digits(odometer)
        && is_whole(temperature)
        && fuel.contains('.')
        && is_whole(altitude)
        && is_hex(area)
        && is_hex(cell);
    if !is_form {
        return;
    }
    position.odometer_km = decimal(odometer).map(units::km_from_m);
    position.add_some(keys::TEMPERATURE_1, decimal(temperature));
    position.fuel_percent = decimal(fuel).filter(|percent| (0.0..=100.0).contains(percent));
    position.altitude_m = decimal(altitude);
}
