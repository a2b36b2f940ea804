//! Values that the position record has no field for, by their names in the format.

use fixstream_decoder::Key;

fixstream_decoder::keys! {
    /// Values that the position record has no field for.
    pub KEYS {
        LICENSE_PLATE = "license_plate",
        VEHICLE_NAME = "vehicle_name",
        VEHICLE_CODE = "vehicle_code",
        FLEET = "fleet",
        GROUP = "group",
        CUSTOMER = "customer",
        OPERATOR = "operator",
        PROVIDER = "provider",
        GPS_PROVIDER = "gps_provider",
        ENGINE_HOURS = "engine_hours_h",
        TRIP_DISTANCE = "trip_distance_km",
        TOP_SPEED = "top_speed_kmh",
        EVENT_NAME = "event_name",
        EVENT_TYPE = "event_type",
        DRIVER_ID = "driver_id",
        DRIVER_NAME = "driver_name",
        ADDRESS = "address",
        RECEIVED_LOCAL = "received_local_time",
        PORT = "port",
        T1 = "t1",
        T2 = "t2",
        T3 = "t3",
        T4 = "t4",
        EXTERNAL_DATA = "external_data",
    }
}

/// The attribute behind a name of the format. What is not here is not taken over, above all not
/// `password`.
pub fn key_of(name: &str) -> Option<Key> {
    Some(match name {
        "patente" | "vehiculo.patente" => LICENSE_PLATE,
        "vehiculo.nombre" => VEHICLE_NAME,
        "vehiculo.codigo" => VEHICLE_CODE,
        "flota" | "flota.nombre" => FLEET,
        "grupo" | "grupo.nombre" => GROUP,
        "cliente" | "cliente.nombre" => CUSTOMER,
        "operador" | "operador.nombre" => OPERATOR,
        "proveedor" | "proveedor.nombre" => PROVIDER,
        "proveedorGps" | "proveedorGps.nombre" => GPS_PROVIDER,
        "horometro" => ENGINE_HOURS,
        "distanciaViaje" => TRIP_DISTANCE,
        "velocidadMaxima" => TOP_SPEED,
        "nomTipoEvento" => EVENT_NAME,
        "tipoEvento" => EVENT_TYPE,
        "codConductor" => DRIVER_ID,
        "nomConductor" => DRIVER_NAME,
        "ubicacion" => ADDRESS,
        "fechaHoraRecepcion" => RECEIVED_LOCAL,
        "puerto" => PORT,
        "t1" => T1,
        "t2" => T2,
        "t3" => T3,
        "t4" => T4,
        "datosExternos" => EXTERNAL_DATA,
        _ => return None,
    })
}
