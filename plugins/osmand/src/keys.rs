//! Attribute keys. Those in camel case are Traccar's names, which the vectors use.

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        DRIVER = "driverUniqueId",
        ALARM = "alarm",
        TRIGGER = "trigger",
        MOTION = "motion",
        CHARGE = "charge",
        MOCK = "mock",
        ACTIVITY = "activity",
        ACTIVITY_CONFIDENCE = "activity_confidence",
        VERTICAL_ACCURACY = "vertical_accuracy_m",
        SPEED_ACCURACY = "speed_accuracy_mps",
        HEADING_ACCURACY = "heading_accuracy_deg",
        ELLIPSOIDAL_ALTITUDE = "ellipsoidal_altitude_m",
        GEOFENCE = "geofence",
        GEOFENCE_ACTION = "geofence_action",
        CELL = "cell",
        WIFI = "wifi",
        FUEL = "fuel",
    }
}

/// The contract allows 256 attributes; a position keeps room for the ones with a name of their own.
pub(crate) const MOST_UNLISTED: usize = 200;
