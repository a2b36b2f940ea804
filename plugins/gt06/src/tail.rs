//! What stands behind the block, where the number fixes its place.

use fixstream_decoder::{Position, text};

use crate::block::LENGTH;
use crate::keys;
use crate::status::{self, cell_length};

/// Bytes of a driver's card.
const CARD_LENGTH: usize = 8;

/// Adds what the content says behind its block.
pub(crate) fn add(number: u8, content: &[u8], model: &str, position: &mut Position) {
    let rest = content.get(LENGTH..).unwrap_or_default();
    let byte = |at: usize| rest.get(at).copied();
    let after_cell = cell_length(byte(0));
    match number {
        0x22 => position.ignition = byte(after_cell).map(|byte| byte != 0),
        0x16 | 0x26 | 0x27 => status::add(number, rest, model, position),
        0xa0 => {
            /// Area and cell have 4 and 8 bytes here, elsewhere 2 and 3.
            const WIDER: usize = 7;
            position.ignition = byte(after_cell + WIDER).map(|byte| byte != 0);
        }
        0x31 => {
            /// Content whose last two bytes are the altitude.
            const WITH_ALTITUDE: usize = 37;
            if content.len() == WITH_ALTITUDE
                && let [.., high, low] = rest
            {
                position.altitude_m = Some(f64::from(i16::from_be_bytes([*high, *low])));
            }
        }
        0x17 => add_card(rest.get(after_cell..), position),
        0x36 => four_g(content, rest, position),
        _ => {}
    }
}

/// Jimi's 4G trackers, in the form with battery and card.
fn four_g(content: &[u8], rest: &[u8], position: &mut Position) {
    const WHOLE: usize = 48;
    /// Tenths of volts.
    const BATTERY: usize = 18;
    const CARD: usize = 22;
    if content.len() != WHOLE {
        return;
    }
    position.battery_v = rest
        .get(BATTERY)
        .filter(|tenths| **tenths > 0)
        .map(|tenths| f64::from(*tenths) / 10.0);
    add_card(rest.get(CARD..), position);
}

/// The card, unless it is empty.
fn add_card(bytes: Option<&[u8]>, position: &mut Position) {
    let card = bytes.and_then(|bytes| bytes.first_chunk::<CARD_LENGTH>());
    if let Some(card) = card.filter(|card| card.iter().any(|byte| *byte != 0)) {
        position.add(keys::DRIVER, text::hex(card));
    }
}
