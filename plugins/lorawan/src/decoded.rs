//! Positions from a payload that the network's codec has already decoded.

use fixstream_decoder::json::Scalar;
use fixstream_decoder::text::{shown, snake_case};
use fixstream_decoder::time::{ms_from_rfc3339, ms_from_unix_ms, ms_from_unix_seconds};
use fixstream_decoder::units::heading_deg;
use fixstream_decoder::{AttributeKey, DecodeError, Key, Position, Value, malformed, unsupported};

use crate::dragino::set_alarm;
use crate::keys;
use crate::names::{Meaning, gps_channel, holds_a_place, meaning};
use crate::object::Object;

/// The contract allows 256 attributes; a position keeps room for the ones with a name of their own.
const MOST_UNLISTED: usize = 200;

/// A LoRaWAN payload has at most 242 bytes, which is room for 22 places of Cayenne LPP.
const MOST_PLACES: usize = 64;

/// Numbers below (2000-01-01) are no time in seconds, from `FIRST_MS` on (year 5138 as seconds) they
/// are milliseconds.
const FIRST_SECONDS: f64 = 946_684_800.0;
const FIRST_MS: f64 = 1e11;

/// What a decoded payload says about the place.
#[derive(Debug)]
pub(crate) enum Decoded {
    /// Positions whose `valid` is `None` where the payload does not say.
    Positions(Vec<Position>),
    /// No coordinates.
    Nothing,
    /// One coordinate without the other.
    Half,
    /// Coordinates that are this device's way to say "no fix".
    NoFix,
}

/// Reads a decoded payload. `zero_is_no_fix`: 0/0 is this device's way to say "no fix"; payloads in
/// Dragino's words have that in any case.
pub(crate) fn read(object: &Object<'_>, zero_is_no_fix: bool) -> Result<Decoded, DecodeError> {
    let places = match places(object) {
        Ok(places) if places.is_empty() => return Ok(Decoded::Nothing),
        Ok(places) => places,
        Err(Half) => return Ok(Decoded::Half),
    };
    if places.len() > MOST_PLACES {
        return Err(unsupported(format_args!("{} places", places.len())));
    }
    let dragino = object
        .values()
        .any(|(name, _)| meaning(name) == Meaning::DraginoAlarm);
    let mut positions = Vec::new();
    for place in &places {
        if (zero_is_no_fix || dragino) && place.latitude == 0.0 && place.longitude == 0.0 {
            continue;
        }
        positions.push(position_at(place, object, dragino)?);
    }
    Ok(if positions.is_empty() {
        Decoded::NoFix
    } else {
        Decoded::Positions(positions)
    })
}

/// An object with coordinates.
struct Place<'object, 'text> {
    latitude: f64,
    longitude: f64,
    fields: &'object Object<'text>,
    channel: Option<u32>,
    /// The last known place, repeated because the fix failed.
    cached: bool,
}

/// One coordinate without the other.
struct Half;

/// Finds the places: the object itself, else the objects in it that are known to hold one, else the
/// one that repeats the last known place.
fn places<'object, 'text>(object: &'object Object<'text>) -> Result<Vec<Place<'object, 'text>>, Half> {
    let mut half = false;
    let mut found = |fields: &'object Object<'text>, channel, cached| match coordinates(fields) {
        (Some(latitude), Some(longitude)) => Some(Place {
            latitude,
            longitude,
            fields,
            channel,
            cached,
        }),
        (None, None) => None,
        _ => {
            half = true;
            None
        }
    };
    let mut places: Vec<_> = found(object, None, false).into_iter().collect();
    if places.is_empty() {
        for (name, inner) in object.objects() {
            if let Some(channel) = gps_channel(name) {
                places.extend(found(inner, Some(channel), false));
            } else if name == "gpsLocation" {
                // ChirpStack's own decoder of Cayenne LPP: one object for each channel
                for (channel, inner) in inner.objects() {
                    places.extend(found(inner, channel.parse().ok(), false));
                }
            } else if holds_a_place(name) {
                places.extend(found(inner, None, false));
            }
        }
    }
    if places.is_empty() {
        let cached = object.objects().find(|(name, _)| *name == "cached");
        places.extend(cached.and_then(|(_, inner)| found(inner, None, true)));
    }
    if places.is_empty() && half {
        return Err(Half);
    }
    Ok(places)
}

/// The coordinates among the fields. What is no number (`null`, an empty text) is absent.
fn coordinates(fields: &Object<'_>) -> (Option<f64>, Option<f64>) {
    let first = |wanted| {
        fields
            .values()
            .filter(|(name, _)| meaning(name) == wanted)
            .find_map(|(_, value)| value.number())
    };
    (first(Meaning::Latitude), first(Meaning::Longitude))
}

fn position_at(place: &Place<'_, '_>, object: &Object<'_>, dragino: bool) -> Result<Position, DecodeError> {
    let mut position = Position::at(place.latitude, place.longitude)?;
    if place.cached {
        position.valid = Some(false);
    }
    position.add_some(keys::CHANNEL, place.channel);
    let mut unlisted = 0;
    let mut apply_all = |fields: &Object<'_>| -> Result<(), DecodeError> {
        for (name, value) in fields.values() {
            let left_over = apply(&mut position, name, value)?;
            if left_over && unlisted < MOST_UNLISTED {
                unlisted += 1;
                add_unlisted(&mut position, name, value);
            }
        }
        Ok(())
    };
    apply_all(place.fields)?;
    if !core::ptr::eq(place.fields, object) {
        apply_all(object)?;
    }
    // other objects: sensors with their channels (`temperatureSensor.1`)
    for (name, inner) in object.objects().filter(|(name, _)| !is_place(name)) {
        for (channel, value) in inner.values() {
            if unlisted < MOST_UNLISTED {
                unlisted += 1;
                add_unlisted(&mut position, &format!("{name}_{channel}"), value);
            }
        }
    }
    // what older firmware does not send, Dragino's codec writes as 0
    if dragino && position.hdop.is_none() && position.altitude_m == Some(0.0) {
        position.altitude_m = None;
    }
    Ok(position)
}

fn is_place(name: &str) -> bool {
    name == "gpsLocation" || name == "cached" || gps_channel(name).is_some() || holds_a_place(name)
}

fn add_unlisted(position: &mut Position, name: &str, value: &Scalar<'_>) {
    if let (Some(key), Some(value)) = (snake_case(name), value.clone().into_value()) {
        position.add(key, value);
    }
}

/// Puts a field where it belongs, unless that is filled; true when the field has no place of its own.
fn apply(position: &mut Position, name: &str, value: &Scalar<'_>) -> Result<bool, DecodeError> {
    let (target, number) = match meaning(name) {
        Meaning::Latitude | Meaning::Longitude | Meaning::Redundant => return Ok(false),
        Meaning::Altitude => (&mut position.altitude_m, value.number()),
        Meaning::Hdop => (
            &mut position.hdop,
            value.number_in(0.0..).filter(|hdop| *hdop > 0.0),
        ),
        Meaning::Heading => (
            &mut position.heading_deg,
            value.number_in(0.0..).and_then(heading_deg),
        ),
        Meaning::SpeedKmh => (&mut position.speed_kmh, value.number_in(0.0..)),
        Meaning::Accuracy => (&mut position.accuracy_m, value.number_in(0.0..)),
        // more is millivolts or no voltage at all
        Meaning::BatteryVolts => match value.number_in(0.0..=100.0) {
            None => return Ok(true),
            volts => (&mut position.battery_v, volts),
        },
        Meaning::BatteryPercent => (&mut position.battery_percent, value.number_in(0.0..=100.0)),
        Meaning::Satellites => {
            let satellites = value.number_in(0.0..=255.0).map(|satellites| satellites as u16);
            position.satellites = position.satellites.or(satellites);
            return Ok(false);
        }
        Meaning::NoFix => {
            position.valid = position.valid.or(value.flag().map(|failed| !failed));
            return Ok(false);
        }
        Meaning::Fix => match value.flag() {
            Some(fix) => {
                position.valid = position.valid.or(Some(fix));
                return Ok(false);
            }
            None => return Ok(true),
        },
        Meaning::Time => match time_of(value)? {
            Some(ms) => {
                position.time_ms = position.time_ms.or(Some(ms));
                return Ok(false);
            }
            None => return Ok(true),
        },
        Meaning::DraginoAlarm => {
            if value.flag() == Some(true) {
                set_alarm(position);
            }
            return Ok(false);
        }
        Meaning::ManDown => {
            position.add_some(keys::MAN_DOWN, value.flag());
            if value.flag() == Some(true) {
                position.event.get_or_insert_with(|| "man_down".to_owned());
            }
            return Ok(false);
        }
        Meaning::Moving => {
            let moving = match value.text() {
                Some("MOVE") => Some(true),
                Some("STILL") => Some(false),
                _ => value.flag(),
            };
            position.add_some(keys::MOVING, moving);
            return Ok(moving.is_none());
        }
        Meaning::InTrip => return Ok(add_or_leave(position, keys::IN_TRIP, value.flag())),
        Meaning::Led => return Ok(add_or_leave(position, keys::LED, value.flag())),
        Meaning::Temperature => return Ok(add_or_leave(position, keys::TEMPERATURE, value.number())),
        Meaning::Humidity => return Ok(add_or_leave(position, keys::HUMIDITY, value.number())),
        Meaning::Roll => return Ok(add_or_leave(position, keys::ROLL, value.number())),
        Meaning::Pitch => return Ok(add_or_leave(position, keys::PITCH, value.number())),
        Meaning::MotionMode => {
            return Ok(add_or_leave(
                position,
                keys::MOTION_MODE,
                value.clone().into_value(),
            ));
        }
        Meaning::Firmware => {
            return Ok(add_or_leave(position, keys::FIRMWARE, value.clone().into_value()));
        }
        Meaning::Other => return Ok(true),
    };
    if target.is_none() {
        *target = number;
    }
    Ok(false)
}

/// Adds the attribute; true when there is no value of the right kind.
fn add_or_leave(position: &mut Position, key: Key, value: Option<impl Into<Value>>) -> bool {
    let absent = value.is_none();
    position.add_some(key, value);
    absent
}

/// A time as text with a date, in seconds or in milliseconds. `None` when it is something else, like a
/// clock without a day; an impossible date is malformed.
fn time_of(value: &Scalar<'_>) -> Result<Option<i64>, DecodeError> {
    if let Some(number) = value.number() {
        return match number {
            FIRST_MS.. => Ok(ms_from_unix_ms(number)),
            FIRST_SECONDS.. => Ok(ms_from_unix_seconds(number)),
            _ => Ok(None),
        };
    }
    let Some(text) = value.text().map(str::trim) else {
        return Ok(None);
    };
    let begins_with_a_date = text
        .bytes()
        .zip(*b"0000-00-00")
        .filter(|(byte, form)| {
            if *form == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == form
            }
        })
        .count()
        == 10;
    if begins_with_a_date {
        ms_from_rfc3339(text)
            .map(Some)
            .map_err(|_| malformed(format_args!("time {} is none", shown(text))))
    } else {
        Ok(None)
    }
}

/// Fills in what the codec of the network left out from the device's own bytes: Dragino's leaves out
/// the battery, for example. Only where both mean the same place.
pub(crate) fn complete(positions: &mut [Position], own: Vec<Position>) {
    if positions.len() != own.len() {
        return;
    }
    for (position, own) in positions.iter_mut().zip(own) {
        if !is_near(position.latitude, own.latitude) || !is_near(position.longitude, own.longitude) {
            continue;
        }
        // a coordinate of exactly 0 is more often the codec's mistake than a place
        if position.latitude == Some(0.0) || position.longitude == Some(0.0) {
            position.latitude = own.latitude;
            position.longitude = own.longitude;
        }
        position.valid = position.valid.or(own.valid);
        position.altitude_m = position.altitude_m.or(own.altitude_m);
        position.speed_kmh = position.speed_kmh.or(own.speed_kmh);
        position.heading_deg = position.heading_deg.or(own.heading_deg);
        position.accuracy_m = position.accuracy_m.or(own.accuracy_m);
        position.hdop = position.hdop.or(own.hdop);
        position.battery_v = position.battery_v.or(own.battery_v);
        position.event = position.event.take().or(own.event);
        for attribute in own.attributes {
            let declared = matches!(attribute.key, AttributeKey::Declared(_));
            if declared && !position.attributes.iter().any(|one| one.key == attribute.key) {
                position.attributes.push(attribute);
            }
        }
    }
}

/// Whether two coordinates are the same but for rounding. Dragino's codec turns small northern and
/// eastern ones into 0.
fn is_near(decoded: Option<f64>, own: Option<f64>) -> bool {
    const ROUNDING: f64 = 1e-3;
    match (decoded, own) {
        (Some(decoded), Some(own)) => {
            (decoded - own).abs() < ROUNDING || (decoded == 0.0 && (0.0..16.8).contains(&own))
        }
        _ => false,
    }
}
