//! Attribute keys. Those in camel case are Traccar's names, which the vectors use.

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        ALARM = "alarm",
        DRIVER = "driverUniqueId",
        EVENT_FILES = "eventFiles",
    }
}
