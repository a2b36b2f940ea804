//! Battery and external voltage, which the models measure in different units.

use fixstream_decoder::Position;
use fixstream_decoder::text::decimal;

/// Volts per unit of battery and external voltage.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    battery: f64,
    power: f64,
}

/// Newer models: hundredths of a volt.
const HUNDREDTHS: Scale = Scale {
    battery: 0.01,
    power: 0.01,
};

/// Converter of 10 bits at 3 V behind dividers.
const TEN_BITS: Scale = Scale {
    battery: 3.0 * 2.0 / 1024.0,
    power: 3.0 * 16.0 / 1024.0,
};

/// Converter of 12 bits at 3.3 V behind dividers.
const TWELVE_BITS: Scale = Scale {
    battery: 3.3 * 2.0 / 4096.0,
    power: 3.3 * 16.0 / 4096.0,
};

/// Sets both voltages from the field `a|b|c|battery|power` in hex, or `battery|power|…` in volts. The
/// battery tells the scale where the model is not known: a cell has 2 to 5 V, and no number is
/// that in two of the scales.
pub(crate) fn add(field: &str, model: &str, position: &mut Position) {
    let parts: Vec<&str> = field.split('|').take(8).collect();
    if parts.first().is_some_and(|first| first.contains('.')) {
        position.battery_v = parts.first().and_then(|volts| decimal(volts));
        position.power_v = parts.get(1).and_then(|volts| decimal(volts));
        return;
    }
    let number = |at: usize| parts.get(at).and_then(|text| u16::from_str_radix(text, 16).ok());
    let (battery, power) = (number(3), number(4));
    if battery == Some(0) {
        // in every scale
        position.battery_v = Some(0.0);
    }
    if power == Some(0) {
        position.power_v = Some(0.0);
    }
    let Some(scale) = of_model(model).or_else(|| of_battery(battery?)) else {
        return;
    };
    position.battery_v = battery.map(|raw| f64::from(raw) * scale.battery);
    position.power_v = power.map(|raw| f64::from(raw) * scale.power);
}

fn of_model(model: &str) -> Option<Scale> {
    Some(match model.to_ascii_uppercase().as_str() {
        "MVT340" | "MVT380" => TEN_BITS,
        "T1" | "T3" | "MVT100" | "MVT600" | "MVT800" | "TC68" | "TC68S" => TWELVE_BITS,
        "T311" | "T322X" | "T333" | "T355" => HUNDREDTHS,
        _ => return None,
    })
}

fn of_battery(raw: u16) -> Option<Scale> {
    match raw {
        200..=500 => Some(HUNDREDTHS),
        // 3.0 to 4.4 V
        512..=750 => Some(TEN_BITS),
        1862..=2730 => Some(TWELVE_BITS),
        _ => None,
    }
}
