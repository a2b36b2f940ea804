//! Attribute keys. Those in camel case are Traccar's names, which the vectors use.

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        ALARM = "alarm",
        DOOR = "door",
        FUEL_1 = "fuel1",
        FUEL_2 = "fuel2",
        TEMPERATURE_1 = "temp1",
        DRIVER = "driverUniqueId",
        TROUBLE_CODES = "dtcs",
        CHARGING = "charge",
    }
}
