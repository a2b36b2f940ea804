//! Attribute keys. Those in camel case are Traccar's names, which the vectors use.

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        ALARM = "alarm",
        RUN_TIME = "run_time_s",
        INPUT = "input",
        OUTPUT = "output",
        ADC_1 = "adc1",
        ADC_2 = "adc2",
        ADC_3 = "adc3",
        DRIVER = "driverUniqueId",
        EVENT_DATA = "eventData",
        IMAGE = "image",
        LOCK = "lock",
        BATTERY_2_LEVEL = "battery2Level",
        BATTERY_3_LEVEL = "battery3Level",
        TAG_NAME = "tagName",
        TAG_BATTERY = "tagBattery",
        TAG_TEMPERATURE = "tagTemp",
        TAG_HUMIDITY = "tagHumidity",
        THROTTLE = "throttle",
        OBD_SPEED = "obd_speed_kmh",
        OBD_ODOMETER = "obdOdometer",
        TEMPERATURE_1 = "temp1",
        TEMPERATURE_2 = "temp2",
        TEMPERATURE_3 = "temp3",
        TEMPERATURE_4 = "temp4",
        TEMPERATURE_5 = "temp5",
        TEMPERATURE_6 = "temp6",
        TEMPERATURE_7 = "temp7",
        TEMPERATURE_8 = "temp8",
    }
}

/// Temperatures of the sensors 1 to 8, °C.
pub(crate) const TEMPERATURES: [fixstream_decoder::Key; 8] = [
    TEMPERATURE_1,
    TEMPERATURE_2,
    TEMPERATURE_3,
    TEMPERATURE_4,
    TEMPERATURE_5,
    TEMPERATURE_6,
    TEMPERATURE_7,
    TEMPERATURE_8,
];
