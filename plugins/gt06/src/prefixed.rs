//! Messages with something before the block: an identifier, a header, the time of the device.

use fixstream_decoder::{DecodeError, Position};

use crate::block::{self, Certainty, DATE_LENGTH};
use crate::login::{self, ID_LENGTH};
use crate::status::cell_length;
use crate::{alarm, keys};

/// 0x34: four bytes before the block.
pub(crate) fn header(content: &[u8]) -> Result<Option<Position>, DecodeError> {
    const HEADER: usize = 4;
    block_at(content, HEADER)
}

/// QH302R, 0x12: eight BCD bytes before the block.
pub(crate) fn behind_digits(content: &[u8]) -> Result<Option<Position>, DecodeError> {
    block_at(content, ID_LENGTH)
}

/// 0x61: the IMEI before the block, and the driver's number at the end.
pub(crate) fn behind_imei(content: &[u8]) -> Result<Option<Position>, DecodeError> {
    /// Content that ends with the driver's number.
    const WITH_DRIVER: usize = 41;
    let Some(mut position) = block_at(content, ID_LENGTH)? else {
        return Ok(None);
    };
    position.device = login::device_in(content);
    if content.len() == WITH_DRIVER
        && let Some(driver) = content.last_chunk().map(|driver| u32::from_be_bytes(*driver))
        && driver != 0
    {
        position.add(keys::DRIVER, driver.to_string());
    }
    Ok(Some(position))
}

/// NT20 and XT40, 0x22 and 0x25: kind, IMEI, time of the device, block, cell, supply and battery.
pub(crate) fn with_device_time(content: &[u8]) -> Result<Option<Position>, DecodeError> {
    const BLOCK: usize = 1 + ID_LENGTH + DATE_LENGTH;
    let Some(mut position) = block_at(content, BLOCK)? else {
        return Ok(None);
    };
    position.device = content.get(1..).and_then(login::device_in);
    supply(
        content.get(BLOCK + block::LENGTH..).unwrap_or_default(),
        &mut position,
    );
    Ok(Some(position))
}

/// Cell with its length (which may count itself), one more byte behind a wide cell, terminal
/// information, supply in hundredths of volts, battery in tenths.
fn supply(rest: &[u8], position: &mut Position) {
    let Some((declared, cell)) = rest.split_first() else {
        return;
    };
    let behind_cell = match declared {
        8 | 9 if cell_length(cell.first().copied()) == 8 => 8,
        10 => 10,
        _ => return,
    };
    if let Some([terminal, high, low, tenths, ..]) = cell.get(behind_cell..) {
        position.power_v = Some(f64::from(u16::from_be_bytes([*high, *low])) / 100.0);
        position.battery_v = Some(f64::from(*tenths) / 10.0);
        alarm::set_terminal(position, *terminal);
    }
}

fn block_at(content: &[u8], at: usize) -> Result<Option<Position>, DecodeError> {
    block::read(content.get(at..).unwrap_or_default(), Certainty::Position)
}
