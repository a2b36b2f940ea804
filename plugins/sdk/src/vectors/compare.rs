//! Expected against decoded, field by field.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value as Json;

use super::{Decode, Vector, load, shown_payload};
use crate::{AttributeKey, DecodeResult, Decoded, Position, Value, time};

/// What a run over a vectors file gave.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many vectors were checked.
    pub checked: usize,
    /// Hard failures, one readable text each.
    pub failures: Vec<String>,
    /// Soft differences: attributes and device identifiers that are absent or differ.
    pub notes: Vec<String>,
}

impl Report {
    /// Prints the notes, and fails the test when there are failures or when nothing was checked.
    ///
    /// # Panics
    /// That is its purpose.
    #[allow(clippy::panic)]
    pub fn assert_passed(&self) {
        for note in &self.notes {
            eprintln!("note: {note}");
        }
        assert!(self.checked > 0, "no vectors");
        assert!(
            self.failures.is_empty(),
            "{} of {} vectors failed:\n{}",
            self.failures.len(),
            self.checked,
            self.failures.join("\n")
        );
        eprintln!("{} vectors passed, {} notes", self.checked, self.notes.len());
    }
}

/// Runs a decoder over a vectors file. `keys` is its table of declared attribute keys.
pub fn check(path: impl AsRef<Path>, decode: Decode, keys: &[&str]) -> Report {
    let mut report = Report::default();
    for vector in load(path) {
        report.checked += 1;
        let outcome = decode(&vector.message);
        let (failures, notes) = check_one(&vector, &outcome, keys);
        if !failures.is_empty() {
            let mut text = format!("{} ({}): {}", vector.id, vector.variant, failures.join("; "));
            let _ = write!(text, "\n    payload {}", shown_payload(&vector.message.payload));
            report.failures.push(text);
        }
        report
            .notes
            .extend(notes.into_iter().map(|note| format!("{}: {note}", vector.id)));
    }
    report
}

/// Compares one result with its expectation: (failures, notes).
pub fn check_one(vector: &Vector, outcome: &DecodeResult, keys: &[&str]) -> (Vec<String>, Vec<String>) {
    let (mut failures, mut notes) = (Vec::new(), Vec::new());
    let kind = vector
        .expect
        .get("kind")
        .and_then(Json::as_str)
        .unwrap_or("no kind");
    match (kind, outcome) {
        ("error", Err(_)) => {}
        ("no_position", Ok(decoded)) if decoded.positions.is_empty() => {}
        ("positions", Ok(decoded)) => positions(vector, decoded, keys, &mut failures, &mut notes),
        (_, Ok(decoded)) => {
            failures.push(format!(
                "expected {kind}, got {} positions",
                decoded.positions.len()
            ));
        }
        (_, Err(error)) => failures.push(format!("expected {kind}, got {error:?}")),
    }
    (failures, notes)
}

fn positions(
    vector: &Vector,
    decoded: &Decoded,
    keys: &[&str],
    failures: &mut Vec<String>,
    notes: &mut Vec<String>,
) {
    let nothing = Vec::new();
    let expected = vector
        .expect
        .get("positions")
        .and_then(Json::as_array)
        .unwrap_or(&nothing);
    if expected.len() != decoded.positions.len() {
        failures.push(format!(
            "expected {} positions, got {}",
            expected.len(),
            decoded.positions.len()
        ));
        return;
    }
    for (number, (expected, position)) in expected.iter().zip(&decoded.positions).enumerate() {
        for (field, wanted) in expected.as_object().into_iter().flatten() {
            if field == "attributes" {
                for (name, wanted) in wanted.as_object().into_iter().flatten() {
                    let got = attribute(position, keys, name);
                    if !got.as_ref().is_some_and(|got| close(wanted, got, 0.02)) {
                        notes.push(format!(
                            "[{number}] attribute {name}: expected {wanted}, got {}",
                            shown(got.as_ref())
                        ));
                    }
                }
                continue;
            }
            match value_of(position, field) {
                None => failures.push(format!("[{number}] the harness knows no field {field}")),
                Some((got, tolerance)) => {
                    if !got.as_ref().is_some_and(|got| close(wanted, got, tolerance)) {
                        failures.push(format!(
                            "[{number}] {field}: expected {wanted}, got {}",
                            shown(got.as_ref())
                        ));
                    }
                }
            }
        }
        if let (Some(got), Some(hint)) = (&position.device, &vector.message.device)
            && got != hint
        {
            notes.push(format!("[{number}] device: hint {hint}, got {got}"));
        }
    }
}

/// The value of a field under its name in the vectors, with its tolerance. The outer `None` means
/// that there is no such field.
fn value_of(position: &Position, field: &str) -> Option<(Option<Json>, f64)> {
    fn of(value: Option<impl Into<Json>>) -> Option<Json> {
        value.map(Into::into)
    }
    Some(match field {
        "time" => (of(position.time_ms), 1.0),
        "valid" => (of(position.valid), 0.0),
        "latitude" => (of(position.latitude), 1e-5),
        "longitude" => (of(position.longitude), 1e-5),
        "altitude_m" => (of(position.altitude_m), 0.1),
        "speed_kmh" => (of(position.speed_kmh), 0.1),
        "course_deg" => (of(position.heading_deg), 0.1),
        "satellites" => (of(position.satellites), 0.0),
        "hdop" => (of(position.hdop), 0.01),
        "ignition" => (of(position.ignition), 0.0),
        "odometer_km" => (of(position.odometer_km), 0.002),
        "battery_v" => (of(position.battery_v), 0.02),
        _ => return None,
    })
}

/// An attribute under its name in the vectors: a field of the record or an entry of the list.
fn attribute(position: &Position, keys: &[&str], name: &str) -> Option<Json> {
    let field: Option<Json> = match name {
        "power_v" => position.power_v.map(Into::into),
        "battery_pct" => position.battery_percent.map(Into::into),
        "accuracy_m" => position.accuracy_m.map(Into::into),
        "event" => position.event.clone().map(Into::into),
        "fuel" => position.fuel_percent.map(Into::into),
        "rpm" => position.engine_rpm.map(Into::into),
        "rssi" => position.signal.map(Into::into),
        _ => None,
    };
    field.or_else(|| {
        let named = |key: &AttributeKey| match key {
            AttributeKey::Declared(index) => keys.get(*index as usize).is_some_and(|key| *key == name),
            AttributeKey::Named(key) => key == name,
        };
        position
            .attributes
            .iter()
            .find(|attribute| named(&attribute.key))
            .map(|attribute| match &attribute.value {
                Value::Flag(flag) => (*flag).into(),
                Value::Integer(integer) => (*integer).into(),
                Value::Real(real) => (*real).into(),
                Value::Text(text) => text.clone().into(),
            })
    })
}

/// Whether they agree within the tolerance. Expected times are RFC 3339, decoded ones milliseconds;
/// an expected number may be decoded as text (event numbers).
fn close(wanted: &Json, got: &Json, tolerance: f64) -> bool {
    match (wanted, got) {
        (Json::Number(wanted), Json::Number(got)) => match (wanted.as_f64(), got.as_f64()) {
            // a little more than the tolerance, which itself is no exact binary fraction
            (Some(wanted), Some(got)) => (wanted - got).abs() <= tolerance + 1e-9,
            _ => false,
        },
        (Json::String(wanted), Json::Number(got)) => match (time::ms_from_rfc3339(wanted), got.as_i64()) {
            (Ok(wanted_ms), Some(got_ms)) => (wanted_ms - got_ms).abs() as f64 <= tolerance * 1000.0,
            _ => *wanted == got.to_string(),
        },
        (Json::Number(wanted), Json::String(got)) => wanted.to_string() == *got,
        _ => wanted == got,
    }
}

fn shown(value: Option<&Json>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Json::to_string)
}
