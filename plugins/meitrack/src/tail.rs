//! What follows the voltages of a text report: data of the event, number of the form, fuel,
//! temperatures. Older models have nothing there, or something else.

use fixstream_decoder::Position;
use fixstream_decoder::text::is_digits;

use crate::report::at;
use crate::{event, keys};

/// From this form on temperatures are hundredths; before, whole degrees and hundredths in two bytes.
const HUNDREDTHS_FORM: u32 = 3;

/// Adds what is there in the known form.
pub(crate) fn add(event: u32, fields: &[&str], position: &mut Position) {
    let field = |number: usize| fields.get(number).copied().unwrap_or_default();
    let data = field(at::EVENT_DATA);
    match event {
        _ if data.is_empty() => {}
        event::CARD_READ => position.add(keys::DRIVER, data),
        _ => position.add(keys::EVENT_DATA, data),
    }
    let form = field(at::FORM);
    if !is_digits(form) {
        return;
    }
    let form = form.parse().unwrap_or(0);
    position.fuel_percent = fuel(field(at::FUEL));
    for sensor in field(at::TEMPERATURES).split('|').take(keys::TEMPERATURES.len()) {
        add_temperature(form, sensor, position);
    }
}

/// Percent and hundredths in two hexadecimal digits each; 0 is also sent without a sensor.
fn fuel(field: &str) -> Option<f64> {
    let [whole, hundredths] = hex::<4>(field)?.to_be_bytes().last_chunk().copied()?;
    Some(f64::from(whole) + f64::from(hundredths) / 100.0)
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
}

/// Number of the sensor and its value: `06FB2E` is -12.34 °C of sensor 6.
fn add_temperature(form: u32, sensor: &str, position: &mut Position) {
    let Some(&[_, number, high, low]) = hex::<6>(sensor).map(u32::to_be_bytes).as_ref() else {
        return;
    };
    let degrees = if form >= HUNDREDTHS_FORM {
        f64::from(i16::from_be_bytes([high, low])) / 100.0
    } else {
        let whole = f64::from(high as i8);
        let hundredths = f64::from(low) / 100.0;
        if whole < 0.0 {
            whole - hundredths
        } else {
            whole + hundredths
        }
    };
    let key = usize::from(number)
        .checked_sub(1)
        .and_then(|index| keys::TEMPERATURES.get(index));
    if let Some(key) = key {
        position.add(*key, degrees);
    }
}

/// A number of just so many hexadecimal digits.
fn hex<const DIGITS: usize>(text: &str) -> Option<u32> {
    let is_hex = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}
