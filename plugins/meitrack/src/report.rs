//! Text reports: `<event>,<latitude>,<longitude>,<yymmddhhmmss>,<A|V>,<satellites>,<signal>,<km/h>,<course>,
//! <HDOP>,<altitude>,<odometer>,<run time>,<cell>,<inputs and outputs>,<voltages>,…`, UTC.

use fixstream_decoder::text::{decimal, is_digits, of_bytes, shown};
use fixstream_decoder::{DecodeError, Position, malformed, time, units};

use crate::{event, keys, tail, voltage};

/// More fields than any report has.
const MOST_FIELDS: usize = 128;

/// Numbers of the fields.
pub(crate) mod at {
    pub(super) const EVENT: usize = 0;
    pub(super) const LATITUDE: usize = 1;
    pub(super) const LONGITUDE: usize = 2;
    pub(super) const TIME: usize = 3;
    pub(super) const VALIDITY: usize = 4;
    pub(super) const SATELLITES: usize = 5;
    pub(super) const SIGNAL: usize = 6;
    pub(super) const SPEED: usize = 7;
    pub(super) const COURSE: usize = 8;
    pub(super) const HDOP: usize = 9;
    pub(super) const ALTITUDE: usize = 10;
    pub(super) const ODOMETER: usize = 11;
    pub(super) const RUN_TIME: usize = 12;
    pub(super) const INPUTS_AND_OUTPUTS: usize = 14;
    pub(super) const VOLTAGES: usize = 15;
    pub(crate) const EVENT_DATA: usize = 16;
    pub(crate) const FORM: usize = 18;
    pub(crate) const FUEL: usize = 19;
    pub(crate) const TEMPERATURES: usize = 20;
}

/// Decodes the report behind a number of its own.
pub(crate) fn decode_numbered(body: &[u8], model: &str) -> Result<Option<Position>, DecodeError> {
    let comma = body.iter().position(|byte| *byte == b',');
    let (number, behind) = comma
        .and_then(|at| body.split_at_checked(at))
        .ok_or_else(|| malformed("no report behind its number"))?;
    if number.is_empty() || !number.iter().all(u8::is_ascii_hexdigit) {
        return Err(malformed("no number before the report"));
    }
    decode(behind.strip_prefix(b",").unwrap_or(behind), model)
}

/// Decodes a report; `None` when it has no coordinates.
pub(crate) fn decode(body: &[u8], model: &str) -> Result<Option<Position>, DecodeError> {
    let text = of_bytes(body);
    let fields: Vec<&str> = text.split(',').take(MOST_FIELDS).map(str::trim).collect();
    let field = |number: usize| fields.get(number).copied().unwrap_or_default();
    if fields.len() <= at::COURSE {
        return Err(malformed("cut short in the position"));
    }
    let event = field(at::EVENT);
    let event = is_digits(event)
        .then(|| event.parse().ok())
        .flatten()
        .ok_or_else(|| malformed(format_args!("no event: {}", shown(event))))?;
    if field(at::LATITUDE).is_empty() && field(at::LONGITUDE).is_empty() {
        return Ok(None);
    }
    let (latitude, longitude) = decimal(field(at::LATITUDE))
        .zip(decimal(field(at::LONGITUDE)))
        .ok_or_else(|| malformed("no degrees"))?;
    let mut position = Position::at(latitude, longitude)?;
    position.time_ms = Some(time::ms_from_digits(field(at::TIME))?);
    position.valid = Some(match field(at::VALIDITY) {
        "A" => true,
        "V" => false,
        other => return Err(malformed(format_args!("validity {}", shown(other)))),
    });
    let positive = |number: usize| decimal(field(number)).filter(|value| *value >= 0.0);
    position.satellites = field(at::SATELLITES).parse().ok();
    position.signal = positive(at::SIGNAL);
    position.speed_kmh = positive(at::SPEED);
    position.heading_deg = positive(at::COURSE).filter(|course| *course <= 360.0);
    position.hdop = positive(at::HDOP);
    position.altitude_m = decimal(field(at::ALTITUDE));
    position.odometer_km = positive(at::ODOMETER).map(units::km_from_m);
    event::set(event, &mut position);
    if let Ok(seconds) = field(at::RUN_TIME).parse::<u32>() {
        position.add(keys::RUN_TIME, seconds);
    }
    inputs_and_outputs(field(at::INPUTS_AND_OUTPUTS), &mut position);
    voltage::add(field(at::VOLTAGES), model, &mut position);
    tail::add(event, &fields, &mut position);
    Ok(Some(position))
}

/// Bits of the inputs, then of the outputs, each in two hexadecimal digits.
fn inputs_and_outputs(field: &str, position: &mut Position) {
    if field.len() == 4
        && let Ok(bits) = u16::from_str_radix(field, 16)
    {
        let [inputs, outputs] = bits.to_be_bytes();
        position.add(keys::INPUT, inputs);
        position.add(keys::OUTPUT, outputs);
    }
}
