//! Attribute keys. Those in camel case are Traccar's names, which the vectors use.

use fixstream_decoder::Key;

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        ALARM = "alarm",
        MODE = "mode",
        REASON = "reason",
        MESSAGE_NUMBER = "index",
        HOURS = "hours",
        ARCHIVE = "archive",
        DRIVER = "driverUniqueId",
        SERIAL = "serial",
        FUEL = "fuel",
        FUEL_1 = "fuel1",
        FUEL_2 = "fuel2",
        DRIVING_QUALITY = "drivingQuality",
        INPUT = "input",
        OUTPUT = "output",
        INPUT_1 = "in1",
        INPUT_2 = "in2",
        INPUT_3 = "in3",
        OUTPUT_1 = "out1",
        OUTPUT_2 = "out2",
        ANALOG_1 = "adc1",
        ANALOG_2 = "adc2",
        ANALOG_3 = "adc3",
        TEMPERATURE_1 = "temp1",
        TEMPERATURE_2 = "temp2",
        TEMPERATURE_3 = "temp3",
        ALERT_MODIFIER = "alertModifier",
        ALERT_DATA = "alertData",
    }
}

/// The switches behind the ignition, in their order.
pub(crate) const SWITCHES: [Key; 5] = [INPUT_1, INPUT_2, INPUT_3, OUTPUT_1, OUTPUT_2];

/// Analogue inputs, in volts.
pub(crate) const ANALOG_INPUTS: [Key; 3] = [ANALOG_1, ANALOG_2, ANALOG_3];

/// Thermometers, in °C.
pub(crate) const TEMPERATURES: [Key; 3] = [TEMPERATURE_1, TEMPERATURE_2, TEMPERATURE_3];
