//! Attribute keys. Those in camel case are Traccar's names, which the vectors use.

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        STATUS = "status",
        ALARM = "alarm",
        RESULT = "result",
        TEMPERATURE_1 = "temp1",
    }
}
