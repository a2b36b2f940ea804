//! GTCAN: what the vehicle's bus says. A mask announces the values; those it leaves out have no field.

use fixstream_decoder::Position;

use crate::frame::Frame;
use crate::{keys, number};

/// Fields from the name to the mask: number of the device, kind of report, mask.
const NAME_TO_MASK: usize = 3;

/// Bits of the mask that are understood, all before the first whose layout differs by model.
const UNDERSTOOD_BITS: usize = 9;

/// Adds the values between the mask and the position group.
pub(crate) fn add(frame: &Frame<'_>, longitude_at: usize, position: &mut Position) {
    let mask_at = frame.first + NAME_TO_MASK;
    let Some(mask) = number::hex(frame.field(mask_at), 8) else {
        return;
    };
    let announced = (0..UNDERSTOOD_BITS).filter(|bit| mask >> bit & 1 == 1);
    for (bit, at) in announced.zip(mask_at + 1..longitude_at) {
        set(position, bit, frame.field(at));
    }
    expansion(frame, mask_at + 1, longitude_at, position);
}

fn set(position: &mut Position, bit: usize, field: &str) {
    let in_range = |low: f64, high: f64| number::decimal(field).filter(|value| (low..=high).contains(value));
    match bit {
        // H: hundreds of metres; I would be impulses
        2 => {
            position.odometer_km = field
                .strip_prefix('H')
                .and_then(number::whole)
                .map(|hundreds| f64::from(hundreds) / 10.0);
        }
        4 => position.engine_rpm = in_range(0.0, 16_383.0),
        6 => position.engine_temperature_c = in_range(-60.0, 250.0),
        // P: percent; L would be litres
        8 => position.fuel_percent = percent(field),
        _ => {}
    }
}

/// The second mask, of newer models, begins with the level of the urea tank.
fn expansion(frame: &Frame<'_>, from: usize, to: usize, position: &mut Position) {
    const AD_BLUE_LEVEL: u32 = 1;
    let second_mask = (from..to).find_map(|at| number::hex(frame.field(at), 8).map(|mask| (at, mask)));
    if let Some((at, mask)) = second_mask
        && mask & AD_BLUE_LEVEL != 0
    {
        position.add_some(keys::AD_BLUE_LEVEL, percent(frame.field(at + 1)));
    }
}

fn percent(field: &str) -> Option<f64> {
    field
        .strip_prefix('P')
        .and_then(number::decimal)
        .filter(|percent| (0.0..=100.0).contains(percent))
}
