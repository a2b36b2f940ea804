//! Attribute keys. Those in camel case are Traccar's names, which the vectors use.

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        PRIORITY = "priority",
        ALARM = "alarm",
        DRIVER = "driverUniqueId",
        TAG = "tagId",
        MOTION = "motion",
        CHARGING = "charge",
        DIGITAL_INPUT_1 = "in1",
        DIGITAL_INPUT_2 = "in2",
        DIGITAL_INPUT_3 = "in3",
        DIGITAL_INPUT_4 = "in4",
        ANALOG_INPUT_1 = "adc1",
        ANALOG_INPUT_2 = "adc2",
        ANALOG_INPUT_3 = "adc3",
        ANALOG_INPUT_4 = "adc4",
        BOARD_TEMPERATURE = "deviceTemp",
        TEMPERATURE_0 = "temp0",
        TEMPERATURE_1 = "temp1",
        TEMPERATURE_2 = "temp2",
        TEMPERATURE_3 = "temp3",
        OBD_SPEED = "obd_speed_kmh",
        OPERATOR = "operator",
    }
}
