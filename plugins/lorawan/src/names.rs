//! What the fields of decoded payloads are called. Every device's codec has its own words.

/// The meaning of a field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Latitude,
    Longitude,
    Altitude,
    Hdop,
    Heading,
    SpeedKmh,
    Satellites,
    Accuracy,
    BatteryVolts,
    BatteryPercent,
    Temperature,
    Humidity,
    Roll,
    Pitch,
    InTrip,
    ManDown,
    Moving,
    /// Dragino: `TRUE` when the button was pressed.
    DraginoAlarm,
    /// True: the place is not that of a fix.
    NoFix,
    /// True: the place is that of a fix.
    Fix,
    Time,
    Led,
    MotionMode,
    Firmware,
    /// Dragino: the coordinates once more, as text.
    Redundant,
    Other,
}

/// What a name means. Upper and lower case and `_` make no difference, except in Dragino's words: `LON`
/// is a lamp.
pub(crate) fn meaning(name: &str) -> Meaning {
    match name {
        "LON" => return Meaning::Led,
        "MD" => return Meaning::MotionMode,
        "FW" => return Meaning::Firmware,
        "ALARM_status" => return Meaning::DraginoAlarm,
        _ => {}
    }
    let plain: String = name
        .chars()
        .filter(|character| !matches!(character, '_' | '-'))
        .map(|character| character.to_ascii_lowercase())
        .collect();
    match plain.as_str() {
        "latitude" | "latitudedeg" | "lat" => Meaning::Latitude,
        // Dragino's codec for the TrackerD forgets the last letter
        "longitude" | "longitud" | "longitudedeg" | "lon" | "lng" | "long" => Meaning::Longitude,
        "altitude" | "altitudem" | "alt" => Meaning::Altitude,
        "hdop" => Meaning::Hdop,
        "heading" | "headingdeg" | "course" | "coursedeg" | "bearing" => Meaning::Heading,
        // a plain `speed` has no unit that one could rely on
        "speedkmph" | "speedkmh" | "speedkph" => Meaning::SpeedKmh,
        "sats" | "sat" | "satellites" | "numsats" => Meaning::Satellites,
        "accuracy" | "accuracym" | "positionestimate" => Meaning::Accuracy,
        "batv" | "batteryv" | "batteryvoltage" => Meaning::BatteryVolts,
        "batterypercent" | "batterypercentage" | "batterypct" | "batterylevel" => Meaning::BatteryPercent,
        "temperaturec" | "tempc" | "tem" => Meaning::Temperature,
        "hum" => Meaning::Humidity,
        "roll" => Meaning::Roll,
        "pitch" => Meaning::Pitch,
        "intrip" => Meaning::InTrip,
        "mandown" => Meaning::ManDown,
        "moving" | "movingmode" | "transport" => Meaning::Moving,
        "fixfailed" | "nognssfix" => Meaning::NoFix,
        "valid" | "fix" | "hasfix" | "gpsfix" | "gnssfix" | "gpsvalid" => Meaning::Fix,
        "time" => Meaning::Time,
        "location" => Meaning::Redundant,
        _ => Meaning::Other,
    }
}

/// Whether an object of this name holds the device's place.
pub(crate) fn holds_a_place(name: &str) -> bool {
    matches!(name, "gps" | "gnss" | "location" | "position" | "coordinates")
}

/// The channel in the name that The Things Stack gives to a GPS value of Cayenne LPP (`gps_1`).
pub(crate) fn gps_channel(name: &str) -> Option<u32> {
    name.strip_prefix("gps_")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_meaning_has_many_names() {
        for name in [
            "latitude",
            "Latitude",
            "latitudeDeg",
            "latitude_deg",
            "lat",
            "Lat",
        ] {
            assert_eq!(meaning(name), Meaning::Latitude, "{name}");
        }
        for name in ["longitude", "Longitud", "longitudeDeg", "lon", "Long", "lng"] {
            assert_eq!(meaning(name), Meaning::Longitude, "{name}");
        }
        assert_eq!(meaning("LON"), Meaning::Led);
        assert_eq!(meaning("gateway_latitude"), Meaning::Other);
        assert_eq!(gps_channel("gps_12"), Some(12));
        assert_eq!(gps_channel("gps_time"), None);
    }
}
