//! Reports of GPS Chile as JSON.
//!
//! In: `datosActividad` and `datosCliente` of the "Registro" web service (operation `cargaActividades`),
//! one report or several. Out: a position for each that has coordinates. Times are local ones of
//! America/Santiago, unless the setting `time_zone` names another zone of Chile or an offset, or the
//! time itself has one.

use fixstream_decoder::json::{self, Flat, Scalar};
use fixstream_decoder::text::shown;
use fixstream_decoder::time::ms_from_local_iso;
use fixstream_decoder::units::heading_deg;
use fixstream_decoder::{DecodeError, Decoded, Message, Position, unsupported};

use crate::document::Reports;
use crate::keys::key_of;
use crate::zone::Zone;

mod document;
mod keys;
mod zone;

pub use crate::keys::KEYS;

fixstream_decoder::decoder! { name: "gpschile", keys: KEYS, decode: decode }

/// Of these a report has at least one.
const TELLING: [&str; 5] = ["imei", "latitud", "longitud", "fechaHoraActividad", "patente"];

/// Decodes one message.
pub fn decode(message: &Message) -> Result<Decoded, DecodeError> {
    let Reports(reports) = json::parse(&message.payload)?;
    let zone = match message.setting("time_zone") {
        None => Zone::SANTIAGO,
        Some(name) => {
            Zone::named(name).ok_or_else(|| unsupported(format_args!("time zone {}", shown(name))))?
        }
    };
    let mut positions = Vec::with_capacity(reports.len());
    for report in reports {
        if TELLING.iter().all(|name| report.get(name).is_absent()) {
            return Err(DecodeError::NotMine);
        }
        if !is_blank(report.get("latitud")) || !is_blank(report.get("longitud")) {
            positions.push(position_of(message, report, zone)?);
        }
    }
    Ok(positions.into())
}

fn position_of(message: &Message, report: Flat<'_>, zone: Zone) -> Result<Position, DecodeError> {
    let latitude = report.get("latitud").required_number("latitud")?;
    let longitude = report.get("longitud").required_number("longitud")?;
    // the provider's own receipt stands in for the time of the fix as ours does, only it is closer
    let time = ["fechaHoraActividad", "fechaHoraRecepcion"]
        .into_iter()
        .map(|name| report.get(name))
        .find(|time| !is_blank(time));
    let satellites = whole(report.get("numSatelites"));
    let mut position = Position {
        device: device_of(message, &report),
        time_ms: time
            .map(|time| time_of(time, zone, message.received_ms))
            .transpose()?,
        // the format has no mark for it
        valid: Some(satellites != Some(0)),
        satellites,
        speed_kmh: report.get("velocidad").number_in(0.0..),
        heading_deg: report.get("hdg").number_in(0.0..).and_then(heading_deg),
        hdop: report.get("hdop").number_in(0.0..),
        odometer_km: report.get("odometro").number_in(0.0..),
        distance_km: report.get("distanciaIncremental").number_in(0.0..),
        ignition: report.get("ignicion").flag(),
        event: event_of(&report),
        ..Position::at(latitude, longitude)?
    };
    for (name, value) in report.0 {
        let Some(key) = key_of(&name).filter(|_| !is_blank(&value)) else {
            continue;
        };
        // once, also when a field is there twice
        if !position
            .attributes
            .iter()
            .any(|attribute| attribute.key == key.into())
        {
            position.add_some(key, value.into_value());
        }
    }
    Ok(position)
}

/// The IMEI. A plate names a device only where nothing else does: plates may be shared.
fn device_of(message: &Message, report: &Flat<'_>) -> Option<String> {
    let first = |names: &[&str]| {
        names
            .iter()
            .map(|name| report.get(name))
            .find(|value| !is_blank(value))
            .and_then(Scalar::identifier)
    };
    let plate = || first(&["vehiculo.patente", "patente"]);
    first(&["imei"]).or_else(|| message.device.is_none().then(plate).flatten())
}

fn time_of(time: &Scalar<'_>, zone: Zone, received_ms: i64) -> Result<i64, DecodeError> {
    let text = time.text().unwrap_or_default();
    ms_from_local_iso(text, |local_ms| zone.utc_ms(local_ms, received_ms))
}

/// The vendor's number of the event.
fn event_of(report: &Flat<'_>) -> Option<String> {
    ["codTipoEvento", "tipoEvento"]
        .into_iter()
        .map(|name| report.get(name))
        .filter(|code| !is_blank(code))
        .find_map(Scalar::identifier)
}

fn whole(number: &Scalar<'_>) -> Option<u16> {
    number
        .number_in(0.0..=f64::from(u16::MAX))
        .map(|number| number as u16)
}

/// Whether there is nothing in it; the format's word for that is `N/D` (no disponible).
fn is_blank(value: &Scalar<'_>) -> bool {
    match value {
        Scalar::Absent => true,
        Scalar::Text(text) => matches!(text.trim(), "" | "N/D"),
        _ => false,
    }
}
