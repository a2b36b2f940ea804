//! Names of the values without a field of their own that most trackers send. Others keep their own name,
//! in snake case.

use fixstream_decoder::Key;

fixstream_decoder::keys! {
    /// Names of the values that the position record has no field for.
    pub KEYS {
        SERVER_TIME = "server_timestamp",
        DEVICE_ID = "device_id",
        DEVICE_NAME = "device_name",
        DEVICE_TYPE = "device_type_id",
        CHANNEL_ID = "channel_id",
        PROTOCOL_ID = "protocol_id",
        PEER = "peer",
        PDOP = "position_pdop",
        MOTION = "movement_status",
        INPUTS = "din",
        OUTPUTS = "dout",
        MCC = "gsm_mcc",
        MNC = "gsm_mnc",
        LAC = "gsm_lac",
        CELL = "gsm_cellid",
        BATTERY_CURRENT = "battery_current",
        CHARGING = "battery_charging_status",
        GNSS_STATUS = "gnss_status",
        EVENT_PRIORITY = "event_priority_enum",
        DRIVER = "ibutton_code",
        VIN = "vehicle_vin",
    }
}

/// The declared key of a name, which crosses to the host as a number.
pub(crate) fn declared(name: &str) -> Option<Key> {
    Some(match name {
        "server.timestamp" => SERVER_TIME,
        "device.id" => DEVICE_ID,
        "device.name" => DEVICE_NAME,
        "device.type.id" => DEVICE_TYPE,
        "channel.id" => CHANNEL_ID,
        "protocol.id" => PROTOCOL_ID,
        "peer" => PEER,
        "position.pdop" => PDOP,
        "movement.status" => MOTION,
        "din" => INPUTS,
        "dout" => OUTPUTS,
        "gsm.mcc" => MCC,
        "gsm.mnc" => MNC,
        "gsm.lac" => LAC,
        "gsm.cellid" => CELL,
        "battery.current" => BATTERY_CURRENT,
        "battery.charging.status" => CHARGING,
        "gnss.status" => GNSS_STATUS,
        "event.priority.enum" => EVENT_PRIORITY,
        "ibutton.code" => DRIVER,
        "vehicle.vin" => VIN,
        _ => return None,
    })
}
