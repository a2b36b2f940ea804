//! Attribute keys. Those in camel case are Traccar's names, which the vectors use.

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        BUFFERED = "buffered",
        ALARM = "alarm",
        DATA = "data",
        WARNING_TYPE = "warningType",
        ACCESSORY_VOLTAGE = "accessoryVoltage",
        AD_BLUE_LEVEL = "adBlueLevel",
        FUEL = "fuel",
        INPUT_1 = "in1",
        INPUT_2 = "in2",
        TEMPERATURE_1 = "temp1",
        TEMPERATURE_2 = "temp2",
        TEMPERATURE_3 = "temp3",
        TEMPERATURE_4 = "temp4",
    }
}
