//! Messages 0x16, 0x26 and 0x27: behind the block a cell with its length, then the terminal's status.

use fixstream_decoder::Position;

use crate::alarm;

/// Highest of the battery's levels, which begin with 0.
const FULL_BATTERY_LEVEL: u8 = 6;

/// Bit of the terminal information.
const IGNITION: u8 = 1 << 1;

/// Cell block without length: country, network (2 bytes when the country's highest bit is set), area, cell.
pub(crate) fn cell_length(country_high_byte: Option<u8>) -> usize {
    if country_high_byte.is_some_and(|byte| byte & 0x80 != 0) {
        9
    } else {
        8
    }
}

/// Adds ignition, alarm and battery, where they stand in a known place. `rest` follows the block.
pub(crate) fn add(number: u8, rest: &[u8], model: &str, position: &mut Position) {
    let Some(status) = behind_cell(rest) else {
        return;
    };
    let Some((terminal, behind)) = status.split_first() else {
        return;
    };
    position.ignition = Some(terminal & IGNITION != 0);
    // before the alarm number, which a few firmwares use for something else
    alarm::set_terminal(position, *terminal);
    let code = match (number, behind) {
        // percent instead of a level, and one byte before it
        (0x16, [_, percent, _, code, _]) => {
            position.battery_percent = Some(f64::from(*percent)).filter(|percent| *percent <= 100.0);
            *code
        }
        (_, [level, _, code, ..]) => {
            position.battery_percent = (*level <= FULL_BATTERY_LEVEL)
                .then(|| f64::from(*level) * 100.0 / f64::from(FULL_BATTERY_LEVEL));
            *code
        }
        _ => return,
    };
    if position.event.is_none() {
        alarm::set_code(position, code, model);
    }
}

/// What follows the cell. Its length byte counts itself or not; anything else there is another layout.
fn behind_cell(rest: &[u8]) -> Option<&[u8]> {
    let (declared, cell) = rest.split_first()?;
    let length = cell_length(cell.first().copied());
    let declared = usize::from(*declared);
    (declared == length || declared == length + 1)
        .then(|| cell.get(length..))
        .flatten()
}
