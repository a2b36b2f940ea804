//! Traccar's open map of attributes: which ones are fields of the record, and the names of the rest.

use fixstream_decoder::json::{Flat, Scalar};
use fixstream_decoder::text::{clipped, snake_case};
use fixstream_decoder::units::{km_from_m, kmh_from_knots};
use fixstream_decoder::{Key, Position};

fixstream_decoder::keys! {
    /// Values that the position record has no field for.
    pub KEYS {
        TOTAL_DISTANCE = "total_distance_km",
        TRIP_ODOMETER = "trip_odometer_km",
        SERVICE_ODOMETER = "service_odometer_km",
        OBD_ODOMETER = "obd_odometer_km",
        OBD_SPEED = "obd_speed_kmh",
        HOURS = "hours_ms",
        MOTION = "motion",
        CHARGE = "charge",
        ARMED = "armed",
        BLOCKED = "blocked",
        DOOR = "door",
        ALARM = "alarm",
        STATUS = "status",
        INDEX = "index",
        INPUT = "input",
        OUTPUT = "output",
        PDOP = "pdop",
        VDOP = "vdop",
        SATELLITES_VISIBLE = "satellites_visible",
        DRIVER_ID = "driver_id",
        DEVICE_TEMPERATURE = "device_temperature_c",
        HUMIDITY = "humidity_percent",
        ENGINE_LOAD = "engine_load_percent",
        THROTTLE = "throttle_percent",
        FUEL = "fuel_l",
        FUEL_USED = "fuel_used_l",
        FUEL_CONSUMPTION = "fuel_consumption_l_per_h",
        PROTOCOL = "protocol",
        ADDRESS = "address",
        OUTDATED = "outdated",
        GEOFENCE = "geofence",
        DEVICE_NAME = "device_name",
    }
}

/// The contract allows 256 attributes; the rest of the room is for the declared ones.
const MOST_UNLISTED: usize = 200;

/// Puts every attribute where it belongs.
pub fn apply(position: &mut Position, attributes: Flat<'_>) {
    // the device's own odometer where there is one, else what Traccar added up
    position.odometer_km = ["odometer", "totalDistance"]
        .into_iter()
        .find_map(|name| attributes.get(name).number_in(0.0..))
        .map(km_from_m);
    let mut unlisted = 0;
    for (name, value) in attributes.0 {
        if field(position, &name, &value) {
            continue;
        }
        if let Some((key, convert)) = declared(&name) {
            match (convert, value.number()) {
                (Some(convert), Some(number)) => position.add(key, convert(number)),
                _ => position.add_some(key, value.into_value()),
            }
        } else if unlisted < MOST_UNLISTED {
            unlisted += 1;
            if let (Some(key), Some(value)) = (snake_case(&name), value.into_value()) {
                position.add(key, value);
            }
        }
    }
}

/// Fills a field of the record; false when the attribute is none, or not of the right kind.
fn field(position: &mut Position, name: &str, value: &Scalar<'_>) -> bool {
    let (target, number) = match name {
        "odometer" => return value.number_in(0.0..).is_some(),
        "ignition" => {
            position.ignition = value.flag();
            return position.ignition.is_some();
        }
        "sat" => {
            position.satellites = value
                .number_in(0.0..=65_535.0)
                .map(|satellites| satellites as u16);
            return position.satellites.is_some();
        }
        "event" => {
            position.event = value
                .text()
                .map(|event| clipped(event.to_owned()))
                .or_else(|| value.identifier());
            return position.event.is_some();
        }
        "hdop" => (&mut position.hdop, value.number_in(0.0..)),
        "distance" => (&mut position.distance_km, value.number_in(0.0..).map(km_from_m)),
        "power" => (&mut position.power_v, value.number()),
        "battery" => (&mut position.battery_v, value.number()),
        "batteryLevel" => (&mut position.battery_percent, value.number_in(0.0..=100.0)),
        "fuelLevel" => (&mut position.fuel_percent, value.number_in(0.0..=100.0)),
        "coolantTemp" | "engineTemp" => (&mut position.engine_temperature_c, value.number()),
        "rpm" => (&mut position.engine_rpm, value.number_in(0.0..)),
        "rssi" => (&mut position.signal, value.number()),
        _ => return false,
    };
    if target.is_none() {
        *target = number;
    }
    number.is_some()
}

type Convert = fn(f64) -> f64;

/// The key of an attribute whose unit Traccar states, with the conversion where it is another one.
fn declared(name: &str) -> Option<(Key, Option<Convert>)> {
    let plain = |key| Some((key, None));
    let converted = |key, convert: Convert| Some((key, Some(convert)));
    match name {
        "totalDistance" => converted(TOTAL_DISTANCE, km_from_m),
        "tripOdometer" => converted(TRIP_ODOMETER, km_from_m),
        "serviceOdometer" => converted(SERVICE_ODOMETER, km_from_m),
        "obdOdometer" => converted(OBD_ODOMETER, km_from_m),
        "obdSpeed" => converted(OBD_SPEED, kmh_from_knots),
        "hours" => plain(HOURS),
        "motion" => plain(MOTION),
        "charge" => plain(CHARGE),
        "armed" => plain(ARMED),
        "blocked" => plain(BLOCKED),
        "door" => plain(DOOR),
        "alarm" => plain(ALARM),
        "status" => plain(STATUS),
        "index" => plain(INDEX),
        "input" => plain(INPUT),
        "output" => plain(OUTPUT),
        "pdop" => plain(PDOP),
        "vdop" => plain(VDOP),
        "satVisible" => plain(SATELLITES_VISIBLE),
        "driverUniqueId" => plain(DRIVER_ID),
        "deviceTemp" => plain(DEVICE_TEMPERATURE),
        "humidity" => plain(HUMIDITY),
        "engineLoad" => plain(ENGINE_LOAD),
        "throttle" => plain(THROTTLE),
        "fuel" => plain(FUEL),
        "fuelUsed" => plain(FUEL_USED),
        "fuelConsumption" => plain(FUEL_CONSUMPTION),
        _ => None,
    }
}
