//! Data of the serial port in UEX reports: fuel sensors, card readers, or whatever is connected.

use fixstream_decoder::text::decimal;
use fixstream_decoder::{AttributeKey, DecodeError, Position, malformed};

use crate::fields::Fields;
use crate::keys;

/// A card reader: `GTSL|6|1|0|<driver>|1|`
const CARD: &str = "GTSL";

/// Two fuel sensors: `CabAVL…,<kind>,<fuel 1>,<fuel 2>,…`
const FUEL_PAIR: &str = "CabAVL";

/// Adds data of this length, which begin at this field and may have semicolons; the number of the field
/// behind them.
pub(crate) fn add(
    fields: &Fields<'_>,
    from: usize,
    length: usize,
    position: &mut Position,
) -> Result<usize, DecodeError> {
    let mut at = from;
    let mut seen = 0;
    let mut fuel = 0.0;
    while seen < length {
        let part = fields.raw(at).ok_or_else(|| malformed("cut short in the data"))?;
        // with the semicolon behind it
        seen += part.chars().count() + 1;
        fuel += add_part(part.trim(), position);
        at += 1;
    }
    if fuel > 0.0 {
        position.add(keys::FUEL, fuel);
    }
    // empty data still have their field
    Ok(at.max(from + 1))
}

/// Adds one part; how much fuel it says there is.
fn add_part(part: &str, position: &mut Position) -> f64 {
    if let Some(card) = part.strip_prefix(CARD) {
        let driver = card.split('|').nth(4).filter(|driver| !driver.is_empty());
        position.add_some(keys::DRIVER, driver);
        return 0.0;
    }
    if part.starts_with(FUEL_PAIR) {
        return fuel_pair(part, position);
    }
    if let Some((name, value)) = part.split_once('=') {
        return named_value(name, value.trim(), position);
    }
    // binary data have control characters
    if !part.is_empty() && part.chars().all(|character| matches!(character, ' '..='~')) {
        position.add(keys::SERIAL, part);
    }
    0.0
}

fn fuel_pair(part: &str, position: &mut Position) -> f64 {
    [(2, keys::FUEL_1), (3, keys::FUEL_2)]
        .into_iter()
        .filter_map(|(number, key)| {
            // a sensor that is not there has -1
            let fuel = decimal(part.split(',').nth(number)?).filter(|fuel| *fuel > 0.0)?;
            position.add(key, fuel);
            Some(fuel)
        })
        .sum()
}

/// `t_0=1C`, `N_0=0419.0`, `Q_D=09`: temperature, fuel level and driving quality, hexadecimal.
fn named_value(name: &str, value: &str, position: &mut Position) -> f64 {
    let whole = value.split('.').next().unwrap_or_default();
    let Ok(number) = u32::from_str_radix(whole, 16) else {
        return 0.0;
    };
    let sensor = name
        .strip_prefix(['t', 'N', 'Q'])
        .and_then(|rest| rest.strip_prefix('_'));
    let Some(sensor) = sensor.filter(|sensor| sensor.len() == 1) else {
        return 0.0;
    };
    let numbered = |kind: &str| AttributeKey::Named(format!("{kind}{sensor}"));
    let has_number = sensor.bytes().all(|byte| byte.is_ascii_digit());
    match name.as_bytes() {
        [b't', ..] if has_number => position.add(numbered("temp"), number),
        [b'N', ..] if has_number => {
            position.add(numbered("fuel"), number);
            return f64::from(number);
        }
        [b'Q', ..] => position.add(keys::DRIVING_QUALITY, number),
        _ => {}
    }
    0.0
}
