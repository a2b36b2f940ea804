//! The form with decimal degrees: `<imei>,<name>,<event>,<sensor>,<voltage>,hhmmss,ddmmyy,csq,fix,lat,lon,km/h,
//! course,altitude,hdop,satellites,acc,charge,…,*`, UTC, with dashes for what is not there.

use fixstream_decoder::text::{decimal, is_digits};
use fixstream_decoder::time::{self, DateOrder};
use fixstream_decoder::{DecodeError, Position, malformed, units};

use crate::{event, keys};

/// Numbers of the fields.
mod at {
    pub(super) const EVENT: usize = 2;
    pub(super) const CLOCK: usize = 5;
    pub(super) const DAY: usize = 6;
    pub(super) const SIGNAL: usize = 7;
    pub(super) const FIX: usize = 8;
    pub(super) const LATITUDE: usize = 9;
    pub(super) const LONGITUDE: usize = 10;
    pub(super) const SPEED: usize = 11;
    pub(super) const COURSE: usize = 12;
    pub(super) const ALTITUDE: usize = 13;
    pub(super) const HDOP: usize = 14;
    pub(super) const SATELLITES: usize = 15;
    pub(super) const IGNITION: usize = 16;
    pub(super) const CHARGING: usize = 17;
}

/// Whether the fields are of this form: clock and day are where the other has fix and validity.
pub(crate) fn is(fields: &[&str]) -> bool {
    let is_six = |number: usize| {
        fields
            .get(number)
            .is_some_and(|field| field.len() == 6 && is_digits(field))
    };
    is_six(at::CLOCK) && is_six(at::DAY) && fields.len() > at::LONGITUDE
}

/// Decodes a report of this form.
pub(crate) fn decode(fields: &[&str]) -> Result<Position, DecodeError> {
    let field = |number: usize| fields.get(number).copied().unwrap_or_default();
    if fields.len() <= at::SATELLITES {
        return Err(malformed("cut short in the position"));
    }
    let (latitude, longitude) = decimal(field(at::LATITUDE))
        .zip(decimal(field(at::LONGITUDE)))
        .ok_or_else(|| malformed("no degrees"))?;
    let mut position = Position::at(latitude, longitude)?;
    let day = time::midnight_ms(field(at::DAY), DateOrder::DayFirst);
    let clock = time::clock_ms(field(at::CLOCK));
    let (day, clock) = day
        .zip(clock)
        .ok_or_else(|| malformed("impossible date or time"))?;
    position.time_ms = Some(day + clock);
    position.valid = decimal(field(at::FIX)).map(|fix| fix > 0.0);
    position.signal = decimal(field(at::SIGNAL));
    position.speed_kmh = decimal(field(at::SPEED)).filter(|speed| *speed >= 0.0);
    position.heading_deg = decimal(field(at::COURSE)).and_then(units::heading_deg);
    position.altitude_m = decimal(field(at::ALTITUDE));
    position.hdop = decimal(field(at::HDOP)).filter(|hdop| *hdop >= 0.0);
    position.satellites = field(at::SATELLITES).parse().ok();
    let switch = |number: usize| match field(number) {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    position.ignition = switch(at::IGNITION);
    position.add_some(keys::CHARGING, switch(at::CHARGING));
    let event = field(at::EVENT);
    if event.bytes().any(|byte| byte != b'-') {
        event::add(event, &mut position);
    }
    Ok(position)
}
