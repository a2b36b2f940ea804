//! `<imei>,<keyword>,<local time>,<phone>,F,<UTC clock>,A,<ddmm.mmmm>,N,<dddmm.mmmm>,E,<knots>,<course>,
//! <altitude>,<acc>,<door>,<fuel>,<fuel>,<temperature>`, of which what follows the longitude may be absent.

use fixstream_decoder::text::{decimal, is_digits, shown};
use fixstream_decoder::time::{self, DAY_MS, DateOrder};
use fixstream_decoder::{DecodeError, Position, malformed, units, unsupported};

use crate::{decimal_form, event, is_imei, keys};

/// Numbers of the fields.
mod at {
    pub(super) const KEYWORD: usize = 1;
    pub(super) const LOCAL_TIME: usize = 2;
    pub(super) const PHONE: usize = 3;
    pub(super) const SIGNAL: usize = 4;
    pub(super) const CLOCK: usize = 5;
    pub(super) const VALIDITY: usize = 6;
    pub(super) const LATITUDE: usize = 7;
    pub(super) const LONGITUDE: usize = 9;
    pub(super) const KNOTS: usize = 11;
    pub(super) const COURSE: usize = 12;
    pub(super) const ALTITUDE: usize = 13;
    pub(super) const IGNITION: usize = 14;
    pub(super) const DOOR: usize = 15;
    pub(super) const FUEL_1: usize = 16;
    pub(super) const FUEL_2: usize = 17;
    pub(super) const TEMPERATURE: usize = 18;
}

/// More fields than any report has.
const MOST_FIELDS: usize = 64;

/// Decodes a report behind `imei:`. `None`: nothing to locate.
pub(crate) fn decode(report: &str) -> Result<Option<Position>, DecodeError> {
    let fields: Vec<&str> = report.split(',').take(MOST_FIELDS).map(str::trim).collect();
    let field = |number: usize| fields.get(number).copied().unwrap_or_default();
    let imei = field(0);
    if !is_imei(imei) {
        return Err(malformed(format_args!("no imei: {}", shown(imei))));
    }
    let position = match (field(at::KEYWORD), field(at::SIGNAL)) {
        // no place at all, and values of the vehicle's bus
        ("L" | "OBD", _) | (_, "L") => None,
        (_, "F") => with_fix(&fields)?,
        _ if decimal_form::is(&fields) => Some(decimal_form::decode(&fields)?),
        _ if fields.len() <= at::SIGNAL + 1 => return Err(malformed("cut short before the position")),
        (keyword, _) => {
            return Err(unsupported(format_args!("report {}", shown(keyword))));
        }
    };
    Ok(position.map(|position| Position {
        device: Some(imei.to_owned()),
        ..position
    }))
}

/// The position of a report with GPS; `None` when the coordinates are empty.
fn with_fix(fields: &[&str]) -> Result<Option<Position>, DecodeError> {
    let field = |number: usize| fields.get(number).copied().unwrap_or_default();
    if fields.len() <= at::KNOTS {
        return Err(malformed("cut short in the position"));
    }
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
    let latitude = place(at::LATITUDE, ["N", "S"]);
    // some copies leave the letter of the east out
    let longitude = place(at::LONGITUDE, ["E", "W"]).or_else(|| place(at::LONGITUDE, ["", ""]));
    let (latitude, longitude) = latitude
        .zip(longitude)
        .ok_or_else(|| malformed("no degrees and hemispheres"))?;

    let mut position = Position::at(latitude, longitude)?;
    position.valid = Some(match field(at::VALIDITY) {
        "A" => true,
        "V" | "" => false,
        other => return Err(malformed(format_args!("validity {}", shown(other)))),
    });
    position.time_ms = moment(field(at::LOCAL_TIME), field(at::CLOCK))?;
    position.speed_kmh = decimal(field(at::KNOTS))
        .filter(|knots| *knots >= 0.0)
        .map(units::kmh_from_knots);
    position.heading_deg = decimal(field(at::COURSE)).and_then(units::heading_deg);
    position.altitude_m = decimal(field(at::ALTITUDE));
    position.ignition = switch(field(at::IGNITION));
    position.add_some(keys::DOOR, switch(field(at::DOOR)));
    let fuel = [at::FUEL_1, at::FUEL_2].map(|number| percent(field(number)));
    position.fuel_percent = fuel[0];
    position.add_some(keys::FUEL_1, fuel[0]);
    position.add_some(keys::FUEL_2, fuel[1]);
    position.add_some(keys::TEMPERATURE_1, decimal(field(at::TEMPERATURE)));
    event::add(field(at::KEYWORD), &mut position);
    match field(at::KEYWORD) {
        "rfid" if !field(at::PHONE).is_empty() => position.add(keys::DRIVER, field(at::PHONE)),
        // trouble codes instead of the second tank
        "DTC" if !field(at::FUEL_2).is_empty() => position.add(keys::TROUBLE_CODES, field(at::FUEL_2)),
        _ => {}
    }
    Ok(Some(position))
}

fn switch(field: &str) -> Option<bool> {
    match field {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn percent(field: &str) -> Option<f64> {
    decimal(field.strip_suffix('%').unwrap_or(field)).filter(|percent| (0.0..=100.0).contains(percent))
}

/// The moment of the fix, whose clock is UTC and whose day is only known in local time. `None`: the
/// tracker does not say one of them.
fn moment(local: &str, clock: &str) -> Result<Option<i64>, DecodeError> {
    let local: String = local
        .chars()
        .filter(|character| !matches!(character, '/' | ' ' | ':'))
        .collect();
    let is_said = matches!(local.len(), 10 | 12) && is_digits(&local) && !local.starts_with("000000");
    let (whole, _) = clock.split_once('.').unwrap_or((clock, ""));
    if !is_said || whole.len() != 6 || !is_digits(whole) {
        return Ok(None);
    }
    let clock_ms =
        time::clock_ms(clock).ok_or_else(|| malformed(format_args!("no clock: {}", shown(clock))))?;
    let wrong = || malformed(format_args!("no date and time: {}", shown(&local)));
    let (day, local_clock) = local.split_at_checked(6).ok_or_else(wrong)?;
    let midnight = time::midnight_ms(day, DateOrder::YearFirst).ok_or_else(wrong)?;
    // seconds are not always there, and do not matter
    let local_minutes = local_clock.get(..4).ok_or_else(wrong)?;
    let local_ms = time::clock_ms(&format!("{local_minutes}00")).ok_or_else(wrong)?;

    let ahead_ms = local_ms - clock_ms / MINUTE_MS * MINUTE_MS;
    let days = if ahead_ms > DAY_MS / 2 {
        1
    } else if ahead_ms <= -DAY_MS / 2 {
        // exactly half a day is taken for the zone 12 h ahead, where people live
        -1
    } else {
        0
    };
    Ok(Some(midnight + days * DAY_MS + clock_ms))
}

const MINUTE_MS: i64 = 60_000;
