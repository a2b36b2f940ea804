//! Attribute keys of all LoRaWAN decoders: one table, because a key is an index into it.

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        CHANNEL = "channel",
        IN_TRIP = "in_trip",
        MAN_DOWN = "man_down",
        ALARM = "alarm",
        MOVING = "moving",
        TEMPERATURE = "temp_c",
        HUMIDITY = "humidity_percent",
        ROLL = "roll_deg",
        PITCH = "pitch_deg",
        MOTION_MODE = "motion_mode",
        LED = "led",
        FIRMWARE = "firmware",
        BUTTON = "button",
        CHARGING = "charging",
        GNSS_ERROR = "gnss_error",
        SNR = "snr_db",
        DEVICE_NAME = "device_name",
        LOCATION_SERVICE = "location_service",
        LOCATION_SOURCE = "location_source",
    }
}
