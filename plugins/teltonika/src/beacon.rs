//! The list of Bluetooth beacons in IO element 548: voltages of their batteries.

use fixstream_decoder::{Cut, Position, Reader};

use crate::keys::TAG_VOLTAGES;

/// The element that holds the list.
pub(crate) const IO_ID: u16 = 548;

/// Parameter of a beacon that holds what it measured.
const SENSOR_DATA: u8 = 2;

/// Set in the first byte of the sensor data when its last byte is the voltage.
const HAS_VOLTAGE: u8 = 0x80;

/// Adds the voltages in mV. The list itself stays an attribute in hex, so a list of another form
/// only means that there are none.
pub(crate) fn add_voltages(position: &mut Position, list: &[u8]) {
    // what was read before a cut is good: each beacon has its own length
    let _ = add_all(position, list);
}

fn add_all(position: &mut Position, list: &[u8]) -> Result<(), Cut> {
    let mut list = Reader::new(list);
    let _format = list.u8()?;
    for key in TAG_VOLTAGES {
        if list.is_empty() {
            break;
        }
        let length = list.u8()?;
        let mut beacon = list.sub(usize::from(length))?;
        while !beacon.is_empty() {
            let parameter = beacon.u8()?;
            let length = beacon.u8()?;
            let value = beacon.bytes(usize::from(length))?;
            if let (SENSOR_DATA, [flags, .., voltage]) = (parameter, value)
                && flags & HAS_VOLTAGE != 0
            {
                position.add(key, 2000 + 10 * u16::from(*voltage));
            }
        }
    }
    Ok(())
}
