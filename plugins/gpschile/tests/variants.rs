//! What the vectors do not show: other envelopes, zones, empty fields, damage.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fixstream_decoder::{AttributeKey, DecodeError, DecodeResult, Message, Position, Transport, Value};
use fixstream_decoder_gpschile::{KEYS, decode};

/// 2024-07-04T12:01:07Z, in winter
const TIME: i64 = 1_720_094_467_000;
const ACTIVITY: &str = r#""imei":"860000000000001","fechaHoraActividad":"2024-07-04T08:01:07","latitud":-33.45,"longitud":-70.66"#;

fn message(payload: &str) -> Message {
    Message {
        transport: Transport::Mqtt,
        channel: "trackers/gpschile/up".to_owned(),
        device: None,
        received_ms: TIME + 86_400_000,
        context: Vec::new(),
        state: Vec::new(),
        payload: payload.as_bytes().to_vec(),
    }
}

fn decoded(payload: &str) -> DecodeResult {
    decode(&message(payload))
}

fn in_zone(zone: &str, payload: &str) -> DecodeResult {
    decode(&Message {
        context: vec![("time_zone".to_owned(), zone.to_owned())],
        ..message(payload)
    })
}

fn first(outcome: DecodeResult) -> Position {
    outcome.unwrap().positions.remove(0)
}

/// A report whose `datosActividad` has these fields too; fields named again count in their last form.
fn with(fields: &str) -> Position {
    first(decoded(&format!(
        r#"{{"datosActividad":{{{ACTIVITY},{fields}}}}}"#
    )))
}

fn attribute<'position>(position: &'position Position, name: &str) -> Option<&'position Value> {
    let is_it =
        |key: &AttributeKey| matches!(key, AttributeKey::Declared(index) if KEYS[*index as usize] == name);
    position
        .attributes
        .iter()
        .find(|one| is_it(&one.key))
        .map(|one| &one.value)
}

#[test]
fn a_report_may_stand_alone_in_an_array_or_inside_the_operation() {
    let report = format!(
        r#"{{"datosActividad":{{{ACTIVITY}}},"datosCliente":{{"vehiculo":{{"patente":"KXYZ01"}}}}}}"#
    );
    let flat = format!(r#"{{{ACTIVITY},"patente":"KXYZ01"}}"#);
    for (payload, count) in [
        (report.clone(), 1),
        (flat.clone(), 1),
        (format!("[{report},{flat}]"), 2),
        (format!(r#"{{"actividad":{report}}}"#), 1),
        (format!(r#"{{"actividad":[{report},{report}]}}"#), 2),
        (
            format!(r#"{{"cargaActividades":{{"actividad":[{report},{report},{flat}]}}}}"#),
            3,
        ),
        (format!(r#"{{"cargaActividades":[{report}]}}"#), 1),
    ] {
        let positions = decoded(&payload).unwrap().positions;
        assert_eq!(positions.len(), count, "{payload}");
        for position in positions {
            assert_eq!(position.device.as_deref(), Some("860000000000001"));
            assert_eq!(
                (position.latitude, position.longitude),
                (Some(-33.45), Some(-70.66))
            );
            assert_eq!((position.time_ms, position.valid), (Some(TIME), Some(true)));
            assert_eq!(attribute(&position, "license_plate"), Some(&"KXYZ01".into()));
        }
    }
    assert_eq!(decoded("[]").unwrap().positions, []);
}

#[test]
fn every_field_has_its_place() {
    let position = first(decoded(&format!(
        r#"{{"datosActividad":{{{ACTIVITY},"velocidad":"42.5","velocidadMaxima":100,"hdg":"326","hdop":0.9,"numSatelites":"9",
        "odometro":100001.5,"horometro":321.5,"ignicion":"1","fechaHoraRecepcion":"2024-07-04T08:02:00",
        "distanciaIncremental":0.25,"distanciaViaje":12.5,"codTipoEvento":17,"nomTipoEvento":"Exceso","ubicacion":"Ruta 5",
        "codConductor":"C7","nomConductor":"Ana","puerto":1,"t1":-4.5,"t2":0,"t3":1,"t4":2,"tipoEvento":"E","datosExternos":"x"}},
        "datosCliente":{{"cliente":"ACME","password":"secret","flota":{{"codigo":1,"nombre":"F"}},"grupo":"G","operador":"O",
        "proveedor":"P","proveedorGps":{{"nombre":"prov","rut":"1"}},"vehiculo":{{"codigo":1,"nombre":"Camion","patente":"KXYZ01"}}}}}}"#
    )));
    let fields = Position {
        device: Some("860000000000001".to_owned()),
        time_ms: Some(TIME),
        valid: Some(true),
        speed_kmh: Some(42.5),
        heading_deg: Some(326.0),
        hdop: Some(0.9),
        satellites: Some(9),
        odometer_km: Some(100_001.5),
        distance_km: Some(0.25),
        ignition: Some(true),
        event: Some("17".to_owned()),
        attributes: position.attributes.clone(),
        ..Position::at(-33.45, -70.66).unwrap()
    };
    assert_eq!(position, fields);
    for (name, value) in [
        ("license_plate", "KXYZ01".into()),
        ("vehicle_name", "Camion".into()),
        ("vehicle_code", 1.into()),
        ("fleet", "F".into()),
        ("group", "G".into()),
        ("customer", "ACME".into()),
        ("operator", "O".into()),
        ("provider", "P".into()),
        ("gps_provider", "prov".into()),
        ("engine_hours_h", 321.5.into()),
        ("trip_distance_km", 12.5.into()),
        ("top_speed_kmh", 100.into()),
        ("event_name", "Exceso".into()),
        ("event_type", "E".into()),
        ("driver_id", "C7".into()),
        ("driver_name", "Ana".into()),
        ("address", "Ruta 5".into()),
        ("received_local_time", "2024-07-04T08:02:00".into()),
        ("port", 1.into()),
        ("t1", Value::Real(-4.5)),
        ("external_data", "x".into()),
    ] {
        assert_eq!(attribute(&position, name), Some(&value), "{name}");
    }
    let all = format!("{:?}", position.attributes);
    assert!(!all.contains("secret"), "the password must not come out");
}

#[test]
fn local_time_is_that_of_santiago_unless_something_says_otherwise() {
    let at = |local: &str| format!(r#"{{"datosActividad":{{{ACTIVITY},"fechaHoraActividad":"{local}"}}}}"#);
    for (local, hours) in [
        ("2024-04-06T22:59:59", 3),
        ("2024-04-07T00:00:00", 4),
        ("2024-09-07T23:59:59", 4),
        ("2024-09-08T01:00:00", 3),
        ("2025-01-15 12:00:00", 3),
        ("2025-07-15T12:00:00.500", 4),
    ] {
        let as_utc = fixstream_decoder::time::ms_from_rfc3339(local).unwrap();
        assert_eq!(
            first(decoded(&at(local))).time_ms,
            Some(as_utc + hours * 3_600_000),
            "{local}"
        );
    }
    for (zone, local) in [
        ("UTC", "2024-07-04T12:01:07"),
        ("-03:00", "2024-07-04T09:01:07"),
        ("America/Punta_Arenas", "2024-07-04T09:01:07"),
        ("Pacific/Easter", "2024-07-04T06:01:07"),
        ("America/Santiago", "2024-07-04T08:01:07"),
        // a time with an offset of its own needs no zone
        ("Pacific/Easter", "2024-07-04T12:01:07Z"),
        ("UTC", "2024-07-04T08:01:07-04:00"),
    ] {
        assert_eq!(
            first(in_zone(zone, &at(local))).time_ms,
            Some(TIME),
            "{zone} {local}"
        );
    }
    assert!(matches!(
        in_zone("America/Lima", &at("2024-07-04T08:01:07")),
        Err(DecodeError::Unsupported(_))
    ));
}

#[test]
fn without_the_time_of_the_fix_that_of_receipt_counts() {
    for empty in ["null", "\"\"", "\"N/D\""] {
        let without = ACTIVITY.replace("\"2024-07-04T08:01:07\"", empty);
        assert_eq!(first(decoded(&format!("{{{without}}}"))).time_ms, None);
        let received = format!(r#"{{{without},"fechaHoraRecepcion":"2024-07-04T08:01:07"}}"#);
        assert_eq!(first(decoded(&received)).time_ms, Some(TIME));
    }
}

#[test]
fn what_is_empty_or_impossible_stays_unknown() {
    let position = with(
        r#""velocidad":null,"hdg":"","hdop":"N/D","numSatelites":-1,"odometro":-5,"ignicion":"N/D","ubicacion":"N/D",
        "nomConductor":" ","datosExternos":"","codTipoEvento":null"#,
    );
    let bare = Position {
        device: Some("860000000000001".to_owned()),
        time_ms: Some(TIME),
        valid: Some(true),
        ..Position::at(-33.45, -70.66).unwrap()
    };
    assert_eq!(position, bare);
    assert_eq!(with(r#""numSatelites":0"#).valid, Some(false));
    assert_eq!(with(r#""ignicion":false"#).ignition, Some(false));
    assert_eq!(with(r#""hdg":360"#).heading_deg, Some(360.0));
    assert_eq!(with(r#""latitud":0,"longitud":0"#).latitude, Some(0.0));
    assert_eq!(with(r#""latitud":"-33.45""#).latitude, Some(-33.45));
}

#[test]
fn a_plate_names_the_device_only_where_nothing_else_does() {
    let payload =
        r#"{"datosActividad":{"latitud":1,"longitud":2},"datosCliente":{"vehiculo":{"patente":"KXYZ01"}}}"#;
    assert_eq!(first(decoded(payload)).device.as_deref(), Some("KXYZ01"));
    let known = Message {
        device: Some("860000000000001".to_owned()),
        ..message(payload)
    };
    assert_eq!(first(decode(&known)).device, None);
    assert_eq!(
        with(r#""imei":860000000000001"#).device.as_deref(),
        Some("860000000000001")
    );
}

#[test]
fn a_report_without_coordinates_is_dropped_and_half_a_place_is_refused() {
    let located = format!("{{{ACTIVITY}}}");
    let lost = r#"{"datosActividad":{"imei":"1","fechaHoraActividad":"2024-07-04T08:01:07","latitud":null,"longitud":""}}"#;
    assert_eq!(decoded(lost).unwrap().positions, []);
    assert_eq!(decoded(r#"{"imei":"1"}"#).unwrap().positions, []);
    assert_eq!(
        decoded(&format!("[{lost},{located}]")).unwrap().positions.len(),
        1
    );
    for (from, to) in [
        ("\"latitud\":-33.45", "\"latitud\":null"),
        ("\"longitud\":-70.66", "\"longitud\":\"\""),
        ("\"longitud\":-70.66", "\"lon\":1"),
        ("-33.45", "\"-33,45\""),
        ("-33.45", "-90.01"),
        ("-33.45", "\"x\""),
        ("-33.45", "[-33.45]"),
        ("-70.66", "180.01"),
        ("-70.66", "1e400"),
        ("2024-07-04", "2024-02-30"),
        ("08:01:07", "24:01:07"),
        ("T08:01:07", ""),
        ("\"2024-07-04T08:01:07\"", "1720094467"),
    ] {
        let payload = located.replacen(from, to, 1);
        assert!(
            matches!(decoded(&payload), Err(DecodeError::Malformed(_))),
            "{payload}"
        );
        // one broken report spoils the message, which is kept whole as a dead letter
        assert!(decoded(&format!("[{located},{payload}]")).is_err());
    }
}

#[test]
fn what_is_no_report_is_refused() {
    for payload in [
        "",
        " ",
        "null",
        "1",
        "\"x\"",
        "{",
        "[1]",
        "[null]",
        r#"{"actividad":null}"#,
        "<soap/>",
    ] {
        assert!(
            matches!(decoded(payload), Err(DecodeError::Malformed(_))),
            "{payload}"
        );
    }
    for payload in [
        "{}",
        r#"{"lat":1,"lon":2}"#,
        r#"[{"latitude":1}]"#,
        r#"{"datosActividad":{}}"#,
    ] {
        assert_eq!(decoded(payload), Err(DecodeError::NotMine), "{payload}");
    }
}

#[test]
fn neither_depth_nor_number_overwhelms_the_decoder() {
    for (open, close) in [
        ("[", "]"),
        ("{\"actividad\":", "}"),
        ("{\"datosActividad\":", "}"),
        ("{\"x\":", "}"),
    ] {
        let deep = format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
        assert!(decoded(&deep).is_err());
    }
    let located = format!("{{{ACTIVITY}}}");
    assert_eq!(
        decoded(&format!("[{}]", vec![&*located; 1024].join(",")))
            .unwrap()
            .positions
            .len(),
        1024
    );
    assert!(decoded(&format!("[{}]", vec![&*located; 1025].join(","))).is_err());
    // a field that is there a thousand times is one attribute
    let position = with(&vec![r#""t1":1"#; 1000].join(","));
    assert_eq!(position.attributes.len(), 1);
}
