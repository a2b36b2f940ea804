//! ST300, ST340, ST390, ST500, ST600, SA200 …: `<header>;<id>;[model;]<software>;` date to fix, then
//! `<odometer m>;<power V>;<inputs and outputs>;` and what the kind of report adds.

use fixstream_decoder::text::{decimal, is_digits};
use fixstream_decoder::{DecodeError, Position, malformed, units};

use crate::config::Added;
use crate::extension;
use crate::fields::{Fields, positive, switch};
use crate::place::{self, Found};
use crate::{alert, keys};

/// Number of the first field that can be the day: behind header, identifier and software.
const FIRST_DAY: usize = 3;

/// Inputs and outputs of the models whose order is known: ignition, three inputs, two outputs.
const KNOWN_SWITCHES: usize = 6;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// Decodes a report; `None` when it has no coordinates.
pub(crate) fn decode(
    fields: &Fields<'_>,
    kind: &str,
    added: Option<Added>,
) -> Result<Option<Position>, DecodeError> {
    let day_at = place::day_at(fields, FIRST_DAY).ok_or_else(|| malformed("no date and time"))?;
    let Some(found) = place::read(fields, day_at, true)? else {
        return Ok(None);
    };
    let Found {
        mut position, next, ..
    } = found;
    position.odometer_km = positive(fields.required(next)?).map(units::km_from_m);
    position.power_v = positive(fields.required(next + 1)?);
    switches(fields.required(next + 2)?, &mut position);
    let kind_at = next + 3;
    let code = fields.required(kind_at)?;
    let tail_at = match kind {
        "STT" => {
            position.add_some(keys::MODE, code.parse::<u32>().ok());
            let number = fields
                .get(kind_at + 1)
                .and_then(|number| number.parse::<u32>().ok());
            position.add_some(keys::MESSAGE_NUMBER, number);
            kind_at + 2
        }
        "UEX" => {
            let length = code.parse().map_err(|_| malformed("no length of data"))?;
            let behind = extension::add(fields, kind_at + 1, length, &mut position)?;
            // its checksum is over the data alone, in a way that is not documented
            behind + 1
        }
        _ => {
            match (kind, code.parse()) {
                ("EMG", Ok(number)) => alert::set_emergency(number, &mut position),
                ("ALT", Ok(number)) => alert::set_alert(number, &mut position),
                (_, Ok(number)) => alert::set_event(number, &mut position),
                (_, Err(_)) => {}
            }
            kind_at + 1
        }
    };
    tail(fields, tail_at, added, &mut position);
    Ok(Some(position))
}

/// The ignition, and the other switches where their order is known.
fn switches(text: &str, position: &mut Position) {
    if text.len() < KNOWN_SWITCHES || !is_digits(text) {
        return;
    }
    let is_on = |at: usize| text.get(at..=at).and_then(switch);
    position.ignition = is_on(0);
    if text.len() == KNOWN_SWITCHES {
        for (at, key) in (1..).zip(keys::SWITCHES) {
            position.add_some(key, is_on(at));
        }
    }
}

/// `<driving minutes>;<battery V>;<live 1/0>` and more, which the tracker adds when it is set so.
fn tail(fields: &Fields<'_>, at: usize, added: Option<Added>, position: &mut Position) {
    let field = |distance: usize| fields.get(at + distance).unwrap_or_default();
    let minutes = is_digits(field(0))
        .then(|| field(0).parse::<u32>().ok())
        .flatten();
    let battery_v = positive(field(1)).filter(|_| field(1).contains('.'));
    // the three only together tell it from what other models have here
    let (Some(minutes), Some(battery_v), Some(is_live)) = (minutes, battery_v, switch(field(2))) else {
        return;
    };
    position.add(keys::HOURS, i64::from(minutes) * MINUTE_MS);
    position.battery_v = Some(battery_v);
    if !is_live {
        position.add(keys::ARCHIVE, true);
    }
    driver(fields, at + 3, position);
    if let Some(added) = added {
        configured(fields, at + 3, added, position);
    }
}

/// The identifier of a driver and whether it is registered.
fn driver(fields: &Fields<'_>, from: usize, position: &mut Position) {
    let is_id =
        |text: &str| (14..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = (from..fields.len()).find_map(|at| {
        let id = fields.get(at).filter(|id| is_id(id))?;
        switch(fields.get(at + 1)?).map(|is_registered| (id, is_registered))
    });
    if let Some((id, true)) = id
        && id.bytes().any(|digit| digit != b'0')
    {
        position.add(keys::DRIVER, id);
    }
}

/// What only the tracker's settings tell: three analogue inputs, engine speed, the driver's two
/// fields, three thermometers.
fn configured(fields: &Fields<'_>, from: usize, added: Added, position: &mut Position) {
    let mut at = from;
    if added.analog_inputs {
        for key in keys::ANALOG_INPUTS {
            position.add_some(key, fields.get(at).and_then(decimal));
            at += 1;
        }
    }
    if added.engine_speed {
        position.engine_rpm = fields.get(at).and_then(positive);
        at += 1;
    }
    at += 2;
    if added.thermometers {
        // numbered from here although models with a fourth analogue input begin one field later: so
        // the numbers stay those that other software for these trackers uses
        for key in keys::TEMPERATURES {
            // <serial number>:<degrees>
            let degrees = fields.get(at).and_then(|field| field.split_once(':'));
            position.add_some(key, degrees.and_then(|(_, degrees)| decimal(degrees)));
            at += 1;
        }
    }
}
