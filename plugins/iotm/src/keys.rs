//! Attribute keys. Those in camel case are Traccar's names, which the vectors use. Sensors without a
//! meaning here become `io_<id>`.

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        MOTION = "motion",
        ALARM = "alarm",
        INPUT_2 = "input_2",
        INPUT_3 = "input_3",
        INPUT_4 = "input_4",
        INPUT_5 = "input_5",
        INPUT_6 = "input_6",
        INPUT_7 = "input_7",
        OUTPUT_1 = "output_1",
        OUTPUT_2 = "output_2",
        OUTPUT_3 = "output_3",
        OUTPUT_4 = "output_4",
        DOOR_FRONT_LEFT = "door_front_left",
        DOOR_FRONT_RIGHT = "door_front_right",
        DOOR_REAR_LEFT = "door_rear_left",
        DOOR_REAR_RIGHT = "door_rear_right",
        BUTTON_PRESENT = "button_present",
        HAND_BRAKE = "hand_brake",
        FOOT_BRAKE = "foot_brake",
        OBD_SPEED = "obd_speed_kmh",
        OBD_ODOMETER = "obdOdometer",
        THROTTLE = "throttle_percent",
        ENGINE_LOAD = "engine_load_percent",
        DEVICE_TEMPERATURE = "device_temperature_c",
        TEMPERATURE_1 = "temperature_1_c",
        TEMPERATURE_2 = "temperature_2_c",
        TEMPERATURE_3 = "temperature_3_c",
        TEMPERATURE_4 = "temperature_4_c",
        DRIVER = "driverUniqueId",
        TRAILER = "trailer_id",
    }
}
