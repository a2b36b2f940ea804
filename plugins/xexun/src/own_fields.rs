//! The tracker's own fields behind the sentence: signal, text, IMEI, and in the full form satellites,
//! altitude and battery.

use fixstream_decoder::Position;
use fixstream_decoder::text::{decimal, is_digits, snake_case};

use crate::{keys, rmc};

pub(crate) const IMEI: &str = "imei:";

/// Digits of an IMEI.
const IMEI_LENGTH: usize = 15;

/// Digits of what copies use in its place.
const ID_LENGTHS: core::ops::RangeInclusive<usize> = 8..=20;

/// Splits at the identifier: (before it, from its digits on). `None` when there is none, or when it may
/// have been cut: nothing follows and it is not of the usual length.
pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
    let (before, behind) = text.split_once(IMEI)?;
    let id = behind.split([',', '\r', '\n', ';']).next()?;
    let is_whole = id.len() < behind.len() && ID_LENGTHS.contains(&id.len()) || id.len() == IMEI_LENGTH;
    (is_whole && is_digits(id)).then_some((before, behind))
}

/// Adds what the fields say. `sentence` ends before `imei:`, `behind` begins with its digits.
pub(crate) fn add(sentence: &str, behind: &str, position: &mut Position) {
    let mut fields = behind
        .split(['\r', '\n'])
        .next()
        .unwrap_or_default()
        .split(',')
        .map(str::trim);
    // what stands between a semicolon and the comma is not a part of it
    let device = fields.next().and_then(|field| field.split(';').next());
    position.device = device.map(str::to_owned);
    position.satellites = fields.next().and_then(|field| field.parse().ok());
    position.altitude_m = fields.next().and_then(decimal);
    position.battery_v = fields.next().and_then(volts);
    text(sentence, position);
}

/// `F:4.28V`, `L:3.5V`, `F:4.01V/ADC1=0.20V/ADC2=0.00V`; the letter says whether the battery is full or low.
fn volts(field: &str) -> Option<f64> {
    let volts = field.strip_prefix("F:").or_else(|| field.strip_prefix("L:"))?;
    decimal(volts.split_once('V')?.0)
}

/// What stands between the signal (F full, L low) and the IMEI.
fn text(sentence: &str, position: &mut Position) {
    let mut fields = sentence.split(',').map(str::trim).skip(rmc::LENGTH);
    if !fields.any(|field| matches!(field, "F" | "L")) {
        return;
    }
    let (event, alarm) = match fields.find(|field| !field.is_empty()) {
        None => return,
        Some("help me!" | "help me") => ("sos".to_owned(), Some("sos")),
        Some("low battery!" | "low battery") => ("low_battery".to_owned(), Some("lowBattery")),
        Some("ACCStart" | "ACC On" | "ACC ON") => {
            position.ignition = Some(true);
            ("ignition_on".to_owned(), None)
        }
        Some("ACCStop" | "ACC Off" | "ACC OFF") => {
            position.ignition = Some(false);
            ("ignition_off".to_owned(), None)
        }
        Some(other) => match snake_case(other) {
            Some(event) => (event, None),
            None => return,
        },
    };
    position.event = Some(event);
    position.add_some(keys::ALARM, alarm);
}
